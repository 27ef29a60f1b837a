"""An MCP upstream: decided requests out, one answer or its questions back, events meanwhile."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mcp_proxy.core.answer import Answer, Change, Emit, McpAnswer, Questions, Reply, Wishes
from mcp_proxy.core.capabilities import has_extension
from mcp_proxy.core.limits import Limits
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.request import McpRequest, Outgoing
from mcp_proxy.core.wishes import TASKS, full_wishes
from mcp_proxy.edges.attempts import Trip, persist, settle
from mcp_proxy.edges.gateway_listing import read_declared, read_listing
from mcp_proxy.edges.http import Authorizer, Link
from mcp_proxy.edges.mcp_era import Gateway, Outcome
from mcp_proxy.edges.mcp_events import CallEvents
from mcp_proxy.edges.mcp_http import HttpWire
from mcp_proxy.edges.mcp_http_sse import http_sse_wire
from mcp_proxy.edges.mcp_input import check_kind
from mcp_proxy.edges.mcp_listen import Wanted
from mcp_proxy.edges.mcp_watch import Watch
from mcp_proxy.edges.mcp_wire import Ask, Halt
from mcp_proxy.edges.network import DIRECT, Network


def http_upstream(
    spec: UpstreamSpec, authorizer: Authorizer, limits: Limits, network: Network = DIRECT
) -> "McpUpstream":
    """A remote gateway over streamable HTTP, or HTTP+SSE if it is an old one. Opens nothing yet."""
    wire = HttpWire(Link(spec, authorizer, limits, network))
    older = partial(http_sse_wire, spec, authorizer, limits, network)
    return McpUpstream(spec, Gateway(wire, older), limits)


class McpUpstream:
    """Sends `McpRequest`s to one MCP server, of either era."""

    def __init__(self, spec: UpstreamSpec, gateway: Gateway, limits: Limits) -> None:
        """Opens nothing yet; `close` closes the gateway too."""
        self._spec = spec
        self._limits = limits
        self._gateway = gateway
        self._watch = Watch(gateway, limits)

    @property
    def session(self) -> object:
        """Another object once what the upstream has declared may not hold any more (S16)."""
        return self._gateway.session

    async def call(
        self, request: Outgoing, wishes: Wishes, emit: Emit, deadline_s: float
    ) -> Answer:
        """One answer, or questions, within `deadline_s`, whatever the upstream does."""

        async def work(trip: Trip) -> Answer:
            if not isinstance(request, McpRequest):
                raise TypeError("an MCP upstream takes MCP requests")
            ask = self._ask(request, wishes, emit)
            outcome = await persist(
                lambda: self._gateway.ask(ask, trip),
                trip,
                self._limits,
                retry_safe=request.retry_safe,
            )
            return await self._answer(ask, outcome)

        return await settle(work, deadline_s, wishes.stopped)

    async def resume(
        self,
        ask: Ask,
        halt: Halt,
        replies: Mapping[str, Reply],
        emit: Emit,
        deadline_s: float,
    ) -> Answer:
        """Go on with a call that was halted; for `ParkedCall` alone."""
        hear = CallEvents(self._spec.features, ask.wishes, emit, self._limits).hear

        async def work(trip: Trip) -> Answer:
            trip.arrived()  # an earlier leg was sent, and answered with the questions
            return await self._answer(ask, await halt.resume(replies, hear, trip))

        return await settle(work, deadline_s, ask.wishes.stopped)

    def watch(
        self, uris: frozenset[str], task_ids: frozenset[str], hear: Callable[[Change], None]
    ) -> None:
        """From now on `hear` gets the changes of the lists, of these resources and these tasks."""
        self._watch.wish(Wanted(uris, task_ids), hear)

    def roots_changed(self) -> None:
        """The client's roots are others now."""
        self._gateway.roots_changed()

    async def listing(self, deadline_s: float) -> dict[str, Any]:
        """What the upstream lists to a client with all that the profile's features name.

        See `gateway_listing`. Raises UpstreamError, CredentialError.
        """
        able = full_wishes(self._spec)
        return await read_listing(self._gateway, self._limits, deadline_s, able)

    async def declared(self, deadline_s: float, wishes: Wishes) -> dict[str, dict[str, Any]]:
        """Its tools by name, as listed to such a client. Raises UpstreamError, CredentialError."""
        return await read_declared(self._gateway, self._limits, deadline_s, wishes)

    async def close(self) -> None:
        """End the session, if there is one, and close the connections; cancelled, drop them."""
        try:
            await self._watch.close()
            await self._gateway.close()
        except asyncio.CancelledError:
            self._gateway.drop()
            raise

    def _ask(self, request: McpRequest, wishes: Wishes, emit: Emit) -> Ask:
        hear = CallEvents(self._spec.features, wishes, emit, self._limits).hear
        return Ask(request.method, request.params, request.name, request.headers, wishes, hear)

    async def _answer(self, ask: Ask, outcome: Outcome) -> Answer:
        self._watch.wake()
        if isinstance(outcome, Halt):
            return Questions(outcome.asked, ParkedCall(self, ask, outcome))
        tasks = ask.method == "tools/call" and has_extension(ask.wishes.capabilities, TASKS)
        check_kind(outcome, may_be_task=tasks)
        return McpAnswer(outcome)


class ParkedCall:
    """A halted call, as the road holds it."""

    def __init__(self, upstream: McpUpstream, ask: Ask, halt: Halt) -> None:
        """`ask` is the request that was halted."""
        self._upstream = upstream
        self._ask = ask
        self._halt = halt

    async def resume(self, replies: Mapping[str, Reply], emit: Emit, deadline_s: float) -> Answer:
        """The call's answer, or its next questions, within `deadline_s`."""
        return await self._upstream.resume(self._ask, self._halt, replies, emit, deadline_s)

    async def drop(self) -> None:
        """Give the call up."""
        await self._halt.drop()
