"""JSON-RPC over one channel both ways: a child's pipes, or the HTTP+SSE transport of 2024-11-05.

Answers find their request by id. What the upstream says besides goes to the listener of the
request that it belongs to, as far as that can be told, else to whoever hears the upstream.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from mcp_proxy.core import strict_json
from mcp_proxy.core.limits import Limits
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.mcp_line import Line, Waiting, is_id
from mcp_proxy.edges.mcp_wire import (
    METHOD_NOT_FOUND,
    Headers,
    Listener,
    Turn,
    parse_message,
    read_result,
)
from mcp_proxy.edges.refusals import protocol_broken
from mcp_proxy.edges.single_flight import SingleFlight

# Only these may open the channel: whatever else builds on what was agreed over the last one.
DISCOVER = "server/discover"
HANDSHAKES = frozenset({DISCOVER, "initialize"})
_ASIDE_S = 1.0
# A JSON-RPC error is told like one that HTTP carried with 200.
_STATUS = 200


class Channel(Protocol):
    """Carries whole messages; may be opened again after it was lost."""

    async def open(self, received: Callable[[bytes], None], lost: Callable[[Broken], None]) -> None:
        """Ready to send once this returns. `lost` is called once if it ends by itself.

        Raises Broken, McpProxyError.
        """

    async def check(self) -> None:
        """Whether it may still be used. Raises Broken, McpProxyError, and is closed then."""

    async def send(self, data: bytes) -> None:
        """One message, without a line end. Raises Broken where it is closed."""

    def drop(self) -> None:
        """Give it up at once, without waiting for its end; `lost` is not called. Never raises."""

    async def close(self) -> None:
        """End it in good order; `lost` is not called. Never raises."""


class DuplexWire:
    """A `Wire` over one `Channel`, which is opened by a handshake."""

    def __init__(self, spec: UpstreamSpec, channel: Channel, limits: Limits) -> None:
        """Opens nothing yet."""
        self.spec = spec
        self.limits = limits
        self.duplex = True
        self._channel = channel
        self._lines: SingleFlight[Line] = SingleFlight(self._open)
        self._listener: Listener | None = None
        self._asides: set[asyncio.Task[None]] = set()

    async def request(
        self, message: dict[str, Any], headers: Headers, listener: Listener, trip: Trip
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        """See `Wire`."""
        method, request_id = str(message["method"]), int(message["id"])
        line = await self._line(method in HANDSHAKES)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        line.waiting[request_id] = Waiting(answer, listener, method)
        try:
            trip.left()
            await self._channel.send(strict_json.dumps(message))
            answered = await answer
            trip.arrived()
        finally:
            line.waiting.pop(request_id, None)
        return read_result(answered, self.limits, _STATUS), {}

    async def notify(self, message: dict[str, Any], headers: Headers, trip: Trip) -> None:
        """See `Wire`; what answers no question of this lifetime of the channel is not sent."""
        line = await self._line(False)
        if "method" not in message and line.asked.pop(message.get("id", ""), self) is self:
            return
        trip.left()
        await self._channel.send(strict_json.dumps(message))

    def hear(self, listener: Listener) -> None:
        """See `Wire`."""
        self._listener = listener

    async def attend(
        self, headers: Headers, turned: Callable[[Turn], None], *, listening: bool
    ) -> None:
        """See `Wire`; there is but the one channel, so that nothing is to be opened."""
        line = self._lines.found()
        if line is None:
            turned("gone")
        else:
            line.turned = turned

    async def leave(self, headers: Headers, trip: Trip) -> None:
        """The session ends with the channel."""

    def drop(self) -> None:
        """See `Wire`."""
        self._channel.drop()

    async def close(self) -> None:
        """End what goes on beside the requests, and the channel."""
        line = self._lines.found()
        await self._lines.close()
        if line is not None and line.over is None:
            self._end(line, Broken("MCPX-U01", "The upstream was closed.", over=True))
        for task in self._asides:
            task.cancel()
        if self._asides:
            await asyncio.wait(self._asides)
        await self._channel.close()

    async def _line(self, may_open: bool) -> Line:
        line = self._lines.found()
        if line is None and not may_open:
            text = "The connection to the upstream has ended since it was last used."
            raise Broken("MCPX-U01", text, again="unsent", over=True)
        if line is None:
            return await self._lines.get()
        try:
            await self._channel.check()
        except Exception as error:
            told = error if isinstance(error, Broken) else _gone()
            self._end(line, told)
            raise
        if line.over is not None:
            # It ended meanwhile, and the channel may be another one's by now.
            raise Broken("MCPX-U01", line.over.why, again="unsent", over=True)
        return line

    async def _open(self) -> Line:
        line = Line()
        await self._channel.open(
            lambda data: self._received(line, data), lambda broken: self._end(line, broken)
        )
        if line.over is not None:
            raise line.over
        return line

    def _end(self, line: Line, broken: Broken) -> None:
        """The line is over: every request that waits on it fails, sent as it was."""
        if line.over is not None:
            return
        line.over = broken
        self._lines.forget(line)
        if line.turned is not None:
            line.turned("gone")
        for waiting in line.waiting.values():
            told = Broken(broken.id, broken.why, again="lost", over=True)
            waiting.fail(told)

    def _received(self, line: Line, data: bytes) -> None:
        if line.over is not None or not data.strip():
            return
        try:
            message = parse_message(data)
            method = message.get("method", "")
            if not isinstance(method, str):
                raise protocol_broken("holds a method that is no text")
        except Broken as broken:
            self._count_garbage(line, broken)
            return
        if "method" not in message:
            line.answered(message)
        elif "id" in message:
            self._asked(line, message)
        else:
            self._notified(line, message)

    def _count_garbage(self, line: Line, broken: Broken) -> None:
        """Servers print logs among their answers; one that prints little else speaks no MCP."""
        line.garbage += 1
        if line.garbage > self.limits.stray_lines:
            self._channel.drop()
            self._end(line, broken)

    def _notified(self, line: Line, message: dict[str, Any]) -> None:
        listener = line.hearer(message, self._listener)
        if listener is not None:
            listener.notified(message)

    def _asked(self, line: Line, message: dict[str, Any]) -> None:
        asked = message["id"]
        full = len(line.asked) >= self.limits.questions_open
        if not is_id(asked) or asked in line.asked or full:
            self._count_garbage(line, protocol_broken("holds a request that cannot be answered"))
            return
        call = line.call()
        listener = self._listener if call is None else call.listener
        if call is not None and call.method == DISCOVER:
            # A legacy server may ping before its handshake, which is yet to come.
            call = listener = None
        line.asked[asked] = listener
        self._spawn(self._ask(line, message, listener, call))

    async def _ask(
        self,
        line: Line,
        message: dict[str, Any],
        listener: Listener | None,
        call: Waiting | None,
    ) -> None:
        if listener is None:
            error = {"code": METHOD_NOT_FOUND, "message": "Not offered by this client"}
            reply = {"jsonrpc": "2.0", "id": message["id"]}
            ping = message["method"] == "ping"
            await self._say(line, {**reply, **({"result": {}} if ping else {"error": error})})
            return
        try:
            await listener.asked(message)
        except Broken as broken:
            if call is not None:
                call.fail(broken)

    async def _say(self, line: Line, message: dict[str, Any]) -> None:
        """An answer to the upstream that nobody waits for: its failure changes nothing."""
        if line.over is None:
            line.asked.pop(message["id"], None)
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_ASIDE_S):
                    await self._channel.send(strict_json.dumps(message))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)


def _gone() -> Broken:
    return Broken("MCPX-U01", "The upstream may not be used any more.", over=True)
