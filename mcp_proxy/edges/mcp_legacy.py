"""The legacy era (2025-11-25 and earlier): an initialize handshake, then a session."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any

from mcp_proxy.core.answer import Reply
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.mcp_asides import ASIDE_DEADLINE_S
from mcp_proxy.edges.mcp_legacy_call import LegacyCall
from mcp_proxy.edges.mcp_legacy_links import Completions, Links, agreed, read_links
from mcp_proxy.edges.mcp_legacy_session import LegacySession
from mcp_proxy.edges.mcp_legacy_sessions import LegacySessions
from mcp_proxy.edges.mcp_legacy_watch import Subscriptions
from mcp_proxy.edges.mcp_listen import Heard, Wanted
from mcp_proxy.edges.mcp_wire import (
    HEADER_MISMATCH,
    MISSING_CAPABILITY,
    UNSUPPORTED_VERSION,
    Ask,
    GatewayError,
    Halt,
    Hear,
    Wire,
    request_message,
)

# What is wrong with a request is not wrong with its session.
_OF_THE_REQUEST = frozenset({-32601, -32602, -32603})
_MODERN_CODES = frozenset({HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION})
Outcome = dict[str, Any] | Halt


class LegacyEra:
    """Requests to an upstream with sessions; one session, opened at first need."""

    def __init__(self, wire: Wire, ids: Iterator[int]) -> None:
        """`ids` gives each request of the upstream a new one."""
        self._wire = wire
        self._ids = ids
        self._subscriptions = Subscriptions(wire, ids)
        self._completions = Completions()
        self._sessions = LegacySessions(wire, ids, self._notified)

    @property
    def session(self) -> object:
        """What stands for what the upstream has declared: another one with each session."""
        return self._sessions.current()

    async def begin(self, capabilities: Mapping[str, Any] | None = None) -> None:
        """Open the session now; the upstream is told of these capabilities. Raises Broken."""
        await self._sessions.get(capabilities or {})

    async def ask(self, ask: Ask, trip: Trip) -> Outcome:
        """The result of one request, or its questions, in a new session where the old one is gone.

        Raises Broken.
        """
        session = await self._sessions.get(ask.wishes.capabilities)
        try:
            return await self._ask(ask, session, trip)
        except Broken as broken:
            if session.id is None or not _may_be_lost(broken):
                raise
            if broken.status != 404:
                self._sessions.retire(session)
                raise
            self._sessions.forget(session)
        # 404 for a session means that the request was not processed: once more is safe. A tool may
        # be another one in a new session, so its call is decided again first (S16).
        if ask.method == "tools/call":
            text = "The upstream's session has ended; the call was not made. Make it again."
            raise Broken("MCPX-U01", text, status=404, renewed=True)
        return await self._ask(ask, await self._sessions.get(ask.wishes.capabilities), trip)

    async def listen(self, wanted: Wanted, ready: Callable[[], None], heard: Heard) -> None:
        """Hear changes until the session ends, or may have kept some from us. Raises Broken."""
        session = await self._sessions.listening()
        try:
            await self._subscriptions.listen(session, wanted, ready, heard)
        except Broken as broken:
            if session.id is None or broken.status != 404:
                raise
            self._sessions.forget(session)

    def roots_changed(self) -> None:
        """The client's roots are others now: told to a session that was promised to hear it."""
        self._sessions.roots_changed()

    def is_over(self, broken: Broken) -> bool:
        """Whether a failure says that the upstream is of another era now, or another process."""
        if isinstance(broken, GatewayError):
            return broken.code in _MODERN_CODES
        return broken.over

    async def close(self) -> None:
        """Give up what still runs and end the session, as far as a second allows."""
        await self._subscriptions.close()
        await self._sessions.close()

    def _notified(self, message: dict[str, Any]) -> None:
        self._completions.notified(message)
        self._subscriptions.notified(message)

    async def _ask(self, ask: Ask, session: LegacySession, trip: Trip) -> Outcome:
        await self._set_level(ask, session)
        call = LegacyCall(ask, next(self._ids), session, self._wire, self._sessions.asides)
        return await self._or_links(ask, call.run(trip))

    async def _or_links(self, ask: Ask, work: Awaitable[Outcome]) -> Outcome:
        """What `work` gives, or the pages that have to be opened before it can give anything."""
        try:
            outcome = await work
        except GatewayError as error:
            links = read_links(error, ask, self._wire.limits)
            if links is None:
                raise
            self._completions.expect(links.asked)

            async def drop() -> None:
                self._completions.forget(links.asked)

            return Halt(links.asked, partial(self._after_links, ask, links), drop)
        if isinstance(outcome, Halt):
            return outcome._replace(resume=partial(self._resume, ask, outcome))
        return outcome

    async def _resume(
        self, ask: Ask, halt: Halt, replies: Mapping[str, Reply], hear: Hear, trip: Trip
    ) -> Outcome:
        ask = ask._replace(hear=hear)
        return await self._or_links(ask, halt.resume(replies, hear, trip))

    async def _after_links(
        self, ask: Ask, links: Links, replies: Mapping[str, Reply], hear: Hear, trip: Trip
    ) -> Outcome:
        """The request once more; the person has half of its time for the pages."""
        asked = links.asked
        try:
            if not agreed(asked, replies):
                raise links.error
            await self._completions.wait(asked, trip.remaining_s() / 2)
        finally:
            self._completions.forget(asked)
        return await self.ask(ask._replace(hear=hear), trip)

    async def _set_level(self, ask: Ask, session: LegacySession) -> None:
        """logging/setLevel, where the client's wish is another one; its failure changes nothing."""
        level, named = ask.wishes.log_level, "logging" in self._wire.spec.features
        if not named or level is None or level == session.level or "logging" not in session.offers:
            return
        session.level = level
        message = request_message(next(self._ids), "logging/setLevel", {"level": level})
        with contextlib.suppress(Broken, TimeoutError):
            async with asyncio.timeout(ASIDE_DEADLINE_S):
                trip = Trip(ASIDE_DEADLINE_S)
                await self._wire.request(message, session.headers(), session, trip)


def _may_be_lost(broken: Broken) -> bool:
    """Whether a session may be the reason: 404 says so, 400 is what some servers answer."""
    if isinstance(broken, GatewayError) and broken.code in _OF_THE_REQUEST:
        return broken.status == 404
    return broken.status in (400, 404)
