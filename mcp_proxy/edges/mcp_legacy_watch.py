"""What a legacy upstream says of itself between calls: list changes, and resources subscribed to.

Nothing is opened for it but the session and its stream; a resource takes a request of its own.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.mcp_asides import ASIDE_DEADLINE_S
from mcp_proxy.edges.mcp_legacy_session import LegacySession
from mcp_proxy.edges.mcp_listen import Heard, Wanted, read_change
from mcp_proxy.edges.mcp_wire import GatewayError, Wire, request_message


class _Listen(NamedTuple):
    session: LegacySession
    wanted: Wanted
    heard: Heard


class Subscriptions:
    """Whoever listens, each until its session lapses; a resource is subscribed to once."""

    def __init__(self, wire: Wire, ids: Iterator[int]) -> None:
        """Nobody listens yet."""
        self._wire = wire
        self._ids = ids
        self._listens: list[_Listen] = []
        self._partings: set[asyncio.Task[None]] = set()

    def notified(self, message: dict[str, Any]) -> None:
        """A notification that is for no call."""
        for listen in list(self._listens):
            change = read_change(message, listen.wanted, self._wire.limits)
            if change is not None:
                listen.heard(change)

    async def listen(
        self, session: LegacySession, wanted: Wanted, ready: Callable[[], None], heard: Heard
    ) -> None:
        """Hear changes until the session lapses. Raises Broken."""
        lapse, others = session.lapse, self._uris(session)
        listen = _Listen(session, wanted, heard)
        self._listens.append(listen)
        try:
            for uri in sorted(wanted.uris - others):
                await self._subscribe(session, uri)
            ready()
            await lapse.wait()
        finally:
            self._listens = [item for item in self._listens if item is not listen]
            self._part(session, wanted.uris - self._uris(session))

    async def close(self) -> None:
        """Wait for what is being said."""
        if self._partings:
            await asyncio.wait(self._partings)

    def _uris(self, session: LegacySession) -> frozenset[str]:
        mine = (item.wanted.uris for item in self._listens if item.session is session)
        return frozenset().union(*mine)

    async def _subscribe(self, session: LegacySession, uri: str) -> None:
        """An upstream that refuses one resource may tell of the others."""
        if _takes_subscriptions(session):
            with contextlib.suppress(GatewayError):
                deadline_s = self._wire.spec.deadline_ms / 1000
                async with asyncio.timeout(deadline_s):
                    await self._say("resources/subscribe", session, uri, deadline_s)

    def _part(self, session: LegacySession, uris: frozenset[str]) -> None:
        if uris and not session.lapse.is_set() and _takes_subscriptions(session):
            task = asyncio.create_task(self._unsubscribe(session, sorted(uris)))
            self._partings.add(task)
            task.add_done_callback(self._partings.discard)

    async def _unsubscribe(self, session: LegacySession, uris: list[str]) -> None:
        with contextlib.suppress(Broken, TimeoutError):
            async with asyncio.timeout(ASIDE_DEADLINE_S):
                for uri in uris:
                    await self._say("resources/unsubscribe", session, uri, ASIDE_DEADLINE_S)

    async def _say(self, method: str, session: LegacySession, uri: str, deadline_s: float) -> None:
        message = request_message(next(self._ids), method, {"uri": uri})
        await self._wire.request(message, session.headers(), session, Trip(deadline_s))


def _takes_subscriptions(session: LegacySession) -> bool:
    resources = session.offers.get("resources")
    return isinstance(resources, dict) and resources.get("subscribe") is True
