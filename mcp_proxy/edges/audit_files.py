"""The audit log on disk: one segment file per process, appended without a lock.

`state/audit/YYYY-MM-DD/ULID.jsonl` is opened with the first entry, so a process that is only probed
writes nothing. Keys and clear values stand in `ULID.clear.jsonl`. S20: entries survive the process;
`sync` makes them survive power loss. Room for the answers of calls already sent is held back in an
unlinked file, so that a disk that fills up meanwhile still takes them.
"""

import os
import sys
from typing import Any, NamedTuple

from mcp_proxy.core import audit
from mcp_proxy.edges import clock
from mcp_proxy.edges.files import ensure_folder
from mcp_proxy.errors import AuditError, McpProxyError

if sys.platform == "darwin":
    import fcntl

_ROOM_BYTES = 128 << 10  # answers of LIMITS.calls_in_flight calls, below 1 KiB each
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
_APPEND |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class Subject(NamedTuple):
    """Whose log it is: the profile in force; None where a command or a refusal is logged."""

    profile: str | None
    version: int | None
    digest: str | None


class AuditSegment:
    """An append-only chained file of this process.

    Every method that writes raises AuditError A01 when the entry is not wholly in the file.
    """

    def __init__(self, state: str, subject: Subject, client: dict[str, Any]) -> None:
        self.path = ""
        self._seq, self._prev, self._size = 0, audit.GENESIS, 0
        self._ended = self._torn = False
        self._clear_fd = -1
        self._room_fd = -1
        try:
            self._fd = self._create(state)
        except (OSError, McpProxyError) as error:
            raise _cannot(error) from error
        fields = audit.open_fields(os.getpid(), client, *subject)
        self.append("open", fields)

    def append(self, kind: str, fields: dict[str, Any]) -> int:
        """Write one entry; returns its sequence number."""
        if self._ended or self._torn:
            raise _cannot("an earlier entry could not be written")
        chained = audit.chain(self._seq, clock.now_ns(), kind, fields, self._prev)
        try:
            self._write(chained.line)
        except OSError as error:
            raise _cannot(error) from error
        seq, self._prev = self._seq, chained.hash
        self._seq += 1
        return seq

    def append_last(self, kind: str, fields: dict[str, Any]) -> int:
        """Write an entry that was promised: takes from the room held back, then ends the log."""
        try:
            return self.append(kind, fields)
        except AuditError:
            self._free_room()
            self._ended = False  # what was promised is still tried after the end
            try:
                return self.append(kind, fields)
            finally:
                self._ended = True

    def append_clear(self, key: bytes, clear: dict[str, Any]) -> None:
        """Keep the next entry's key and clear values, in the file beside the segment."""
        line = audit.clear_line(self._seq, key, clear)
        try:
            if self._clear_fd < 0:
                self._clear_fd = os.open(
                    self.path.replace(".jsonl", ".clear.jsonl"), _APPEND, 0o600
                )
            if os.write(self._clear_fd, line) != len(line):
                raise _cannot("the disk is full")
        except OSError as error:
            raise _cannot(error) from error

    def sync(self) -> None:
        """Bring everything appended so far to the disk (S20)."""
        try:
            _sync(self._fd)
        except OSError as error:
            raise _cannot(error) from error

    def close(self, reason: str) -> None:
        """Write the close entry and let go of the files."""
        try:
            self.append_last("close", {"reason": reason})
            self.sync()
        finally:
            for fd in (self._fd, self._clear_fd, self._room_fd):
                if fd >= 0:
                    os.close(fd)
            self._fd = self._clear_fd = self._room_fd = -1

    def _create(self, state: str) -> int:
        day = audit.timestamp(clock.now_ns())[:10]
        folder = os.path.join(state, "audit", day)
        ensure_folder(folder)
        self.path = os.path.join(folder, clock.new_ulid() + ".jsonl")
        fd = os.open(self.path, _APPEND, 0o600)
        self._room_fd = _reserve(self.path + ".room")
        _sync_folder(folder)
        return fd

    def _write(self, line: bytes) -> None:
        written = os.write(self._fd, line)
        if written == len(line):
            self._size += written
            return
        self._take_back()
        raise OSError("the disk is full")

    def _take_back(self) -> None:
        """Cut a half-written entry off again, so that the chain stays whole."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self._torn = True

    def _free_room(self) -> None:
        if self._room_fd >= 0:
            os.close(self._room_fd)
            self._room_fd = -1


def _reserve(path: str) -> int:
    """Blocks on disk behind a nameless file: gone with the process, whatever ends it."""
    if not hasattr(os, "posix_fallocate"):
        return -1
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    os.unlink(path)
    try:
        os.posix_fallocate(fd, 0, _ROOM_BYTES)
    except OSError:
        os.close(fd)
        raise
    return fd


def _sync(fd: int) -> None:
    if sys.platform == "darwin":
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # fsync there does not reach the disk
    else:
        getattr(os, "fdatasync", os.fsync)(fd)


def _sync_folder(folder: str) -> None:
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _cannot(reason: object) -> AuditError:
    text = reason.strerror or str(reason) if isinstance(reason, OSError) else str(reason)
    return AuditError("MCPX-A01", f"The audit log cannot be written: {text}.")
