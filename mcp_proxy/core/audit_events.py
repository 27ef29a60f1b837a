"""Audit entries as events for other systems: a decided call and how it ended make one. Pure."""

import json
from typing import Any, NamedTuple

from mcp_proxy.core.audit_form import is_well_formed
from mcp_proxy.core.audit_spans import Spans

LEDGER = "ledger"
DAMAGED = "damaged"
_HASH_DIGITS = 16  # of the ledger's first entry, which tells its home, its time and what it follows
_ENDS = frozenset({"answered", "cancelled"})
_NEEDED = {
    "decided": {"tool", "decision", "rule"},
    "answered": {"call"},
    "cancelled": {"call"},
}


class Event(NamedTuple):
    """One thing that happened. `source` is the ULID of its segment, or LEDGER.

    `opened` is the first entry of the segment or the ledger, {} where it was not read; `entry` a
    call's decided entry, or any other one; `end` the entry that tells how an allowed call ended,
    None where none does. `leg` is 0 for the first event of a span, and counts those that came
    after it in the same one.
    """

    source: str
    opened: dict[str, Any]
    entry: dict[str, Any]
    end: dict[str, Any] | None = None
    leg: int = 0

    @property
    def id(self) -> str:
        """The same however often it is exported; for a call the one that `audit show` prints."""
        return f"{uid_of(self.source, self.opened)}:{self.entry['seq']}"

    @property
    def client(self) -> str:
        """What the client called itself, "" if nothing; also where the open entry was not read."""
        told = self.opened.get("client") or self.entry.get("client") or {}
        return str(told.get("name") or "")

    @property
    def profile(self) -> str | None:
        """The profile that it is about, likewise."""
        told = self.opened.get("profile") or self.entry.get("profile")
        return None if told is None else str(told)

    @property
    def is_call(self) -> bool:
        """Whether it is about a call."""
        return bool(self.entry["kind"] == "decided")


class Events:
    """The events of one source, from its entries in order; holds the calls under way alone."""

    def __init__(self, source: str) -> None:
        """`source` as in `Event`."""
        self._source = source
        self._opened: dict[str, Any] = {}
        self._open: dict[int, dict[str, Any]] = {}
        self._spans = Spans()

    def take(self, entry: dict[str, Any]) -> list[Event]:
        """The events that this entry completes; calls that it leaves without an end are told."""
        kind = entry["kind"]
        if opens(self._source, entry):
            self._opened = entry
        if kind == "decided" and entry["decision"] == "allow":
            self._open[entry["seq"]] = entry
            return []
        begun = self._open.pop(_call_of(entry), None) if kind in _ENDS else None
        if begun is not None:
            return [self._event(begun, entry)]
        unfinished = self.rest() if kind == "close" and self._source != LEDGER else []
        return [*unfinished, self._event(entry)]

    def rest(self) -> list[Event]:
        """The calls that nothing tells the end of, where nothing more will come."""
        left, self._open = self._open, {}
        return [self._event(entry) for entry in left.values()]

    def _event(self, entry: dict[str, Any], end: dict[str, Any] | None = None) -> Event:
        return Event(self._source, self._opened, entry, end, self._spans.leg(entry.get("trace")))


def _call_of(entry: dict[str, Any]) -> int:
    """The number of the decided entry that an end is of, alone or after its segment's name."""
    number = str(entry["call"]).rpartition(":")[2]
    return int(number) if number.isascii() and number.isdigit() else -1


def opens(source: str, entry: dict[str, Any]) -> bool:
    """Whether this is the first entry of its segment, or of the ledger, and tells whose it is."""
    return bool(entry["seq"] == 0 and entry["kind"] == ("ledger" if source == LEDGER else "open"))


def uid_of(source: str, opened: dict[str, Any]) -> str:
    """A name for the source that no other has, on any machine; both as in `Event`.

    A segment's ULID is one. Every home has a ledger, and another one after a damaged one.
    """
    first = str(opened.get("hash") or "")[:_HASH_DIGITS] if source == LEDGER else ""
    return f"{source}-{first}" if first else source


def is_told(event: Event) -> bool:
    """Whether it tells more than the segments' own events do: the ledger repeats their course."""
    kind = event.entry["kind"]
    if event.source != LEDGER or kind == "close":
        return event.source != LEDGER or event.entry.get("reason") == "crash"
    return kind not in {"ledger", "open", "checkpoint"}


def entry_of(line: bytes, number: int) -> dict[str, Any]:
    """The entry that a line holds; of kind DAMAGED, with the line's number from 0, if none."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if isinstance(entry, dict) and _is_entry(entry, line):
        return entry
    return {"seq": number, "time": "", "kind": DAMAGED, "hash": None}


def _is_entry(entry: dict[str, Any], line: bytes) -> bool:
    if not is_well_formed(entry, line) or not entry.keys() >= {"seq", "kind", "hash"}:
        return False
    return entry.keys() >= _NEEDED.get(entry["kind"], set())


def summary(event: Event) -> str:
    """What happened, in a few words for the list of a system that collects many logs."""
    entry = event.entry
    if not event.is_call:
        what = entry.get("what") or entry.get("error") or entry.get("reason") or ""
        return f"{entry['kind']} {what}".strip()
    words = f"{entry['tool'] or 'a tool of no profile'}: {entry['decision']} by {entry['rule']}"
    error = error_of(event)
    return f"{words}, {outcome(event)}" + (f" ({error})" if error else "")


def outcome(event: Event) -> str:
    """How it ended: ok, error, asked, cancelled, unknown; denied or asked where none was sent."""
    if event.end is not None:
        return str(event.end.get("outcome", "cancelled"))
    if not event.is_call:
        return "error" if event.entry["kind"] in {"refused", DAMAGED} else "ok"
    decision = event.entry["decision"]
    return {"deny": "denied", "ask": "asked"}.get(decision, "unknown")


def error_of(event: Event) -> str | None:
    """The MCPX id, if there is one."""
    error = event.entry.get("error") if event.end is None else event.end.get("error")
    return None if error is None else str(error)
