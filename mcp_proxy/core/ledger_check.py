"""Verification of the ledger, line by line, and what it tells of each segment. Pure.

The chain is checked first; an entry that follows in it and still contradicts what the ledger said
before is a fault of its own, after which checking goes on.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from mcp_proxy.core.audit import GENESIS
from mcp_proxy.core.audit_check import Fault, chained_line, may_be_torn
from mcp_proxy.core.audit_ledger import FIELDS, VERSION
from mcp_proxy.core.entry_form import is_time

_COMMON = frozenset({"seq", "time", "kind", "note", "prev", "hash"})
_KEYS = {kind: _COMMON.union(names) for kind, names in FIELDS.items()}
_SEGMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9A-Z]{26}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_CALL = re.compile(r"(?:[0-9A-Z]{26}:)?([0-9]{1,18})", re.ASCII)
_FAULTS = 20


class Mark(NamedTuple):
    """What a place of the ledger (FILE:LINE) says: a segment has `entries`, the last has `head`.

    `seq` is the ledger entry's own number.
    """

    at: str
    seq: int
    entries: int
    head: str


class Story:
    """What the ledger tells of one segment; None for what it does not.

    `opened` marks the ledger's own entry: its number, and its hash as the head.
    """

    __slots__ = ("closed", "erased", "marks", "opened", "pruned", "reason", "torn")

    def __init__(self) -> None:
        self.opened: Mark | None = None
        self.marks: list[Mark] = []
        self.closed: Mark | None = None
        self.pruned: Mark | None = None
        self.reason = ""
        self.torn = 0
        self.erased: set[int] = set()


class LedgerCheck:
    """One ledger's lines in their order. `stories` may hold those of the ledger that it follows.

    `entries` counts the good ones so far, `head` is the hash of the last; `faults` are those
    contradictions that the chain itself does not show, at most 20.
    """

    def __init__(self, name: str, stories: dict[str, Story] | None = None) -> None:
        self.stories: dict[str, Story] = {} if stories is None else stories
        self.entries = 0
        self.head = GENESIS
        self.home = ""
        self.follows: str | None = None
        self.first = self.last = ""
        self.keys: list[str] = []
        self.faults: list[Fault] = []
        self._name = name

    def feed(self, line: bytes) -> dict[str, Any] | Fault:
        """The next line's entry, the line given without its newline."""
        entry = chained_line(line, self.head, self.entries)
        why = entry if isinstance(entry, str) else _shape_fault(entry)
        if why or isinstance(entry, str):
            return Fault(self.entries + 1, str(why))
        told = self._tell(entry)
        if told and len(self.faults) < _FAULTS:
            self.faults.append(Fault(self.entries + 1, told))
        self.first, self.last = self.first or entry["time"], entry["time"]
        self.entries += 1
        self.head = entry["hash"]
        return entry

    def end(self, tail: bytes) -> Fault | None:
        """What stands after the last newline: a torn tail is no fault."""
        is_torn = may_be_torn(tail)
        return None if is_torn else Fault(self.entries + 1, "bytes after the last entry")

    def _tell(self, entry: dict[str, Any]) -> str:
        """Takes in what an entry says; a contradiction in words, or ""."""
        kind = entry["kind"]
        if kind == "ledger":
            self.home, self.follows = entry["home"], entry["follows"]
        elif kind == "key":
            self.keys.append(entry["verifier"])
        elif kind == "open":
            return self._open(entry)
        elif kind in ("checkpoint", "close"):
            return self._mark(entry)
        elif kind == "prune":
            pruned = (self._prune(entry, *item) for item in entry["segments"])
            return next(filter(None, list(pruned)), "")
        elif kind == "erase":
            self._story(entry["segment"]).erased.add(call_number(entry["call"]))
        return ""

    def _open(self, entry: dict[str, Any]) -> str:
        story = self._story(entry["segment"])
        if story.opened is not None:
            return "it opens a segment that was opened before"
        story.opened = self._marked(entry, 0, entry["hash"])
        return ""

    def _mark(self, entry: dict[str, Any]) -> str:
        story = self._story(entry["segment"])
        mark = self._marked(entry, entry["entries"], entry["head"])
        before = story.marks[-1] if story.marks else Mark("", 0, 0, GENESIS)
        is_same = (mark.entries, mark.head) == (before.entries, before.head)
        if story.closed is None:
            story.marks.append(mark)
            if entry["kind"] == "close":
                story.closed, story.reason, story.torn = mark, entry["reason"], entry["torn"]
        elif entry["kind"] == "checkpoint" or not is_same:
            return "it tells of a segment that was closed before"
        if story.opened is None and self.follows is None:
            return "it tells of a segment that was not opened"
        if mark.entries < before.entries or (mark.entries == before.entries and not is_same):
            return "it tells of a segment what does not fit what was told before"
        return ""

    def _prune(self, entry: dict[str, Any], name: str, entries: int, head: str) -> str:
        story = self._story(name)
        story.pruned = self._marked(entry, entries, head)
        if story.closed is None:
            is_known = story.opened is not None or story.marks
            return "it prunes a segment that was not closed" if is_known else ""
        if (entries, head) != (story.closed.entries, story.closed.head):
            return "it prunes a segment that was closed with other entries"
        return ""

    def _story(self, name: str) -> Story:
        story = self.stories.get(name)
        if story is None:
            story = self.stories[name] = Story()
        return story

    def _marked(self, entry: dict[str, Any], entries: int, head: str) -> Mark:
        return Mark(f"{self._name}:{entry['seq'] + 1}", entry["seq"], entries, head)


def call_number(call: object) -> int:
    """The sequence number in `ULID:SEQ`, or the number itself; -1 where it is neither."""
    match = _CALL.fullmatch(str(call))
    return int(match[1]) if match else -1


def _shape_fault(entry: dict[str, Any]) -> str:
    kind = str(entry.get("kind"))
    keys = _KEYS.get(kind)
    if keys is None:
        return "its kind is unknown"
    if (kind == "ledger") != (entry["seq"] == 0):
        return "a ledger has one entry of kind ledger, its first"
    if entry.keys() != keys:
        return "it has other fields than its kind"
    if not all(_CHECKS[name](entry[name]) for name in keys & _CHECKS.keys()):
        return "a field has no value of its kind"
    if entry.get("v", VERSION) != VERSION:
        return "it needs a newer mcp-proxy"
    return ""


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _is_segment(value: object) -> bool:
    return isinstance(value, str) and _SEGMENT.fullmatch(value) is not None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are_pruned(value: object) -> bool:
    return isinstance(value, list) and all(_is_pruned(item) for item in value)


def _is_pruned(item: object) -> bool:
    if not isinstance(item, list) or len(item) != 3:
        return False
    return _is_segment(item[0]) and _is_count(item[1]) and _is_hash(item[2])


_CHECKS: dict[str, Callable[[object], bool]] = {
    "time": is_time,
    "home": _is_text,
    "follows": lambda value: value is None or _is_hash(value),
    "verifier": _is_text,
    "note": lambda value: value is None or _is_text(value),
    "segment": _is_segment,
    "segments": _are_pruned,
    "entries": _is_count,
    "head": _is_hash,
    "reason": _is_text,
    "torn": _is_count,
    "bytes": _is_count,
    "call": lambda value: call_number(value) >= 0,
}
