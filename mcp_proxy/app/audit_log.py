"""The auditor's side: entries read back with their clear values, and the log verified."""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from mcp_proxy.core.audit import timestamp
from mcp_proxy.core.audit_check import (
    Segment,
    check_clear,
    check_segment,
    clear_values_of,
    parse_clear,
)
from mcp_proxy.edges.audit_reader import read_segment, segment_paths, written_ns
from mcp_proxy.edges.places import find_home
from mcp_proxy.errors import HomeError

_FILE_CLOCK_NS = 1_000_000_000  # file systems tell times late, the coarsest by about a second


class Filter(NamedTuple):
    """Which entries to show; None lets everything pass."""

    kind: str | None = None
    tool: str | None = None
    decision: str | None = None


class Finding(NamedTuple):
    """One segment that is not simply whole: `bad` ones make verification fail."""

    path: str
    line: int
    what: str
    bad: bool


class Verification(NamedTuple):
    """The whole log's state. `first` and `last` are the times of its outer entries."""

    segments: int
    entries: int
    first: str | None
    last: str | None
    open_segments: int
    findings: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        """Whether nothing but torn tails was found."""
        return not any(finding.bad for finding in self.findings)


def read_entries(only: Filter, newest: int | None = None) -> list[dict[str, Any]]:
    """Entries in time order, clear values added; at most the `newest` ones, all if None."""
    home = find_home()
    entries: list[dict[str, Any]] = []
    # A process may run for days, so the file that began last need not hold the newest entries.
    for written, path in sorted(map(_dated, segment_paths(home.state)), reverse=True):
        if newest is not None and len(entries) >= newest and _precedes(written, entries):
            break
        entries += (entry for entry in _entries(path) if _passes(entry, only))
        entries.sort(key=lambda entry: str(entry["time"]))
        entries = entries if newest is None else entries[max(0, len(entries) - newest) :]
    return entries


def verify_log() -> Verification:
    """Every segment against its chain and its clear values."""
    home = find_home()
    findings: list[Finding] = []
    segments = total = unclosed = 0
    times: list[str] = []
    for path in segment_paths(home.state):
        try:
            item = read_segment(path)
        except HomeError as error:
            findings.append(Finding(path, 0, error.why, bad=True))
            continue
        if item is None:
            continue
        segment = check_segment(item.data)
        findings += _findings(item.path, segment)
        faults = check_clear(segment.entries, parse_clear(item.clear))
        findings += [Finding(item.path, 0, fault, bad=True) for fault in faults]
        segments, total = segments + 1, total + len(segment.entries)
        unclosed += not segment.closed
        times += [entry["time"] for entry in segment.entries[:1] + segment.entries[-1:]]
    first, last = (min(times), max(times)) if times else (None, None)
    return Verification(segments, total, first, last, unclosed, tuple(findings))


def _findings(path: str, segment: Segment) -> Iterator[Finding]:
    if segment.damage is not None:
        yield Finding(path, *segment.damage, bad=True)
    elif segment.torn_bytes or not segment.entries:
        what = f"torn tail of {segment.torn_bytes} bytes: the process ended while it wrote"
        yield Finding(path, 0, what, bad=False)


def _dated(path: str) -> tuple[int, str]:
    """A segment with the time (ns) after which nothing was written to it."""
    return written_ns(path) + _FILE_CLOCK_NS, path


def _precedes(written: int, entries: list[dict[str, Any]]) -> bool:
    return not entries or timestamp(written) < str(entries[0]["time"])


def _entries(path: str) -> Iterator[dict[str, Any]]:
    item = read_segment(path)
    if item is None:
        return
    clear = parse_clear(item.clear)
    segment = os.path.basename(path).removesuffix(".jsonl")
    for entry in check_segment(item.data).entries:
        values = clear_values_of(entry, clear)
        yield {**entry, "segment": segment} | ({"values": values} if values else {})


def _passes(entry: dict[str, Any], only: Filter) -> bool:
    wanted = (("kind", only.kind), ("tool", only.tool), ("decision", only.decision))
    return all(value is None or entry.get(key) == value for key, value in wanted)
