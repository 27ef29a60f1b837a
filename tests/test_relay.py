"""The road as a playbook: one fake world, one trace of effects, in their order."""

import asyncio
import contextlib
from typing import Any

import pytest
from core.tool_samples import REST
from road_world import SAID, World, text_of

from mcp_proxy.app.call import NoCaller
from mcp_proxy.core.answer import Failure, Log, Progress, Sent
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.core.events import clean_event
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.outcome import End, Result, RpcError
from mcp_proxy.core.policy import Deny

SECRET = "canary-7f3a"
OK = ["log decided allow", "upstream read", "log answered ok", "reply"]


def answer_of(world: World, tool: str, arguments: Any = None) -> End:
    given = {} if arguments is None else arguments
    answer = asyncio.run(
        world.road().call("tools/call", {"name": tool, "arguments": given}, NoCaller())
    )
    world.told(answer)
    return answer


def drive(world: World, tool: str, arguments: Any = None) -> list[str]:
    """The trace of one call."""
    answer_of(world, tool, arguments)
    return world.trace


def test_a_call_is_logged_before_it_leaves_and_before_it_is_answered() -> None:
    assert drive(World(), "read") == OK


@pytest.mark.parametrize("tool", ["write", "destroy"])
def test_s20_a_mutating_call_s_decision_and_outcome_are_on_the_disk_in_time(tool: str) -> None:
    assert drive(World(), tool) == [
        "log decided allow",
        "log durable",
        f"upstream {tool}",
        "log answered ok",
        "log durable",
        "reply",
    ]


@pytest.mark.parametrize("arguments", [{"q": 10}, {"other": 1}, {"q": None}, [], "x", 5])
def test_a_denied_call_is_logged_and_never_reaches_the_upstream(arguments: Any) -> None:
    world = World()
    assert drive(world, "write", arguments) == ["log decided deny MCPX-D01", "reply MCPX-D01"]
    assert world.arguments == [arguments]


def test_an_unknown_tool_is_logged_and_is_no_tool_result() -> None:
    world = World()
    answer = answer_of(world, "x" * 500)
    assert world.trace == ["log decided deny MCPX-D05", "error -32602"]
    assert answer == RpcError(-32602, "Unknown tool: " + "x" * 80, None, "MCPX-D05")
    assert world.entries == [
        Decided(None, None, None, "deny", "tools of the profile", "MCPX-D05")
    ], "a name that the profile does not have is the client's text, and stays out of the log"


def test_s6_a_profile_no_longer_in_force_denies_at_once() -> None:
    refusal = Deny("MCPX-P03", "profile in force", "Signed by a key that is not trusted here.")
    world = World(ready=refusal)
    answer = answer_of(world, "read")
    assert world.trace == ["log decided deny MCPX-P03", "reply MCPX-P03"]
    assert text_of(answer) == "Signed by a key that is not trusted here. (MCPX-P03)"


def test_s6_a_profile_that_expires_while_running_denies_at_once() -> None:
    assert drive(World(expires_s=998), "read") == ["log decided deny MCPX-P06", "reply MCPX-P06"]
    assert drive(World(expires_s=1000), "read") == OK


@pytest.mark.parametrize("tool", ["read", "write", "nonsense"])
def test_s20_without_a_log_there_is_no_call(tool: str) -> None:
    world = World(full_at="decided")
    answer = answer_of(world, tool)
    assert world.trace == ["reply MCPX-A01"]
    assert text_of(answer) == (
        "The audit log cannot be written: no space. So the call was not made. "
        "The person at this machine can run: mcp-proxy doctor. (MCPX-A01)"
    )


def test_s20_a_mutating_call_whose_decision_does_not_reach_the_disk_is_not_made() -> None:
    assert drive(World(full_at="durable"), "write") == [
        "log decided allow",
        "log cancelled no",
        "reply MCPX-A01",
    ]
    assert drive(World(full_at="durable"), "read") == OK, "a read need not survive power loss"


def test_s20_an_answer_that_cannot_be_logged_is_delivered_with_a_note() -> None:
    world = World(full_at="answered")
    answer = answer_of(world, "read")
    assert world.trace == ["log decided allow", "upstream read", "reply MCPX-A01"]
    assert text_of(answer) == (
        '{"total":5}\nNote: The audit log cannot be written: no space. Further calls are denied.'
    )
    assert isinstance(answer, Result)
    assert answer.value["structuredContent"] == {"total": 5}


@pytest.mark.parametrize("sent", ["no", "maybe", "yes"])
def test_a_failing_upstream_is_a_tool_result_and_the_log_says_whether_it_was_sent(
    sent: Sent,
) -> None:
    world = World(Failure("MCPX-U01", "The upstream is out of reach.", sent, 503))
    answer = answer_of(world, "read")
    assert world.trace[2:] == ["log answered error MCPX-U01", "reply MCPX-U01"]
    assert text_of(answer) == "api: The upstream is out of reach. (MCPX-U01)"
    entry = world.entries[-1]
    assert isinstance(entry, Answered)
    assert (entry.outcome, entry.sent, entry.error, entry.status) == (
        "error",
        sent,
        "MCPX-U01",
        503,
    )


def test_an_answer_that_is_withheld_was_still_sent_and_the_log_says_so() -> None:
    world = World(max_bytes=5)
    answer = answer_of(world, "read")
    assert world.trace[2:] == ["log answered error MCPX-R01", "reply MCPX-R01"]
    assert "The call was made" in text_of(answer)
    entry = world.entries[-1]
    assert isinstance(entry, Answered)
    assert (entry.sent, entry.status) == ("yes", 200)


