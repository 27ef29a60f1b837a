"""Calls that wait for their client: bounded in number and time, bound to one request (S15)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from mcp_proxy.core.answer import Answer, Emit, Question, Reply
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.plan import Label
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.request import McpRequest
from mcp_proxy.core.turn import Turn
from mcp_proxy.edges.parking import Parking

LABEL = Label("look", "gate", "read", is_tool=True)
REQUEST = McpRequest("tools/call", {"name": "x", "arguments": {"q": 1}}, "x", (), retry_safe=False)
ASKED = {"k": Question("roots/list", {})}


class Parked:
    """A call that only counts how often it was dropped."""

    def __init__(self) -> None:
        self.drops = 0

    async def resume(self, replies: Mapping[str, Reply], emit: Emit, deadline_s: float) -> Answer:
        raise AssertionError("parking lets calls go; it resumes none")

    async def drop(self) -> None:
        self.drops += 1


class Lot:
    """A parking, its clock, and what was dropped of it."""

    def __init__(self, **limits: Any) -> None:
        self.now_s = 1000.0
        self.dropped: list[str] = []
        self.calls: dict[str, Parked] = {}
        self.parking = Parking("d" * 64, lambda: self.now_s, LIMITS._replace(**limits))

    def park(self, name: str = "call", leg: int = 2) -> str:
        call = self.calls[name] = Parked()
        turn = Turn(leg, call, ASKED)
        return self.parking.park(turn, LABEL, REQUEST, lambda: self.dropped.append(name))

    def claim(
        self, state: Any, label: Label = LABEL, request: McpRequest = REQUEST
    ) -> Turn | Deny | None:
        return self.parking.claim(state, label, request)


def drive(play: Callable[[Lot], Awaitable[None]], **limits: Any) -> None:
    async def run() -> None:
        lot = Lot(**limits)
        try:
            await play(lot)
        finally:
            await lot.parking.close()

    asyncio.run(run())


def test_s15_a_state_is_good_for_one_claim() -> None:
    async def play(lot: Lot) -> None:
        state = lot.park(leg=4)
        turn = lot.claim(state)
        assert turn is not None
        assert (turn.leg, turn.parked, turn.asked) == (4, lot.calls["call"], ASKED)
        assert lot.claim(state) is None
        await lot.parking.close()
        assert lot.calls["call"].drops == 0, "who claimed it has it"

    drive(play)


@pytest.mark.parametrize(
    ("label", "request_"),
    [
        (LABEL._replace(name="other"), REQUEST),
        (LABEL._replace(upstream="other"), REQUEST),
        (LABEL, REQUEST._replace(method="prompts/get")),
        (LABEL, REQUEST._replace(params={"name": "x", "arguments": {"q": 2}})),
        (LABEL, REQUEST._replace(headers=(("Mcp-Param-Q", "1"),))),
    ],
)
def test_s15_a_state_is_good_for_its_own_request_alone(label: Label, request_: McpRequest) -> None:
    async def play(lot: Lot) -> None:
        state = lot.park()
        assert lot.claim(state, label, request_) is None
        assert lot.claim(state) is not None, "and a mismatch takes it from nobody"

    drive(play)


def test_s15_a_state_is_good_in_its_own_process_and_profile_alone() -> None:
    async def play(lot: Lot) -> None:
        state = lot.park()
        for digest in ("d" * 64, "e" * 64):
            other = Parking(digest, lambda: 1000.0, LIMITS)
            denied = other.claim(state, LABEL, REQUEST)
            assert isinstance(denied, Deny)
            assert denied.id == "MCPX-D09"

    drive(play)


def test_s15_a_state_is_good_for_ten_minutes() -> None:
    async def play(lot: Lot) -> None:
        state = lot.park()
        lot.now_s += 600
        assert lot.claim(state) is None
        lot.now_s -= 1
        assert lot.claim(state) is not None

    drive(play)
    assert LIMITS.parked_ms == 600_000


def test_s15_what_nobody_comes_back_for_is_dropped_in_time() -> None:
    async def play(lot: Lot) -> None:
        state = lot.park()
        await asyncio.sleep(0.05)
        assert lot.dropped == ["call"]
        assert lot.calls["call"].drops == 1
        assert lot.claim(state) is None

    drive(play, parked_ms=10)


def test_s15_the_oldest_gives_way_to_the_newest() -> None:
    async def play(lot: Lot) -> None:
        states = {name: lot.park(name) for name in ("one", "two", "three")}
        await asyncio.sleep(0)
        assert lot.dropped == ["one"]
        assert lot.calls["one"].drops == 1
        assert lot.claim(states["one"]) is None
        assert lot.claim(states["three"]) is not None

    drive(play, parked_calls=2)


def test_s15_the_end_drops_every_call_that_waits() -> None:
    async def play(lot: Lot) -> None:
        lot.park("one")
        lot.park("two")
        await lot.parking.close()
        assert lot.dropped == ["one", "two"]
        assert [call.drops for call in lot.calls.values()] == [1, 1]

    drive(play)


def test_s15_a_state_of_the_largest_questions_can_be_brought_back() -> None:
    async def play(lot: Lot) -> None:
        keys = [chr(0x10000 + at) * LIMITS.question_key_chars for at in range(LIMITS.questions)]
        turn = Turn(10, Parked(), {key: Question("roots/list", {}) for key in keys})
        state = lot.parking.park(turn, LABEL, REQUEST, lambda: None)
        assert len(state) <= LIMITS.sealed_chars
        assert lot.claim(state) is not None

    drive(play)


def test_s15_no_two_states_are_alike_and_none_shows_what_it_is_of() -> None:
    async def play(lot: Lot) -> None:
        states = {lot.park(str(at)) for at in range(20)}
        assert len(states) == 20
        assert not any(word in state for state in states for word in ("look", "gate"))

    drive(play)
