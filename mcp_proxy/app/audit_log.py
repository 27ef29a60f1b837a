"""The auditor's side: entries read back with their clear values."""

import heapq
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from mcp_proxy.app.audit_stream import Damage, Entry, began, open_stream
from mcp_proxy.core.audit_filter import Filter, passes
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.audit_lines import times_of
from mcp_proxy.edges.audit_reader import segment_paths
from mcp_proxy.edges.places import Home, find_home

_LATEST = "Z"  # after every time


class _Turn(NamedTuple):
    """A file's next entry; `place` differs for each file, so nothing behind it is compared."""

    time: str
    place: int
    entry: Entry
    rest: Iterator[Entry]


class Reading:
    """The log's entries in time order that pass a filter; each segment is open while it is read.

    `damaged` tells afterwards of which files the rest could not be read.
    """

    def __init__(self, home: Home, only: Filter, *, kept: bool = False) -> None:
        """Opens nothing; `kept` as SegmentStream has it."""
        self._home = home
        self._only = only
        self._kept = kept
        self.damaged: list[Damage] = []

    def __iter__(self) -> Iterator[Entry]:
        """Raises HomeError: a file is not safe to use, or not readable."""
        return (entry for entry in self._merged() if passes(entry, self._only))

    def newest(self, count: int) -> list[Entry]:
        """The last of them, at most so many. Raises HomeError as reading all."""
        entries: list[Entry] = []
        # A process may run for days, so the file that began last need not hold the newest entries.
        for last, path in sorted(map(_dated, self._paths()), reverse=True):
            if len(entries) >= count and (not entries or last < _time(entries[0])):
                break
            found = (entry for entry in self._entries(path) if passes(entry, self._only))
            entries = sorted([*entries, *deque(found, count)], key=_time)[-count:]
        return entries

    def _merged(self) -> Iterator[Entry]:
        """All entries by their time; a file is opened when it is its turn."""
        waiting = deque(sorted((began(path), path) for path in self._paths()))
        turns: list[_Turn] = []
        opened = 0
        while waiting or turns:
            if waiting and (not turns or waiting[0][0] <= turns[0].time):
                opened += 1
                _queue(turns, opened, self._entries(waiting.popleft()[1]))
                continue
            turn = heapq.heappop(turns)
            yield turn.entry
            _queue(turns, turn.place, turn.rest)

    def _entries(self, path: str) -> Iterator[Entry]:
        stream = open_stream(path, kept=self._kept)
        try:
            yield from stream.read()
        finally:
            stream.close()
            if stream.damage is not None:
                self.damaged.append(stream.damage)

    def _paths(self) -> Iterator[str]:
        """The files that may hold entries of the time and the segment that are asked for."""
        only = self._only
        ledger = ledger_path(self._home)
        for path in [ledger, *segment_paths(self._home.state)]:
            # The ledger tells what was erased of a call, and of an end by a crash.
            is_other = only.call is not None and path != ledger and only.call[:26] not in path
            if not is_other and self._is_of_time(path):
                yield path

    def _is_of_time(self, path: str) -> bool:
        """Whether a file may hold entries of the time; one is looked into only where it may not.

        Its name tells when a segment began, by a clock that may have been wrong, or set since.
        """
        since, until = self._only.since or "", self._only.until or _LATEST
        if since <= began(path) <= until:
            return True
        first, last = times_of(path)
        return since <= last and first <= until


def read_entries(only: Filter, newest: int | None = None) -> list[Entry]:
    """Entries in time order, clear values added; at most the `newest` ones, all if None."""
    reading = Reading(find_home(), only)
    return list(reading) if newest is None else reading.newest(newest)


def _queue(turns: list[_Turn], place: int, rest: Iterator[Entry]) -> None:
    entry = next(rest, None)
    if entry is not None:
        heapq.heappush(turns, _Turn(_time(entry), place, entry, rest))


def _time(entry: Entry) -> str:
    return str(entry["time"])


def _dated(path: str) -> tuple[str, str]:
    """A file with the time after which it holds nothing."""
    return times_of(path).last, path
