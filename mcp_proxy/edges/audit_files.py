"""The audit log on disk: one segment file per process, appended without a lock.

`state/audit/YYYY-MM-DD/ULID.jsonl` is opened with the first entry, so a process that is only probed
writes nothing. Keys and clear values stand in `ULID.clear.jsonl`. S20: entries survive the process;
`sync` makes them survive power loss. Room for the answers of calls already sent is held back in an
unlinked file, so that a disk that fills up meanwhile still takes them.
"""

import contextlib
import os
import threading
from typing import Any, NamedTuple

from mcp_proxy.core import audit
from mcp_proxy.core.audit import Head
from mcp_proxy.core.audit_ledger import close_fields
from mcp_proxy.core.audit_mac import Protection, evolve
from mcp_proxy.edges import clock
from mcp_proxy.edges.appended import Appended
from mcp_proxy.edges.audit_ledger import AuditLedger, Sign
from mcp_proxy.edges.audit_lock import cannot_write, sync_data
from mcp_proxy.edges.audit_running import Running, running_folder
from mcp_proxy.edges.files import ensure_folder
from mcp_proxy.edges.folders import sync_folder
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.room import give_back, reserve
from mcp_proxy.edges.state_mark import read_mark
from mcp_proxy.errors import AuditError, HomeError, McpProxyError

# A log that may lack an entry is not gone on with: a new process begins another.
_RESTART = "mcp-proxy doctor   (what it finds mended, restart the client)"
_ROOM_BYTES = 128 << 10  # answers of LIMITS.calls_in_flight calls, below 1 KiB each


class Subject(NamedTuple):
    """Whose log it is: the profile in force; None where a command or a refusal is logged."""

    profile: str | None
    version: int | None
    digest: str | None


