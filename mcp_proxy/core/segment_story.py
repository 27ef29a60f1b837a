"""One segment, line by line, against what the ledger tells of it. Pure."""

from typing import Any

from mcp_proxy.core.audit import Head
from mcp_proxy.core.audit_check import Fault
from mcp_proxy.core.ledger_check import Mark, Story


class StoryCheck:
    """The entries of one segment in their order. `fixed` is how many of them the ledger fixes."""

    def __init__(self, story: Story) -> None:
        self.fixed = 0
        self._story = story
        self._waiting = iter(story.marks)
        self._mark = next(self._waiting, None)
        self._late = 0 if story.closed is None else story.closed.entries + 1

    def feed(self, entry: dict[str, Any]) -> Fault | None:
        """The next entry, as `SegmentCheck` gave it."""
        count = entry["seq"] + 1
        fault = self._opened(entry) if count == 1 else None
        while self._mark is not None and self._mark.entries <= count:
            mark, self._mark = self._mark, next(self._waiting, None)
            if mark.entries == count and mark.head != entry["hash"]:
                fault = fault or Fault(count, f"it is another entry than {mark.at} tells")
            self.fixed = mark.entries
        if count == self._late and fault is None:
            fault = Fault(count, f"it stands after the end that {self._end_at()} tells")
        return fault

    def end(self, entries: int, torn_bytes: int) -> Fault | None:
        """After the last entry, `torn_bytes` being those that stand after it."""
        story, mark = self._story, self._mark
        if mark is not None and mark.entries > entries:
            last = max([mark, *self._waiting], key=lambda item: item.entries)
            what = f"entries are missing here: {last.at} tells of {last.entries}"
            return Fault(entries + 1, what)
        if story.closed is not None and torn_bytes != story.torn:
            what = f"{torn_bytes} bytes stand after the last entry, not the {story.torn}"
            return Fault(entries + 1, f"{what} that {self._end_at()} tells")
        return None

    def _opened(self, entry: dict[str, Any]) -> Fault | None:
        opened, told = self._story.opened, head_of_ledger(entry)
        if opened is not None and told != Head(opened.seq, opened.head):
            return Fault(1, f"it names another entry of the ledger than {opened.at}")
        return None

    def _end_at(self) -> str:
        return self._story.closed.at if self._story.closed is not None else ""


def head_of_ledger(entry: dict[str, Any]) -> Head | None:
    """The ledger's entry that an open entry names; None where it names none."""
    told = entry.get("ledger")
    if not isinstance(told, dict) or told.keys() != {"seq", "hash"}:
        return None
    return Head(told["seq"], told["hash"])


def signed_entries(marks: list[Mark], signed: int) -> int:
    """How many of a segment's entries stand in those ledger entries that are below `signed`."""
    return max((mark.entries for mark in marks if mark.seq < signed), default=0)
