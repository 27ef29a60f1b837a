"""The audit log on disk: one segment file per process, appended without a lock.

`state/audit/YYYY-MM-DD/ULID.jsonl` is opened with the first entry, so a process that is only probed
writes nothing. Keys and clear values stand in `ULID.clear.jsonl`. S20: entries survive the process;
`sync` makes them survive power loss. Room for the answers of calls already sent is held back in an
unlinked file, so that a disk that fills up meanwhile still takes them.
"""

import contextlib
import errno
import os
import sys
from typing import Any, NamedTuple

from mcp_proxy.core import audit
from mcp_proxy.edges import clock
from mcp_proxy.edges.files import ensure_folder
from mcp_proxy.edges.folders import sync_folder
from mcp_proxy.edges.room import give_back, reserve
from mcp_proxy.errors import AuditError, McpProxyError

if sys.platform == "darwin":
    import fcntl

_ROOM_BYTES = 128 << 10  # answers of LIMITS.calls_in_flight calls, below 1 KiB each
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
_APPEND |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


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
        """Opens the file and writes its open entry; leaves no file behind where it cannot."""
        self.path = ""
        self._seq, self._prev = 0, audit.GENESIS
        self._ended = False
        self._names = self._durable_names = 0
        self._file: _Appended | None = None
        self._clear: _Appended | None = None
        self._room_fd = -1
        try:
            self._create(state)
            self.append("open", audit.open_fields(os.getpid(), client, *subject))
            self._room_fd = reserve(self.path + ".room", _ROOM_BYTES)
        except AuditError:
            self._discard()
            raise
        except (OSError, McpProxyError) as error:
            self._discard()
            raise _cannot(error) from error

    def append(self, kind: str, fields: dict[str, Any]) -> int:
        """Write one entry; returns its sequence number."""
        if self._ended or self._file is None:
            raise _cannot("an earlier entry could not be written")
        chained = audit.chain(self._seq, clock.now_ns(), kind, fields, self._prev)
        try:
            self._file.append(chained.line)
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
        try:
            if self._clear is None:
                self._clear = _Appended(self.path.removesuffix(".jsonl") + ".clear.jsonl")
                self._names += 1
            self._clear.append(audit.clear_line(self._seq, key, clear))
        except OSError as error:
            raise _cannot(error) from error

    def sync(self) -> None:
        """Bring everything appended so far to the disk, new names included (S20).

        A failure ends the log: the system may have dropped what it could not write, and would call
        the next attempt a success.
        """
        names = self._names  # read before: another call may sync, or make the clear file, meanwhile
        try:
            for file in (self._file, self._clear):
                if file is not None:
                    file.sync()
            if self._durable_names < names:
                sync_folder(os.path.dirname(self.path))
                self._durable_names = names
        except OSError as error:
            self._ended = True
            raise _cannot(error) from error

    def close(self, reason: str) -> None:
        """Write the close entry and let go of the files."""
        try:
            self.append_last("close", {"reason": reason})
            self.sync()
        finally:
            self._let_go()

    def _create(self, state: str) -> None:
        day = audit.timestamp(clock.now_ns())[:10]
        folder = os.path.join(state, "audit", day)
        ensure_folder(folder)
        self.path = os.path.join(folder, clock.new_ulid() + ".jsonl")
        self._file = _Appended(self.path)
        self._names += 1

    def _discard(self) -> None:
        made = self._file is not None
        self._let_go()
        if made:
            with contextlib.suppress(OSError):
                os.unlink(self.path)

    def _let_go(self) -> None:
        for file in (self._file, self._clear):
            if file is not None:
                file.close()
        self._file = self._clear = None
        self._free_room()

    def _free_room(self) -> None:
        give_back(self._room_fd)
        self._room_fd = -1


class _Appended:
    """A new file, mode 0600; a line is in it whole or not at all."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, _APPEND, 0o600)
        self._size = 0
        self._is_torn = False

    def append(self, line: bytes) -> None:
        """Raises OSError, after which the file is as it was before."""
        if self._is_torn:
            raise OSError(errno.EIO, "an earlier line could not be cut off")
        if os.fstat(self._fd).st_nlink == 0:
            raise OSError(errno.ENOENT, "its file was removed")
        view = memoryview(line)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            self._take_back()
            raise
        self._size += len(line)

    def sync(self) -> None:
        """Raises OSError."""
        if sys.platform == "darwin":
            fcntl.fcntl(self._fd, fcntl.F_FULLFSYNC)  # fsync there does not reach the disk
        else:
            getattr(os, "fdatasync", os.fsync)(self._fd)

    def close(self) -> None:
        """Let go of the descriptor."""
        os.close(self._fd)

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self._is_torn = True


def _cannot(reason: object) -> AuditError:
    text = str(reason)
    if isinstance(reason, OSError):
        text = reason.strerror or text
    elif isinstance(reason, McpProxyError):
        text = reason.why.rstrip(".")
    return AuditError("MCPX-A01", f"The audit log cannot be written: {text}.")
