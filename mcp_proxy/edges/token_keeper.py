"""Keeps the access tokens of one profile's logins: read once, renewed ahead of their end.

Calls never wait for a renewal while the token still holds, and all that wait, wait for the same
one. Between processes the lock of `edges.token_renewal` decides; none is held while a call goes.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from mcp_proxy.core.authorization import Authorization
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges.shared_work import shared
from mcp_proxy.edges.token_renewal import Held, Renewals
from mcp_proxy.errors import CredentialError, McpProxyError

# Longer than a server needs. A person who logs in meanwhile may take minutes.
_WAIT_S = 15.0
# A token that was sent and not answered is lost, and the login with it.
_CLOSE_S = 10.0
_REFUSALS_A_MINUTE = 3
_PAUSE_FIRST_S = 2.0
_PAUSE_MAX_S = 60.0
# What is over, locked or another's asks no server, so that the next call may look at once.
_UNPAUSED = frozenset({"MCPX-C02", "MCPX-C03", "MCPX-C04", "MCPX-C05", "MCPX-C09"})


class Pause(NamedTuple):
    """After a renewal that failed and may succeed later: none for `wait_s` from `since_s` on."""

    since_s: float
    wait_s: float
    error: McpProxyError

    def holds(self, now_s: float) -> bool:
        """Whether it goes on; it does not outlive a clock that is set back."""
        return self.since_s <= now_s < self.since_s + self.wait_s

    def again(self) -> McpProxyError:
        """Its error, without the traces of those that it was raised to before."""
        return self.error.with_traceback(None)


class TokenKeeper:
    """Fills `edges.authorizer.Keeper`."""

    def __init__(self, renewals: Renewals, now_s: Callable[[], float]) -> None:
        """Reads nothing yet; `now_s` gives seconds of the epoch."""
        self._renewals = renewals
        self._now_s = now_s
        self._turn = 0
        self._held: dict[UpstreamSpec, Held] = {}
        self._pauses: dict[UpstreamSpec, Pause] = {}
        self._reads: dict[UpstreamSpec, asyncio.Future[Held]] = {}
        self._flights: dict[UpstreamSpec, asyncio.Future[Held]] = {}
        self._refusals: dict[UpstreamSpec, list[float]] = {}
        self._open: dict[asyncio.Future[Held], UpstreamSpec] = {}

    async def authorization(self, spec: UpstreamSpec) -> Authorization:
        """The access token in force.

        Raises:
            CredentialError: C02 no answer, C03 another profile's, C05 a login is required,
                C08 the server gives none now, C09 the sealed file cannot be read.
        """
        held = self._held.get(spec) or await self._read(spec)
        now_s = self._now_s()
        if now_s < held.renewal_s:
            return held.authorization
        pause = self._pauses.get(spec)
        if pause is not None and pause.holds(now_s):
            if now_s >= held.end_s:
                raise pause.again()
        elif now_s < held.end_s:
            self._flight(spec, held, is_refused=False)
        else:
            held = await self._landed(spec, self._flight(spec, held, is_refused=False))
        return held.authorization

    async def renewed(self, spec: UpstreamSpec, used: Authorization) -> Authorization | None:
        """Another access token than the one `used`, which the upstream answered 401; None for none.

        Raises:
            CredentialError: as `authorization`.
        """
        held = self._held.get(spec) or await self._read(spec)
        if held.authorization == used:
            pause = self._pauses.get(spec)
            if pause is not None and pause.holds(self._now_s()):
                raise pause.again()
            if spec not in self._flights and not self._may_renew(spec):
                return None
            held = await self._landed(spec, self._flight(spec, held, is_refused=True))
        return None if held.authorization == used else held.authorization

    def forget(self) -> None:
        """Read the logins again at the next request (S6); what is under way goes on."""
        self._turn += 1
        for held in (self._held, self._pauses, self._reads, self._flights):
            held.clear()
        self._renewals.forget()

    async def close(self) -> None:
        """Wait for the renewals under way, for a bounded time; none begins from now on."""
        self._renewals.stop()
        waiting = [flight for flight, spec in self._open.items() if self._is_sent(spec)]
        if waiting:
            await asyncio.wait(waiting, timeout=_CLOSE_S)

    def _may_renew(self, spec: UpstreamSpec) -> bool:
        """A server that refuses each new token too is not to have one fetched for each call."""
        now_s = self._now_s()
        recent = [then_s for then_s in self._refusals.get(spec, ()) if now_s - 60 < then_s <= now_s]
        if len(recent) >= _REFUSALS_A_MINUTE:
            return False
        self._refusals[spec] = [*recent, now_s]
        return True

    def _is_sent(self, spec: UpstreamSpec) -> bool:
        return spec in self._renewals.under_way

    async def _read(self, spec: UpstreamSpec) -> Held:
        turn = self._turn
        # Shielded: a cancelled call must not take the answer away from those that wait too.
        work = partial(_told, partial(self._renewals.read, spec))
        held = await asyncio.shield(shared(self._reads, spec, work))
        if turn == self._turn:
            self._reads.pop(spec, None)
            held = self._held.setdefault(spec, held)
        return held

    def _flight(self, spec: UpstreamSpec, old: Held, *, is_refused: bool) -> asyncio.Future[Held]:
        """The renewal that is under way, or one that begins now."""
        running = self._flights.get(spec)
        if running is None:
            work = partial(_told, partial(self._renewals.renew, spec, old, is_refused=is_refused))
            running = shared(self._flights, spec, work)
            self._open[running] = spec
            running.add_done_callback(partial(self._land, spec, self._turn))
        return running

    def _land(self, spec: UpstreamSpec, turn: int, flight: asyncio.Future[Held]) -> None:
        del self._open[flight]
        error = flight.exception()
        if turn != self._turn:
            return
        self._flights.pop(spec, None)
        if error is None:
            self._held[spec] = flight.result()
            self._pauses.pop(spec, None)
        elif isinstance(error, McpProxyError) and error.id not in _UNPAUSED:
            self._pause(spec, error)
        else:
            self._held.pop(spec, None)

    def _pause(self, spec: UpstreamSpec, error: McpProxyError) -> None:
        last = self._pauses.get(spec)
        wait_s = _PAUSE_FIRST_S if last is None else min(2 * last.wait_s, _PAUSE_MAX_S)
        self._pauses[spec] = Pause(self._now_s(), wait_s, error)

    async def _landed(self, spec: UpstreamSpec, flight: asyncio.Future[Held]) -> Held:
        try:
            async with asyncio.timeout(_WAIT_S):
                return await asyncio.shield(flight)
        except TimeoutError:
            name = "" if spec.auth is None else spec.auth.credential
            why = f"The login of {name} is being renewed, or made anew, by another process."
            raise CredentialError("MCPX-C08", why, "try again in a minute") from None


def _told(work: Callable[[], Held]) -> Held:
    """Whatever broke is about the credential, as far as the call is concerned."""
    try:
        return work()
    except CredentialError:
        raise
    except McpProxyError as error:
        raise CredentialError("MCPX-C01", error.why, error.next) from None
