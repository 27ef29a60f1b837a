"""Drift while serving: what a gateway declares, checked before its tools are called (S16).

A verdict holds for one profile digest, one session of the upstream and ten minutes; whoever calls
meanwhile shares it, and whoever calls while it is being found waits for the same listing. What has
drifted leaves the list of tools, here and at the next start, until a listing matches again.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from mcp_proxy.core.answer import Wishes
from mcp_proxy.core.drift import drifted_tools
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.profile import Bound, McpTemplate, Profile, Tool
from mcp_proxy.core.profile_lines import parse_bound
from mcp_proxy.core.ready import Ready
from mcp_proxy.core.wishes import full_wishes, wishes
from mcp_proxy.edges import verdicts
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.single_flight import SingleFlight
from mcp_proxy.edges.stdio import complain
from mcp_proxy.errors import CredentialError, HomeError, McpProxyError


class Declaring(Protocol):
    """An upstream that can say what tools it has."""

    @property
    def session(self) -> object:
        """Another object once what it has declared may not hold any more."""

    async def declared(self, deadline_s: float, wishes: Wishes) -> dict[str, dict[str, Any]]:
        """Its tools by name, as listed to such a client. Raises McpProxyError."""


class Notes(Protocol):
    """The audit log, for what is no call."""

    def note(self, what: str, count: int = 1, tool: str | None = None) -> None:
        """Count an event, of one tool of the profile if it is about one; never raises."""


class Verdict(NamedTuple):
    """What one listing said: the drifted tools, or why there was no listing.

    `withheld` were not listed to a client that declared less than the profile's features name.
    """

    drifted: frozenset[str]
    withheld: frozenset[str]
    wishes: Wishes
    error: McpProxyError | None
    session: object
    turn: int
    until_s: float


class DriftWatch:
    """Fills the road's `Drift` for one profile; `hide` takes all that have drifted, at each change.

    `mcp-proxy profile drift` shows the difference, and says so wherever a tool is refused here.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - each an end of the road
        self,
        home: Home,
        profile: Profile,
        upstreams: Mapping[str, Declaring],
        notes: Notes,
        hide: Callable[[frozenset[str]], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Reads what was judged before; asks nobody yet."""
        self._now_s = now_s
        self._home = home
        self._profile = profile
        self._upstreams = upstreams
        self._notes = notes
        self._hide = hide
        self._name = profile.header.profile
        self._drifted = verdicts.read_drifted(home, self._name, profile.digest)
        self._flights: dict[str, SingleFlight[Verdict]] = {}
        self._withheld: dict[str, frozenset[str]] = {}
        self._wishes: dict[str, Wishes] = {}
        self._turns: dict[str, int] = {}
        self._tools: tuple[Bound, ...] | None = None
        self._keeping: set[asyncio.Task[None]] = set()
        self._writing = asyncio.Lock()

    async def check(self, ready: Ready, capabilities: Mapping[str, Any]) -> Deny | None:
        """Why the tool may not be called now by a client with these; None where it may."""
        tool = ready.tool
        if not isinstance(tool.template, McpTemplate):
            return None
        able = wishes(ready.spec, capabilities, None, progress=False)
        verdict = await self._verdict(tool.upstream, able)
        if tool.name in self._drifted.get(tool.upstream, ()):
            return self._changed(tool)
        if tool.name in verdict.withheld:
            return _withheld(tool)
        if verdict.error is None or tool.effect == "read":
            return None
        return _unchecked(tool, verdict.error)

    def stale(self, upstream: str) -> None:
        """The upstream says that its tools have changed: the next call looks again."""
        self._turns[upstream] = self._turns.get(upstream, 0) + 1

    async def close(self) -> None:
        """End what is under way; what is being written is written first."""
        for flight in self._flights.values():
            await flight.close()
        await asyncio.gather(*self._keeping)

    async def _verdict(self, upstream: str, able: Wishes) -> Verdict:
        flight = self._flights.get(upstream)
        if flight is None:
            flight = SingleFlight(lambda: self._judge(upstream))
            self._flights[upstream] = flight
        held = flight.found()
        if held is not None:
            if held.wishes == able and self._holds(held, upstream):
                return held
            flight.forget(held)
        self._wishes[upstream] = able
        verdict = await flight.get()
        if verdict.wishes == able and verdict.turn == self._turns.get(upstream, 0):
            return verdict
        flight.forget(verdict)  # listed to another client, or the tools changed meanwhile
        self._wishes[upstream] = able
        return await flight.get()

    def _holds(self, verdict: Verdict, upstream: str) -> bool:
        return (
            self._now_s() < verdict.until_s
            and verdict.turn == self._turns.get(upstream, 0)
            and verdict.session is self._upstreams[upstream].session
        )

    async def _judge(self, upstream: str) -> Verdict:
        turn = self._turns.get(upstream, 0)
        able = self._wishes[upstream]
        before = self._drifted.get(upstream, frozenset())
        source = self._upstreams[upstream]
        try:
            declared = await source.declared(self._deadline_s(upstream), able)
        except McpProxyError as error:
            until_s = self._now_s() + LIMITS.listing_retry_ms / 1000
            none = frozenset[str]()
            return Verdict(before, none, able, error, source.session, turn, until_s)
        tools = self._tools_of(upstream)
        found = drifted_tools(tools, declared)
        # Servers leave out the tools that need what a client has not: that is no drift.
        is_full = able == full_wishes(self._profile.header.upstreams[upstream])
        withheld = frozenset() if is_full else found.gone - before
        drifted = found.changed | (found.gone - withheld)
        self._take(upstream, before, drifted, withheld)
        self._keep(upstream, tools, drifted | withheld, declared, changed=drifted != before)
        # What is off is looked for again soon, so that a server put back is not waited for.
        lasts_ms = LIMITS.listing_retry_ms if drifted or withheld else LIMITS.verdict_ms
        until_s = self._now_s() + lasts_ms / 1000
        return Verdict(drifted, withheld, able, None, source.session, turn, until_s)

    def _deadline_s(self, upstream: str) -> float:
        """Half of a call's: the call itself has to be answered in its time too."""
        return self._profile.header.upstreams[upstream].deadline_ms / 2000

    def _tools_of(self, upstream: str) -> tuple[Bound, ...]:
        if self._tools is None:
            found = (parse_bound(line, name) for name, line in self._profile.tool_lines.items())
            self._tools = tuple(tool for tool in found if tool is not None)
        return tuple(tool for tool in self._tools if tool.upstream == upstream)

    def _take(
        self,
        upstream: str,
        before: frozenset[str],
        drifted: frozenset[str],
        withheld: frozenset[str],
    ) -> None:
        """Let the client, the log and the person know what changed."""
        was_withheld = self._withheld.get(upstream, frozenset())
        self._drifted[upstream], self._withheld[upstream] = drifted, withheld
        if (drifted, withheld) != (before, was_withheld):
            self._hide(frozenset().union(*self._drifted.values(), *self._withheld.values()))
        if drifted == before:
            return
        for tool in sorted(drifted - before):
            self._notes.note("tool drifted", tool=tool)
        for tool in sorted(before - drifted):
            self._notes.note("tool matches again", tool=tool)
        complain(self._told(upstream, before, drifted))

    def _told(self, upstream: str, before: frozenset[str], drifted: frozenset[str]) -> str:
        news = drifted - before
        if not news:
            return f"{upstream} declares {_names(before - drifted)} as before; on again."
        off = "it is" if len(news) == 1 else "they are"
        return (
            f"{upstream} no longer declares {_names(news)} as it did for the profile; {off} off "
            f"(MCPX-D06). Next: {self._command()}"
        )

    def _keep(
        self,
        upstream: str,
        tools: tuple[Bound, ...],
        drifted: frozenset[str],
        declared: Mapping[str, dict[str, Any]],
        *,
        changed: bool,
    ) -> None:
        """Write down what other processes, and the command, need; no call waits for it."""
        entries = {
            tool.name: declared[tool.template.tool] for tool in tools if tool.name not in drifted
        }
        place = (self._home, self._name, self._profile.digest, upstream)

        def write() -> None:
            try:
                if changed:
                    verdicts.record_drifted(*place, drifted)
                verdicts.record_declared(*place, entries)
            except HomeError as error:
                complain(str(error))

        async def keep() -> None:
            async with self._writing:  # in the order of the listings
                await asyncio.to_thread(write)

        task = asyncio.create_task(keep())
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    def _changed(self, tool: Tool) -> Deny:
        text = (
            f"The call was not made. {tool.upstream} no longer declares {tool.name} as it did for "
            f"the profile. The person at this machine can run: {self._command()}."
        )
        return Deny("MCPX-D06", "drift", text)

    def _command(self) -> str:
        return f"mcp-proxy profile drift {self._name}"


def _unchecked(tool: Tool, error: McpProxyError) -> Deny:
    """A missing credential is told as such: without it the call could not be made either."""
    if isinstance(error, CredentialError):
        text = f"{error.why} The person at this machine can run: {error.next}."
        return Deny(error.id, "listing", text)
    text = (
        f"The call was not made. What {tool.upstream} declares now could not be checked, and "
        f"{tool.name} may change something: {error.why}"
    )
    return Deny("MCPX-D07", "listing", text)


def _withheld(tool: Tool) -> Deny:
    text = (
        f"The call was not made. {tool.upstream} does not offer {tool.name} to this client, which "
        f"declares less than the profile's features for {tool.upstream} name."
    )
    return Deny("MCPX-D10", "drift", text)


def _names(tools: frozenset[str]) -> str:
    named = sorted(tools)
    more = f" and {len(named) - 5} more" if len(named) > 5 else ""
    return ", ".join(named[:5]) + more
