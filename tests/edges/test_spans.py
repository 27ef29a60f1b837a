"""A call's span on the wire: REST and both eras of MCP, over HTTP and over a child's pipes."""

import asyncio
import json
import os
import sys
from typing import Any

import pytest
from edges.fakes_http import FakeAuthorizer, Handler, Heard, Loopback, http, in_turn, json_answer
from edges.fakes_mcp import META, LegacyGateway, ModernGateway

from mcp_proxy.core.answer import McpAnswer, Wishes
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.request import McpRequest, RestRequest
from mcp_proxy.core.trace_context import begin, meta
from mcp_proxy.edges.launch import Launch
from mcp_proxy.edges.upstream_mcp import http_upstream
from mcp_proxy.edges.upstream_rest import RestUpstream
from mcp_proxy.edges.upstream_stdio import stdio_upstream

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SPAN = begin({"traceparent": PARENT, "tracestate": "a=b"}, bytes(range(24)))
TOLD = meta(SPAN)
WISHES = Wishes({}, progress=True, trace=SPAN)
CALL = McpRequest("tools/call", {"name": "meta", "arguments": {}}, "meta", (), retry_safe=False)
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stdio_server.py")
LOCAL = UpstreamSpec("stdio", "", None, 10_000, ("progress",), (), ("python",), ())


def rest(handler: Handler, **changes: Any) -> list[Heard]:
    async def main() -> list[Heard]:
        async with Loopback(handler) as server:
            upstream = RestUpstream(server.spec(), FakeAuthorizer(), LIMITS)
            request = RestRequest("GET", server.url + "/x", (), None, retry_safe=True)
            request = request._replace(**changes)
            await upstream.call(request, WISHES, lambda _event: None, 5.0)
            await upstream.close()
            return server.heard

    return asyncio.run(main())


def span_headers(heard: Heard) -> dict[str, str]:
    return {name: heard.headers[name] for name in TOLD if name in heard.headers}


def test_a_rest_request_bears_the_span_and_so_does_each_try() -> None:
    busy, done = http(503, b"", retry_after="0"), json_answer({})
    first, second = rest(in_turn(busy, done))
    assert span_headers(first) == span_headers(second) == TOLD
    assert "baggage" not in first.headers


def test_a_trace_header_of_the_profile_is_sent_as_it_is() -> None:
    (heard,) = rest(in_turn(json_answer({})), headers=(("traceparent", PARENT),))
    assert span_headers(heard) == {"traceparent": PARENT}


@pytest.mark.parametrize("gateway", [ModernGateway, LegacyGateway])
def test_a_gateway_is_told_the_span_in_header_and_meta(gateway: Any) -> None:
    async def main() -> list[Heard]:
        async with Loopback(gateway()) as server:
            spec = server.spec("/mcp", kind="mcp", features=("progress",))
            upstream = http_upstream(spec, FakeAuthorizer(), LIMITS)
            await upstream.call(CALL, WISHES, lambda _event: None, 5.0)
            await upstream.close()
            return server.heard

    heard = asyncio.run(main())
    calls = [item for item in heard if item.method == "POST" and b'"tools/call"' in item.body]
    told = calls[0].json()["params"]["_meta"]
    assert span_headers(calls[0]) == TOLD
    assert {name: told[name] for name in TOLD} == TOLD
    assert isinstance(told["progressToken"], int), "what else it bears stays"
    assert (META + "protocolVersion" in told) == (gateway is ModernGateway)
    others = [item for item in heard if item is not calls[0]]
    assert all(span_headers(item) == {} for item in others), "what is no call has no span"
    assert all(b"traceparent" not in item.body for item in others)


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_a_local_server_is_told_the_span_in_meta(era: str) -> None:
    async def main() -> McpAnswer:
        async def launch() -> Launch:
            return Launch(sys.executable, ("python", SCRIPT, era))

        upstream = stdio_upstream(LOCAL, launch, LIMITS)
        try:
            answer = await upstream.call(CALL, WISHES, lambda _event: None, 10.0)
        finally:
            await upstream.close()
        assert isinstance(answer, McpAnswer), answer
        return answer

    told = json.loads(asyncio.run(main()).result["content"][0]["text"])
    assert {name: told[name] for name in TOLD} == TOLD
