"""Questions of an upstream on the road, to a client of either era; S14, S15 clause by clause."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from road_world import ACCEPTED, SAID, Client, World, text_of

from mcp_proxy.core.answer import Question, Told
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.outcome import End, Result
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.request import McpRequest
from mcp_proxy.edges.parking import Parking
from mcp_proxy.relay import Road

LEG = ["drift look", "log decided allow", "upstream tools/call upstream_tool"]
LEG_ASKED = [*LEG, "log answered asked"]
RESUMED = ["drift look", "log decided allow", "resumed call", "log answered ok", "reply"]
ROOTS = Question("roots/list", {})


def look(world: World, client: Client, road: Road | None = None, **params: Any) -> Awaitable[End]:
    given = {"name": "look", "arguments": {"q": 1}, **params}
    return (road or world.road()).call("tools/call", given, client)


def drive(play: Callable[[World], Awaitable[None]], **faults: Any) -> World:
    world = World(**faults)
    asyncio.run(play(world))
    return world


def test_a_client_that_waits_is_asked_and_the_call_goes_on_as_a_leg_of_its_own() -> None:
    async def play(world: World) -> None:
        world.then(world.asks(), SAID)
        client = Client(world, ACCEPTED)
        world.told(await look(world, client))
        assert world.trace == [*LEG_ASKED, "client asked k", *RESUMED]
        assert world.replies == [{"k": ACCEPTED}]
        assert world.deadlines == [20.0, 20.0], "human time is in neither"
        assert client.asked[0]["k"].params["message"].startswith("gate"), "S14: its name first"

    world = drive(play)
    asked = world.entries[1]
    assert isinstance(asked, Answered)
    assert (asked.outcome, asked.sent, asked.error) == ("asked", "yes", None)
    assert [entry.rule for entry in world.entries if isinstance(entry, Decided)] == ["allow"] * 2


def test_a_client_that_comes_again_is_answered_with_the_question_and_a_sealed_state() -> None:
    async def play(world: World) -> None:
        world.then(world.asks(), SAID)
        client, road = Client(world, modern=True), world.road()
        asks = world_result(world, await look(world, client, road))
        assert world.trace == [*LEG_ASKED, "reply asks"]
        assert set(asks) == {"resultType", "inputRequests", "requestState"}
        assert asks["inputRequests"]["k"]["method"] == "elicitation/create"
        world.trace.clear()
        world.told(await again(world, client, road, asks))
        assert world.trace == RESUMED
        assert world.replies == [{"k": ACCEPTED}]

    drive(play)


def world_result(world: World, end: End) -> dict[str, Any]:
    world.told(end)
    assert isinstance(end, Result)
    return end.value


def again(
    world: World, client: Client, road: Road, asks: dict[str, Any], **params: Any
) -> Awaitable[End]:
    """The retry of `look` with every question accepted."""
    replies = dict.fromkeys(asks["inputRequests"], ACCEPTED)
    state = asks["requestState"]
    return look(world, client, road, inputResponses=replies, requestState=state, **params)


@pytest.mark.parametrize("modern", [True, False])
def test_a_call_that_asks_more_than_once_takes_a_leg_for_each(modern: bool) -> None:
    async def play(world: World) -> None:
        world.then(world.asks("one"), world.asks("two", r=ROOTS), SAID)
        client, road = Client(world, ACCEPTED, {"roots": []}, modern=modern), world.road()
        end = await look(world, client, road)
        if modern:
            first = world_result(world, end)
            second = world_result(world, await again(world, client, road, first))
            assert set(second["inputRequests"]) == {"r"}
            assert second["requestState"] != first["requestState"]
            given = {"inputResponses": {"r": {"roots": []}}}
            end = await look(world, client, road, requestState=second["requestState"], **given)
        assert text_of(end) == "done"
        assert world.replies == [{"k": ACCEPTED}, {"r": {"roots": []}}]
        outcomes = [entry.outcome for entry in world.entries if isinstance(entry, Answered)]
        assert outcomes == ["asked", "asked", "ok"]

    drive(play)


@pytest.mark.parametrize("modern", [True, False])
def test_a_call_asks_so_many_times_at_most(modern: bool) -> None:
    async def play(world: World) -> None:
        world.then(*[world.asks(str(at)) for at in range(1, 20)])
        client, road = Client(world, *[ACCEPTED] * 20, modern=modern), world.road()
        end = await look(world, client, road)
        while isinstance(end, Result) and "requestState" in end.value:
            end = await again(world, client, road, end.value)
        assert isinstance(end, Result)
        assert end.error == "MCPX-D08"
        assert world.trace.count("log decided allow") == LIMITS.rounds
        assert world.trace[-1] == f"dropped {LIMITS.rounds}"

    drive(play)


def test_every_leg_of_a_mutating_call_is_on_the_disk_before_it_leaves() -> None:
    async def play(world: World) -> None:
        world.then(world.asks(), SAID)
        params = {"name": "change", "arguments": {}}
        world.told(await world.road().call("tools/call", params, Client(world, ACCEPTED)))

    assert drive(play).trace == [
        "drift change",
        "log decided allow",
        "log durable",
        "upstream tools/call upstream_tool",
        "log answered asked",
        "log durable",
        "client asked k",
        "drift change",
        "log decided allow",
        "log durable",
        "resumed call",
        "log answered ok",
        "log durable",
        "reply",
    ]


def test_a_call_of_which_no_leg_is_denied_is_decided_again_after_the_person_took_time() -> None:
    refusal = Deny("MCPX-P03", "profile in force", "Signed by a key that is not trusted here.")

    async def play(world: World) -> None:
        def distrust() -> Any:
            world.faults["ready"] = refusal
            return ACCEPTED

        world.then(world.asks(), SAID)
        world.told(await look(world, Client(world, distrust)))

    assert drive(play).trace == [
        *LEG_ASKED,
        "client asked k",
        "log decided deny MCPX-P03",
        "dropped call",
        "reply MCPX-P03",
    ]


def test_s16_a_tool_that_drifts_while_the_person_takes_time_is_not_resumed() -> None:
    async def play(world: World) -> None:
        def drift() -> Any:
            world.faults["drift"] = Deny("MCPX-D06", "drift", "It is not what it was.")
            return ACCEPTED

        world.then(world.asks(), SAID)
        world.told(await look(world, Client(world, drift)))

    assert drive(play).trace[-4:] == [
        "drift look",
        "log decided deny MCPX-D06",
        "dropped call",
        "reply MCPX-D06",
    ]


@pytest.mark.parametrize(
    "asked",
    [
        Question(
            "elicitation/create", {"mode": "url", "message": "Pay", "url": "https://evil.test"}
        ),
        Question("tools/call", {"name": "change"}),
        Question("sampling/createMessage", {}),
    ],
)
@pytest.mark.parametrize("modern", [True, False])
def test_s14_a_refused_question_ends_the_call_and_reaches_nobody(
    asked: Question, modern: bool
) -> None:
    async def play(world: World) -> None:
        world.then(world.asks(k=asked))
        client = Client(world, modern=modern)
        end = await look(world, client)
        assert world.told(end).trace == [
            *LEG,
            "log answered error MCPX-D08",
            "dropped call",
            "reply MCPX-D08",
        ]
        assert client.asked == []
        assert isinstance(end, Result)
        assert end.value["isError"] is True

    drive(play)


@pytest.mark.parametrize("modern", [True, False])
def test_s14_a_client_that_declared_nothing_is_asked_nothing(modern: bool) -> None:
    async def play(world: World) -> None:
        world.then(world.asks())
        client = Client(world, modern=modern, capabilities={})
        assert world.told(await look(world, client)).trace[-2:] == [
            "dropped call",
            "reply MCPX-D08",
        ]
        assert world.wishes[0].capabilities == {}

    drive(play)


def test_a_reply_that_is_none_is_not_passed_on() -> None:
    async def play(world: World) -> None:
        world.then(world.asks(), SAID)
        world.told(await look(world, Client(world, {"action": "shrug"})))
        assert world.trace[-3:] == ["log decided deny MCPX-D01", "dropped call", "reply MCPX-D01"]
        assert world.replies == []

    drive(play)


def test_a_client_that_cannot_answer_says_so_to_the_upstream() -> None:
    told = Told(-32603, "Nobody there")

    async def play(world: World) -> None:
        world.then(world.asks(), SAID)
        assert text_of(await look(world, Client(world, told))) == "done"
        assert world.replies == [{"k": told}]

    drive(play)


async def cancelled(world: World, work: Awaitable[End]) -> None:
    task = asyncio.ensure_future(work)
    async with asyncio.timeout(5):
        await world.reached.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


def test_a_call_cancelled_while_its_client_is_asked_is_dropped_and_logged() -> None:
    async def play(world: World) -> None:
        world.then(world.asks())
        await cancelled(world, look(world, Client(world, None)))

    trace = drive(play).trace
    assert trace == [*LEG_ASKED, "client asked k", "log cancelled yes", "dropped call"]


def test_s20_a_question_whose_leg_cannot_be_logged_is_not_asked() -> None:
    async def play(world: World) -> None:
        world.then(world.asks())
        world.told(await look(world, Client(world)))

    assert drive(play, full_at="answered").trace == [*LEG, "dropped call", "reply MCPX-A01"]


def test_s20_a_leg_that_cannot_be_logged_does_not_leave_and_its_call_is_dropped() -> None:
    async def play(world: World) -> None:
        world.then(world.asks(), SAID)
        world.told(await look(world, Client(world, ACCEPTED)))

    trace = drive(play, full_at="decided 2").trace
    assert trace == [*LEG_ASKED, "client asked k", "drift look", "dropped call", "reply MCPX-A01"]


# S15: what a retry must agree with. Each mismatch is a fresh first leg.


async def retried(
    change: Callable[[World, dict[str, Any]], dict[str, Any]],
    parking: Parking | None = None,
    **faults: Any,
) -> World:
    """A call that asks, and its retry as `change` makes it of the good one."""
    world = World(**faults)
    world.then(world.asks("first"), world.asks("fresh"), SAID)
    client, road = Client(world, modern=True), world.road()
    asks = world_result(world, await look(world, client, road))
    world.trace.clear()
    params = {
        "name": "look",
        "arguments": {"q": 1},
        "inputResponses": {"k": ACCEPTED},
        "requestState": asks["requestState"],
    }
    other = road if parking is None else world.road(parking)
    method = "tools/call"
    given = change(world, params)
    if "uri" in given:
        method = "resources/read"
    world.told(await other.call(method, given, client))
    return world


def mismatch(change: Callable[[World, dict[str, Any]], dict[str, Any]], **other: Any) -> World:
    async def play() -> World:
        return await retried(change, **other)

    return asyncio.run(play())


def is_fresh(world: World) -> None:
    """A first leg of its own, which brought nothing of the old one to the upstream."""
    assert world.replies == []
    assert any(line.startswith("upstream ") for line in world.trace)
    request = world.requests[-1]
    assert isinstance(request, McpRequest)
    assert not {"inputResponses", "requestState", "_meta"} & request.params.keys()


def is_refused(world: World) -> None:
    """A JSON-RPC error that is in the log, and nothing sent."""
    assert world.trace == ["log decided deny MCPX-D09", "error -32602"]


def replaced(**values: Any) -> Callable[[World, dict[str, Any]], dict[str, Any]]:
    return lambda _world, params: {**params, **values}


def test_s15_a_state_that_agrees_in_everything_is_claimed() -> None:
    world = mismatch(replaced())
    assert world.replies == [{"k": ACCEPTED}]
    assert world.trace[:3] == ["drift look", "log decided allow", "resumed first"]


@pytest.mark.parametrize("at", [0, 20, 100, 300])
def test_s15_a_tampered_state_is_refused(at: int) -> None:
    def tamper(_world: World, params: dict[str, Any]) -> dict[str, Any]:
        state = params["requestState"]
        other = "A" if state[at] != "A" else "B"
        return {**params, "requestState": state[:at] + other + state[at + 1 :]}

    is_refused(mismatch(tamper))


@pytest.mark.parametrize("state", ["", "x", "🙂", "A" * 10_000, 5, None, {"a": 1}])
def test_s15_a_state_of_anybody_else_s_making_is_refused(state: Any) -> None:
    is_refused(mismatch(replaced(requestState=state)))


def test_s15_a_replayed_state_is_a_fresh_first_leg() -> None:
    async def play(world: World) -> None:
        world.then(world.asks("first"), SAID, world.asks("second"))
        client, road = Client(world, modern=True), world.road()
        asks = world_result(world, await look(world, client, road))
        await again(world, client, road, asks)
        world.trace.clear()
        await again(world, client, road, asks)
        assert world.trace == LEG_ASKED
        assert len(world.replies) == 1

    drive(play)


def test_s15_two_retries_at_once_resume_one_call_once() -> None:
    async def play(world: World) -> None:
        world.then(world.asks("first"), SAID)
        client, road = Client(world, modern=True), world.road()
        asks = world_result(world, await look(world, client, road))
        await asyncio.gather(*(again(world, client, road, asks) for _ in range(2)))
        assert world.trace.count("resumed first") == 1

    drive(play)


def test_s15_an_expired_state_is_a_fresh_first_leg() -> None:
    def later(seconds: float) -> Callable[[World, dict[str, Any]], dict[str, Any]]:
        def change(world: World, params: dict[str, Any]) -> dict[str, Any]:
            world.now_s += seconds
            return params

        return change

    is_fresh(mismatch(later(600)))
    assert mismatch(later(599)).replies == [{"k": ACCEPTED}]


def test_s15_the_state_of_another_tool_is_a_fresh_first_leg() -> None:
    is_fresh(mismatch(replaced(name="change")))


def test_s15_the_state_of_another_method_is_a_fresh_first_leg() -> None:
    def read(_world: World, params: dict[str, Any]) -> dict[str, Any]:
        return {"uri": "docs://notice", **params}

    is_fresh(mismatch(read))


@pytest.mark.parametrize("arguments", [{"q": 2}, {}, None])
def test_s15_other_arguments_are_a_fresh_first_leg(arguments: Any) -> None:
    is_fresh(mismatch(replaced(arguments=arguments)))


def test_s15_the_digest_is_of_the_final_request_so_spelling_is_no_difference() -> None:
    assert mismatch(replaced(arguments={"q": 1.0})).replies == [{"k": ACCEPTED}]


def test_s15_replies_to_other_keys_do_not_reach_the_upstream() -> None:
    world = mismatch(replaced(inputResponses={"other": ACCEPTED}))
    assert world.replies == [{}], "the upstream asks again for what is missing"


def test_s15_another_process_or_profile_knows_nothing_of_the_state() -> None:
    async def other_process() -> World:
        parking = Parking("d" * 64, lambda: 1000.0, LIMITS)
        return await retried(replaced(), parking)

    is_refused(asyncio.run(other_process()))


def test_s15_a_denied_retry_claims_nothing() -> None:
    async def play(world: World) -> None:
        world.then(world.asks("first"), SAID)
        client, road = Client(world, modern=True), world.road()
        asks = world_result(world, await look(world, client, road))
        denied = await again(world, client, road, asks, arguments={"q": 99})
        assert isinstance(denied, Result)
        assert denied.error == "MCPX-D01"
        assert text_of(await again(world, client, road, asks)) == "done"

    drive(play)


def test_s15_a_client_that_waits_has_no_states() -> None:
    async def play(world: World) -> None:
        world.then(world.asks("first"), SAID)
        road = world.road()
        asks = world_result(world, await look(world, Client(world, modern=True), road))
        world.told(await again(world, Client(world, ACCEPTED), road, asks))
        assert world.replies == []

    drive(play)


def test_s15_what_nobody_comes_back_for_is_cancelled_at_the_end_and_logged() -> None:
    async def play(world: World) -> None:
        world.then(world.asks("first"))
        parking = world.parking()
        await look(world, Client(world, modern=True), world.road(parking))
        world.trace.clear()
        await parking.close()
        assert world.trace == ["log cancelled yes", "dropped first"]

    drive(play)


def test_s20_a_retry_that_cannot_be_logged_drops_what_it_claimed() -> None:
    async def play(world: World) -> None:
        world.then(world.asks("first"))
        client, road = Client(world, modern=True), world.road()
        asks = world_result(world, await look(world, client, road))
        world.trace.clear()
        world.told(await again(world, client, road, asks))
        assert world.trace == ["drift look", "dropped first", "reply MCPX-A01"]

    drive(play, full_at="decided 2")
