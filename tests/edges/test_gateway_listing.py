"""A gateway's tools as the build captures them: all pages, both eras, bounded."""

import asyncio
from typing import Any

import pytest
from edges.fakes_http import FakeAuthorizer, Handler, Heard, Loopback, http
from edges.fakes_mcp import LegacyGateway, ModernGateway, page_of, result

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.gateway_listing import list_tools
from mcp_proxy.errors import CredentialError, UpstreamError

TOOLS = [{"name": f"tool-{n}", "inputSchema": {"type": "object"}, "odd": None} for n in range(5)]
PAGES = (tuple(TOOLS[:2]), (), tuple(TOOLS[2:4]), tuple(TOOLS[4:]))


def listed(handler: Handler, authorizer: FakeAuthorizer | None = None, **spec: Any) -> list[Any]:
    async def main() -> list[Any]:
        async with Loopback(handler) as server:
            target = server.spec("/mcp", kind="mcp", **spec)
            limits = LIMITS._replace(tools=10)
            return await list_tools(target, authorizer or FakeAuthorizer(), limits)

    return asyncio.run(main())


@pytest.mark.parametrize("gateway", [ModernGateway, LegacyGateway])
def test_all_pages_are_listed_raw_and_in_order(gateway: Any):
    assert listed(gateway(pages=PAGES)) == TOOLS


def test_the_session_of_a_listing_is_ended():
    gateway = LegacyGateway(pages=PAGES)
    listed(gateway)
    assert gateway.deleted == ["session-1"]


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

    assert listed(Busy(pages=PAGES)) == TOOLS


def test_a_missing_credential_is_raised():
    missing = FakeAuthorizer(CredentialError("MCPX-C01", "There is no credential."))
    with pytest.raises(CredentialError):
        listed(ModernGateway(), missing)


def test_pages_are_found_by_their_cursor():
    assert page_of(PAGES, None) == {"tools": TOOLS[:2], "nextCursor": ""}
