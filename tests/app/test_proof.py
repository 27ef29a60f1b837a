"""S4, S6: a repository's word is proved before the first call and renewed after it."""

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from mcp_proxy.app import proof as module
from mcp_proxy.app.proof import GuardedRoad, begin_proof, is_of_repository
from mcp_proxy.core.outcome import End, Result
from mcp_proxy.core.profile import AuditRules, Header, Profile
from mcp_proxy.core.seen import repository_root
from mcp_proxy.edges.own_command import Ended
from mcp_proxy.errors import ProfileError

GOOD = Ended(0, b'{"verified": true}')
PROOF = ("profile", "refresh", "billing", "--offline", "--json")
RENEWAL = ("profile", "refresh", "billing", "--json")


def profile(root: tuple[str, ...] = repository_root("ab" * 32)) -> Profile:
    header = Header("billing", 1, "", "", 1, None, "UTC", (), {}, AuditRules((), "deny"), ())
    return Profile(header, "cd" * 32, "", b"[]", {}, {}, {}, root)


class Commands:
    """Stands for our own commands: each ends when the test says so."""

    def __init__(self) -> None:
        self.started: list[tuple[str, ...]] = []
        self.ends: list[Callable[[Ended], None]] = []

    def __call__(
        self, arguments: tuple[str, ...], deadline_s: float, ended: Callable[[Ended], None]
    ) -> None:
        assert deadline_s > 0
        self.started.append(arguments)
        self.ends.append(ended)


class Road:
    """Notes the calls that reach it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def call(self, method: str, _params: dict[str, Any], _caller: object) -> End:
        self.calls.append(method)
        return Result({})


class Stage:
    """A guarded road, what passes it, and what refuses it."""

    def __init__(self) -> None:
        self.commands, self.road = Commands(), Road()
        self.refused: list[ProfileError | None] = []
        guarded: Any = self.road
        self.guarded = GuardedRoad(guarded, profile(), self.refused.append, self.commands)

    def call(self) -> "asyncio.Task[End]":
        caller: Any = None
        return asyncio.create_task(self.guarded.call("tools/call", {}, caller))


@pytest.fixture(autouse=True)
def nothing_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BEGUN", [])


def test_s4_no_call_passes_before_the_proof_has_ended() -> None:
    async def run() -> None:
        stage = Stage()
        first, second = stage.call(), stage.call()
        await asyncio.sleep(0.01)
        assert (stage.road.calls, stage.commands.started) == ([], [PROOF])
        stage.commands.ends[0](GOOD)
        await asyncio.gather(first, second)
        assert stage.road.calls == ["tools/call"] * 2
        assert stage.refused == [None]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (Ended(3, json.dumps({"id": "MCPX-P25", "why": "Other bytes."}).encode()), "MCPX-P25"),
        (Ended(3, b'{"id": "MCPX-P25"}'), "MCPX-P23"),
        (Ended(3, b'{"id": "of no catalog", "why": "x"}'), "MCPX-P23"),
        (Ended(1, b"no json"), "MCPX-P23"),
        (Ended(-1, b""), "MCPX-P23"),
    ],
)
def test_s4_a_proof_that_fails_refuses_before_any_call_goes_on(ended: Ended, expected: str) -> None:
    async def run() -> None:
        stage = Stage()
        waiting = stage.call()
        await asyncio.sleep(0.01)
        stage.commands.ends[0](ended)
        await waiting  # which the contract now denies, and the log tells
        assert stage.refused[0] is not None
        assert stage.refused[0].id == expected
        assert stage.refused[0].next == "mcp-proxy profile update billing"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("found", "said", "expected"),
    [
        ("MCPX-P30", "uv tool install X", "uv tool install X"),
        ("MCPX-P19", "wait", "wait"),
        ("MCPX-P30", "", "mcp-proxy profile update billing"),
        ("MCPX-P25", "another", "mcp-proxy profile update billing"),
    ],
)
def test_what_an_update_does_not_mend_is_told_with_what_does(
    found: str, said: str, expected: str
) -> None:
    async def run() -> None:
        stage = Stage()
        waiting = stage.call()
        await asyncio.sleep(0.01)
        row = {"id": found, "why": "It is so.", "next": said}
        stage.commands.ends[0](Ended(3, json.dumps(row).encode()))
        await waiting
        assert stage.refused[0] is not None
        assert (stage.refused[0].id, stage.refused[0].next) == (found, expected)

    asyncio.run(run())


def test_a_proof_that_failed_is_asked_for_again_at_the_next_call() -> None:
    async def run() -> None:
        stage = Stage()
        first = stage.call()
        await asyncio.sleep(0.01)
        stage.commands.ends[0](Ended(-1, b""))
        await first
        second = stage.call()
        await asyncio.sleep(0.01)
        assert stage.commands.started == [PROOF, RENEWAL, PROOF]
        stage.commands.ends[2](GOOD)
        await second
        assert [error is None for error in stage.refused] == [False, True]

    asyncio.run(run())


def test_s6_the_word_is_renewed_after_the_first_call_and_not_at_each() -> None:
    async def run() -> None:
        stage = Stage()
        first = stage.call()
        await asyncio.sleep(0.01)
        stage.commands.ends[0](GOOD)
        await first
        await stage.call()
        assert stage.commands.started == [PROOF, RENEWAL]

    asyncio.run(run())


@pytest.mark.parametrize(("ended", "after_s"), [(GOOD, 3_600), (Ended(6, b""), 300)])
def test_a_repository_out_of_reach_is_asked_again_sooner_and_not_at_each_call(
    monkeypatch: pytest.MonkeyPatch, ended: Ended, after_s: int
) -> None:
    async def run() -> None:
        stage, now_s = Stage(), [1_000.0]
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
        first = stage.call()
        await asyncio.sleep(0.01)
        stage.commands.ends[0](GOOD)
        await first
        stage.commands.ends[1](ended)
        for later_s, count in ((after_s - 1, 2), (after_s, 3)):
            now_s[0] = 1_000.0 + later_s
            await stage.call()
            assert len(stage.commands.started) == count

    asyncio.run(run())


def test_a_cancelled_call_takes_the_proof_from_nobody() -> None:
    async def run() -> None:
        stage = Stage()
        first, second = stage.call(), stage.call()
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0.01)
        stage.commands.ends[0](GOOD)
        await second
        assert stage.road.calls == ["tools/call"]

    asyncio.run(run())


def test_a_proof_begun_while_the_client_was_quiet_is_the_one_that_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        early = Commands()
        monkeypatch.setattr(module, "start_own", early)
        begin_proof(profile())
        early.ends[0](GOOD)
        stage = Stage()
        await stage.call()
        assert (early.started, stage.commands.started) == ([PROOF], [RENEWAL])

    asyncio.run(run())


def test_a_profile_of_pinned_keys_needs_no_proof() -> None:
    begin_proof(profile(("keys",)))
    assert not is_of_repository(profile(("keys",)))
    assert module._BEGUN == []
