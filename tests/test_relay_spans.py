"""The span of a call on the road: one for all its legs and tries, in the log and outside."""

import asyncio
from typing import Any

import pytest
from road_world import ACCEPTED, SAID, Client, World

from mcp_proxy.app.call import NoCaller
from mcp_proxy.core.answer import Failure
from mcp_proxy.core.outcome import Result
from mcp_proxy.core.trace_context import Trace, begin

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
FIRST = begin({"traceparent": PARENT, "tracestate": "a=b"}, bytes(range(24)))
SECOND = begin({}, bytes(range(50, 74)))
RENEWED = Failure("MCPX-U01", "The session has ended.", "no", 404, renewed=True)


def told(trace: Trace) -> tuple[str, str | None]:
    return trace.own, trace.parent


def call(world: World, tool: str, *clients: Client, **params: Any) -> None:
    """The same request by each client; the state that one was given goes with the next."""

    async def play() -> None:
        road, given = world.road(), {"name": tool, "arguments": {"q": 1}, **params}
        for client in clients:
            end = await road.call("tools/call", given, client)
            if isinstance(end, Result) and "requestState" in end.value:
                replies = dict.fromkeys(end.value["inputRequests"], ACCEPTED)
                state = end.value["requestState"]
                given = {**given, "inputResponses": replies, "requestState": state}

    asyncio.run(play())


@pytest.mark.parametrize("tool", ["read", "write", "look"])
def test_a_call_is_logged_and_sent_as_the_span_that_its_request_began(tool: str) -> None:
    world = World() if tool != "look" else World(SAID)
    call(world, tool, Client(world, trace=FIRST))
    assert world.spans == [told(FIRST)]
    assert world.sent_spans == [FIRST]


def test_a_denied_call_has_its_span_in_the_log_too() -> None:
    world = World()
    call(world, "nonsense", Client(world, trace=FIRST))
    assert world.spans == [told(FIRST)]
    assert world.sent_spans == []


def test_every_request_is_a_span_of_its_own() -> None:
    world = World()
    call(world, "read", Client(world, trace=FIRST), Client(world, trace=SECOND))
    assert world.spans == [told(FIRST), told(SECOND)]
    assert world.sent_spans == [FIRST, SECOND]


def test_the_legs_of_a_client_that_waits_are_one_span() -> None:
    world = World()
    call(world.then(world.asks(), SAID), "look", Client(world, ACCEPTED, trace=FIRST))
    assert world.spans == [told(FIRST)] * 2


def test_the_legs_of_a_client_that_comes_again_are_the_first_requests_span() -> None:
    world = World()
    clients = [Client(world, modern=True, trace=trace) for trace in (FIRST, SECOND)]
    call(world.then(world.asks(), SAID), "look", *clients)
    assert world.spans == [told(FIRST)] * 2, "the upstream goes on with what it was sent"
    assert world.replies == [{"k": ACCEPTED}]


def test_a_state_that_is_not_taken_is_a_new_span() -> None:
    world = World(SAID)
    client = Client(world, modern=True, trace=SECOND)
    call(world, "look", client, requestState="nonsense")
    assert world.spans == [told(SECOND)]


def test_a_call_made_once_more_in_a_new_session_keeps_its_span() -> None:
    world = World()
    call(world.then(RENEWED, SAID), "look", Client(world, trace=FIRST))
    assert world.spans == [told(FIRST)] * 2
    assert world.sent_spans == [FIRST] * 2


def test_a_call_of_the_command_line_begins_a_trace() -> None:
    traces = {NoCaller().trace.own for _ in range(100)}
    assert len(traces) == 100
    assert NoCaller().trace.parent is None
