"""The modern era (2026-07-28 and later): no session, each request describes itself."""

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from mcp_proxy.core import eras, trace_context
from mcp_proxy.core.answer import Reply, Wishes
from mcp_proxy.core.mcp_headers import name_header
from mcp_proxy.core.wishes import TASKS
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.mcp_asides import Asides
from mcp_proxy.edges.mcp_input import Needed, more_params, read_needed
from mcp_proxy.edges.mcp_listen import Heard, ListenStream, Wanted
from mcp_proxy.edges.mcp_wire import (
    HEADER_MISMATCH,
    UNSUPPORTED_VERSION,
    Ask,
    GatewayError,
    Halt,
    Headers,
    Hear,
    Listener,
    Wire,
    request_message,
    silent,
)
from mcp_proxy.edges.refusals import protocol_broken

_ROUND_PAUSE_S = 0.05
_ROUND_PAUSE_MAX_S = 0.25
DISCOVER = "server/discover"
_DECLARED_OTHERWISE = "It seems to declare the call otherwise than it did for the profile."


class ModernEra:
    """Requests to a gateway that needs no handshake. Cancelling one closes its stream."""

    def __init__(self, wire: Wire, ids: Iterator[int]) -> None:
        """`ids` gives each request of the upstream a new one."""
        self._wire = wire
        self._ids = ids
        self._asides = Asides(wire)
        self._epoch = object()

    @property
    def session(self) -> object:
        """What stands for what the gateway has declared: another one once that has changed."""
        return self._epoch

    async def ask(self, ask: Ask, trip: Trip) -> dict[str, Any] | Halt:
        """The result of one request, or its questions. Raises Broken."""
        result = await self._send(ask, {}, trip)
        return await self._settled(ask, result, trip)

    async def listen(self, wanted: Wanted, ready: Callable[[], None], heard: Heard) -> None:
        """Hear changes until the gateway ends the stream; `ready` once it has begun it.

        Raises Broken.
        """
        wishes = Wishes({"extensions": {TASKS: {}}} if wanted.task_ids else {})
        ask = Ask("subscriptions/listen", wanted.filter(), None, (), wishes, silent)
        request_id = next(self._ids)
        stream = ListenStream(request_id, wanted, self._wire.limits, ready, heard)
        await self._request(ask, request_id, stream, Trip(math.inf))

    def roots_changed(self) -> None:
        """Nothing is said of it in this era: who needs the roots asks for them."""

    def is_over(self, broken: Broken) -> bool:
        """Whether the gateway may be of another era now, or have been started anew."""
        if isinstance(broken, GatewayError):
            return broken.code == UNSUPPORTED_VERSION
        return broken.over or broken.status in (400, 404, 405)

    async def close(self) -> None:
        """Nothing is held but what is being said."""
        await self._asides.close()

    async def _settled(self, ask: Ask, result: dict[str, Any], trip: Trip) -> dict[str, Any] | Halt:
        """The same, of a first result: rounds that ask nothing are gone through here."""
        limits = self._wire.limits
        for done in range(limits.rounds):
            if result.get("resultType") != "input_required":
                return result
            needed = read_needed(result, ask, limits)
            if needed.asked:
                return Halt(needed.asked, partial(self._resume, ask, needed), _nothing)
            await asyncio.sleep(min(_ROUND_PAUSE_S * 2**done, _ROUND_PAUSE_MAX_S))
            result = await self._send_more(ask, more_params(needed, {}), trip)
        raise protocol_broken(f"has put off the call more than {limits.rounds} times")

    async def _resume(
        self, ask: Ask, needed: Needed, replies: Mapping[str, Reply], hear: Hear, trip: Trip
    ) -> dict[str, Any] | Halt:
        ask = ask._replace(hear=hear)
        result = await self._send_more(ask, more_params(needed, replies), trip)
        return await self._settled(ask, result, trip)

    async def _send_more(self, ask: Ask, more: dict[str, Any], trip: Trip) -> dict[str, Any]:
        try:
            return await self._send(ask, more, trip)
        except Broken as broken:
            # Again would mean from the beginning, and an answer to that has come already.
            broken.again = "never"
            raise

    async def _send(self, ask: Ask, more: dict[str, Any], trip: Trip) -> dict[str, Any]:
        request_id = next(self._ids)
        listener = _ModernListener(ask, request_id)
        ask = ask._replace(params={**ask.params, **more})
        return await self._request(ask, request_id, listener, trip)

    async def _request(
        self, ask: Ask, request_id: int, listener: Listener, trip: Trip
    ) -> dict[str, Any]:
        params = {**ask.params, "_meta": self._meta(ask, request_id)}
        message = request_message(request_id, ask.method, params)
        try:
            result, _ = await self._wire.request(message, _headers(ask), listener, trip)
        except asyncio.CancelledError:
            # Whoever does not answer the probe does not know this era's notifications either.
            if self._wire.duplex and trip.sent != "no" and ask.method != DISCOVER:
                self._asides.cancelled(request_id, ())
            raise
        except GatewayError as error:
            if error.code == HEADER_MISMATCH:
                # Header maps come from the profile alone (S16): asking again would not help.
                self._epoch = object()
                error.why = f"{error.why.rstrip('.')}. {_DECLARED_OTHERWISE}"
            raise
        return result

    def _meta(self, ask: Ask, request_id: int) -> dict[str, Any]:
        features, wishes = self._wire.spec.features, ask.wishes
        meta: dict[str, Any] = {
            **trace_context.meta(wishes.trace),
            eras.VERSION_KEY: eras.MODERN,
            eras.CAPABILITIES_KEY: wishes.capabilities,
            eras.CLIENT_KEY: eras.SERVER_INFO,
        }
        if wishes.progress and "progress" in features:
            meta["progressToken"] = request_id
        if wishes.log_level is not None and "logging" in features:
            meta[eras.LOG_LEVEL_KEY] = wishes.log_level
        return meta


class _ModernListener:
    """Hands notifications on; a request of the server breaks the protocol of this era."""

    def __init__(self, ask: Ask, request_id: int) -> None:
        self._ask = ask
        self._id = request_id

    def notified(self, message: dict[str, Any]) -> None:
        self._ask.hear(message, self._id)

    async def asked(self, message: dict[str, Any]) -> None:
        raise protocol_broken("holds a request, which this protocol version forbids")


def _headers(ask: Ask) -> Headers:
    own = (("MCP-Protocol-Version", eras.MODERN), ("Mcp-Method", ask.method))
    name = () if ask.name is None else (name_header(ask.name),)
    return trace_context.with_headers((*own, *name, *ask.headers), ask.wishes.trace)


async def _nothing() -> None:
    """Between two legs a modern gateway holds nothing for us that we could let go."""
