"""The legacy era (2025-11-25 and earlier): an initialize handshake, then a session."""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from typing import Any, NamedTuple

from mcp_proxy.core import eras
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.mcp_wire import (
    HEADER_MISMATCH,
    METHOD_NOT_FOUND,
    MISSING_CAPABILITY,
    UNSUPPORTED_VERSION,
    Ask,
    GatewayError,
    Halt,
    Headers,
    Wire,
    request_message,
)
from mcp_proxy.edges.refusals import protocol_broken
from mcp_proxy.edges.single_flight import SingleFlight

ASIDE_DEADLINE_S = 1.0
_SESSION_ID_CHARS = 1024
# A server that asks more than this at once is not waiting for answers.
_ASIDES = 64
_MODERN_CODES = frozenset({HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION})


class LegacySession(NamedTuple):
    """What later requests carry: the version agreed, and the session's id if there is one."""

    version: str
    id: str | None

    def headers(self) -> Headers:
        """Mcp-Session-Id, and MCP-Protocol-Version from 2025-06-18 on."""
        version = (("MCP-Protocol-Version", self.version),) if self.version >= "2025-06-18" else ()
        return version if self.id is None else (("Mcp-Session-Id", self.id), *version)


class LegacyEra:
    """Requests to a gateway with sessions; one session, opened at first need."""

    def __init__(self, wire: Wire, ids: Iterator[int]) -> None:
        """`ids` gives each request of the upstream a new one."""
        self._wire = wire
        self._ids = ids
        self._session = SingleFlight(self._open)
        self._asides: set[asyncio.Task[None]] = set()

    async def ask(self, ask: Ask, trip: Trip) -> dict[str, Any] | Halt:
        """The result of one request, in a new session where the old one is gone. Raises Broken."""
        session = await self._session.get()
        try:
            return await self._ask(ask, session, trip)
        except Broken as broken:
            if session.id is None or broken.status not in (400, 404):
                raise
            self._session.forget(session)
            if broken.status == 400:
                raise
        # 404 for a session means that the request was not processed: once more is safe.
        return await self._ask(ask, await self._session.get(), trip)

    def is_over(self, broken: Broken) -> bool:
        """Whether a failure says that the gateway is of another era now."""
        return isinstance(broken, GatewayError) and broken.code in _MODERN_CODES

    async def close(self) -> None:
        """End the session, as far as that is possible within a second."""
        if self._asides:
            await asyncio.wait(self._asides)
        session = self._session.found()
        await self._session.close()
        if session is not None and session.id is not None:
            await _best_effort(self._end(session))

    async def _open(self) -> LegacySession:
        trip = Trip(self._wire.spec.deadline_ms / 1000)
        params = {
            "protocolVersion": eras.LEGACY[0],
            "capabilities": {},
            "clientInfo": eras.SERVER_INFO,
        }
        message = request_message(next(self._ids), "initialize", params)
        listener = _LegacyListener(self, None, message["id"], ())
        result, answered = await self._wire.request(message, (), listener, trip)
        version = result.get("protocolVersion")
        if version not in eras.LEGACY:
            raise protocol_broken("names a protocol version that is not known here")
        session = LegacySession(str(version), _session_id(answered.get("mcp-session-id")))
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await self._wire.notify(ready, session.headers(), trip)
        return session

    async def _ask(self, ask: Ask, session: LegacySession, trip: Trip) -> dict[str, Any]:
        request_id = next(self._ids)
        wanted = ask.wishes.progress and "progress" in self._wire.spec.features
        meta = {"_meta": {"progressToken": request_id}} if wanted else {}
        message = request_message(request_id, ask.method, {**ask.params, **meta})
        headers = session.headers()
        listener = _LegacyListener(self, ask, request_id, headers)
        try:
            result, _ = await self._wire.request(message, headers, listener, trip)
        except asyncio.CancelledError:
            # Here a closed connection is no cancellation: it has to be said.
            if trip.sent != "no":
                self.aside(_cancelled(request_id), headers)
            raise
        return result

    def aside(self, message: dict[str, Any], headers: Headers) -> None:
        """POST a message beside the calls, with little patience and whatever comes of it."""
        if len(self._asides) >= _ASIDES:
            return
        trip = Trip(ASIDE_DEADLINE_S)
        post = _best_effort(self._wire.notify(message, headers, trip))
        task = asyncio.create_task(post)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)

    async def _end(self, session: LegacySession) -> None:
        trip = Trip(ASIDE_DEADLINE_S)
        await self._wire.leave(session.headers(), trip)


class _LegacyListener:
    """Hands notifications on, and answers what a server may ask: ping with {}, else unknown."""

    def __init__(
        self,
        era: LegacyEra,
        ask: Ask | None,
        request_id: int,
        headers: Headers,
    ) -> None:
        self._era = era
        self._ask = ask
        self._id = request_id
        self._headers = headers

    def notified(self, message: dict[str, Any]) -> None:
        if self._ask is not None:
            self._ask.hear(message, self._id)

    async def asked(self, message: dict[str, Any]) -> None:
        answered = message["id"]
        if isinstance(answered, bool) or not isinstance(answered, (int, str)):
            raise protocol_broken("holds a request without a proper id")
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": answered}
        if message["method"] == "ping":
            reply["result"] = {}
        else:
            reply["error"] = {"code": METHOD_NOT_FOUND, "message": "Not offered by this client"}
        self._era.aside(reply, self._headers)


async def _best_effort(work: Coroutine[Any, Any, None]) -> None:
    """Give `work` a second. Its failure changes nothing: the call it serves is over or goes on."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(ASIDE_DEADLINE_S):
            await work


def _cancelled(request_id: int) -> dict[str, Any]:
    params = {"requestId": request_id, "reason": "cancelled by the client"}
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}


def _session_id(value: str | None) -> str | None:
    """The id as the server gave it: visible ASCII (2025-11-25, Session Management), bounded."""
    if value is None:
        return None
    if not 0 < len(value) <= _SESSION_ID_CHARS or not all("!" <= char <= "~" for char in value):
        raise protocol_broken("names a session with characters that are not allowed")
    return value
