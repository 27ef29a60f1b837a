"""Verification of an audit segment, line by line; shares only the format. Pure."""

import hashlib
import json
import re
from typing import Any, NamedTuple

from mcp_proxy.core import audit
from mcp_proxy.core.entry_form import is_time, usual_entry, usual_row
from mcp_proxy.core.limits import LIMITS

_HASH_AT = len('"}') + 64
_BODY_AT = _HASH_AT + len(',"hash":"')
_PREV_BYTES = len(',"prev":""') + 64
_LINK_AT = _BODY_AT + _PREV_BYTES
_MAC = re.compile(rb'.*,"mac":"[0-9a-f]{64}","prev":"[0-9a-f]{64}"', re.DOTALL)
_SEALED = re.compile(rb'[A-Za-z0-9+/]*={0,2}"\}')
_ROW = frozenset({"seq", "key", "clear"})
_DECODER = json.JSONDecoder()
_NEEDED = {kind: frozenset(names) - audit.LATER for kind, names in audit.FIELDS.items()}


class Fault(NamedTuple):
    """The first broken line (from 1), and why in words."""

    line: int
    what: str


class Segment(NamedTuple):
    """What is known of one segment. `damage` names the first broken line (1-based) and why."""

    entries: tuple[dict[str, Any], ...]
    damage: Fault | None
    torn_bytes: int
    closed: bool


class Clear(NamedTuple):
    """A clear file: its rows by the number of their entry, and which lines (1-based) are none."""

    rows: dict[int, dict[str, Any]]
    unreadable: tuple[int, ...]


class SegmentCheck:
    """A segment's lines in their order, against the format: chain, order, kinds, presence of MACs.

    `entries` counts the good ones so far, `head` is the hash of the last of them.
    """

    def __init__(self) -> None:
        self.entries = 0
        self.head = audit.GENESIS
        self.closed = False
        self.torn_bytes = 0
        self._has_macs = False

    def feed(self, line: bytes) -> dict[str, Any] | Fault:
        """The next line's entry, the line given without its newline."""
        if self.closed:
            return Fault(self.entries + 1, "it stands after the close entry")
        found = _entry(line, self.head, self.entries)
        if isinstance(found, str):
            return Fault(self.entries + 1, found)
        kind = found["kind"]
        if kind == "open":
            self._has_macs = found.get("mac") is not None
        elif self._has_macs != ("mac" in found) or (
            self._has_macs and _MAC.fullmatch(line[:-_BODY_AT]) is None
        ):
            return Fault(self.entries + 1, "it bears a MAC, or none, against its open entry")
        self.entries += 1
        self.head = found["hash"]
        self.closed = kind == "close"
        return found

    def skim(self, line: bytes) -> dict[str, Any] | Fault:
        """As `feed`, but of most entries only seq, time, kind and hash, and clear and row."""
        digest = None if self.closed or not self.entries else _linked(line, self.head)
        if digest is None:
            return self.feed(line)
        found = usual_entry(line, len(line) - _LINK_AT, self.entries, self._has_macs)
        if found is None:
            return self.feed(line)
        self.entries += 1
        self.head = found["hash"] = digest
        return found

    def end(self, tail: bytes) -> Fault | None:
        """What stands after the last newline: a torn tail is counted, and is no fault."""
        if tail and (self.closed or not may_be_torn(tail)):
            return Fault(self.entries + 1, "bytes after the last entry")
        self.torn_bytes = len(tail)
        return None


def check_segment(data: bytes) -> Segment:
    """A segment's bytes at once."""
    *lines, tail = data.split(b"\n")
    check = SegmentCheck()
    entries: list[dict[str, Any]] = []
    for line in lines:
        found = check.feed(line)
        if isinstance(found, Fault):
            return Segment(tuple(entries), found, 0, False)
        entries.append(found)
    return Segment(tuple(entries), check.end(tail), check.torn_bytes, check.closed)


def parse_clear(data: bytes) -> Clear:
    """The bytes of a `.clear.jsonl` file; a torn last line is passed over.

    A line of spaces is an erased call. An entry that could not be written after its clear line
    leaves that number to the next one, so the last line of a number counts.
    """
    rows, unreadable = {}, []
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        row = clear_row(line)
        if row is None:
            unreadable.append(number)
        elif row:
            rows[row["seq"]] = row
    return Clear(rows, tuple(unreadable))


def check_clear(entries: tuple[dict[str, Any], ...], clear: Clear) -> list[str]:
    """Clear values and keys against the chain's digests; a missing line is an erased call."""
    faults = [f"line {number} of its clear file is not readable" for number in clear.unreadable]
    for entry in entries:
        row = clear.rows.get(entry["seq"])
        if entry["kind"] == "decided" and row is not None and not fits(entry, row):
            faults.append(f"entry {entry['seq']}: a clear value does not fit its digest")
    return faults


