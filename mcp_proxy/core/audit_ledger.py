"""The ledger's entries, format version 1: what happened to the segments, in one chain. Pure.

The lines are those of a segment (core.audit): the same chain over all sidecars of a home. Each
entry may bear a `note`, a signed note over the chain up to and including that entry, so one
signature covers all entries before it, those without a note too:

    mcp-proxy-audit/HOME-ID
    number of entries before this one
    base64 of the hash of the entry before (`prev`)
    TIME KIND base64(SHA-256 of the compact JSON of the fields that its kind has)

An entry that nothing signed has the note null.
"""

import base64
import hashlib
import re
from typing import Any, NamedTuple

from mcp_proxy.core.audit import GENESIS, Chained, Head, chain, compact, timestamp

VERSION = 1
ORIGIN = "mcp-proxy-audit/"
_LINE = re.compile(
    rb'(\{"seq":([0-9]{1,15}),.*,"prev":"[0-9a-f]{64}"),"hash":"([0-9a-f]{64})"\}', re.DOTALL
)

# What each kind holds beside seq, time, kind, note, prev and hash. `segment` is DAY/ULID;
# `entries` and `head` are how many entries of it there are, and the hash of the last.
FIELDS: dict[str, tuple[str, ...]] = {
    # The first. `follows`: SHA-256 of a damaged ledger that was put aside for this one, or null.
    "ledger": ("v", "home", "follows"),
    # From here on notes are by this key. `seal`: the public key that arguments are sealed to.
    "key": ("verifier", "seal"),
    # Written before the segment's file is made. `state`: the id of state.db, or null.
    "open": ("segment", "pid", "profile", "digest", "state"),
    "checkpoint": ("segment", "entries", "head"),
    # `reason` is the segment's own, or "crash", told by who found it; `torn` counts bytes.
    "close": ("segment", "entries", "head", "reason", "torn"),
    # Administrative commands and refused profiles (S20): a name, then names, ids and numbers.
    "admin": ("what", "facts"),
    "refused": ("profile", "error"),
    # `segments`: [DAY/ULID, entries, head] of each; `why` is age, size or command.
    "prune": ("segments", "why"),
    "erase": ("segment", "call"),
    # A torn tail of this file, which this entry's writer cut off.
    "cut": ("bytes",),
}


def origin(home_id: str) -> str:
    """The first line of a home's notes, and the name of its key."""
    return ORIGIN + home_id


class Before(NamedTuple):
    """Where the chain stands before an entry; `home` is the id of the home."""

    home: str
    seq: int
    hash: str


def note_text(before: Before, time_ns: int, kind: str, fields: dict[str, Any]) -> str:
    """What a note of this entry signs."""
    told = base64.b64encode(hashlib.sha256(compact(fields)).digest()).decode()
    root = base64.b64encode(bytes.fromhex(before.hash)).decode()
    named = f"{timestamp(time_ns)} {kind} {told}"
    return f"{origin(before.home)}\n{before.seq}\n{root}\n{named}\n"


def ledger_line(
    before: Before, time_ns: int, kind: str, fields: dict[str, Any], note: str | None
) -> Chained:
    """One entry; `fields` are those of `FIELDS`, in that order."""
    return chain(before.seq, time_ns, kind, {**fields, "note": note}, before.hash)


def first(home_id: str) -> Before:
    """Where a ledger begins."""
    return Before(home_id, 0, GENESIS)


def close_fields(
    segment: str, entries: int, head: str, reason: str, torn_bytes: int
) -> dict[str, Any]:
    """The fields of a close entry."""
    told = {"segment": segment, "entries": entries, "head": head}
    return {**told, "reason": reason, "torn": torn_bytes}


def head_of(line: bytes) -> Head | None:
    """Number and hash of a line (no newline) that is an entry by itself; None where it is none."""
    match = _LINE.fullmatch(line)
    if match is None or hashlib.sha256(match[1]).hexdigest().encode() != match[3]:
        return None
    return Head(int(match[2]), match[3].decode())
