"""The embedded gateway answers the SDK's own client in both eras, and refuses broken requests."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mcp_proxy.app.demo_gateway import Gateway
from mcp_proxy.app.demo_http import LoopbackServer

TOKEN = {"Authorization": "Bearer gateway-token"}


@pytest.fixture
def gateway() -> Iterator[LoopbackServer]:
    with LoopbackServer(Gateway("gateway-token").handle) as server:
        yield server


async def drive(url: str, mode: str) -> tuple[list[str], Any, list[float]]:
    steps: list[float] = []

    async def progress(done: float, _total: float | None, _message: str | None) -> None:
        steps.append(done)

    async with (
        httpx2.AsyncClient(headers=TOKEN, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        names = [tool.name for tool in (await client.list_tools()).tools]
        rate = await client.call_tool("exchange_rate", {"from": "EUR", "to": "USD"})
        await client.call_tool("export_statement", {"month": "2026-05"}, progress_callback=progress)
    return names, rate.structured_content, steps


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
def test_the_sdk_client_lists_and_calls_in_both_eras(gateway: LoopbackServer, mode: str) -> None:
    names, rate, steps = asyncio.run(drive(gateway.origin + "/mcp", mode))
    assert names == ["exchange_rate", "summarize_account", "export_statement", "delete_account"]
    assert rate == {"from": "EUR", "to": "USD", "rate": 1.08}
    assert steps == [1, 2, 3]


def post(gateway: LoopbackServer, message: Any, **headers: str) -> tuple[int, Any]:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    accept = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    request = urllib.request.Request(
        gateway.origin + "/mcp", json.dumps(message).encode(), {**accept, **named}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null")


def test_a_request_without_the_token_is_refused(gateway: LoopbackServer) -> None:
    assert post(gateway, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}) == (401, None)


def test_a_modern_request_without_its_mirror_headers_is_refused(gateway: LoopbackServer) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    status, answer = post(
        gateway, message, Authorization="Bearer gateway-token", MCP_Protocol_Version="2026-07-28"
    )
    assert (status, answer["error"]["code"]) == (400, -32020)


def test_a_legacy_call_without_a_session_is_refused(gateway: LoopbackServer) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    status, answer = post(gateway, message, Authorization="Bearer gateway-token")
    assert (status, answer["error"]["code"]) == (400, -32000)
