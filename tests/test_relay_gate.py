"""The gate on the road: a person's yes and the shared counters, in their order (S17, S18)."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from road_world import ACCEPTED, CAPABLE, NAME, SAID, Client, World, text_of

from mcp_proxy.core.answer import Failure
from mcp_proxy.core.audit import Decided
from mcp_proxy.core.outcome import End, Result
from mcp_proxy.core.passage import AGAIN, AskClient, Passed
from mcp_proxy.core.plan import Going
from mcp_proxy.core.planning import Planner
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.tasks import Owner

PASSED = Passed("ticket", "approval-1", "digest")
NO = Deny("MCPX-D12", "approval.denied", "A person has denied the call.")
LAPSED = Deny("MCPX-D16", "reservation lapsed", "The reservation lapsed.")
OURS = AskClient("approval-1", {"mcp-proxy.approval": NAME})


def call(world: World, tool: str, client: Client | None = None, **params: Any) -> Awaitable[End]:
    caller = Client(world) if client is None else client
    road = params.pop("road", None) or world.road()
    return road.call("tools/call", {"name": tool, "arguments": {"q": 1}, **params}, caller)


def drive(tool: str = "ask", **faults: Any) -> World:
    world = World(**faults)

    async def play() -> None:
        world.told(await call(world, tool))

    asyncio.run(play())
    return world


def test_s17_s18_reserved_before_decided_sending_right_before_the_call_settled_after() -> None:
    world = drive("sign")
    assert world.trace == [
        *("drift sign", "gate", "log decided allow", "log durable", "gate sending ticket"),
        *("upstream tools/call upstream_tool", "log answered ok"),
        *("log durable", "gate left yes", "reply"),
    ]
    decided = world.entries[0]
    assert isinstance(decided, Decided)
    assert (decided.decision, decided.rule, decided.approval) == ("allow", "approval.always", "yes")


def test_a_call_that_needs_nothing_meets_no_gate() -> None:
    assert not [line for line in drive("read").trace if line.startswith("gate")]


def test_s17_what_a_person_denies_is_logged_and_never_leaves() -> None:
    world = drive(gate=[NO])
    assert world.trace == ["gate", "log decided deny MCPX-D12", "reply MCPX-D12"]


def test_s17_after_a_person_s_word_everything_is_decided_again() -> None:
    world = World(gate=[AGAIN, PASSED])

    async def play() -> None:
        plans = iter([None, Deny("MCPX-D11", "paused", "A person has paused the tool.")])
        ready = world.ready

        def once_more(tool: str, now_s: float) -> Any:
            return next(plans) or ready(tool, now_s)

        world.ready = once_more
        world.told(await call(world, "ask"))

    asyncio.run(play())
    assert world.trace == ["gate", "log decided deny MCPX-D11", "reply MCPX-D11"]
    assert drive(gate=[AGAIN, PASSED]).trace[:3] == ["gate", "gate", "log decided allow"]


def test_s18_a_reservation_that_lapsed_is_not_sent() -> None:
    world = drive(lapsed=LAPSED)
    assert world.trace == [
        *("gate", "log decided allow", "gate sending ticket", "log cancelled no"),
        *("gate left no", "reply MCPX-D16"),
    ]


@pytest.mark.parametrize("full_at", ["decided", "durable"])
def test_s20_what_cannot_be_logged_gives_back_what_was_reserved(full_at: str) -> None:
    world = drive("sign", full_at=full_at)
    assert world.trace[-2:] == ["gate left no", "reply MCPX-A01"]
    assert not [line for line in world.trace if line.startswith(("upstream", "gate sending"))]


@pytest.mark.parametrize("sent", ["no", "maybe", "yes"])
def test_s18_the_gate_hears_whether_the_call_left(sent: Any) -> None:
    world = World(Failure("MCPX-U01", "The upstream is out of reach.", sent))
    asyncio.run(_told(world, "ask"))
    assert f"gate left {sent}" in world.trace


def test_s18_an_upstream_that_breaks_has_perhaps_done_it() -> None:
    world = World(RuntimeError("broken"))
    asyncio.run(_told(world, "ask"))
    assert "gate left maybe" in world.trace


@pytest.mark.parametrize(
    ("waits", "left"),
    [("gate", None), ("durable", "no"), ("sending", "no"), ("upstream", "maybe")],
)
def test_a_call_taken_back_at_any_moment_settles_what_it_holds(
    waits: str, left: str | None
) -> None:
    async def play(world: World) -> None:
        task = asyncio.ensure_future(call(world, "sign"))
        await world.reached.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    world = World(SAID, waits=waits)
    asyncio.run(play(world))
    settled = [line for line in world.trace if line.startswith("gate left")]
    assert settled == ([] if left is None else [f"gate left {left}"])
    if waits == "sending":
        assert "log cancelled no" in world.trace


def test_s17_later_legs_of_one_call_pay_nothing_again() -> None:
    async def play(world: World) -> None:
        world.then(world.asks(), SAID)
        world.told(await call(world, "sign", Client(world, ACCEPTED)))

    world = _played(play)
    assert [line for line in world.trace if line.startswith(("gate", "resumed"))] == [
        *("gate", "gate sending ticket", "gate left yes", "resumed call"),
    ]
    assert [one.approval for one in world.entries if isinstance(one, Decided)] == ["yes", "yes"]


def test_s17_a_call_made_once_more_in_a_new_session_passes_the_gate_anew() -> None:
    ended = Failure("MCPX-U01", "The session has ended.", "yes", 404, renewed=True)
    world = World(ended, SAID)
    asyncio.run(_told(world, "sign"))
    assert [line for line in world.trace if line.startswith("gate")] == [
        *("gate", "gate sending ticket", "gate left no"),
        *("gate", "gate sending ticket", "gate left yes"),
    ]


def test_s15_a_client_that_comes_again_is_asked_by_a_sealed_state_for_this_very_call() -> None:
    async def play(world: World) -> None:
        client, road = Client(world, modern=True), world.road()
        asks = await call(world, "sign", client, road=road)
        assert isinstance(asks, Result)
        assert set(asks.value["inputRequests"]) == {"mcp-proxy.approval"}
        state = {"requestState": asks.value["requestState"]}
        replies = {"inputResponses": {"mcp-proxy.approval": ACCEPTED}}
        assert world.trace == ["drift sign", "gate", "log decided ask"]
        other = {"name": "sign", "arguments": {"q": 2}, **state, **replies}
        world.told(await road.call("tools/call", other, client))
        assert world.trace[3:6] == ["drift sign", "gate", "log decided allow"], "a fresh first leg"
        del world.trace[:]
        world.told(await call(world, "sign", client, road=road, **state, **replies))
        assert world.trace[:3] == ["drift sign", "gate approval-1", "log decided allow"]
        del world.trace[:]
        world.told(await call(world, "sign", client, road=road, **state, **replies))
        assert world.trace[1] == "gate", "a state is good once"

    world = World(SAID, gate=[OURS, PASSED])
    asyncio.run(play(world))
    asked = world.entries[0]
    assert isinstance(asked, Decided)
    assert (asked.decision, asked.approval, asked.error) == ("ask", "approval-1", None)


def test_s20_a_question_of_ours_that_nobody_answers_is_logged_as_never_sent() -> None:
    async def play(world: World) -> None:
        parking = world.parking()
        await call(world, "sign", Client(world, modern=True), road=world.road(parking))
        del world.trace[:]
        await parking.close()
        assert world.trace == ["log cancelled no"]

    asyncio.run(play(World(gate=[OURS])))


def test_a_denied_call_says_why_to_the_model() -> None:
    world = World(gate=[NO])

    async def play() -> None:
        assert text_of(await call(world, "ask")) == "A person has denied the call. (MCPX-D12)"

    asyncio.run(play())


def _played(play: Callable[[World], Awaitable[None]]) -> World:
    world = World()
    asyncio.run(_play(play, world))
    return world


async def _play(play: Callable[[World], Awaitable[None]], world: World) -> None:
    await play(world)


async def _told(world: World, tool: str) -> None:
    world.told(await call(world, tool))


PAUSED = Deny("MCPX-D11", "paused", "A person has paused it.")


def test_s6_a_call_stopped_after_its_decision_leaves_nothing_and_gives_all_back() -> None:
    world = drive("sign", stopped=PAUSED)
    assert world.trace[-5:] == [
        *("stopped? sign", "log answered error MCPX-D11", "log durable", "gate left no"),
        "reply MCPX-D11",
    ]
    assert "stopped? look" in drive("look", stopped=PAUSED).trace


def test_s6_a_paused_task_can_still_be_cancelled() -> None:
    world = World(stopped=PAUSED)
    ready = world.ready("look", world.now_s)
    owner = Owner("look", "gate", ready.spec, ready.tool.result, None, CAPABLE, None, None, "read")
    assert world.tasks.own("t1", owner)
    planner = Planner(world, world.tasks)
    for method, id_ in (("tasks/cancel", None), ("tasks/get", "MCPX-D11")):
        going = planner.plan(method, {"taskId": "t1"}, CAPABLE, world.now_s)
        assert isinstance(going, Going)
        denied = planner.stopped(going, world.now_s)
        assert (denied and denied.id) == id_
