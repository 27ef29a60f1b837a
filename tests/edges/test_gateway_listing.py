"""What an upstream lists, as the build captures it and drift compares it: all pages, bounded."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from edges.fakes_http import FakeAuthorizer, Handler, Heard, Loopback, http
from edges.fakes_mcp import LegacyGateway, ModernGateway, error, page_of, result

from mcp_proxy.core.answer import Wishes
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.reading import contents_digest
from mcp_proxy.edges.upstream_mcp import McpUpstream, http_upstream
from mcp_proxy.errors import CredentialError, UpstreamError

TOOLS = [{"name": f"tool-{n}", "inputSchema": {"type": "object"}, "odd": None} for n in range(5)]
PAGES = (tuple(TOOLS[:2]), (), tuple(TOOLS[2:4]), tuple(TOOLS[4:]))
Read = Callable[[McpUpstream, float], Awaitable[Any]]


async def declared_tools(upstream: McpUpstream, deadline_s: float) -> dict[str, Any]:
    return await upstream.declared(deadline_s, Wishes({}))


def listed(
    handler: Handler,
    authorizer: FakeAuthorizer | None = None,
    read: Read = McpUpstream.listing,
    **spec: Any,
) -> Any:
    async def main() -> Any:
        async with Loopback(handler) as server:
            target = server.spec("/mcp", kind="mcp", **spec)
            limits = LIMITS._replace(tools=10)
            upstream = http_upstream(target, authorizer or FakeAuthorizer(), limits)
            try:
                return await read(upstream, target.deadline_ms / 1000)
            finally:
                await upstream.close()

    return asyncio.run(main())


LISTS = {
    "resources/list": ("resources", ({"uri": "doc://a", "x": None}, {"uri": "doc://b"})),
    "resources/templates/list": ("resourceTemplates", ({"uriTemplate": "doc://{x}"},)),
    "prompts/list": ("prompts", ({"name": "p"}, {"name": "q"})),
}


async def all_lists(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
    """Each list entry by entry; what is not there is not found."""
    message = heard.json()
    if message["method"] not in LISTS:
        return error(heard, -32601, status=404 if "mcp-method" in heard.headers else 200)
    key, entries = LISTS[message["method"]]
    page = page_of(tuple((entry,) for entry in entries), message["params"].get("cursor"))
    return result(heard, {key if name == "tools" else name: page[name] for name in page})


@pytest.mark.parametrize("gateway", [ModernGateway, LegacyGateway])
def test_all_pages_of_all_lists_are_listed_raw_and_in_order(gateway: Any):
    assert listed(gateway(all_lists, pages=PAGES)) == {
        "tools": TOOLS,
        "resources": [{"uri": "doc://a", "x": None}, {"uri": "doc://b"}],
        "resourceTemplates": [{"uriTemplate": "doc://{x}"}],
        "prompts": [{"name": "p"}, {"name": "q"}],
        "ui": {},
    }


async def nothing_else(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
    return error(heard, -32601, status=404 if "mcp-method" in heard.headers else 200)


@pytest.mark.parametrize("gateway", [ModernGateway, LegacyGateway])
def test_a_list_that_the_upstream_does_not_have_is_empty(gateway: Any):
    empty: dict[str, Any] = {"resources": [], "resourceTemplates": [], "prompts": [], "ui": {}}
    assert listed(gateway(nothing_else, pages=PAGES)) == {"tools": TOOLS, **empty}


async def empty_results(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
    return result(heard, {})


@pytest.mark.parametrize("gateway", [ModernGateway, LegacyGateway])
def test_an_empty_result_is_an_empty_list_of_all_but_tools(gateway: Any):
    empty: dict[str, Any] = {"resources": [], "resourceTemplates": [], "prompts": [], "ui": {}}
    assert listed(gateway(empty_results, pages=PAGES)) == {"tools": TOOLS, **empty}


def test_s14_a_listing_declares_what_the_profile_s_features_name_and_no_more():
    gateway, told = LegacyGateway(nothing_else, pages=PAGES), []

    async def handler(heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
        if heard.method == "GET":
            return http(405)
        if b'"initialize"' in heard.body:
            told.append(heard.json()["params"]["capabilities"])
        return await gateway(heard, writer)

    listed(handler, features=("elicitation", "roots", "tasks"))
    assert told[0] == {
        "elicitation": {"form": {}},
        "roots": {"listChanged": True},
        "extensions": {"io.modelcontextprotocol/tasks": {}},
    }


@pytest.mark.parametrize("gateway", [ModernGateway, LegacyGateway])
def test_a_list_that_fails_is_not_an_empty_one(gateway: Any):
    async def refuse(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return error(heard, -32603)

    with pytest.raises(UpstreamError):
        listed(gateway(refuse, pages=PAGES))


def test_the_session_of_a_listing_is_ended():
    gateway = LegacyGateway(nothing_else, pages=PAGES)
    listed(gateway)
    assert gateway.deleted == ["session-1"]


def test_s16_what_is_declared_is_the_tools_by_name():
    gateway = ModernGateway(nothing_else, pages=PAGES)
    declared = listed(gateway, read=declared_tools)
    assert declared == {tool["name"]: tool for tool in TOOLS}


def test_s16_a_tool_that_is_declared_twice_is_not_declared():
    twice = ((TOOLS[0],), ({**TOOLS[0], "description": "another"},))
    with pytest.raises(UpstreamError) as caught:
        listed(ModernGateway(pages=twice), read=declared_tools)
    assert caught.value.id == "MCPX-U05"


def app(uri: Any) -> dict[str, Any]:
    return {"name": str(uri), "_meta": {"ui": {"resourceUri": uri}}}


HTML = {"contents": [{"uri": "ui://a", "mimeType": "text/html", "text": "<p>é</p>"}]}
BLOB = {"contents": [{"uri": "ui://b", "blob": "AAEC"}]}


class Apps(ModernGateway):
    """Lists tools with pages of their own, and reads these."""

    def __init__(self, *tools: Any) -> None:
        super().__init__(self.read, pages=(tools,))
        self.read_uris: list[str] = []

    async def read(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes:
        if heard.json()["method"] != "resources/read":
            return await nothing_else(heard, writer)
        uri = heard.json()["params"]["uri"]
        assert heard.headers["mcp-name"] == uri
        self.read_uris.append(uri)
        found = {"ui://a": HTML, "ui://b": BLOB, "ui://odd": {"contents": "x"}}.get(uri)
        return error(heard, -32602) if found is None else result(heard, found)


def test_s14_the_pages_of_apps_are_read_once_and_digested():
    other = {"name": "plain", "_meta": {"ui": {}}}
    gateway = Apps(app("ui://b"), app("ui://a"), app("ui://a"), other, {"name": "x", "_meta": 7})
    assert listed(gateway)["ui"] == {
        "ui://a": contents_digest(HTML),
        "ui://b": contents_digest(BLOB),
    }
    assert gateway.read_uris == ["ui://a", "ui://b"]


def test_s14_a_page_that_cannot_be_read_has_no_digest():
    gateway = Apps(app("ui://gone"), app("ui://odd"), app("https://evil.example"), app(7))
    assert listed(gateway)["ui"] == {}
    assert gateway.read_uris == ["ui://gone", "ui://odd"]


@pytest.mark.parametrize("part", list(LISTS))
def test_every_list_is_bounded(part: str):
    key, entries = LISTS[part]

    async def many(heard: Heard, writer: asyncio.StreamWriter) -> bytes:
        if heard.json()["method"] != part:
            return await all_lists(heard, writer)
        return result(heard, {key: [*entries] * 11})

    with pytest.raises(UpstreamError) as caught:
        listed(ModernGateway(many))
    assert caught.value.id == "MCPX-U05"


class Listing(ModernGateway):
    """A gateway whose pages are anything."""

    def __init__(self, page: Any) -> None:
        super().__init__()
        self.page = page

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
        if heard.json()["method"] == "tools/list":
            return result(heard, self.page)
        return await super().__call__(heard, writer)


@pytest.mark.parametrize(
    "page",
    [
        {"tools": [], "nextCursor": "again"},
        {"tools": [{"name": "a"}] * 20},
        {"tools": [{"name": "a"}], "nextCursor": 7},
        {"tools": [{"name": 7}]},
        {"tools": ["a"]},
        {"tools": {}},
        {},
        {"tools": [], "resultType": "task"},
        {"tools": [], "resultType": "input_required", "requestState": "s"},
    ],
)
def test_a_listing_without_end_or_shape_is_refused(page: Any):
    with pytest.raises(UpstreamError) as caught:
        listed(Listing(page))
    assert caught.value.id == "MCPX-U05"


def test_a_listing_that_hangs_ends_at_the_deadline():
    async def silent(_heard: Heard, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    with pytest.raises(UpstreamError) as caught:
        listed(silent, deadline_ms=300)
    assert caught.value.id == "MCPX-U02"


def test_a_busy_gateway_is_asked_again():
    answers = [http(503, retry_after="0")]

    class Busy(ModernGateway):
        async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
            if heard.json()["method"] == "tools/list" and answers:
                return answers.pop()
            return await super().__call__(heard, writer)

    assert listed(Busy(nothing_else, pages=PAGES))["tools"] == TOOLS


def test_a_missing_credential_is_raised():
    missing = FakeAuthorizer(CredentialError("MCPX-C01", "There is no credential."))
    with pytest.raises(CredentialError):
        listed(ModernGateway(), missing)


def test_pages_are_found_by_their_cursor():
    assert page_of(PAGES, None) == {"tools": TOOLS[:2], "nextCursor": ""}
