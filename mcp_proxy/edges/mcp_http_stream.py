"""Event streams of streamable HTTP: their messages, going on after a loss, a session's own stream.

MCP 2025-11-25, Transports: "Resumability and Redelivery", "Listening for Messages".
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from mcp_proxy.core.limits import Limits
from mcp_proxy.edges.attempts import Trip
from mcp_proxy.edges.http import Link, Reply
from mcp_proxy.edges.mcp_wire import Headers, Listener, Turn, parse_message
from mcp_proxy.edges.refusals import protocol_broken
from mcp_proxy.edges.sse import SseParser, SseRefused
from mcp_proxy.errors import McpProxyError, UpstreamError

ACCEPT_STREAM = ("Accept", "text/event-stream")
HEAD_WAIT_S = 2.0
_RETRY_MS = 500
# So many connections in a row may bring nothing before the pause between them grows.
_PATIENCE = 3
# About the load: such a status may be another one next time. One about the credential is final,
# since each try might ask the person for it.
_MAY_PASS = frozenset({408, 425, 429})


class Place:
    """Where a stream can be gone on from, over all its connections."""

    def __init__(self, limits: Limits) -> None:
        """At its beginning."""
        self.last_id = ""
        self._limits = limits
        self._retry_ms = _RETRY_MS
        self._fruitless = 0

    def moved(self, parser: SseParser, events: int) -> None:
        """Something came; `parser` has read so many events in it."""
        if events or parser.last_id != self.last_id:
            self._fruitless = 0
        self.last_id = parser.last_id
        if parser.retry_ms is not None:
            least, most = self._limits.sse_retry_min_ms, self._limits.sse_retry_max_ms
            self._retry_ms = min(max(parser.retry_ms, least), most)

    def ended(self) -> None:
        """A connection is over, or could not be made."""
        self._fruitless += 1

    def pause_s(self) -> float:
        """How long to wait before the next connection: the upstream's wish, more if in vain."""
        grown = self._retry_ms * 2.0 ** min(max(0, self._fruitless - _PATIENCE), 10)
        return min(grown, max(self._retry_ms, self._limits.sse_retry_max_ms)) / 1000


class SessionStream:
    """A session's stream for messages that belong to no request, renewed until it is closed."""

    def __init__(
        self,
        link: Link,
        headers: Headers,
        listener: Listener,
        turned: Callable[[Turn], None],
        answered: Callable[[dict[str, Any]], None],
    ) -> None:
        """Begins at once. `headers` name the session; `turned` as in `Wire.attend`.

        `answered` gets the responses: some servers send them here.
        """
        self._link = link
        self._headers = headers
        self._listener = listener
        self._turned = turned
        self._answered = answered
        self._place = Place(link.limits)
        self._was_open = False
        self._settled = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def head(self) -> None:
        """Wait until it is open or known not to be, but not for long."""
        try:
            async with asyncio.timeout(HEAD_WAIT_S):
                await self._settled.wait()
        except TimeoutError:
            return

    async def close(self) -> None:
        """End it."""
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        while await self._connect():
            self._place.ended()
            self._settled.set()
            await asyncio.sleep(self._place.pause_s())
        self._settled.set()

    async def _connect(self) -> bool:
        """One connection to its end; whether another one may help."""
        since = (("Last-Event-ID", self._place.last_id),) if self._place.last_id else ()
        headers = (ACCEPT_STREAM, *since, *self._headers)
        link = self._link
        try:
            async with link.send("GET", link.spec.url, headers, None, Trip(math.inf)) as reply:
                if not is_stream(reply):
                    return self._is_passing(reply.status)
                self._opened()
                await self._listen(reply)
        except UpstreamError:
            # Whatever broke it: the calls have streams of their own and tell their own failures.
            return True
        except McpProxyError:
            return False
        return True

    def _opened(self) -> None:
        if self._was_open and not self._place.last_id:
            self._turned("again")
        self._was_open = True
        self._settled.set()

    def _is_passing(self, status: int) -> bool:
        if status == 404 and self._was_open:
            self._turned("gone")
            return False
        return status >= 500 or status in _MAY_PASS

    async def _listen(self, reply: Reply) -> None:
        async with aclosing(messages(reply, self._link.limits, self._place)) as stream:
            async for message in stream:
                if "method" in message and "id" in message:
                    await self._listener.asked(message)
                elif "method" in message:
                    self._listener.notified(message)
                else:
                    self._answered(message)


def is_stream(reply: Reply) -> bool:
    """Whether a reply is an event stream."""
    return reply.status == 200 and content_kind(reply) == "text/event-stream"


def content_kind(reply: Reply) -> str:
    """A reply's media type without parameters, in lower case; "" if absent."""
    return reply.content_type.partition(";")[0].strip().lower()


async def messages(reply: Reply, limits: Limits, place: Place) -> AsyncGenerator[dict[str, Any]]:
    """The JSON-RPC messages of an event stream; `place` moves along. Raises Broken."""
    parser = SseParser(limits, place.last_id)
    async with aclosing(reply.pieces()) as pieces:
        async for piece in pieces:
            try:
                events = parser.feed(piece)
            except SseRefused as refused:
                raise protocol_broken(str(refused), reply.status) from None
            place.moved(parser, len(events))
            for event in events:
                # An event without data primes resumption (2025-11-25); other kinds are not MCP's.
                if event.kind == "message" and event.data:
                    yield parse_message(reply.secret.remove(event.data), reply.status)
