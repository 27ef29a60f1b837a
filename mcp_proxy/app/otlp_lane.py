"""One signal on its way to a collector, with a place and a patience of its own.

What the collector does not take now is tried again, later and later; what it will never take is
halved until the item that it will not have is alone, and that is counted and left out. One that
never took anything may be no collector: what it refuses waits until it takes one of the next items.
"""

import random
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from mcp_proxy.app.otlp_feed import Feed, Make, Row
from mcp_proxy.core.audit_otlp import Record, Span
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.otlp_cursor import Cursor
from mcp_proxy.edges.otlp_link import Collector, Verdict
from mcp_proxy.errors import HomeError

_ASKED_MAX_S = 600.0
_DOUBTED_MAX = 8  # after so many refused items in a row it is no collector for now
_JITTER = random.SystemRandom()


class Otlp(Protocol):
    """What the SDK does: `edges.otlp`."""

    def encode(self, signal: str, home_id: str, items: Sequence[Record | Span]) -> bytes:
        """A request's body."""

    def rejected(self, signal: str, body: bytes) -> int:
        """How many of its items a collector that took the request will not have."""


class Lane:
    """One signal."""

    def __init__(self, home_id: str, signal: str, feed: Feed, make: Make, otlp: Otlp) -> None:
        """`make` as `Feed.batch` takes it."""
        self._home_id = home_id
        self.signal = signal
        self.sent = 0
        self.trouble = ""
        self._is_known = False
        self._feed = feed
        self._make = make
        self._otlp = otlp
        self._waiting: deque[list[Row]] = deque()
        self._doubted: deque[list[Row]] = deque()
        self._failures = 0
        self._not_before_s = 0.0

    @property
    def broken(self) -> list[HomeError]:
        """Why some of the log's files cannot be read."""
        return list(self._feed.broken.values())

    def wait_s(self) -> float:
        """How long this lane still has patience, 0 where it has none to have."""
        return max(0.0, self._not_before_s - time.monotonic())

    def step(self, collector: Collector, cursor: Cursor, deadline_s: float) -> bool:
        """Send one batch; whether there was one and it went. Raises HomeError."""
        if not self._waiting and not self._fetch():
            return False
        payloads = _payloads(self._waiting[0])
        if not payloads:
            self._done(0)
            return True
        verdict = collector.send(
            self.signal, self._otlp.encode(self.signal, self._home_id, payloads), deadline_s
        )
        if verdict.kind == "later":
            self._later(verdict)
            return False
        if self._is_stranger(verdict, len(payloads)):
            return self._doubt(verdict)
        self._judge(verdict, len(payloads), cursor)
        cursor.save()
        if self._is_known:
            self._failures, self.trouble = 0, ""
        return True

    def _fetch(self) -> bool:
        rows = self._feed.batch(self._make)
        if rows:
            self._waiting.append(rows)
        return bool(rows)

    def _is_stranger(self, verdict: Verdict, count: int) -> bool:
        """Whether it will not have a single item and never took one: it may be no collector."""
        return verdict.kind == "unfit" and count == 1 and not self._is_known

    def _doubt(self, verdict: Verdict) -> bool:
        """Set an item aside, if there is another to try; else all of them go again, later."""
        self._doubted.append(self._waiting.popleft())
        if len(self._doubted) < _DOUBTED_MAX and self._has_next():
            return True
        self._waiting.extendleft(reversed(self._doubted))
        self._doubted.clear()
        self._later(verdict)
        return False

    def _has_next(self) -> bool:
        """Whether there is another item; what comes before it and gives none is set aside too."""
        while (self._waiting or self._fetch()) and not _payloads(self._waiting[0]):
            self._doubted.append(self._waiting.popleft())
        return bool(self._waiting)

    def _leave_out(self, cursor: Cursor) -> None:
        """It is a collector, and will not have what was set aside."""
        for rows in self._doubted:
            cursor.refuse(self.signal, len(_payloads(rows)))
            self._feed.done(rows)
        self._doubted.clear()

    def _judge(self, verdict: Verdict, count: int, cursor: Cursor) -> None:
        if verdict.kind == "taken":
            rejected = min(count, self._otlp.rejected(self.signal, verdict.body))
            cursor.refuse(self.signal, rejected)
            self._is_known = True
            self._leave_out(cursor)
            self._done(count - rejected)
        elif count > 1:
            self._waiting.extendleft(reversed(_halved(self._waiting.popleft())))
        else:
            cursor.refuse(self.signal, 1)
            self._done(0)

    def _done(self, sent: int) -> None:
        self._feed.done(self._waiting.popleft())
        self.sent += sent

    def _later(self, verdict: Verdict) -> None:
        """From a second to a minute, or what the collector asked for."""
        longest_s = LIMITS.otlp_retry_max_ms / 1000
        self._failures += 1
        own_s = min(longest_s, LIMITS.otlp_retry_first_ms / 1000 * 2 ** min(self._failures - 1, 16))
        asked_s = min(verdict.wait_s or 0.0, _ASKED_MAX_S)
        self._not_before_s = time.monotonic() + max(asked_s, own_s * _JITTER.uniform(0.5, 1.0))
        self.trouble = verdict.why


def _payloads(rows: list[Row]) -> list[Record | Span]:
    return [row.payload for row in rows if row.payload is not None]


def _halved(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Two parts, each with something to send."""
    places = [place for place, row in enumerate(rows) if row.payload is not None]
    middle = places[len(places) // 2]
    return rows[:middle], rows[middle:]
