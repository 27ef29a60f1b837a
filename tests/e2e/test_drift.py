"""A gateway that changes behind a profile, seen by a client of the whole program (S16)."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest
from app.drift_samples import CHANGED, DECLARED, install_gateway
from e2e.client import RawClient, text_of
from e2e.stage import COMMAND
from edges.fakes_http import Loopback
from edges.fakes_mcp import ModernGateway
from homes import make_home

LIST_CHANGED = "notifications/tools/list_changed"


class Place:
    """One home whose profile names one gateway."""

    def __init__(self, folder: str, gateway: ModernGateway) -> None:
        self.env = {**os.environ, "MCP_PROXY_HOME": folder}
        self.gateway = gateway
        self.declare(DECLARED)

    def declare(self, tools: dict[str, Any]) -> None:
        self.gateway.pages = (tuple(tools.values()),)

    def serve(self) -> RawClient:
        return RawClient([COMMAND, "--profile", "billing"], self.env)


@pytest.fixture
def beside(tmp_path: os.PathLike[str]) -> Callable[[Callable[[Place], None]], None]:
    """Runs a scene in a thread, beside the gateway."""

    def run(scene: Callable[[Place], None]) -> None:
        async def play() -> None:
            gateway = ModernGateway()
            async with Loopback(gateway) as server:
                folder = os.path.join(tmp_path, "home")
                install_gateway(make_home(folder), server.url + "/mcp")
                await asyncio.to_thread(scene, Place(folder, gateway))

        asyncio.run(play())

    return run


def tools(client: RawClient, *, modern: bool) -> list[str]:
    listed = client.request("tools/list", modern=modern)["result"]["tools"]
    return [entry["name"] for entry in listed]


@pytest.mark.parametrize("modern", [False, True])
def test_s16_call_and_list_agree_and_the_next_start_too(beside: Any, modern: bool) -> None:
    def scene(place: Place) -> None:
        place.declare(CHANGED)
        with place.serve() as client:
            if not modern:
                client.handshake()
            assert tools(client, modern=modern) == ["find", "pay", "ask"]
            told = client.call("find", {}, modern=modern)
            assert told["isError"] is True
            assert "mcp-proxy profile drift billing" in text_of(told)
            assert "MCPX-D06" in text_of(told)
            assert text_of(client.call("pay", {}, modern=modern)) == "done"
            assert tools(client, modern=modern) == ["pay", "ask"]
            kept = [message.get("method") for message in client.kept]
            assert (LIST_CHANGED in kept) is not modern  # nobody listens there
            assert client.end() == 0
        assert b"profile drift billing" in client.stderr
        with place.serve() as client:
            if not modern:
                client.handshake()
            assert tools(client, modern=modern) == ["pay", "ask"]
            place.declare(DECLARED)
            assert text_of(client.call("find", {}, modern=modern)) == "done"
            assert tools(client, modern=modern) == ["find", "pay", "ask"]
            assert client.end() == 0

    beside(scene)


def test_s16_a_listener_hears_that_a_tool_is_off(beside: Any) -> None:
    def scene(place: Place) -> None:
        place.declare(CHANGED)
        with place.serve() as client:
            wanted = {"notifications": {"toolsListChanged": True}}
            listener = client.start("subscriptions/listen", wanted)
            assert "isError" in client.call("find", {})
            (heard,) = [one for one in client.kept if one.get("method") == LIST_CHANGED]
            meta = heard["params"]["_meta"]
            assert meta["io.modelcontextprotocol/subscriptionId"] == listener

    beside(scene)
