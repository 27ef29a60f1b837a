"""What a collector has not taken yet, of one signal: read from the log's files in batches.

Each file's entries go in order and a place moves behind them as the collector takes them. What
comes before a place is read again after a restart, for the calls that were under way there.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mcp_proxy.core.audit import Head
from mcp_proxy.core.audit_events import LEDGER, Event, Events, entry_of, opens
from mcp_proxy.core.audit_otlp import Record, Span, log_record, span_of
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.audit_growth import Growing, Segments
from mcp_proxy.edges.otlp_cursor import Reached
from mcp_proxy.errors import HomeError

_BATCH_BYTES = 1 << 20


class Item(NamedTuple):
    """An entry as it was read, with the calls that it ends; None for a file's mere end.

    `reached` is the place behind it.
    """

    opened: dict[str, Any]
    entry: dict[str, Any] | None
    line: bytes
    events: list[Event]
    reached: Reached


class Row(NamedTuple):
    """One thing to send, None where an entry gives none; `reached` in file `name` once it went."""

    name: str
    reached: Reached | None
    payload: Record | Span | None


Make = Callable[[str, Item], Sequence[Record] | Sequence[Span]]


class Source:
    """One file, from a place in it on."""

    def __init__(self, id: str, path: str, reached: Reached) -> None:  # noqa: A002
        """`id` as in `Event.source`."""
        self._id = id
        self._path = path
        self.head: Head | None = None
        self.crashed: set[str] = set()
        self._begin(reached)

    def next(self) -> Item | None:
        """The next entry, None where there is none yet. Raises HomeError."""
        while not self._ready:
            lines = self._file.lines()
            if not lines and self._seen >= self._reached.entries:
                return None
            if not lines:
                self._begin(Reached())  # it is shorter than the place says
                continue
            if self._file.number - len(lines) != self._seen:
                self._begin(Reached())  # another file has taken the name
                continue
            for line in lines:
                if not self._take(line):
                    break
        return self._ready.popleft()

    def end(self) -> Item:
        """What is left of a file to which nothing will be added."""
        reached = Reached(self._seen, "" if self.head is None else self.head.hash, ended=True)
        return Item(self._opened, None, b"", self._events.rest(), reached)

    def _begin(self, reached: Reached) -> None:
        self._file = Growing(self._path)
        self._events = Events(self._id)
        self._opened: dict[str, Any] = {}
        self._seen = 0
        self._reached = reached
        self._ready: deque[Item] = deque()

    def _take(self, line: bytes) -> bool:
        """False: what the place says is not so, and all begins anew."""
        entry = entry_of(line, self._seen)
        self._seen += 1
        self.head = Head(entry["seq"], str(entry["hash"] or ""))
        if opens(self._id, entry):
            self._opened = entry
        elif entry["kind"] == "close" and entry.get("reason") == "crash":
            self.crashed.add(str(entry.get("segment")))
        events = self._events.take(entry)
        if self._seen > self._reached.entries:
            ended = entry["kind"] == "close" and self._id != LEDGER
            reached = Reached(self._seen, self.head.hash, ended)
            self._ready.append(Item(self._opened, entry, line, events, reached))
        elif self._seen == self._reached.entries and self.head.hash != self._reached.hash:
            self._begin(Reached())  # the place is another file's: all of this one is new
            return False
        return True


class Feed:
    """All files on their way to a collector, as one signal's batches."""

    def __init__(self, state: str, ledger: str, reached: dict[str, Reached]) -> None:
        """`reached` is kept up to date with what was taken; `ledger` is the ledger's path."""
        self._segments = Segments(state)
        self._reached = reached
        self._ledger = Source(LEDGER, ledger, reached.get(LEDGER, Reached()))
        self._sources: dict[str, Source] = {}
        self._ended: set[str] = set()
        self.broken: dict[str, HomeError] = {}

    def batch(self, make: Make) -> list[Row]:
        """The next things to send, [] where there are none; `broken` tells what cannot be read.

        `make` is `records_of` or `spans_of`. Raises HomeError: a folder cannot be read.
        """
        rows: list[Row] = []
        size = 0
        self._look()
        for name, source in [(LEDGER, self._ledger), *self._sources.items()]:
            while len(rows) < LIMITS.otlp_batch and size < _BATCH_BYTES:
                item = self._next(name, source)
                if item is None:
                    break
                size += len(item.line)
                rows += _rows(name, item, make(_id(name), item))
        for row in rows:
            if row.payload is not None and self.head:
                row.payload.attributes["mcp_proxy.audit.head"] = self.head
        return rows

    def _next(self, name: str, source: Source) -> Item | None:
        if name in self._ended:
            return None
        self.broken.pop(name, None)
        try:
            item = source.next()
        except HomeError as error:  # it keeps no other file from the collector
            self.broken[name] = error
            return None
        if item is None and name in self._ledger.crashed:
            item = source.end()
        if item is not None and item.reached.ended:
            self._ended.add(name)
        return item

    @property
    def head(self) -> str:
        """The ledger's head as `SIZE HASH`, as far as it was read; "" without a ledger."""
        head = self._ledger.head
        return "" if head is None else f"{head.seq + 1} {head.hash}"

    def done(self, rows: list[Row]) -> None:
        """These were taken, in the order in which they came."""
        for row in rows:
            if row.reached is not None:
                self._reached[row.name] = row.reached
                if row.reached.ended:
                    self._sources.pop(row.name, None)
                    self._ended.discard(row.name)

    def _look(self) -> None:
        names = self._segments.names()
        for name in names:
            reached = self._reached.get(name, Reached())
            if name not in self._sources and not reached.ended:
                self._sources[name] = Source(_id(name), self._segments.path(name), reached)
        for gone in (self._reached.keys() | self._sources.keys()) - {LEDGER, *names}:  # pruned
            self._sources.pop(gone, None)
            self._reached.pop(gone, None)


def records_of(id: str, item: Item) -> list[Record]:  # noqa: A002
    """One log record for each entry."""
    if item.entry is None:
        return []
    return [log_record(id, item.opened, item.entry, item.line)]


def spans_of(_id: str, item: Item) -> list[Span]:
    """A span for each call that has ended."""
    return [span_of(event) for event in item.events if event.is_call]


def _id(name: str) -> str:
    return name.rpartition("/")[2]


def _rows(name: str, item: Item, payloads: Sequence[Record | Span]) -> list[Row]:
    if not payloads:
        return [Row(name, item.reached, None)]
    *before, last = payloads
    return [*(Row(name, None, payload) for payload in before), Row(name, item.reached, last)]
