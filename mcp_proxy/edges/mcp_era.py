"""Which era an upstream speaks: found by its first answer, kept for as long as it holds."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from mcp_proxy.core.answer import Reply
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.mcp_input import check_kind
from mcp_proxy.edges.mcp_legacy import LegacyEra
from mcp_proxy.edges.mcp_listen import Heard, Wanted
from mcp_proxy.edges.mcp_modern import ModernEra
from mcp_proxy.edges.mcp_probe import is_modern
from mcp_proxy.edges.mcp_wire import (
    UNSUPPORTED_VERSION,
    Ask,
    GatewayError,
    Halt,
    Hear,
    Wire,
)
from mcp_proxy.edges.refusals import protocol_broken
from mcp_proxy.edges.single_flight import SingleFlight

Era = ModernEra | LegacyEra
Outcome = dict[str, Any] | Halt

# How a server of 2024-11-05 refuses a POST to its stream's address.
_NOT_FOR_POST = frozenset({400, 404, 405})


class Gateway:
    """One MCP upstream, whichever era it speaks and whatever carries its messages."""

    def __init__(self, wire: Wire, older: Callable[[], Wire] | None = None) -> None:
        """Opens nothing yet. `older` makes the wire for a server that `wire` cannot reach."""
        self._wire = wire
        self._make_older = older
        self._older: Wire | None = None
        self._ids = itertools.count(1)
        self._era: SingleFlight[Era] = SingleFlight(self._find)
        self._capabilities: dict[str, Any] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @property
    def session(self) -> object:
        """Another object once what the upstream has declared may not hold any more.

        Before the first answer there is nothing that could hold: then it is another one each time.
        """
        era = self._era.found()
        return object() if era is None else era.session

    async def ask(self, ask: Ask, trip: Trip) -> Outcome:
        """The result of one request, or its questions. Raises Broken, CredentialError."""
        # A legacy session is told at its beginning what its client can.
        self._capabilities = ask.wishes.capabilities
        era = await self._era.get()
        try:
            return await self._in_era(era, era.ask(ask, trip))
        except GatewayError as error:
            if error.code != UNSUPPORTED_VERSION:
                raise
            # Refused for its version, so not processed: once more is safe, in another era.
            found = await self._era.get()
            if type(found) is type(era):
                raise
        return await self._in_era(found, found.ask(ask, trip))

    async def fetch(self, ask: Ask, trip: Trip) -> dict[str, Any]:
        """The same for a request that nothing may be asked about. Raises Broken."""
        outcome = await self.ask(ask, trip)
        if isinstance(outcome, Halt):
            await outcome.drop()
            raise protocol_broken("asks for what was not offered to it")
        check_kind(outcome, may_be_task=False)
        return outcome

    async def listen(self, wanted: Wanted, ready: Callable[[], None], heard: Heard) -> None:
        """Hear changes until the stream ends. Raises Broken, CredentialError."""
        era = await self._era.get()
        try:
            await era.listen(wanted, ready, heard)
        except Broken as broken:
            if not era.is_over(broken):
                raise
            self._retire(era)
            if broken.over:
                return
            if type(await self._era.get()) is type(era):
                raise  # it is not the era: there is no such stream

    def roots_changed(self) -> None:
        """The client's roots are others now; who wants to know hears of it."""
        era = self._era.found()
        if era is not None:
            era.roots_changed()

    async def close(self) -> None:
        """End a legacy session and close the connections."""
        self._is_closed = True
        era = self._era.found()
        await self._era.close()
        if era is not None:
            await era.close()
        if self._ending:
            await asyncio.wait(self._ending)
        await self._wire.close()
        if self._older is not None:
            await self._older.close()

    def drop(self) -> None:
        """End what was started at once, where `close` has no more time. Never raises."""
        self._wire.drop()

    async def _in_era(self, era: Era, work: Awaitable[Outcome]) -> Outcome:
        try:
            outcome = await work
        except Broken as broken:
            if era.is_over(broken):
                self._retire(era)
            raise
        if isinstance(outcome, Halt):
            return outcome._replace(resume=partial(self._resume, era, outcome))
        return outcome

    async def _resume(
        self, era: Era, halt: Halt, replies: Mapping[str, Reply], hear: Hear, trip: Trip
    ) -> Outcome:
        return await self._in_era(era, halt.resume(replies, hear, trip))

    def _retire(self, era: Era) -> None:
        """Another search at the next need; whatever the era holds is let go."""
        if self._era.found() is era:
            self._era.forget(era)
            ending = asyncio.create_task(era.close())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _find(self) -> Era:
        if self._is_closed:
            raise Broken("MCPX-U01", "The connection to the upstream was closed.")
        deadline_s = self._wire.spec.deadline_ms / 1000
        try:
            async with asyncio.timeout(deadline_s):
                return await self._modern(Trip(deadline_s)) or await self._legacy()
        except TimeoutError:
            text = (
                f"The upstream did not tell its protocol version within {deadline_s:.3g} seconds."
            )
            raise Broken("MCPX-U02", text) from None

    async def _modern(self, trip: Trip) -> ModernEra | None:
        era = ModernEra(self._wire, self._ids)
        if await is_modern(era, self._wire, trip):
            return era
        await era.close()
        return None

    async def _legacy(self) -> LegacyEra:
        if self._make_older is None:
            return LegacyEra(self._wire, self._ids)
        try:
            return await self._begun(self._wire)
        except Broken as broken:
            if broken.status not in _NOT_FOR_POST:
                raise
            return await self._begun_older(self._make_older, broken)

    async def _begun_older(self, make: Callable[[], Wire], refused: Broken) -> LegacyEra:
        if self._older is not None:
            await self._older.close()
        self._older = make()
        try:
            return await self._begun(self._older)
        except Broken:
            await self._older.close()
            raise refused from None

    async def _begun(self, wire: Wire) -> LegacyEra:
        era = LegacyEra(wire, self._ids)
        try:
            await era.begin(self._capabilities)
        except BaseException:
            await era.close()
            raise
        return era
