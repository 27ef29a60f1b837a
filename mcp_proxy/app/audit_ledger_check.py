"""The ledger's files verified: the chain and what it tells first, notes and anchors after."""

import hashlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from mcp_proxy.app.audit_segment import Finding, unusable
from mcp_proxy.core.audit_check import Fault
from mcp_proxy.core.audit_clock import ClockSteps
from mcp_proxy.core.ledger_anchors import Anchor, AnchorCheck, NoteCheck
from mcp_proxy.core.ledger_check import LedgerCheck, Story
from mcp_proxy.core.signed_note import VerifierKey
from mcp_proxy.edges.audit_source import Source
from mcp_proxy.errors import HomeError

NAME = "ledger.jsonl"
_FAULTS = 20
_REPEAT = "mcp-proxy audit verify"


class Place(NamedTuple):
    """The state folder of a log; `home` is the id of our home, None for a copied folder."""

    state: str
    home: str | None

    @property
    def own(self) -> bool:
        """Whether its files are checked as ours (S23)."""
        return self.home is not None


class Ledger(NamedTuple):
    """What the ledger's chain and entries say. `size` counts the bytes that were read.

    `is_there`, `is_whole`: there is one, and its chain has no fault; `is_new`: it follows a damaged
    one that was put aside. `began` is when the first of these began; `breaks` are after how many
    entries each damaged one ends, 0 where one is gone or was changed.
    """

    path: str
    check: LedgerCheck
    size: int
    is_there: bool
    is_whole: bool
    is_new: bool
    findings: tuple[Finding, ...]
    began: str = ""
    breaks: tuple[int, ...] = ()


class Outside(NamedTuple):
    """What notes and anchors say; `reached` counts the entries that anchors fix.

    `far` those that anchors fix which do not lie on this machine; `foreign` and `bare` as in
    `NoteCheck`.
    """

    noted: int
    signed: int
    signed_at: str
    strangers: int
    foreign: int
    reached: int
    reached_at: str
    far: int
    bare: tuple[tuple[int, str], ...]
    findings: tuple[Finding, ...]


def read_ledger(place: Place) -> Ledger:
    """The ledger, after the damaged ones that it follows, if these are there still."""
    stories: dict[str, Story] = {}
    path = os.path.join(place.state, NAME)
    try:
        aside, follower = _earlier(place)
        earlier = [_one(path, stories, place) for path in reversed(aside)]
        ledger = _one(path, stories, place)
    except HomeError as error:
        found = Finding(path, 0, error.why, True, unusable(error, "ledger"))
        return Ledger(path, LedgerCheck(NAME), 0, True, False, False, (found,))
    began = next((it.check.first for it in (*earlier, ledger) if it.check.first), "")
    breaks = [it.check.entries for it in earlier]
    told = [_damaged(it) for it in earlier]
    if follower:
        what = "the damaged ledger that it follows is missing, or was changed since"
        told.insert(0, Finding(follower, 1, what, True, "segments"))
        breaks.append(0)
    findings = (*told, *ledger.findings)
    return ledger._replace(findings=findings, began=began, breaks=tuple(breaks))


def check_outside(
    ledger: Ledger, own: bool, keys: tuple[VerifierKey, ...], anchors: tuple[Anchor, ...]
) -> Outside:
    """The good entries once more, against keys and anchors. Raises HomeError."""
    check = ledger.check
    notes, kept = NoteCheck(check.home, keys), AnchorCheck(check.home, anchors)
    faults: list[tuple[str, Fault]] = []
    for entry in _again(ledger, own):
        fault = notes.feed(entry)
        kept.feed(entry)
        if fault is not None and len(faults) < _FAULTS:
            faults.append(("signed", fault))
    if ledger.is_whole:
        kept.end(check.entries, check.head)
    faults += (("cut", fault) for fault in kept.faults)
    found = (Finding(ledger.path, *fault, True, about) for about, fault in faults)
    signed = notes.signed, notes.signed_at, notes.strangers, notes.foreign
    reached = kept.reached, kept.at, kept.far
    return Outside(notes.noted, *signed, *reached, tuple(notes.bare), tuple(found))


def _one(path: str, stories: dict[str, Story], place: Place) -> Ledger:
    check = LedgerCheck(os.path.basename(path), stories)
    findings: list[Finding] = []
    with Source(path, own=place.own) as source:
        fault = _feed(check, source, findings)
        is_there, size, tail = source.size is not None, source.size or 0, source.tail
    findings += [Finding(path, *item, True, "segments") for item in check.faults]
    if fault is not None:
        findings.append(Finding(path, *fault, True, "ledger"))
    elif tail:
        what = f"torn tail of {len(tail)} bytes: its writer was killed, or is at it"
        findings.append(Finding(path, check.entries + 1, what, False, "ledger"))
    elif is_there and not check.entries:
        findings.append(Finding(path, 1, "it has no entry", False, "ledger"))
    is_new = check.follows is not None
    return Ledger(path, check, size, is_there, fault is None, is_new, tuple(findings))


def _feed(check: LedgerCheck, source: Source, findings: list[Finding]) -> Fault | None:
    clock = ClockSteps()
    for line in source.lines():
        found = check.feed(line)
        if isinstance(found, Fault):
            return found
        step = clock.feed(found["time"])
        if step is not None:
            findings.append(Finding(source.path, found["seq"] + 1, step, False, "ledger"))
    return check.end(source.tail)


def _again(ledger: Ledger, own: bool) -> Iterator[dict[str, Any]]:
    """The entries that the chain has proven, read a second time."""
    again = LedgerCheck(NAME)
    if not ledger.check.entries:
        return
    with Source(ledger.path, own=own) as source:
        for line in source.lines():
            entry = again.feed(line)
            if isinstance(entry, Fault):
                break
            yield entry
            if again.entries == ledger.check.entries:
                break
    if again.head != ledger.check.head:
        raise HomeError("MCPX-H03", f"{ledger.path} was changed while it was read.", _REPEAT)


def _earlier(place: Place) -> tuple[list[str], str]:
    """Damaged ledgers that were put aside, newest first, and which one lacks the one it follows.

    Each is proven by the digest in the one that follows it; "" where none is lacking.
    """
    path, found = os.path.join(place.state, NAME), []
    follows = _follows(path, place)
    by_digest = {} if follows is None else {_digest(it, place): it for it in _aside(place)}
    while follows in by_digest:
        path = by_digest.pop(follows)
        found.append(path)
        follows = _follows(path, place)
    return found, "" if follows is None else path


def _aside(place: Place) -> list[str]:
    names = os.listdir(place.state) if os.path.isdir(place.state) else []
    aside = (name for name in names if name.startswith("ledger.") and name != NAME)
    return [os.path.join(place.state, name) for name in aside if name.endswith(".jsonl")]


def _follows(path: str, place: Place) -> str | None:
    check = LedgerCheck("")
    with Source(path, own=place.own) as source:
        for line in source.lines():
            check.feed(line)
            break
    return check.follows


def _damaged(ledger: Ledger) -> Finding:
    entries = ledger.check.entries
    what = f"a ledger that was damaged after {entries} entries, and put aside"
    return Finding(ledger.path, entries + 1, what, False, "ledger")


def _digest(path: str, place: Place) -> str:
    digest = hashlib.sha256()
    with Source(path, own=place.own) as source:
        for line in source.lines():
            digest.update(line + b"\n")
        digest.update(source.tail)
    return digest.hexdigest()
