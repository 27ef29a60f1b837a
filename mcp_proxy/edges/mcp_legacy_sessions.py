"""The sessions of a legacy upstream, one at a time: opened at need, told of more, ended."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from mcp_proxy.core import eras
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.mcp_asides import ASIDE_DEADLINE_S, Asides
from mcp_proxy.edges.mcp_legacy_session import LegacySession
from mcp_proxy.edges.mcp_wire import Turn, Wire, request_message
from mcp_proxy.edges.refusals import protocol_broken
from mcp_proxy.edges.single_flight import SingleFlight

_SESSION_ID_CHARS = 1024
# What may be said outside of a call's own stream; only where the profile names it (S14).
_SAID_ASIDE = frozenset({"elicitation", "sampling", "roots", "logging"})


class LegacySessions:
    """Holds the session of now."""

    def __init__(
        self, wire: Wire, ids: Iterator[int], hear: Callable[[dict[str, Any]], None]
    ) -> None:
        """Opens nothing yet. `hear` gets the notifications that are for no call."""
        self.asides = Asides(wire)
        self._wire = wire
        self._ids = ids
        self._hear = hear
        self._session = SingleFlight(self._open_in_time)
        self._declared: dict[str, Any] = {}
        self._listening = not _SAID_ASIDE.isdisjoint(wire.spec.features)
        self._retired: list[LegacySession] = []
        self._before = object()

    def current(self) -> object:
        """The session of now, or what stands for none."""
        return self._session.found() or self._before

    async def get(self, capabilities: Mapping[str, Any]) -> LegacySession:
        """A session whose upstream was told of these. Raises Broken.

        What one request did not declare another may: then the session is opened anew, once for
        each kind. Over one channel that would end the calls of others, so not while there are any.
        """
        self._declared = _merged(self._declared, capabilities)
        session = await self._session.get()
        if _includes(session.declared, capabilities) or (self._wire.duplex and session.calls):
            return session
        self.retire(session)
        return await self._session.get()

    async def listening(self) -> LegacySession:
        """The same, with the stream for what the upstream says by itself. Raises Broken."""
        self._listening = True
        session = await self._session.get()
        if not session.listening:
            await self._attend(session)
        return session

    def forget(self, session: LegacySession) -> None:
        """It cannot be used any more."""
        self._session.forget(session)
        session.lapse.set()

    def retire(self, session: LegacySession) -> None:
        """Another one is opened at the next need; it is ended once no call runs in it."""
        if self._session.found() is session:
            self.forget(session)
            self._retired.append(session)

    def roots_changed(self) -> None:
        """Tell the session, if it was promised to hear of it."""
        session = self._session.found()
        roots = None if session is None else session.declared.get("roots")
        if session is not None and isinstance(roots, dict) and roots.get("listChanged"):
            note = {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}
            self.asides.say(note, session.headers())

    async def close(self) -> None:
        """Give up what runs, and end all, as far as a second allows."""
        found = self._session.found()
        await self._session.close()
        sessions = self._retired if found is None else [*self._retired, found]
        for session in sessions:
            session.lapse.set()
            for call in list(session.calls.values()):
                await call.drop()
        await self.asides.close()
        for session in sessions:
            await self._leave(session)

    async def _open_in_time(self) -> LegacySession:
        deadline_s = self._wire.spec.deadline_ms / 1000
        await self._sweep()
        try:
            async with asyncio.timeout(deadline_s):
                return await self._open(Trip(deadline_s))
        except TimeoutError:
            text = f"The upstream did not open a session within {deadline_s:.3g} seconds."
            raise Broken("MCPX-U02", text) from None

    async def _open(self, trip: Trip) -> LegacySession:
        session = LegacySession(self._declared, self._wire.limits, self.asides, self._hear)
        self._wire.hear(session)
        params = {
            "protocolVersion": eras.LEGACY[0],
            "capabilities": session.declared,
            "clientInfo": eras.SERVER_INFO,
        }
        message = request_message(next(self._ids), "initialize", params)
        result, replied = await self._wire.request(message, (), session, trip)
        version = result.get("protocolVersion")
        if version not in eras.LEGACY:
            raise protocol_broken("names a protocol version that is not known here")
        session_id = _session_id(replied.get("mcp-session-id"))
        session.opened(str(version), session_id, result.get("capabilities"))
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        try:
            await self._wire.notify(ready, session.headers(), trip)
            await self._attend(session)
        except BaseException:
            await self._leave(session)
            raise
        return session

    async def _attend(self, session: LegacySession) -> None:
        session.listening = self._listening
        turned = partial(self._turned, session)
        await self._wire.attend(session.headers(), turned, listening=self._listening)

    def _turned(self, session: LegacySession, turn: Turn) -> None:
        if turn == "gone":
            session.gone = True
            self.forget(session)
        else:
            session.lapse.set()
            session.lapse = asyncio.Event()

    async def _sweep(self) -> None:
        """End the sessions that were given up, once no call runs in them."""
        for session in [item for item in self._retired if not item.calls]:
            self._retired.remove(session)
            await self._leave(session)
            if self._wire.duplex:
                await self._wire.close()

    async def _leave(self, session: LegacySession) -> None:
        """Its failure changes nothing: what it served is over."""
        session.gone = True
        if session.id is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(ASIDE_DEADLINE_S):
                    await self._wire.leave(session.headers(), Trip(ASIDE_DEADLINE_S))


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _merged(one[key], value)
        for key, value in other.items()
        if isinstance(value, dict) and isinstance(one.get(key), dict)
    }
    return {**one, **other, **both}


def _includes(declared: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    for key, value in wanted.items():
        found = declared.get(key)
        if isinstance(value, dict):
            if not isinstance(found, dict) or not _includes(found, value):
                return False
        elif key not in declared:
            return False
    return True


def _session_id(value: str | None) -> str | None:
    """The id as the server gave it: visible ASCII (2025-11-25, Session Management), bounded."""
    if value is None:
        return None
    if not 0 < len(value) <= _SESSION_ID_CHARS or not all("!" <= char <= "~" for char in value):
        raise protocol_broken("names a session with characters that are not allowed")
    return value
