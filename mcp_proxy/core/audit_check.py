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


def check_segment(data: bytes) -> Segment:
    """A segment's bytes against the format: chain, order, kinds; a torn tail is no damage."""
    *lines, tail = data.split(b"\n")
    entries: list[dict[str, Any]] = []
    prev = audit.GENESIS
    for number, line in enumerate(lines, 1):
        entry = _check_line(line, prev, len(entries))
        if isinstance(entry, str):
            return Segment(tuple(entries), (number, entry), 0, False)
        entries.append(entry)
        prev = entry["hash"]
    closed = bool(entries) and entries[-1]["kind"] == "close"
    if tail and (closed or len(tail) > _whole_length(tail)):
        return Segment(tuple(entries), (len(lines) + 1, "bytes after the last entry"), 0, closed)
    if not entries and not tail:
        return Segment((), (1, "the segment is empty"), 0, False)
    return Segment(tuple(entries), None, len(tail), closed)


def check_clear(entries: tuple[dict[str, Any], ...], clear: dict[int, dict[str, Any]]) -> list[str]:
    """Clear values and keys against the chain's digests; a missing line is an erased call."""
    faults = []
    for entry in entries:
        row = clear.get(entry["seq"])
        if entry["kind"] == "decided" and row is not None and not _fits(entry, row):
            faults.append(f"entry {entry['seq']}: a clear value does not fit its digest")
    return faults


def parse_clear(data: bytes) -> dict[int, dict[str, Any]]:
    """The lines of a `.clear.jsonl` file by sequence number; a torn last line is left out."""
    rows = {}
    for line in data.split(b"\n")[:-1]:
        try:
            row = json.loads(line)
            rows[int(row["seq"])] = row
        except (ValueError, KeyError, TypeError):
            continue
    return rows


def _check_line(line: bytes, prev: str, seq: int) -> dict[str, Any] | str:
    match = _TAIL.match(line)
    if match is None:
        return "not an entry"
    digest = hashlib.sha256(match[1]).hexdigest()
    if not hmac.compare_digest(digest.encode(), match[2]):
        return "its hash does not fit its bytes"
    try:
        entry = json.loads(line)
    except ValueError:
        return "not JSON"
    if not isinstance(entry, dict) or entry.get("prev") != prev:
        return "it does not follow the entry before"
    if entry.get("seq") != seq or entry.get("kind") not in audit.KINDS:
        return "its number or kind is out of order"
    if (entry["kind"] == "open") != (seq == 0):
        return "a segment has one open entry, its first"
    return entry


def _whole_length(tail: bytes) -> int:
    """The length at which a torn entry would have been whole; more than that was not torn."""
    at = tail.rfind(b'"hash":"')
    return len(tail) if at < 0 else at + len('"hash":"') + 64 + len('"}')


def _fits(entry: dict[str, Any], row: dict[str, Any]) -> bool:
    try:
        key, values = bytes.fromhex(row["key"]), row["clear"]
        return all(
            hmac.compare_digest(audit.keyed(key, values[name]), digest)
            for name, digest in entry["clear"].items()
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
