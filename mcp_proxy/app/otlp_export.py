"""The log on its way to an OTLP collector: behind a durable place, until the collector has all."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Flag
from threading import Thread

from mcp_proxy.app import otlp_extra
from mcp_proxy.app.otlp_collector import collector_url, open_collector
from mcp_proxy.app.otlp_extra import Sent
from mcp_proxy.app.otlp_feed import Feed, records_of, spans_of
from mcp_proxy.app.otlp_lane import Lane
from mcp_proxy.core.audit_otlp import LOGS, TRACES
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.files import FileLock, Held
from mcp_proxy.edges.otlp_child import lock_path
from mcp_proxy.edges.otlp_cursor import Cursor
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import UpstreamError

_POLL_S = 1.0


def export_once(home: Home) -> Sent | None:
    """Send what the collector has not taken yet; None where another process is at it.

    Raises:
        UsageError: W01 no collector is set, or the extra `otel` is not installed.
        UpstreamError: U01 the collector does not take it; what it took is remembered.
        HomeError: the settings, the log or the place in it cannot be used.
    """
    exporter = Exporter(home)
    try:
        with FileLock(lock_path(home), wait=False):
            return exporter.run()
    except Held:
        return None


def follow(home: Home, ended: Flag, tell: Callable[[str], None]) -> Sent | None:
    """The same, and what is added meanwhile, until `ended`; then once more, for a short time.

    `tell` hears of what is in the way, and that it is out of the way. Raises as `export_once`, but
    waits for a collector that does not answer.
    """
    exporter = Exporter(home)
    try:
        with FileLock(lock_path(home), wait=False):
            return exporter.follow(ended, tell)
    except Held:
        return None


class Exporter:
    """One run; the lock is held by the caller."""

    def __init__(self, home: Home) -> None:
        """Opens nothing; raises as `export_once`."""
        self._home = home
        self._otlp = otlp_extra.load()
        self._collector = open_collector(home)
        self._ends_at_s = math.inf

    def run(self) -> Sent:
        """All there is now."""
        with self._opened() as (cursor, lanes):
            for lane in lanes:
                while lane.step(self._collector, cursor, LIMITS.otlp_deadline_ms / 1000):
                    pass
            cursor.save()
            _check(lanes)
            return _sent(lanes, cursor)

    def follow(self, ended: Flag, tell: Callable[[str], None]) -> Sent:
        """All there is, and will be."""
        with self._opened() as (cursor, lanes):
            Thread(target=self._hurry, args=(ended,), name="end", daemon=True).start()
            told = ""
            while not ended.is_set():
                moved = [self._step(lane, cursor, ended) for lane in lanes]
                trouble = " ".join(dict.fromkeys(_troubles(lanes)))
                if trouble != told:
                    tell(f"waiting: {trouble}" if trouble else "nothing is in the way any more")
                    told = trouble
                if not any(moved):
                    ended.wait(_POLL_S)
            self._drain(cursor, lanes)
            return _sent(lanes, cursor)

    def _hurry(self, ended: Flag) -> None:
        ended.wait()
        self._ends_at_s = time.monotonic() + LIMITS.otlp_drain_ms / 1000
        self._collector.hurry(LIMITS.otlp_drain_ms / 1000)

    def _step(self, lane: Lane, cursor: Cursor, ended: Flag) -> bool:
        if lane.wait_s() > 0 or ended.is_set():
            return False
        return lane.step(self._collector, cursor, LIMITS.otlp_deadline_ms / 1000)

    def _drain(self, cursor: Cursor, lanes: list[Lane]) -> None:
        ends_at_s = min(self._ends_at_s, time.monotonic() + LIMITS.otlp_drain_ms / 1000)
        for lane in lanes:
            while (left_s := ends_at_s - time.monotonic()) > 0:
                if not lane.step(self._collector, cursor, left_s):
                    break

    @contextmanager
    def _opened(self) -> Iterator[tuple[Cursor, list[Lane]]]:
        cursor = Cursor(self._home)
        cursor.turn_to(collector_url(self._home))
        try:
            yield (
                cursor,
                [
                    Lane(self._home.id, signal, self._feed(cursor, signal), make, self._otlp)
                    for signal, make in ((LOGS, records_of), (TRACES, spans_of))
                ],
            )
            cursor.save()
        finally:
            self._collector.close()

    def _feed(self, cursor: Cursor, signal: str) -> Feed:
        return Feed(self._home.state, ledger_path(self._home), cursor.rows(signal))


def _check(lanes: list[Lane]) -> None:
    """Raises what kept a lane from sending everything."""
    for lane in lanes:
        if lane.trouble:
            why = f"The collector does not take the log: {lane.trouble}"
            raise UpstreamError("MCPX-U01", why, "mcp-proxy doctor")
        for error in lane.broken:
            raise error


def _troubles(lanes: list[Lane]) -> Iterator[str]:
    for lane in lanes:
        yield from ([lane.trouble] if lane.trouble else [])
        yield from (str(error) for error in lane.broken)


def _sent(lanes: list[Lane], cursor: Cursor) -> Sent:
    records, spans = (lane.sent for lane in lanes)
    return Sent(records, spans, sum(cursor.refused.values()))
