"""The entries of one file of the log as they come, each with what it belongs to.

A stream holds a few lines, not its file, and may be read again when the file has grown. Its entries
are those of the chain, with the `segment` (its ULID, or LEDGER), the `profile` and the `client`;
a call's entries bear `call`, ULID:SEQ of its decided entry, and its `tool`; a decided one its clear
`values`. An entry of the ledger about a segment names that as `about`.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

from mcp_proxy.core.audit import GENESIS, timestamp
from mcp_proxy.core.audit_check import Fault, SegmentCheck, chained_line, clear_row, fits
from mcp_proxy.core.audit_form import is_well_formed
from mcp_proxy.core.audit_ledger import FIELDS
from mcp_proxy.edges.audit_lines import Lines

Entry = dict[str, Any]
LEDGER = "ledger"
_LEDGER_FILE = "ledger.jsonl"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TIME_CHARS = 10  # of a ULID: the millisecond of its making
_LATEST_MS = 253_402_300_799_000  # in the year 9999
_ODD = "a field has a form that no entry has"
_CALLS = 4_096  # under way at once: far more than one process may have
# What else the ledger tells is told by the segments themselves.
_OWN = frozenset({"admin", "refused", "prune", "erase", "cut", "key"})


class Damage(NamedTuple):
    """Where a file of the log stops being readable: the line, from 1, and why in words."""

    path: str
    line: int
    what: str


class SegmentStream:
    """One segment's entries, up to the first damaged line."""

    def __init__(self, path: str, *, kept: bool = False) -> None:
        """`kept`: a decided entry bears as `kept` the row that its digests prove, or None too.

        Raises HomeError: H02 not safe to use, H03 not readable.
        """
        self.path = path
        self.damage: Damage | None = None
        self._kept = kept
        self._ulid = os.path.basename(path).removesuffix(".jsonl")
        self._lines = Lines(path)
        self._clear = _ClearRows(path.removesuffix(".jsonl") + ".clear.jsonl")
        self._check = SegmentCheck()
        self._about: dict[str, Any] = {}
        self._tools: OrderedDict[int, str | None] = OrderedDict()

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come."""
        return self._check.closed or self.damage is not None or not self._lines.is_there

    def read(self) -> Iterator[Entry]:
        """The entries that are there and were not read yet. Raises HomeError: H03."""
        if self.damage is not None:
            return
        for line in self._lines.read():
            entry = self._check.feed(line)
            if not isinstance(entry, Fault) and not is_well_formed(entry, line):
                entry = Fault(self._check.entries, _ODD)
            if isinstance(entry, Fault):
                self.damage = Damage(self.path, *entry)
                return
            yield self._told(entry)

    def close(self) -> None:
        """Let go of the files."""
        self._lines.close()
        self._clear.close()

    def _told(self, entry: Entry) -> Entry:
        seq = entry["seq"]
        if seq == 0:
            names = ("profile", "client", *(("version", "digest") if self._kept else ()))
            self._about = {key: entry[key] for key in names}
        told = {**entry, **self._about, "segment": self._ulid}
        if entry["kind"] == "decided":
            row = self._clear.row_of(entry)
            self._remember(seq, entry["tool"])
            told["call"] = f"{self._ulid}:{seq}"
            if row is not None and row["clear"]:
                told["values"] = dict(row["clear"])
            return {**told, "kept": row} if self._kept else told
        if entry["kind"] in {"answered", "cancelled"}:
            call = entry["call"]
            tool = self._tools.pop(call, None)
            return {**told, "call": f"{self._ulid}:{call}", "tool": tool}
        return told

    def _remember(self, seq: int, tool: str | None) -> None:
        self._tools[seq] = tool
        if len(self._tools) > _CALLS:
            self._tools.popitem(last=False)


class LedgerStream:
    """What the ledger alone tells: commands, refusals, prunes, erasures, and ends by a crash."""

    def __init__(self, path: str) -> None:
        """Raises HomeError: H02 not safe to use, H03 not readable."""
        self.path = path
        self.damage: Damage | None = None
        self._lines = Lines(path)
        self._seq, self._head = 0, GENESIS

    def read(self) -> Iterator[Entry]:
        """The entries that are there and were not read yet. Raises HomeError: H02, H03."""
        self._open_new()
        if self.damage is not None:
            return
        for line in self._lines.read():
            entry = chained_line(line, self._head, self._seq)
            why = entry if isinstance(entry, str) else _fault_of(entry, line)
            if isinstance(entry, str) or why:
                self.damage = Damage(self.path, self._seq + 1, why)
                return
            self._seq, self._head = self._seq + 1, entry["hash"]
            if entry["kind"] in _OWN or entry.get("reason") == "crash":
                yield _about(entry)

    def close(self) -> None:
        """Let go of the file."""
        self._lines.close()

    def _open_new(self) -> None:
        """A ledger that is made only now, or in the place of a damaged one that was put aside."""
        if self._lines.is_there and not self._lines.is_replaced():
            return
        self._lines.close()
        self._lines = Lines(self.path)
        self._seq, self._head, self.damage = 0, GENESIS, None


def open_stream(path: str, *, kept: bool = False) -> SegmentStream | LedgerStream:
    """The stream of a segment, or of the ledger. Raises HomeError: H02, H03."""
    is_ledger = path.endswith(_LEDGER_FILE)
    return LedgerStream(path) if is_ledger else SegmentStream(path, kept=kept)


def began(path: str) -> str:
    """Before when a segment holds nothing, as entries have times; "" for the ledger.

    A clock that was set back meanwhile makes it wrong, as it does the entries' times.
    """
    made = 0
    for letter in os.path.basename(path)[:_TIME_CHARS]:
        place = _CROCKFORD.find(letter)
        if place < 0:
            return ""
        made = made << 5 | place
    return timestamp(min(made, _LATEST_MS) * 1_000_000)


class _ClearRows:
    """The rows of a clear file, read along with the entries that they belong to."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lines: Lines | None = None
        self._next: dict[str, Any] | None = None

    def row_of(self, entry: Entry) -> dict[str, Any] | None:
        """The row whose values the entry's digests prove; None where there is none such."""
        found: dict[str, Any] | None = None
        for row in self._until(entry["seq"]):
            # What could not be written left its number to the next entry: the last row counts.
            found = row if row["seq"] == entry["seq"] else found
        return found if found is not None and fits(entry, found) else None

    def close(self) -> None:
        if self._lines is not None:
            self._lines.close()

    def _until(self, seq: int) -> Iterator[Entry]:
        if self._next is not None:
            if self._next["seq"] > seq:
                return
            yield self._next
            self._next = None
        for row in self._rows():
            if row["seq"] > seq:
                self._next = row
                return
            yield row

    def _rows(self) -> Iterator[Entry]:
        if self._lines is None or not self._lines.is_there:
            self._lines = Lines(self._path)
        for line in self._lines.read():
            row = clear_row(line)
            if row:
                yield row


def _about(entry: Entry) -> Entry:
    """An entry of the ledger, with the segment and the call that it is about."""
    if "segment" not in entry:
        return {**entry, "segment": LEDGER}
    name = entry["segment"]
    told = {**entry, "about": name, "segment": LEDGER}
    if "call" in entry:
        told["call"] = f"{name.rpartition('/')[2]}:{entry['call']}"
    return told


def _fault_of(entry: Entry, line: bytes) -> str:
    """Why an entry of the ledger cannot be told, "" where it can."""
    needed = FIELDS.get(str(entry.get("kind")))
    if needed is None or not entry.keys() >= {*needed}:
        return "it lacks a field of its kind"
    return "" if is_well_formed(entry, line) else _ODD
