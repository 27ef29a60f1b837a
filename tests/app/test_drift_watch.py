"""A gateway that changes behind a signed profile: one test for each sentence of S16."""

import asyncio
import json
import os
import time
from typing import Any

import pytest
from app.drift_samples import CHANGED, DECLARED, FIND, PAY, install_gateway
from homes import make_home

from mcp_proxy.app import drift_watch
from mcp_proxy.app.contract import ProfileContract
from mcp_proxy.app.drift_start import hide_drifted
from mcp_proxy.app.drift_watch import DriftWatch
from mcp_proxy.core.answer import Wishes
from mcp_proxy.core.eras import MODERN, Asked
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.offer import Catalogue, offer_of
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.ready import Ready
from mcp_proxy.core.session import Session
from mcp_proxy.edges import verdicts
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import load_profile, read_generation
from mcp_proxy.errors import CredentialError, McpProxyError, UpstreamError

DOWN = UpstreamError("MCPX-U01", "The upstream cannot be reached: no route.")


class Gateway:
    """Declares what it is told to; counts how often it was asked."""

    def __init__(self) -> None:
        self.says: dict[str, Any] | McpProxyError = DECLARED
        self.session: object = "session 1"
        self.listed = 0
        self.wished: list[dict[str, Any]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def declared(self, deadline_s: float, wishes: Wishes) -> dict[str, Any]:
        assert 0 < deadline_s <= 2.5
        self.wished.append(wishes.capabilities)
        self.listed += 1
        says = self.says
        await self.gate.wait()
        if isinstance(says, McpProxyError):
            raise says
        return says


class Told:
    """Holds what a watch told: notes for the log, lines for the person, hidden tools."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str | None]] = []
        self.lines: list[str] = []
        self.hidden: list[set[str]] = []

    def note(self, what: str, count: int = 1, tool: str | None = None) -> None:
        assert count == 1
        self.notes.append((what, tool))


class World:
    """One process that serves the profile in `home`."""

    def __init__(self, home: Home, gateway: Gateway | None = None) -> None:
        generation = read_generation(home)
        self.home, self.gateway, self.told = home, gateway or Gateway(), Told()
        self.now_s = 0.0
        self.profile: Profile = load_profile(home, "billing", time.time())
        self.contract = ProfileContract(home, self.profile, generation, lambda: None, lambda: None)
        self.watch = DriftWatch(
            home,
            self.profile,
            {"gateway": self.gateway},
            self.told,
            lambda tools: self.told.hidden.append(set(tools)),
            lambda: self.now_s,
        )

    async def check(self, tool: str, **capabilities: Any) -> Deny | None:
        ready = self.contract.ready(tool, time.time())
        assert isinstance(ready, Ready)
        return await self.watch.check(ready, capabilities)

    async def refusal(self, tool: str) -> str:
        denied = await self.check(tool)
        assert denied is not None
        return denied.id


@pytest.fixture
def home(tmp_path: os.PathLike[str]) -> Home:
    made = make_home(os.path.join(tmp_path, "home"))
    install_gateway(made)
    return made


@pytest.fixture(autouse=True)
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []
    monkeypatch.setattr(drift_watch, "complain", told.append)
    return told


def listed(world: World) -> list[str]:
    """What a start shows the client."""
    session = Session(offer_of(world.profile))
    hide_drifted(world.home, world.profile, session)
    assert isinstance(session.catalogue, Catalogue)
    line = session.catalogue.list_line("tools/list", Asked(1, MODERN, None, None, {}), 0)
    return [entry["name"] for entry in json.loads(line)["result"]["tools"]]


def play(home: Home, scene: Any) -> None:
    """Runs a scene in a world of its own, which must leave nothing behind."""

    async def run() -> None:
        world = World(home)
        await scene(world)
        await world.watch.close()

    asyncio.run(run())


def test_s16_a_gateway_that_declares_as_before_is_called(home: Home, lines: list[str]) -> None:
    async def scene(world: World) -> None:
        assert await world.check("find") is None
        assert await world.check("pay") is None
        assert world.gateway.listed == 1
        assert (world.told.notes, world.told.hidden, lines) == ([], [], [])

    play(home, scene)


def test_tools_of_other_upstreams_wait_for_no_listing(home: Home) -> None:
    async def scene(world: World) -> None:
        assert await world.check("ask") is None
        assert world.gateway.listed == 0

    play(home, scene)


@pytest.mark.parametrize("says", [CHANGED, {"pay": PAY}])
def test_s16_a_changed_or_vanished_tool_is_denied_hidden_logged_and_told(
    home: Home, lines: list[str], says: Any
) -> None:
    async def scene(world: World) -> None:
        world.gateway.says = says
        denied = await world.check("find")
        assert denied is not None
        assert (denied.id, denied.rule) == ("MCPX-D06", "drift")
        assert "mcp-proxy profile drift billing" in denied.text
        assert await world.check("pay") is None
        assert world.told.hidden == [{"find"}]
        assert world.told.notes == [("tool drifted", "find")]
        assert len(lines) == 1
        assert "mcp-proxy profile drift billing" in lines[0]
        assert "\x1b" not in lines[0] + denied.text

    play(home, scene)


def test_s16_a_drifted_tool_stays_off_at_the_next_start(home: Home) -> None:
    async def drifts(world: World) -> None:
        world.gateway.says = CHANGED
        await world.check("pay")

    async def scene(world: World) -> None:
        assert listed(world) == ["pay", "ask"]
        world.gateway.says = DOWN
        assert await world.refusal("find") == "MCPX-D06"
        assert world.told.notes == []

    play(home, drifts)
    play(home, scene)


def test_s16_a_drifted_tool_is_on_again_once_a_listing_matches(
    home: Home, lines: list[str]
) -> None:
    async def scene(world: World) -> None:
        world.gateway.says = CHANGED
        assert await world.refusal("find") == "MCPX-D06"
        world.gateway.says = DECLARED
        assert await world.refusal("find") == "MCPX-D06"  # nothing has asked again yet
        world.watch.stale("gateway")
        assert await world.check("find") is None
        assert world.told.hidden == [{"find"}, set()]
        assert world.told.notes == [("tool drifted", "find"), ("tool matches again", "find")]
        assert len(lines) == 2
        await world.watch.close()
        assert verdicts.read_drifted(home, "billing", world.profile.digest) == {}

    play(home, scene)


def test_s16_a_new_profile_begins_without_a_verdict(home: Home) -> None:
    async def drifts(world: World) -> None:
        world.gateway.says = CHANGED
        await world.check("find")

    async def scene(world: World) -> None:
        world.gateway.says = DOWN
        assert await world.check("find") is None

    play(home, drifts)
    assert listed(World(home)) == ["pay", "ask"]
    install_gateway(home, version=2)
    assert listed(World(home)) == ["find", "pay", "ask"]
    play(home, scene)


def test_s16_a_verdict_holds_for_one_session(home: Home) -> None:
    async def scene(world: World) -> None:
        assert await world.check("find") is None
        world.gateway.says = CHANGED
        assert await world.check("find") is None
        world.gateway.session = "session 2"
        assert await world.refusal("find") == "MCPX-D06"

    play(home, scene)


def test_s16_a_verdict_holds_for_ten_minutes_at_most(home: Home) -> None:
    async def scene(world: World) -> None:
        assert await world.check("find") is None
        world.gateway.says = CHANGED
        world.now_s = 599
        assert await world.check("find") is None
        world.now_s = 600
        assert await world.refusal("find") == "MCPX-D06"

    play(home, scene)


def test_s16_if_listing_fails_changing_calls_are_denied_and_reading_ones_go_on(
    home: Home,
) -> None:
    async def scene(world: World) -> None:
        world.gateway.says = DOWN
        assert await world.check("find") is None
        denied = await world.check("pay")
        assert denied is not None
        assert denied.id == "MCPX-D07"
        assert "no route" in denied.text

    play(home, scene)


def test_s16_a_failed_listing_is_no_verdict_and_is_soon_tried_again(home: Home) -> None:
    async def scene(world: World) -> None:
        world.gateway.says = DOWN
        assert await world.refusal("pay") == "MCPX-D07"
        world.gateway.says = DECLARED
        assert await world.refusal("pay") == "MCPX-D07"
        world.now_s = LIMITS.listing_retry_ms / 1000
        assert await world.check("pay") is None

    play(home, scene)


def test_s16_a_gateway_does_not_get_a_drifted_tool_back_by_failing(home: Home) -> None:
    async def scene(world: World) -> None:
        world.gateway.says = CHANGED
        assert await world.refusal("find") == "MCPX-D06"
        world.gateway.says = DOWN
        world.watch.stale("gateway")
        assert await world.refusal("find") == "MCPX-D06"
        assert await world.refusal("pay") == "MCPX-D07"

    play(home, scene)


def test_a_missing_credential_is_told_as_such(home: Home) -> None:
    async def scene(world: World) -> None:
        world.gateway.says = CredentialError("MCPX-C01", "The credential is missing.")
        assert await world.check("find") is None
        assert await world.refusal("pay") == "MCPX-C01"

    play(home, scene)


def test_calls_at_once_share_one_listing(home: Home) -> None:
    async def scene(world: World) -> None:
        world.gateway.gate.clear()
        calls = [asyncio.create_task(world.check("find")) for _ in range(20)]
        await asyncio.sleep(0)
        calls[0].cancel()
        world.gateway.gate.set()
        ended = await asyncio.gather(*calls[1:])
        assert ended == [None] * 19
        assert world.gateway.listed == 1

    play(home, scene)


def test_s16_a_change_during_the_listing_makes_another(home: Home) -> None:
    async def scene(world: World) -> None:
        world.gateway.gate.clear()
        call = asyncio.create_task(world.check("find"))
        await asyncio.sleep(0.01)
        world.gateway.says = CHANGED
        world.watch.stale("gateway")
        world.gateway.gate.set()
        denied = await call
        assert denied is not None
        assert world.gateway.listed == 2

    play(home, scene)


def test_what_matched_last_is_kept_to_be_shown(home: Home) -> None:
    async def scene(world: World) -> None:
        await world.check("find")
        world.gateway.says = CHANGED
        world.watch.stale("gateway")
        await world.check("find")
        await world.watch.close()
        held = verdicts.read_declared(home, "billing", world.profile.digest, "gateway")
        assert held == {"find": FIND, "pay": PAY}

    play(home, scene)


def test_state_that_cannot_be_written_stops_no_call(home: Home, lines: list[str]) -> None:
    async def scene(world: World) -> None:
        with open(os.path.join(home.state, "verdicts"), "w", encoding="utf-8"):
            pass
        world.gateway.says = CHANGED
        assert await world.refusal("find") == "MCPX-D06"
        await world.watch.close()
        assert len(lines) == 2

    play(home, scene)


def test_a_tool_that_is_listed_to_abler_clients_alone_has_not_drifted(
    tmp_path: os.PathLike[str], lines: list[str]
) -> None:
    home = make_home(os.path.join(tmp_path, "able"))
    install_gateway(home, features=("sampling",))

    async def scene(world: World) -> None:
        world.gateway.says = {"pay": PAY}
        denied = await world.check("find")
        assert denied is not None
        assert denied.id == "MCPX-D10"
        assert "does not offer find to this client" in denied.text
        assert world.told.hidden == [{"find"}]
        assert (world.told.notes, lines) == ([], [])
        world.gateway.says = DECLARED
        assert await world.check("find", sampling={"tools": {}}) is None
        assert world.told.hidden == [{"find"}, set()]
        assert world.gateway.wished == [{}, {"sampling": {"tools": {}}}]
        world.gateway.says = {"pay": PAY}
        world.watch.stale("gateway")
        gone = await world.check("find", sampling={"tools": {}})
        assert gone is not None
        assert "no longer declares find" in gone.text
        assert world.told.notes == [("tool drifted", "find")]

    play(home, scene)


def test_s16_a_changed_tool_has_drifted_for_every_client(
    tmp_path: os.PathLike[str], lines: list[str]
) -> None:
    home = make_home(os.path.join(tmp_path, "able"))
    install_gateway(home, features=("sampling",))

    async def scene(world: World) -> None:
        world.gateway.says = CHANGED
        assert await world.refusal("find") == "MCPX-D06"
        assert world.told.notes == [("tool drifted", "find")]
        assert len(lines) == 1

    play(home, scene)


def test_a_server_that_was_put_back_is_not_waited_for(home: Home) -> None:
    async def scene(world: World) -> None:
        world.gateway.says = CHANGED
        assert await world.refusal("find") == "MCPX-D06"
        world.gateway.says = DECLARED
        assert await world.refusal("find") == "MCPX-D06", "not at every call"
        world.now_s += LIMITS.listing_retry_ms / 1000
        assert await world.check("find") is None

    play(home, scene)