def test_what_is_logged_of_a_good_call() -> None:
    world = World()
    answer_of(world, "write", {"q": 3})
    decided, answered = world.entries
    assert decided == Decided("write", "api", "write", "allow", "allow", None)
    assert isinstance(answered, Answered)
    assert answered == Answered("ok", "yes", None, 200, len(b'{"total":5}'), answered.ms)
    assert world.arguments == [{"q": 3}]
    assert world.deadlines == [REST.deadline_ms / 1000]


async def cancel_at(world: World, tool: str) -> None:
    task = asyncio.create_task(
        world.road().call("tools/call", {"name": tool, "arguments": {}}, NoCaller())
    )
    await world.reached.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


def test_a_cancelled_call_is_logged_as_cancelled_and_not_answered() -> None:
    world = World(waits="upstream")
    asyncio.run(cancel_at(world, "write"))
    assert world.trace == [
        "log decided allow",
        "log durable",
        "upstream write",
        "log cancelled maybe",
    ]


def test_a_call_cancelled_before_it_left_is_logged_as_not_sent() -> None:
    world = World(waits="durable")
    asyncio.run(cancel_at(world, "write"))
    assert world.trace == ["log decided allow", "log cancelled no"]


def test_calls_in_flight_are_bounded_and_the_next_is_denied_and_logged() -> None:
    async def run() -> None:
        world = World(waits="upstream")
        road = world.road()
        calls = [
            asyncio.create_task(
                road.call("tools/call", {"name": "read", "arguments": {}}, NoCaller())
            )
            for _ in range(LIMITS.calls_in_flight)
        ]
        while world.trace.count("upstream read") < LIMITS.calls_in_flight:
            await asyncio.sleep(0)
        world.told(await road.call("tools/call", {"name": "read", "arguments": {}}, NoCaller()))
        assert world.trace[-2:] == ["log decided deny MCPX-D04", "reply MCPX-D04"]
        calls.pop().cancel()
        while "log cancelled maybe" not in world.trace:
            await asyncio.sleep(0)
        world.trace.clear()
        calls.append(
            asyncio.create_task(
                road.call("tools/call", {"name": "read", "arguments": {}}, NoCaller())
            )
        )
        while not world.trace:
            await asyncio.sleep(0)
        assert world.trace[0] == "log decided allow", "room again"
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    asyncio.run(run())


@pytest.mark.parametrize("error", [RuntimeError(SECRET), KeyError(SECRET), AssertionError(SECRET)])
def test_s25_an_internal_error_is_told_without_its_text_anywhere(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(error)
    answer = answer_of(world, "write")
    assert world.trace == [
        "log decided allow",
        "log durable",
        "upstream write",
        "log answered error MCPX-I01",
        "log note internal error",
        "error -32603",
    ]
    assert answer == RpcError(-32603, "Internal error (MCPX-I01)", None, "MCPX-I01")
    out, said = capsys.readouterr()
    assert out == ""
    assert said.startswith(f"mcp-proxy: internal {type(error).__name__} at road_world:")
    assert SECRET not in said + repr(world.entries)


def test_an_internal_error_before_the_decision_makes_no_call() -> None:
    world = World(ready=RuntimeError(SECRET))
    assert answer_of(world, "write") == RpcError(
        -32603, "Internal error (MCPX-I01)", None, "MCPX-I01"
    )
    assert world.trace == ["log note internal error", "error -32603"]


def test_an_internal_error_frees_its_place_for_the_next_call() -> None:
    async def run() -> list[Any]:
        road = World(RuntimeError(SECRET)).road()
        count = LIMITS.calls_in_flight + 2
        return [
            await road.call("tools/call", {"name": "read", "arguments": {}}, NoCaller())
            for _ in range(count)
        ]

    assert set(asyncio.run(run())) == {
        RpcError(-32603, "Internal error (MCPX-I01)", None, "MCPX-I01")
    }


def test_s25_what_an_upstream_says_meanwhile_is_cleaned() -> None:
    hostile = "a\x1b[31mb\u200bc"
    assert clean_event(Progress(1, 2, hostile)) == Progress(1, 2, "abc")
    assert clean_event(Progress(1, None, None)) == Progress(1, None, None)
    assert clean_event(Log("info", hostile, {"k\u200b": [hostile]})) == Log(
        "info", "abc", {"k": ["abc"]}
    )
    assert clean_event(Log("info", None, None)) == Log("info", None, None)


GONE = Failure("MCPX-U01", "The session has ended.", "yes", 404, renewed=True)


def test_s16_a_call_whose_session_has_ended_is_decided_again_and_made_once_more() -> None:
    assert drive(World(GONE, SAID), "look") == [
        *(
            "drift look",
            "log decided allow",
            "upstream tools/call upstream_tool",
            "log answered error MCPX-U01",
        ),
        *(
            "drift look",
            "log decided allow",
            "upstream tools/call upstream_tool",
            "log answered ok",
            "reply",
        ),
    ]


def test_a_session_that_ends_again_ends_the_call() -> None:
    world = World(GONE, GONE, SAID)
    assert drive(world, "look")[-2:] == ["log answered error MCPX-U01", "reply MCPX-U01"]
    assert world.trace.count("upstream tools/call upstream_tool") == 2
