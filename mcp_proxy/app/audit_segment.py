"""One segment with its clear file, verified in one pass; works in a process of its own too."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from mcp_proxy.core.audit import Head
from mcp_proxy.core.audit_check import Fault, SegmentCheck
from mcp_proxy.core.audit_clock import ClockSteps
from mcp_proxy.core.audit_mac import MacCheck, unwrap
from mcp_proxy.core.clear_check import ClearCheck
from mcp_proxy.core.ledger_check import Story
from mcp_proxy.core.recipient import recipient_of
from mcp_proxy.core.segment_story import StoryCheck, head_of_ledger
from mcp_proxy.edges.audit_source import Source
from mcp_proxy.errors import HomeError


class Finding(NamedTuple):
    """One place of the log that is not simply whole: `bad` ones make verification fail.

    `line` counts from 1, 0 where there is none; `about` is the property that it concerns.
    """

    path: str
    line: int
    what: str
    bad: bool
    about: str


class Task(NamedTuple):
    """A segment to check. `own`: it lies in our home; `private`: the recipient's key, if given."""

    name: str
    path: str
    story: Story
    own: bool
    private: bytes | None


class Clear(NamedTuple):
    """Decided calls by what is left of their clear values (core.clear_check)."""

    proven: int = 0
    erased: int = 0
    lost: int = 0
    kept: int = 0


class Checked(NamedTuple):
    """What one segment turned out to be; `is_read` says that its file could be used.

    `first` is the time of its first entry, `last` the latest of all; "" where it has no entry.

    `ledger` is the ledger's entry that it names; `fixed` how many of its entries the ledger fixes;
    `mac` is none, unchecked or proven.
    """

    name: str
    path: str
    is_there: bool = False
    is_read: bool = False
    entries: int = 0
    closed: bool = False
    torn: int = 0
    first: str = ""
    last: str = ""
    ledger: Head | None = None
    fixed: int = 0
    mac: str = "none"
    clear: Clear = Clear()
    findings: tuple[Finding, ...] = ()


def check_one(task: Task) -> Checked:
    """The segment against its own chain, the ledger's story, its MACs and its clear file."""
    clear_path = task.path.removesuffix(".jsonl") + ".clear.jsonl"
    try:
        with Source(task.path, own=task.own) as source:
            if source.size is None:
                return Checked(task.name, task.path)
            # Opened after the segment's length was taken: what a process writes meanwhile is there.
            with Source(clear_path, own=task.own) as clear:
                return _Check(task, clear).run(source)
    except HomeError as error:
        found = Finding(task.path, 0, error.why, True, unusable(error, "entries"))
        return Checked(task.name, task.path, is_there=True, findings=(found,))


def check_loose(path: str, own: bool) -> Finding:
    """A clear file beside no segment: no chain covers it, and still nobody else may read it."""
    try:
        with Source(path, own=own):
            what = "readable values beside no segment, which nothing proves"
            return Finding(path, 0, what, False, "values")
    except HomeError as error:
        return Finding(path, 0, error.why, True, unusable(error, "values"))


def unusable(error: HomeError, about: str) -> str:
    """The property that a file breaks which could not be used."""
    return "private" if error.id == "MCPX-H02" else about


class _Check:
    def __init__(self, task: Task, clear: Source) -> None:
        self._task = task
        self._beside = clear
        self._chain = SegmentCheck()
        self._story = StoryCheck(task.story)
        self._clear = ClearCheck(clear.lines(), frozenset(task.story.erased))
        self._macs: MacCheck | None = None
        self._mac = "none"
        self._ledger: Head | None = None
        self._clock = ClockSteps()
        self._findings: list[Finding] = []

    def run(self, source: Source) -> Checked:
        """Every line, up to the first that is broken."""
        first = last = ""
        skim, take = self._chain.skim, self._take
        for line in source.lines():
            entry = skim(line)
            if isinstance(entry, Fault):
                self._found(entry, "entries")
                break
            take(entry, line)
            last = max(last, entry["time"])
            first = first or entry["time"]
        else:
            self._end(source.tail)
        return self._checked(first, last)

    def _take(self, entry: dict[str, Any], line: bytes) -> None:
        kind = entry["kind"]
        if kind == "open":
            self._open(entry)
        elif kind == "decided":
            self._clear.check(entry)
        told = self._story.feed(entry)
        if told is not None:
            self._found(told, "segments")
        step = self._clock.feed(entry["time"])
        if step is not None:
            self._findings.append(
                Finding(self._task.path, entry["seq"] + 1, step, False, "entries")
            )
        if self._macs is not None and not self._macs.fits(line):
            self._macs = None
            fault = Fault(entry["seq"] + 1, "its MAC does not fit: its process did not write it so")
            self._found(fault, "macs")

    def _open(self, entry: dict[str, Any]) -> None:
        self._ledger = head_of_ledger(entry)
        mac = entry.get("mac")
        if mac is None:
            return
        self._mac = "unchecked"
        private = self._task.private
        named = mac.get("recipient") if isinstance(mac, dict) else None
        if private is None or named != recipient_of(private, "").id:
            return
        self._mac = "proven"
        try:
            self._macs = MacCheck(unwrap(private, mac))
        except ValueError as error:
            self._found(Fault(1, f"its MAC key cannot be had: {error}"), "macs")

    def _end(self, tail: bytes) -> None:
        rest = self._chain.end(tail)
        if rest is not None:
            self._found(rest, "entries")
        told = self._story.end(self._chain.entries, self._chain.torn_bytes)
        if told is not None:
            self._found(told, "segments")
        self._clear.end(lambda: self._beside.tail)

    def _found(self, fault: Fault, about: str) -> None:
        self._findings.append(Finding(self._task.path, *fault, True, about))

    def _checked(self, first: str, last: str) -> Checked:
        clear, chain = self._clear, self._chain
        findings = [*self._findings, *self._clear_findings()]
        return Checked(
            self._task.name,
            self._task.path,
            True,
            True,
            chain.entries,
            chain.closed,
            chain.torn_bytes,
            first,
            last,
            self._ledger,
            self._story.fixed,
            self._mac,
            Clear(clear.proven, clear.erased, clear.lost, clear.kept),
            tuple(findings),
        )

    def _clear_findings(self) -> Iterator[Finding]:
        for fault in self._clear.faults:
            yield Finding(self._beside.path, *fault, True, "values")
        more = self._clear.broken - len(self._clear.faults)
        if more:
            yield Finding(self._beside.path, 0, f"and {more} more such lines", True, "values")
