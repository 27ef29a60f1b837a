"""Requests to an OTLP collector, over this machine's own way out (S9), and what became of them."""

import asyncio
import contextlib
import gzip
import re
from typing import Literal, NamedTuple

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges import clock
from mcp_proxy.edges.attempts import Trip
from mcp_proxy.edges.http import Authorizer, Link
from mcp_proxy.edges.network import Network
from mcp_proxy.edges.refusals import retry_after_s
from mcp_proxy.errors import McpProxyError

# What is wrong with the request itself (OTLP, "Failures"): sending it again is of no use.
_UNFIT = frozenset({400, 413, 415, 422})
_UPSTREAM = re.compile("([Tt]he) upstream")
_HEADERS = (("Content-Type", "application/x-protobuf"), ("Content-Encoding", "gzip"))
# Of a longer answer the rest is not read: the request was taken, or was not, all the same.
_ANSWER_BYTES = 64 << 10


class Verdict(NamedTuple):
    """`taken` with the answer's `body`; `unfit`, never to be sent again; `later`, with why.

    `wait_s` is the time that the collector asked for, None if it did not.
    """

    kind: Literal["taken", "unfit", "later"]
    body: bytes = b""
    why: str = ""
    wait_s: float | None = None


class Collector:
    """One collector, for callers without an event loop; connections are kept between requests."""

    def __init__(self, url: str, authorizer: Authorizer, spec: UpstreamSpec, network: Network):
        """`url` is its base, checked; `spec` the same as an upstream. Opens nothing yet."""
        bounds = LIMITS._replace(calls_in_flight=4)
        self._url = url
        self._link = Link(spec, authorizer, bounds, network)
        self._runner = asyncio.Runner()
        self._timeout: asyncio.Timeout | None = None

    def send(self, signal: str, body: bytes, deadline_s: float) -> Verdict:
        """Post one request to /v1/SIGNAL; raises nothing."""
        return self._runner.run(self._sent(signal, gzip.compress(body, 1), deadline_s))

    def hurry(self, within_s: float) -> None:
        """From another thread: what is under way has so long from now, and no longer."""
        with contextlib.suppress(RuntimeError):  # it has been closed
            self._runner.get_loop().call_soon_threadsafe(self._shorten, within_s)

    def close(self) -> None:
        """Close the connections."""
        self._runner.run(self._link.close())
        self._runner.close()

    async def _sent(self, signal: str, body: bytes, deadline_s: float) -> Verdict:
        try:
            async with asyncio.timeout(deadline_s) as self._timeout:
                return await self._exchanged(signal, body, Trip(deadline_s))
        except TimeoutError:
            return Verdict("later", why=f"It did not answer within {deadline_s:.3g} seconds.")
        except McpProxyError as error:
            return Verdict("later", why=_worded(error.why))

    def _shorten(self, within_s: float) -> None:
        ends_at_s = asyncio.get_running_loop().time() + within_s
        if self._timeout is not None and (self._timeout.when() or 0) > ends_at_s:
            with contextlib.suppress(RuntimeError):  # it is over
                self._timeout.reschedule(ends_at_s)

    async def _exchanged(self, signal: str, body: bytes, trip: Trip) -> Verdict:
        url = f"{self._url}/v1/{signal}"
        async with self._link.send("POST", url, _HEADERS, body, trip) as reply:
            answer = await reply.read_start(_ANSWER_BYTES)
            if 200 <= reply.status < 300:
                return Verdict("taken", answer)
            why = _worded(self._link.refusal(reply, answer).why)
            wait_s = retry_after_s(reply.headers.get("retry-after", ""), clock.now_s())
        return Verdict("unfit" if reply.status in _UNFIT else "later", b"", why, wait_s)


def _worded(why: str) -> str:
    return one_sentence(_UPSTREAM.sub(r"\1 collector", why), LIMITS.upstream_message_chars)