def clear_values_of(entry: dict[str, Any], clear: Clear) -> dict[str, Any]:
    """The clear values of an entry that its digests prove; {} where there are none such."""
    row = clear.rows.get(entry["seq"])
    if entry["kind"] != "decided" or row is None or not fits(entry, row):
        return {}
    return dict(row["clear"])


def clear_row(line: bytes) -> dict[str, Any] | None:
    """One line of a clear file; {} where it was erased, None where it is no row as it is written.

    What is sealed may be long, and is not parsed.
    """
    row = usual_row(line) if len(line) <= LIMITS.ledger_entry_bytes else None
    if row is not None:
        return row
    if line and not line.strip(b" "):
        return {}
    text, mark, sealed = line.rpartition(b',"sealed":"')
    is_sealed = bool(mark) and _SEALED.fullmatch(sealed) is not None
    text = text + b"}" if is_sealed else line
    row = usual_row(text) or _row(text) if len(text) <= LIMITS.ledger_entry_bytes else None
    return {**row, "sealed": sealed[:-2].decode()} if is_sealed and row is not None else row


def fits(entry: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether a row holds the very values that the entry has digests of."""
    try:
        key, values = bytes.fromhex(row["key"]), row["clear"]
        found = {name: audit.keyed(key, value) for name, value in values.items()}
        bound = audit.keyed(key, row.get("sealed")) if "row" in entry or "sealed" in row else None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return False
    is_same = found == entry["clear"] and bound == entry.get("row")
    return bool(is_same and key.hex() == row["key"])


def _row(text: bytes) -> dict[str, Any] | None:
    row = _json(text)
    if not isinstance(row, dict) or row.keys() != _ROW or type(row["seq"]) is not int:
        return None
    return row if is_compact(row, text) else None


def is_compact(value: Any, line: bytes) -> bool:
    """Whether a line is its value's one form: no other spaces, escapes or double keys."""
    try:
        return audit.compact(value) == line
    except (ValueError, RecursionError):
        return False


def may_be_torn(tail: bytes) -> bool:
    """Whether bytes without a newline can be the beginning of an entry, or all of one."""
    at = tail.rfind(b'"hash":"')
    return at < 0 or len(tail) <= at + len('"hash":"') + 64 + len('"}')


def chained_line(line: bytes, prev: str, seq: int) -> dict[str, Any] | str:
    """A line's JSON object where its hash fits and it follows `prev` as entry `seq`; else why not.

    Segments and the ledger alike.
    """
    digest = _linked(line, prev)
    if digest is None:
        return _unlinked(line)
    entry = _json(line[:-_LINK_AT] + b"}")
    if not isinstance(entry, dict) or entry.get("seq") != seq or type(entry["seq"]) is not int:
        return "its number is out of order"
    entry["prev"], entry["hash"] = prev, digest
    return entry if is_compact(entry, line) else "it is not written as entries are"


def _linked(line: bytes, prev: str) -> str | None:
    """The line's hash, where it is what the line ends with, after `prev`."""
    if len(line) >= LIMITS.ledger_entry_bytes:
        return None
    digest = hashlib.sha256(line[:-_BODY_AT]).hexdigest()
    return digest if line.endswith(f',"prev":"{prev}","hash":"{digest}"}}'.encode()) else None


def _unlinked(line: bytes) -> str:
    is_shaped = line[-_BODY_AT:-_HASH_AT] == b',"hash":"' and line[-2:] == b'"}'
    if not is_shaped or len(line) >= LIMITS.ledger_entry_bytes:
        return "not an entry"
    if hashlib.sha256(line[:-_BODY_AT]).hexdigest().encode() != line[-_HASH_AT:-2]:
        return "its hash does not fit its bytes"
    return "it does not follow the entry before"


def _entry(line: bytes, prev: str, seq: int) -> dict[str, Any] | str:
    entry = chained_line(line, prev, seq)
    if isinstance(entry, str):
        return entry
    needed = _NEEDED.get(str(entry.get("kind")))
    if needed is None:
        return "its kind is unknown"
    if (entry["kind"] == "open") != (seq == 0):
        return "a segment has one open entry, its first"
    return entry if needed <= entry.keys() and _is_whole(entry) else "it lacks a field of its kind"


def _is_whole(entry: dict[str, Any]) -> bool:
    if not is_time(entry.get("time")) or not _is_head(entry.get("ledger")):
        return False
    return isinstance(entry.get("client", {}), dict) and isinstance(entry.get("clear", {}), dict)


def _is_head(value: object) -> bool:
    """Where the ledger stands, as an open entry tells it; None in one older than the ledger."""
    if value is None:
        return True
    if not isinstance(value, dict) or value.keys() != {"seq", "hash"}:
        return False
    return type(value["seq"]) is int and isinstance(value["hash"], str)


def _json(line: bytes) -> Any:
    """The line's value; None where it has none."""
    try:
        text = line.decode()
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return value if end == len(text) else None
