"""A remote MCP gateway: one decided tools/call out, one answer back, events meanwhile."""

from typing import Any

from mcp_proxy.core.answer import Answer, Emit, McpAnswer, Wishes
from mcp_proxy.core.limits import Limits
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.request import McpRequest, Outgoing
from mcp_proxy.edges.attempts import Broken, Trip, persist, settle
from mcp_proxy.edges.http import Authorizer
from mcp_proxy.edges.mcp_era import Gateway
from mcp_proxy.edges.mcp_events import CallEvents
from mcp_proxy.edges.mcp_wire import Ask, Halt
from mcp_proxy.edges.refusals import protocol_broken


class McpUpstream:
    """Sends `McpRequest`s to one gateway, of either era."""

    def __init__(self, spec: UpstreamSpec, authorizer: Authorizer, limits: Limits) -> None:
        """Opens nothing yet."""
        self._spec = spec
        self._limits = limits
        self._gateway = Gateway(spec, authorizer, limits)

    async def call(
        self, request: Outgoing, wishes: Wishes, emit: Emit, deadline_s: float
    ) -> Answer:
        """One answer within `deadline_s`, whatever the gateway does."""

        async def work(trip: Trip) -> Answer:
            if not isinstance(request, McpRequest):
                raise TypeError("a gateway takes MCP requests")
            return await persist(
                lambda: self._once(request, wishes, emit, trip),
                trip,
                self._limits,
                retry_safe=request.retry_safe,
            )

        return await settle(work, deadline_s)

    async def close(self) -> None:
        """End the session, if there is one, and close the connections."""
        await self._gateway.close()

    async def _once(self, request: McpRequest, wishes: Wishes, emit: Emit, trip: Trip) -> McpAnswer:
        features = self._spec.features
        ask = Ask(
            request.method,
            request.params,
            request.name,
            request.headers,
            wishes,
            CallEvents(features, emit, self._limits).hear,
        )
        result = await self._gateway.ask(ask, trip)
        if isinstance(result, Halt):
            await result.drop()
            raise _asks()
        _check_complete(result)
        return McpAnswer(result)


def _check_complete(result: dict[str, Any]) -> None:
    """Absent means complete (MCP 2026-07-28); any other kind needs what was not declared."""
    kind = result.get("resultType", "complete")
    if kind == "input_required":
        raise _asks()
    if kind != "complete":
        raise protocol_broken("is of a kind that was not agreed on")


def _asks() -> Broken:
    text = "The gateway asks for more input; this version does not forward its questions."
    return Broken("MCPX-U05", text)
