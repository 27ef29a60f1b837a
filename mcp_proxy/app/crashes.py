"""Segments that were never closed, because their processes were killed: the ledger is told.

Nothing is written into such a segment: it stays as its process left it, torn tail and all, and the
ledger says how far it came (S20).
"""

import glob
import json
import os
from contextlib import closing
from typing import Any, NamedTuple

from mcp_proxy.core.audit import GENESIS
from mcp_proxy.core.audit_ledger import close_fields, head_of
from mcp_proxy.edges.audit_ledger import AuditLedger, Sign, ledger_path
from mcp_proxy.edges.audit_lines import Lines
from mcp_proxy.edges.audit_running import dead_segments
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import HomeError


class _Told(NamedTuple):
    """What the ledger has of a segment: its name, DAY/ULID, None for nothing."""

    name: str | None
    is_closed: bool


def close_crashed(home: Home, sign: Sign | None = None) -> int:
    """Appends a close entry for each segment whose process has ended without; how many.

    What it raises of one segment's files, it raises after the others.

    Processes that do so at once share the work: each segment is told of once.

    Raises:
        AuditError: A01, A02 the ledger cannot be written.
        HomeError: H02, H03 a file of the log cannot be used.
    """
    count, unusable = 0, None
    for dead in dead_segments(home):
        try:
            count += _close(home, dead.ulid, sign)
        except HomeError as error:  # one that cannot be read must not hide the others
            unusable = error
        else:
            dead.settle()
    if unusable is not None:
        raise unusable
    return count


def _close(home: Home, ulid: str, sign: Sign | None) -> int:
    """How many entries that took: a process may end before it told the ledger, or after its end."""
    told = _told(home, ulid)
    name = told.name or _name_on_disk(home, ulid)
    if name is None or told.is_closed:
        return 0
    AuditLedger(home).append("close", _end_of(home, name), sign)
    return 1


def _told(home: Home, ulid: str) -> _Told:
    told, end = _Told(None, False), f'/{ulid}"'.encode()
    with closing(Lines(ledger_path(home))) as lines:
        for line in lines.read():
            if end in line and head_of(line) is not None:
                told = _heard(told, json.loads(line))
    return told


def _heard(told: _Told, entry: dict[str, Any]) -> _Told:
    match entry:
        case {"kind": "open", "segment": str(name)}:
            return _Told(name, False)
        case {"kind": "close"}:
            return told._replace(is_closed=True)
    return told


def _name_on_disk(home: Home, ulid: str) -> str | None:
    """One that an earlier ledger, put aside since, was told of."""
    found = glob.glob(os.path.join(glob.escape(home.state), "audit", "*", f"{ulid}.jsonl"))
    if not found:
        return None
    return f"{os.path.basename(os.path.dirname(found[0]))}/{ulid}"


def _end_of(home: Home, name: str) -> dict[str, Any]:
    """How far the segment came; its own last word, if it had one that the ledger did not hear."""
    entries, head, torn, last = 0, GENESIS, 0, b""
    with closing(Lines(os.path.join(home.state, "audit", f"{name}.jsonl"))) as lines:
        for line in lines.read():
            found = None if torn else head_of(line)
            if found is not None and found.seq == entries:
                entries, head, last = entries + 1, found.hash, line
            else:
                torn += len(line) + 1
        torn += lines.torn_bytes
    return close_fields(name, entries, head, _reason(last), torn)


def _reason(last: bytes) -> str:
    match json.loads(last or b"{}"):
        case {"kind": "close", "reason": str(reason)}:
            return reason
    return "crash"
