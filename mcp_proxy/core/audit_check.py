"""Verification of an audit segment: bytes in, a report out; shares only the format."""

import hashlib
import hmac
import json
import re
from typing import Any, NamedTuple

from mcp_proxy.core import audit

_TAIL = re.compile(rb'^(\{.*),"hash":"([0-9a-f]{64})"\}$', re.DOTALL)


class Segment(NamedTuple):
    """What is known of one segment. `damage` names the first broken line (1-based) and why."""

    entries: tuple[dict[str, Any], ...]
    damage: tuple[int, str] | None
    torn_bytes: int
    closed: bool


class Clear(NamedTuple):
    """A clear file: its rows by the number of their entry, and which lines (1-based) are none."""

    rows: dict[int, dict[str, Any]]
    unreadable: tuple[int, ...]


def check_segment(data: bytes) -> Segment:
    """A segment's bytes against the format: chain, order, kinds; a torn tail is no damage."""
    *lines, tail = data.split(b"\n")
    entries: list[dict[str, Any]] = []
    prev, closed = audit.GENESIS, False
    for number, line in enumerate(lines, 1):
        entry = "it stands after the close entry" if closed else _check_line(line, prev, number - 1)
        if isinstance(entry, str):
            return Segment(tuple(entries), (number, entry), 0, False)
        entries.append(entry)
        prev, closed = entry["hash"], entry["kind"] == "close"
    if tail and (closed or len(tail) > _whole_length(tail)):
        return Segment(tuple(entries), (len(lines) + 1, "bytes after the last entry"), 0, closed)
    return Segment(tuple(entries), None, len(tail), closed)


def parse_clear(data: bytes) -> Clear:
    """The bytes of a `.clear.jsonl` file; a torn last line is passed over.

    An entry that could not be written after its clear line leaves that number to the next one, so
    the last line of a number counts.
    """
    rows, unreadable = {}, []
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        row = _json(line)
        if isinstance(row, dict) and isinstance(row.get("seq"), int):
            rows[row["seq"]] = row
        else:
            unreadable.append(number)
    return Clear(rows, tuple(unreadable))


def check_clear(entries: tuple[dict[str, Any], ...], clear: Clear) -> list[str]:
    """Clear values and keys against the chain's digests; a missing line is an erased call."""
    faults = [f"line {number} of its clear file is not readable" for number in clear.unreadable]
    for entry in entries:
        row = clear.rows.get(entry["seq"])
        if entry["kind"] == "decided" and row is not None and not _fits(entry, row):
            faults.append(f"entry {entry['seq']}: a clear value does not fit its digest")
    return faults


def clear_values_of(entry: dict[str, Any], clear: Clear) -> dict[str, Any]:
    """The clear values of an entry that its digests prove; {} where there are none such."""
    row = clear.rows.get(entry["seq"])
    if entry["kind"] != "decided" or row is None or not _fits(entry, row):
        return {}
    return dict(row["clear"])


def _check_line(line: bytes, prev: str, seq: int) -> dict[str, Any] | str:
    match = _TAIL.match(line)
    if match is None:
        return "not an entry"
    digest = hashlib.sha256(match[1]).hexdigest()
    if not hmac.compare_digest(digest.encode(), match[2]):
        return "its hash does not fit its bytes"
    entry = _json(line)
    if not isinstance(entry, dict) or entry.get("prev") != prev:
        return "it does not follow the entry before"
    if entry.get("seq") != seq or entry.get("kind") not in tuple(audit.FIELDS):
        return "its number or kind is out of order"
    if (entry["kind"] == "open") != (seq == 0):
        return "a segment has one open entry, its first"
    return entry if _is_whole(entry) else "it lacks a field of its kind"


def _is_whole(entry: dict[str, Any]) -> bool:
    if not isinstance(entry.get("time"), str) or set(audit.FIELDS[entry["kind"]]) - entry.keys():
        return False
    return isinstance(entry.get("client", {}), dict) and isinstance(entry.get("clear", {}), dict)


def _json(line: bytes) -> Any:
    """The line's value; None where it has none."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _whole_length(tail: bytes) -> int:
    """The length at which a torn entry would have been whole; more than that was not torn."""
    at = tail.rfind(b'"hash":"')
    return len(tail) if at < 0 else at + len('"hash":"') + 64 + len('"}')


def _fits(entry: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether a row holds the very values that the entry has digests of."""
    try:
        key, values = bytes.fromhex(row["key"]), row["clear"]
        found = {name: audit.keyed(key, value) for name, value in values.items()}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return False
    return bool(found == entry["clear"])
