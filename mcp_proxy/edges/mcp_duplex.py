"""JSON-RPC over one channel both ways: a child's pipes, or the HTTP+SSE transport of 2024-11-05.

Answers find their request by id. What the upstream says besides goes to the listener of the
request that it belongs to, as far as that can be told, else to whoever hears the upstream.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple, Protocol

from mcp_proxy.core import eras, strict_json
from mcp_proxy.core.limits import Limits
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges.attempts import Broken, Trip
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
HANDSHAKES = frozenset({"server/discover", "initialize"})
_CANCELLED = "notifications/cancelled"
_LISTEN = "subscriptions/listen"
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


class _Waiting(NamedTuple):
    answer: asyncio.Future[dict[str, Any]]
    listener: Listener
    method: str


class _Line:
    """One lifetime of the channel."""

    def __init__(self) -> None:
        self.waiting: dict[int, _Waiting] = {}
        self.asked: dict[int | str, Listener | None] = {}
        self.garbage = 0
        self.over: Broken | None = None
        self.turned: Callable[[Turn], None] | None = None

    def call(self) -> _Waiting | None:
        """The only request in flight that is no subscription."""
        calls = [item for item in self.waiting.values() if item.method != _LISTEN]
        return calls[0] if len(calls) == 1 else None


class DuplexWire:
    """A `Wire` over one `Channel`, which is opened by a handshake."""

    def __init__(self, spec: UpstreamSpec, channel: Channel, limits: Limits) -> None:
        """Opens nothing yet."""
        self.spec = spec
        self.limits = limits
        self.duplex = True
        self._channel = channel
        self._lines: SingleFlight[_Line] = SingleFlight(self._open)
        self._listener: Listener | None = None
        self._asides: set[asyncio.Task[None]] = set()

    async def request(
        self, message: dict[str, Any], headers: Headers, listener: Listener, trip: Trip
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        """See `Wire`."""
        method, request_id = str(message["method"]), int(message["id"])
        line = await self._line(method in HANDSHAKES)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        line.waiting[request_id] = _Waiting(answer, listener, method)
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

    async def _line(self, may_open: bool) -> _Line:
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
        return line

    async def _open(self) -> _Line:
        line = _Line()
        await self._channel.open(
            lambda data: self._received(line, data), lambda broken: self._end(line, broken)
        )
        if line.over is not None:
            raise line.over
        return line

    def _end(self, line: _Line, broken: Broken) -> None:
        """The line is over: every request that waits on it fails, sent as it was."""
        if line.over is not None:
            return
        line.over = broken
        self._lines.forget(line)
        if line.turned is not None:
            line.turned("gone")
        for waiting in line.waiting.values():
            told = Broken(broken.id, broken.why, again="lost", over=True)
            _settle(waiting.answer, told)

    def _received(self, line: _Line, data: bytes) -> None:
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
            _answered(line, message)
        elif "id" in message:
            self._asked(line, message)
        else:
            self._notified(line, message)

    def _count_garbage(self, line: _Line, broken: Broken) -> None:
        """Servers print logs among their answers; one that prints little else speaks no MCP."""
        line.garbage += 1
        if line.garbage > self.limits.stray_lines:
            self._channel.drop()
            self._end(line, broken)

    def _notified(self, line: _Line, message: dict[str, Any]) -> None:
        listener = self._hearer(line, message)
        if listener is not None:
            listener.notified(message)

    def _hearer(self, line: _Line, message: dict[str, Any]) -> Listener | None:
        """Whom a notification is for."""
        params = message.get("params")
        row = params if isinstance(params, dict) else {}
        meta = row.get("_meta")
        named = [row.get("progressToken"), row.get("requestId")]
        named.append(meta.get(eras.SUBSCRIPTION_KEY) if isinstance(meta, dict) else None)
        for request_id in named:
            if type(request_id) is int and request_id in line.waiting:
                return line.waiting[request_id].listener
        if message["method"] == _CANCELLED:
            return line.asked.get(row.get("requestId", "")) or self._listener
        call = line.call()
        if call is not None and (message["method"] == "notifications/message"):
            return call.listener
        return self._listener or (None if call is None else call.listener)

    def _asked(self, line: _Line, message: dict[str, Any]) -> None:
        asked = message["id"]
        known = isinstance(asked, int | str) and not isinstance(asked, bool)
        if not known or asked in line.asked or len(line.asked) >= self.limits.questions_open:
            self._count_garbage(line, protocol_broken("holds a request that cannot be answered"))
            return
        call = line.call()
        listener = self._listener if call is None else call.listener
        line.asked[asked] = listener
        self._spawn(self._ask(line, message, listener, call))

    async def _ask(
        self,
        line: _Line,
        message: dict[str, Any],
        listener: Listener | None,
        call: _Waiting | None,
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
                _settle(call.answer, broken)

    async def _say(self, line: _Line, message: dict[str, Any]) -> None:
        """A message beside the requests: its failure changes nothing."""
        if line.over is None:
            if "method" not in message:
                line.asked.pop(message["id"], None)
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_ASIDE_S):
                    await self._channel.send(strict_json.dumps(message))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)


def _answered(line: _Line, message: dict[str, Any]) -> None:
    """An error may lack the id (JSON-RPC 2.0, 5): then it is that of the only request."""
    answered = message.get("id")
    waiting = None
    if type(answered) is int:
        waiting = line.waiting.get(answered)
    elif answered is None and "error" in message:
        waiting = line.call()
    if waiting is not None and not waiting.answer.done():
        waiting.answer.set_result(message)
        line.garbage = 0


def _settle(answer: asyncio.Future[dict[str, Any]], broken: Broken) -> None:
    if not answer.done():
        answer.set_exception(broken)
        answer.exception()  # whoever waited may have gone, which is no reason for a warning


def _gone() -> Broken:
    return Broken("MCPX-U01", "The upstream may not be used any more.", over=True)