class AuditSegment:
    """An append-only chained file of this process.

    Every method that writes raises AuditError A01 when the entry is not wholly in the file.
    """

    def __init__(
        self,
        home: Home,
        subject: Subject,
        client: dict[str, Any],
        *,
        protect: Protection | None = None,
    ) -> None:
        """Tells the ledger, then opens the file and writes its open entry.

        Leaves no file behind where it cannot. With `protect` each entry bears a MAC (S21).
        """
        self.path = self.name = ""
        self._folders: tuple[str, ...] = ()
        self._ledger = AuditLedger(home)
        self._head = (0, audit.GENESIS)
        self._covered = 0
        self._key = None if protect is None else protect.key
        self._ended = self._is_lost = False
        self._names = self._durable_names = 0
        self._files_lock, self._ledger_turn = threading.Lock(), threading.Lock()
        self._disk_turn = threading.Lock()
        self._file: Appended | None = None
        self._clear: Appended | None = None
        self._running: Running | None = None
        self._room_fd = -1
        try:
            self._create(home)
            opened = self._announce(home, subject)
            self._begin(subject, client, opened, protect)
        except (OSError, McpProxyError) as error:
            self._let_go()
            raise cannot_write(error) from error

    @property
    def uncovered(self) -> int:
        """How many entries were written since the last checkpoint."""
        return self._head[0] - self._covered

    @property
    def size_bytes(self) -> int:
        """How large the segment is, its clear file aside."""
        return 0 if self._file is None else self._file.size

    def snapshot(self) -> tuple[int, str]:
        """How many entries there are, and the last one's hash; of one moment, in any thread."""
        return self._head

    def append(self, kind: str, fields: dict[str, Any]) -> int:
        """Write one entry; returns its sequence number."""
        if self._ended or self._file is None:
            why = "The audit log cannot be written: an earlier entry could not be written."
            raise AuditError("MCPX-A01", why, _RESTART)
        seq, prev = self._head
        chained = audit.chain(seq, clock.now_ns(), kind, fields, prev, self._key)
        try:
            self._file.append(chained.line)
        except OSError as error:
            raise cannot_write(error) from error
        if self._key is not None:
            evolve(self._key)
        self._head = (seq + 1, chained.hash)
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

    def append_clear(self, key: bytes, clear: dict[str, Any], sealed: str | None = None) -> None:
        """Keep the next entry's key and clear values, in the file beside the segment."""
        try:
            if self._clear is None:
                self._clear = Appended(self.path.removesuffix(".jsonl") + ".clear.jsonl")
                self._names += 1
            self._clear.append(audit.clear_line(self._head[0], key, clear, sealed))
        except OSError as error:
            raise cannot_write(error) from error

    def take_back_clear(self) -> None:
        """The entry of the last clear values was not written, and they are to stay nowhere."""
        if self._clear is not None:
            self._clear.take_back()

    def sync(self) -> None:
        """Bring everything appended so far to the disk, new names included (S20); in any thread.

        A failure ends the log, and every sync after it fails too: the system may have dropped what
        it could not write, tells one caller of it alone, and would call the next a success.
        """
        with self._disk_turn:
            if self._is_lost:
                raise cannot_write("an earlier entry did not reach the disk")
            try:
                self._sync()
            except OSError as error:
                self._ended = self._is_lost = True
                raise cannot_write(error) from error

    def _sync(self) -> None:
        names = self._names  # read before: a call may make the clear file meanwhile
        for file, changes, descriptor in self._unsynced():
            try:
                sync_data(descriptor)
            finally:
                os.close(descriptor)
            file.durable = changes
        if self._durable_names < names:
            for folder in self._folders:
                sync_folder(folder)
            self._durable_names = names

    def checkpoint(self, sign: Sign | None = None) -> Head | None:
        """Tell the ledger how far this segment is, once that is on the disk; in any thread.

        None where it is closed already, which told the ledger all.
        """
        with self._ledger_turn:
            if self._file is None:
                return None
            entries, head = self.snapshot()
            self.sync()
            fields = {"segment": self.name, "entries": entries, "head": head}
            told = self._ledger.append("checkpoint", fields, sign)
            self._covered = max(self._covered, entries)
            return told

    def close(self, reason: str, sign: Sign | None = None) -> None:
        """Write the close entry, tell the ledger, and let go of the files.

        What the ledger cannot be told now it is told by the next process, which finds the marker.
        """
        with self._ledger_turn:
            try:
                self._finish(reason)
                self._free_room()  # which the ledger may need
                self._end(reason, sign)
            finally:
                self._let_go()

    def _finish(self, reason: str) -> None:
        try:
            self.append_last("close", {"reason": reason})
        finally:
            self.sync()  # a call whose answer was promised may be waiting for it

    def _end(self, reason: str, sign: Sign | None = None) -> None:
        self._ledger.append("close", close_fields(self.name, *self._head, reason, 0), sign)
        self._settle()

    def _settle(self) -> None:
        """Nothing of this segment is left to be told."""
        if self._running is not None:
            self._running.release()
            self._running = None

    def _create(self, home: Home) -> None:
        day, ulid = audit.timestamp(clock.now_ns())[:10], clock.new_ulid()
        folder = os.path.join(home.state, "audit", day)
        ensure_folder(folder)
        self.path, self.name = os.path.join(folder, ulid + ".jsonl"), f"{day}/{ulid}"
        # The marker too: without it nobody would find after a power loss that we ended so.
        self._folders = (folder, running_folder(home))
        self._room_fd = reserve(self.path + ".room", _ROOM_BYTES)
        self._running = Running(home, ulid)

    def _announce(self, home: Home, subject: Subject) -> Head:
        mark = None
        with contextlib.suppress(HomeError):  # whoever needs state.db is told what is wrong with it
            mark = read_mark(home)
        fields = {
            "segment": self.name,
            "pid": os.getpid(),
            "profile": subject.profile,
            "digest": subject.digest,
            "state": None if mark is None else mark.id,
        }
        try:
            return self._ledger.append("open", fields)
        except AuditError:
            self._settle()
            raise

    def _begin(
        self, subject: Subject, client: dict[str, Any], opened: Head, protect: Protection | None
    ) -> None:
        try:
            self._file = Appended(self.path)
            self._names += 1
            mac = None if protect is None else protect.mac
            self.append("open", audit.open_fields(os.getpid(), client, *subject, opened, mac))
        except (OSError, AuditError):
            if self._file is not None:
                with contextlib.suppress(OSError):
                    os.unlink(self.path)
            with contextlib.suppress(AuditError):
                self._end("not begun")
            raise

    def _unsynced(self) -> list[tuple[Appended, int, int]]:
        """The files that are otherwise than on the disk, how often they changed, a descriptor.

        Those are copies that the caller closes: another thread may let go of the files meanwhile.
        """
        with self._files_lock:
            held = [file for file in (self._file, self._clear) if file is not None]
            return [
                (file, file.changes, file.copied()) for file in held if file.durable < file.changes
            ]

    def _let_go(self) -> None:
        with self._files_lock:
            for file in (self._file, self._clear):
                if file is not None:
                    file.close()
            self._file = self._clear = None
        if self._running is not None:
            self._running.abandon()
            self._running = None
        self._free_room()

    def _free_room(self) -> None:
        give_back(self._room_fd)
        self._room_fd = -1
