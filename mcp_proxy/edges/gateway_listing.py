"""What an upstream lists of itself: all pages, each entry as it came, bounded."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from mcp_proxy.core import strict_json
from mcp_proxy.core.answer import Wishes
from mcp_proxy.core.limits import Limits
from mcp_proxy.core.reading import contents_digest
from mcp_proxy.edges.attempts import Broken, Trip, persist
from mcp_proxy.edges.mcp_era import Gateway
from mcp_proxy.edges.mcp_wire import METHOD_NOT_FOUND, Ask, GatewayError, silent
from mcp_proxy.edges.refusals import protocol_broken

Entry = dict[str, Any]
Value = TypeVar("Value")

# Method, key of the result, and what names an entry of it.
_PARTS = (
    ("tools/list", "tools", "name"),
    ("resources/list", "resources", "uri"),
    ("resources/templates/list", "resourceTemplates", "uriTemplate"),
    ("prompts/list", "prompts", "name"),
)
_TOOLS = _PARTS[0]


async def read_listing(
    gateway: Gateway, limits: Limits, deadline_s: float, wishes: Wishes
) -> dict[str, Any]:
    """`tools`, `resources`, `resourceTemplates`, `prompts`, and `ui`: digest by `ui://` URI.

    A method that the upstream does not have gives an empty list; a page of MCP Apps that cannot be
    read is left out; its digest is that of `core.reading`. Servers list by what `wishes` declare.
    Raises UpstreamError, CredentialError.
    """

    async def read(trip: Trip) -> dict[str, Any]:
        reader = _Reader(gateway, limits, trip, wishes)
        listing: dict[str, Any] = {part[1]: await reader.entries(*part) for part in _PARTS}
        return {**listing, "ui": await reader.pages_of_apps(listing["tools"])}

    return await _within(read, deadline_s)


async def read_declared(
    gateway: Gateway, limits: Limits, deadline_s: float, wishes: Wishes
) -> dict[str, dict[str, Any]]:
    """The tools by name, as listed. Raises UpstreamError, also for a name listed twice."""

    async def read(trip: Trip) -> dict[str, dict[str, Any]]:
        tools = await _Reader(gateway, limits, trip, wishes).entries(*_TOOLS)
        declared = {tool["name"]: tool for tool in tools}
        if len(declared) != len(tools):
            raise protocol_broken("lists two tools by one name")
        return declared

    return await _within(read, deadline_s)


async def _within(read: Callable[[Trip], Awaitable[Value]], deadline_s: float) -> Value:
    try:
        async with asyncio.timeout(deadline_s):
            return await read(Trip(deadline_s))
    except TimeoutError:
        text = f"The upstream did not list what it has within {deadline_s:.3g} seconds."
        raise Broken("MCPX-U02", text) from None


class _Reader:
    """Requests to one upstream inside one deadline."""

    def __init__(self, gateway: Gateway, limits: Limits, trip: Trip, wishes: Wishes) -> None:
        self._gateway = gateway
        self._wishes = wishes
        self._limits = limits
        self._trip = trip
        self._bytes = 0

    async def entries(self, method: str, key: str, name: str) -> list[Entry]:
        """All pages of a list."""
        entries: list[Entry] = []
        cursors: set[str] = set()
        params: dict[str, Any] = {}
        while True:
            try:
                page = await self._ask(method, params, None)
            except GatewayError as error:
                if error.code == METHOD_NOT_FOUND and not cursors:
                    return []
                raise
            self._measure(page)
            entries.extend(_entries(page, key, name))
            if len(entries) > self._limits.tools:
                raise protocol_broken(f"lists more than {self._limits.tools} {key}")
            cursor = page.get("nextCursor")
            if cursor is None:
                return entries
            # An empty string is a cursor too. Pages that return, or never cease, would never end.
            endless = len(cursors) >= self._limits.tools
            if not isinstance(cursor, str) or cursor in cursors or endless:
                raise protocol_broken("lists pages without end")
            cursors.add(cursor)
            params = {"cursor": cursor}

    def _measure(self, page: dict[str, Any]) -> None:
        """Many pages, each within its own bound, may not fill the memory."""
        self._bytes += len(strict_json.dumps(page))
        if self._bytes > self._limits.listing_bytes:
            raise protocol_broken(f"lists above {self._limits.listing_bytes} bytes")

    async def pages_of_apps(self, tools: list[Entry]) -> dict[str, str]:
        """The digest of each `ui://` resource that a tool names (MCP Apps)."""
        uris = {uri for tool in tools if (uri := _ui_uri(tool, self._limits)) is not None}
        digests = {uri: await self._digest(uri) for uri in sorted(uris)}
        return {uri: digest for uri, digest in digests.items() if digest is not None}

    async def _digest(self, uri: str) -> str | None:
        try:
            result = await self._ask("resources/read", {"uri": uri}, uri)
        except GatewayError:
            return None
        if not _has_contents(result):
            return None
        try:
            return contents_digest(result)
        except ValueError:
            return None

    async def _ask(self, method: str, params: dict[str, Any], name: str | None) -> dict[str, Any]:
        ask = Ask(method, params, name, (), self._wishes, silent)
        return await persist(
            lambda: self._gateway.fetch(ask, self._trip),
            self._trip,
            self._limits,
            retry_safe=True,
        )


def _entries(page: dict[str, Any], key: str, name: str) -> list[Entry]:
    # A server that has none of it may say so with an empty result; only tools are judged by theirs.
    entries = page.get(key, None if key == _TOOLS[1] else [])
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and isinstance(entry.get(name), str) for entry in entries
    ):
        raise protocol_broken(f"holds no list of {key}")
    return entries


def _ui_uri(tool: Entry, limits: Limits) -> str | None:
    meta = tool.get("_meta")
    ui = meta.get("ui") if isinstance(meta, dict) else None
    uri = ui.get("resourceUri") if isinstance(ui, dict) else None
    is_one = isinstance(uri, str) and uri.startswith("ui://") and len(uri) <= limits.uri_chars
    return uri if is_one else None


def _has_contents(result: dict[str, Any]) -> bool:
    contents = result.get("contents")
    return isinstance(contents, list) and all(isinstance(item, dict) for item in contents)
