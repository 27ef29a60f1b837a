"""Calls that a grant lets pass at the gate: exactly so many, and only those it is for (S17)."""

import asyncio
import base64
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from app.approval_world import REFUSED, Client, Process, World, play, read
from edges.fakes_keychain import MemoryKeychain

from mcp_proxy.app import grants_key
from mcp_proxy.core.grant import Grant, sign_grant
from mcp_proxy.core.signing import public_key
from mcp_proxy.edges import admin_policy, approvals, clock
from mcp_proxy.edges.grants import Kept, Signed, change_grants, grant_holds, use_up_grant
from mcp_proxy.edges.settings import Settings
from mcp_proxy.edges.settings_approval import ApprovalSettings

SEED = b"grants-signing-key-for-the-tests"
OTHER = b"a key that was made for the file"
Scene = Callable[[World, Process], Awaitable[None]]


@pytest.fixture
def beside(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Plays a scene in which nobody waits long for a person."""

    def run(scene: Scene) -> None:
        approval = ApprovalSettings()._replace(wait=0.1, show="terminal")
        settings = Settings(approval=approval)
        monkeypatch.setattr("mcp_proxy.app.person.read_settings", lambda _home: settings)
        monkeypatch.setattr(grants_key, "asks_nobody", lambda _home: KEYCHAIN.is_open())
        monkeypatch.setattr(grants_key, "home_keychain", lambda _home: KEYCHAIN)

        async def whole() -> None:
            world = World(os.path.join(os.fspath(tmp_path), "home"))
            process = Process(world)
            await scene(world, process)
            await process.end()

        play(whole)

    return run


KEYCHAIN = MemoryKeychain()
KEYCHAIN.set("signing:grants", base64.b64encode(SEED).decode())


def give(world: World, name: str, uses: int = 2, seed: bytes = SEED, **changes: Any) -> Grant:
    """A grant of calls of the tool, as `grant add` keeps it."""
    issued = int(clock.now_s()) - 1
    bound = (os.urandom(16).hex(), world.home.id, "billing", "keys", world.profile.digest, name)
    grant = Grant(*bound, (), uses, issued, issued + 600)._replace(**changes)
    signed = Signed(grant, sign_grant(grant, seed))
    change_grants(world.home, lambda kept: Kept(public_key(seed), (*kept.rows, signed)))
    return grant


async def errors(process: Process, tool: str, *amounts: int) -> list[str | None]:
    return [read(await process.call(tool, Client(), amount=amount))[0] for amount in amounts]


def test_s17_a_grant_lets_exactly_so_many_calls_pass_unasked(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        grant = give(world, "note")
        assert await errors(process, "note", 1, 2, 3) == [None, None, "MCPX-D03"]
        assert len(world.sent) == 2
        process.log.close("over")
        decided = [row for what, row in world.events() if what == "decided"]
        assert [row["approval"] for row in decided[:2]] == [grant.id, grant.id]
        assert [what for what, _ in world.events()].count("approved by grant") == 2

    beside(scene)


def test_s17_two_processes_share_one_grant(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        give(world, "note", uses=5)
        other = Process(world)
        calls = [one.call("note", Client(), amount=1) for one in (process, other) * 5]
        ends = [read(end)[0] for end in await asyncio.gather(*calls)]
        assert (ends.count(None), ends.count("MCPX-D03")) == (5, 5)
        assert len(world.sent) == 5
        await other.end()

    beside(scene)


@pytest.mark.parametrize(
    "changes",
    [
        {"tool": "odd"},
        {"profile": "crm"},
        {"digest": "cd" * 32},
        {"root": "repository x"},
        {"home": "e" * 32},
        {"when": ({"amount": {"at_most": 4}},)},
        {"when": ({"nothing": {"at_most": 4}},)},
    ],
)
def test_s17_a_grant_for_something_else_lets_nothing_pass(beside: Any, changes: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        give(world, "note", **changes)
        assert await errors(process, "note", 5) == ["MCPX-D03"]
        assert world.sent == []

    beside(scene)


def test_s17_an_ended_or_future_grant_lets_nothing_pass(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        now_s = int(clock.now_s())
        give(world, "note", issued=now_s - 600, expires=now_s - 1)
        give(world, "note", issued=now_s + 600, expires=now_s + 900)
        assert await errors(process, "note", 5) == ["MCPX-D03"]

    beside(scene)


def test_s17_limits_hold_under_a_grant(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        give(world, "refund", uses=10)
        assert await errors(process, "refund", 600, 600) == [None, "MCPX-D13"]
        assert len(world.sent) == 1

    beside(scene)


def test_s17_a_call_that_never_left_gives_its_use_back(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        give(world, "note", uses=1)
        answer, world.answer = world.answer, REFUSED
        assert await errors(process, "note", 1) == ["MCPX-U01"]
        world.answer = answer
        assert await errors(process, "note", 1, 2) == [None, "MCPX-D03"]

    beside(scene)


def test_s17_a_grant_taken_back_in_state_db_lets_nothing_pass(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        grant = give(world, "note")
        await process.state.run(lambda tx: use_up_grant(tx, grant.id))
        assert await errors(process, "note", 1) == ["MCPX-D03"]

    beside(scene)


@pytest.mark.parametrize("how", ["ended", "taken back"])
def test_s17_a_grant_that_is_over_before_the_first_byte_stops_the_call(
    beside: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    async def scene(world: World, process: Process) -> None:
        grant = give(world, "note")
        holds = approvals.holds

        def late(tx: Any, name: str) -> bool:
            if how == "taken back":
                use_up_grant(tx, grant.id)
            return holds(tx, name)

        def judged(tx: Any, used: Grant) -> bool:
            return grant_holds(tx._replace(now_s=float(used.expires)), used)

        monkeypatch.setattr(approvals, "holds", late)
        if how == "ended":
            monkeypatch.setattr("mcp_proxy.app.passing.grant_holds", judged)
        assert await errors(process, "note", 1) == ["MCPX-D16"]
        assert world.sent == []

    beside(scene)


def test_s17_a_grant_is_worth_nothing_where_no_terminal_may_approve(
    beside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(world: World, process: Process) -> None:
        give(world, "odd")
        assert await errors(process, "odd", 1) == ["MCPX-D03"], "the profile wants the client"
        give(world, "note")
        policy = admin_policy.read_policy()._replace(channels=frozenset({"page"}))
        monkeypatch.setattr("mcp_proxy.app.person.read_policy", lambda: policy)
        assert await errors(process, "note", 1) == ["MCPX-D03"], "so does the administrator"
        assert world.sent == []

    beside(scene)


def test_s17_a_person_s_no_to_the_very_call_stands_above_a_grant(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        assert await errors(process, "note", 1) == ["MCPX-D03"]
        (request,) = await process.asked()
        assert await process.say(request, yes=False)
        give(world, "note")
        assert await errors(process, "note", 1, 2) == ["MCPX-D12", None]

    beside(scene)


def test_s17_a_file_signed_by_a_key_that_was_made_for_it_lets_nothing_pass(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        give(world, "note", seed=OTHER)
        assert await errors(process, "note", 5) == ["MCPX-D03"]
        assert world.sent == []
        process.log.close("over")
        said = [what for what, _ in world.events()]
        assert "grants not signed by this machine's key" in said

    beside(scene)


def test_s17_a_keychain_that_is_locked_proves_no_grant_and_an_open_one_does(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        give(world, "note")
        KEYCHAIN.locked = True
        try:
            assert await errors(process, "note", 5) == ["MCPX-D03"]
        finally:
            KEYCHAIN.locked = False
        assert await errors(process, "note", 5) == [None]

    beside(scene)
