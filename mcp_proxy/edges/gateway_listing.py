"""What a gateway lists, as the publisher's build captures it."""

import asyncio
from typing import Any

from mcp_proxy.core.answer import Wishes
from mcp_proxy.core.limits import Limits
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges.attempts import Broken, Trip, persist
from mcp_proxy.edges.http import Authorizer
from mcp_proxy.edges.mcp_era import Gateway
from mcp_proxy.edges.mcp_wire import Ask, Halt, silent
from mcp_proxy.edges.refusals import protocol_broken


async def list_tools(
    spec: UpstreamSpec, authorizer: Authorizer, limits: Limits
) -> list[dict[str, Any]]:
    """All pages of tools/list, each tool as it came. Raises UpstreamError, CredentialError."""
    gateway = Gateway(spec, authorizer, limits)
    deadline_s = spec.deadline_ms / 1000
    try:
        async with asyncio.timeout(deadline_s):
            return await _pages(gateway, Trip(deadline_s), limits)
    except TimeoutError:
        text = f"The upstream did not list its tools within {deadline_s:.3g} seconds."
        raise Broken("MCPX-U02", text) from None
    finally:
        await gateway.close()


async def _pages(gateway: Gateway, trip: Trip, limits: Limits) -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = []
    cursors: set[str] = set()
    params: dict[str, Any] = {}
    while True:
        page = await _page(gateway, params, trip, limits)
        tools.extend(_tools(page))
        if len(tools) > limits.tools:
            raise protocol_broken(f"lists more than {limits.tools} tools")
        cursor = page.get("nextCursor")
        if cursor is None:
            return tools
        # An empty string is a cursor too. One that returns, or pages without end, would never end.
        if not isinstance(cursor, str) or cursor in cursors or len(cursors) >= limits.tools:
            raise protocol_broken("lists pages without end")
        cursors.add(cursor)
        params = {"cursor": cursor}


async def _page(
    gateway: Gateway, params: dict[str, Any], trip: Trip, limits: Limits
) -> dict[str, Any]:
    ask = Ask("tools/list", params, None, (), Wishes({}), silent)
    page = await persist(lambda: gateway.ask(ask, trip), trip, limits, retry_safe=True)
    if isinstance(page, Halt):
        await page.drop()
        raise protocol_broken("asks for what was not offered")
    return page


def _tools(page: dict[str, Any]) -> list[dict[str, Any]]:
    tools = page.get("tools")
    if not isinstance(tools, list) or not all(
        isinstance(tool, dict) and isinstance(tool.get("name"), str) for tool in tools
    ):
        raise protocol_broken("holds no list of tools")
    return tools
