"""The ledger on disk: `state/ledger.jsonl`, one chain over all that the home's processes did.

Under its lock, which is waited for two seconds at most, a writer reads the last entry alone, writes
the next and brings it to the disk. A torn tail, which only a writer that was killed leaves, is cut
off and told; a last line that is no entry is damage, after which nothing is written (S20).
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from mcp_proxy.core.audit import Head
from mcp_proxy.core.audit_ledger import VERSION, Before, first, head_of, ledger_line, note_text
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges import clock
from mcp_proxy.edges.audit_lock import LedgerLock, cannot_write, open_or_make, sync_data
from mcp_proxy.edges.files import ensure_folder, open_file
from mcp_proxy.edges.folders import sync_folder
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import AuditError, McpProxyError

# A note's text to the whole signed note; None: no key is at hand.
Sign = Callable[[str], str | None]

_Entries = list[tuple[str, dict[str, Any], Sign | None]]

_FIX = "mcp-proxy doctor --fix"
_FIRST_LOOK_BYTES = 4 << 10


class _Tail(NamedTuple):
    """The last whole entry, None where there is none, where it ends, and the bytes after it."""

    head: Head | None
    end: int
    torn: int


class AuditLedger:
    """One home's ledger; nothing is held open between two entries."""

    def __init__(self, home: Home) -> None:
        """Opens nothing."""
        self._home = home

    def append(self, kind: str, fields: dict[str, Any], sign: Sign | None = None) -> Head:
        """Write one entry, on the disk when this returns; `fields` as FIELDS has them, in order.

        `sign` is called under the lock, so it must not wait for anything.

        Raises:
            AuditError: A01 not written; A02 the ledger is damaged.
        """
        try:
            with self._held() as descriptor:
                return self._append(descriptor, kind, fields, sign)
        except (OSError, McpProxyError) as error:
            raise cannot_write(error) from error

    def head(self) -> Head | None:
        """The newest entry, None where there is none.

        Raises:
            AuditError: A02 the last line is damaged; A01 it cannot be read.
        """
        try:
            descriptor = open_file(ledger_path(self._home), secret=True)
            if descriptor is None:
                return None
            with closing(descriptor):
                return _tail(descriptor, ledger_path(self._home)).head
        except (OSError, McpProxyError) as error:
            raise cannot_write(error) from error

    @contextmanager
    def _held(self) -> Iterator[int]:
        ensure_folder(self._home.state)
        path = ledger_path(self._home)
        with LedgerLock(lock_path(self._home)), closing(open_or_make(path)) as descriptor:
            yield descriptor

    def _append(
        self, descriptor: int, kind: str, fields: dict[str, Any], sign: Sign | None
    ) -> Head:
        tail = _tail(descriptor, ledger_path(self._home))
        entries: _Entries = [(kind, fields, sign)]
        if tail.torn:
            entries.insert(0, ("cut", {"bytes": tail.torn}, None))
        if tail.head is None:
            entries.insert(0, ("ledger", _first_fields(self._home, None), None))
        lines, head = _lines(self._home.id, tail.head, entries)
        if tail.head is None:
            sync_folder(self._home.state)  # before, so that nothing can fail once it is written
        _write(descriptor, tail, lines)
        return head


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Closes it in the end."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def ledger_path(home: Home) -> str:
    """The ledger's file."""
    return os.path.join(home.state, "ledger.jsonl")


def lock_path(home: Home) -> str:
    """The lock of whoever writes it, or puts another in its place."""
    return os.path.join(home.state, "ledger.lock")


def first_line(home: Home, follows: str | None) -> bytes:
    """The first entry of a ledger; `follows` is the SHA-256 of the damaged one before it."""
    return _lines(home.id, None, [("ledger", _first_fields(home, follows), None)])[0]


def _first_fields(home: Home, follows: str | None) -> dict[str, Any]:
    return {"v": VERSION, "home": home.id, "follows": follows}


def _lines(home_id: str, head: Head | None, entries: _Entries) -> tuple[bytes, Head]:
    before = first(home_id) if head is None else Before(home_id, head.seq + 1, head.hash)
    lines, now_ns = b"", clock.now_ns()
    for kind, fields, sign in entries:
        note = None if sign is None else sign(note_text(before, now_ns, kind, fields))
        made = ledger_line(before, now_ns, kind, fields, note)
        if len(made.line) > LIMITS.ledger_entry_bytes:
            raise cannot_write(f"an entry would have {len(made.line)} bytes")
        lines += made.line
        before = Before(home_id, before.seq + 1, made.hash)
    return lines, Head(before.seq - 1, before.hash)


def _write(descriptor: int, tail: _Tail, lines: bytes) -> None:
    """Raises OSError, after which the file ends as it did, but for a torn tail."""
    if tail.torn:
        os.ftruncate(descriptor, tail.end)
    view = memoryview(lines)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
        sync_data(descriptor)
    except OSError:
        with contextlib.suppress(OSError):  # whoever writes next cuts it off
            os.ftruncate(descriptor, tail.end)
        raise


def _tail(descriptor: int, path: str) -> _Tail:
    size = os.fstat(descriptor).st_size
    for window in (_FIRST_LOOK_BYTES, 2 * LIMITS.ledger_entry_bytes):
        start = max(0, size - window)
        data = _read_from(descriptor, start)
        last = data.rfind(b"\n")
        before = data.rfind(b"\n", 0, max(0, last))
        if start and (last < 0 or before < 0):
            continue
        if last < 0:
            return _Tail(None, 0, size)
        head = head_of(data[before + 1 : last])
        if head is None:
            break
        end = start + last + 1
        return _Tail(head, end, start + len(data) - end)
    raise AuditError("MCPX-A02", f"The last line of {path} is no entry of the ledger.", _FIX)


def _read_from(descriptor: int, start: int) -> bytes:
    os.lseek(descriptor, start, os.SEEK_SET)
    parts = []
    while part := os.read(descriptor, 1 << 20):
        parts.append(part)
    return b"".join(parts)
