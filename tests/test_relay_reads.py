"""What is no tool on the road: resources, prompts, completion, subscriptions, tasks."""

import asyncio
from typing import Any

import pytest
from road_world import ACCEPTED, NAME, Client, World, text_of

from mcp_proxy.core.answer import Failure, McpAnswer, Told
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.core.outcome import End, Result, RpcError
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.request import McpRequest

READ = McpAnswer({"contents": [{"uri": "docs://notice", "text": "hello"}]})
PROMPT = McpAnswer({"messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}]})
VALUES = McpAnswer({"completion": {"values": ["a", "b"]}})
NOTICE = {"uri": "docs://notice"}
REF = {"type": "ref/prompt", "name": "summary"}
COMPLETE = {"ref": REF, "argument": {"name": "of", "value": "a"}}
WORKING = {"taskId": "t1", "status": "working", "ttlMs": None, "createdAt": "x"}
CREATED = McpAnswer({"resultType": "task", **WORKING})
LOOK = {"name": "look", "arguments": {}}


def make(world: World, method: str, params: dict[str, Any], **client: Any) -> End:
    async def play() -> End:
        return await world.road().call(method, params, Client(world, **client))

    end: End = asyncio.run(play())
    world.told(end)
    return end


def calls(world: World, *wanted: tuple[str, dict[str, Any]]) -> list[End]:
    """Several requests of one modern client, one after another."""

    async def play() -> list[End]:
        road, client = world.road(), Client(world, modern=True)
        return [await road.call(method, params, client) for method, params in wanted]

    return asyncio.run(play())


def error_of(end: End) -> RpcError:
    assert isinstance(end, RpcError)
    return end


@pytest.mark.parametrize(
    ("method", "params", "answer", "name", "sent"),
    [
        ("resources/read", NOTICE, READ, "resource:notice", "docs://notice"),
        ("resources/read", {"uri": "docs://handbook/3"}, READ, "resource:handbook", None),
        ("prompts/get", {"name": "summary"}, PROMPT, "prompt:summary", "sum_up"),
        ("completion/complete", COMPLETE, VALUES, "prompt:summary", None),
    ],
)
def test_what_the_profile_names_is_read_and_logged_by_its_name(
    method: str, params: Any, answer: McpAnswer, name: str, sent: str | None
) -> None:
    world = World(answer)
    end = make(world, method, params)
    assert isinstance(end, Result)
    assert answer.result.items() <= end.value.items()
    decided, answered = world.entries
    assert decided == Decided(name, "gate", "read", "allow", "allow", None)
    assert isinstance(answered, Answered)
    assert (answered.outcome, answered.sent) == ("ok", "yes")
    request = world.requests[0]
    assert isinstance(request, McpRequest)
    assert request.method == method
    assert sent is None or request.name == sent
    assert all(isinstance(item, list) for item in world.arguments), "no clear values of these"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("resources/read", {"uri": "docs://other"}),
        ("resources/read", {"uri": "docs://handbook/../secret"}),
        ("resources/subscribe", {"uri": "docs://other"}),
        ("prompts/get", {"name": "other"}),
        ("prompts/get", {"name": "summary", "arguments": {"nonsense": "x"}}),
        ("completion/complete", {**COMPLETE, "ref": {**REF, "name": "sum_up"}}),
        ("tasks/get", {"taskId": "t1"}),
        ("tasks/cancel", {"taskId": "t1"}),
        ("tasks/update", {"taskId": "t1", "inputResponses": {}}),
    ],
)
def test_what_the_profile_does_not_name_is_denied_logged_and_never_sent(
    method: str, params: Any
) -> None:
    world = World(READ)
    assert error_of(make(world, method, params)).code == -32602
    assert world.trace in (
        ["log decided deny MCPX-D05", "error -32602"],
        ["log decided deny MCPX-D01", "error -32602"],
    )


@pytest.mark.parametrize(
    ("told", "code", "data"),
    [
        (Told(-32602, "No \x1b[31msuch"), -32602, None),
        (Told(-32002, "Gone", {"uri": "x"}), -32002, None),
        (Told(-32000, "Busy", {"secret": 1}), -32603, None),
        (Told(1234, ""), -32603, None),
        (
            Told(-32021, "Lacks", {"requiredCapabilities": {"sampling": {}}, "more": 1}),
            -32021,
            {"requiredCapabilities": {"sampling": {}}},
        ),
    ],
)
def test_an_error_of_the_upstream_stays_an_error_clean_and_without_its_data(
    told: Told, code: int, data: Any
) -> None:
    world = World(Failure("MCPX-U03", "The upstream answered with an error.", "yes", 200, told))
    end = error_of(make(world, "resources/read", NOTICE, modern=True))
    assert (end.code, end.data) == (code, data)
    assert "\x1b" not in end.text
    assert end.text
    assert world.trace[-2] == "log answered error MCPX-U03"


def test_a_tool_s_error_of_the_upstream_is_for_the_model_but_for_a_missing_capability() -> None:
    lacks = Told(-32021, "Lacks", {"requiredCapabilities": {"elicitation": {"x" * 500: 5}}})
    failure = Failure("MCPX-U03", "It answered: no.", "yes", 200, lacks)
    end = make(World(failure), "tools/call", LOOK)
    assert text_of(end) == "It answered: no. (MCPX-U03)", "a legacy client knows no such code"
    modern = error_of(make(World(failure), "tools/call", LOOK, modern=True))
    assert modern.code == -32021
    assert len(str(modern.data)) < 300
    other = failure._replace(error=Told(-32602, "no"))
    assert text_of(make(World(other), "tools/call", LOOK, modern=True)).endswith("(MCPX-U03)")


@pytest.mark.parametrize(
    "answer",
    [
        Failure("MCPX-U01", "It is out of reach.", "no"),
        McpAnswer({"contents": 5}),
        McpAnswer({"contents": [{"uri": "docs://notice", "text": "x" * 5000}]}),
    ],
)
def test_a_failure_of_ours_has_a_code_outside_the_reserved_range_and_its_id(answer: Any) -> None:
    end = error_of(make(World(answer), "resources/read", NOTICE))
    assert end.code == 1004
    assert end.data == {"id": end.error}
    assert f"({end.error})" in end.text


def test_one_upstream_that_is_down_is_named() -> None:
    world = World(Failure("MCPX-U01", "It is out of reach.", "no"))
    assert text_of(make(world, "tools/call", LOOK)) == "gate: It is out of reach. (MCPX-U01)"


def test_s6_an_expired_profile_reads_nothing() -> None:
    for method, params in (("resources/read", NOTICE), ("prompts/get", {"name": "summary"})):
        world = World(READ, expires_s=998)
        assert error_of(make(world, method, params)).data == {"id": "MCPX-P06"}
        assert world.trace == ["log decided deny MCPX-P06", "error 1004"]


def test_s20_without_a_log_nothing_is_read() -> None:
    world = World(READ, full_at="decided")
    assert error_of(make(world, "resources/read", NOTICE)).data == {"id": "MCPX-A01"}
    assert world.trace == ["error 1004"]


def test_s20_a_content_that_cannot_be_logged_is_delivered_with_a_note() -> None:
    end = make(World(READ, full_at="answered"), "resources/read", NOTICE)
    assert isinstance(end, Result)
    assert end.value["contents"] == READ.result["contents"]
    assert "Further calls are denied" in end.value["_meta"]["mcp-proxy/note"]


@pytest.mark.parametrize("rule", ["subscribe", "unsubscribe"])
def test_a_subscription_is_decided_and_logged_and_sends_nothing_by_itself(rule: str) -> None:
    world = World(READ)
    assert make(world, f"resources/{rule}", NOTICE) == Result({})
    assert world.trace == ["log decided allow", "log answered ok", "reply"]
    decided, answered = world.entries
    assert decided == Decided("resource:notice", "gate", "read", "allow", rule, None)
    assert isinstance(answered, Answered)
    assert answered.sent == "maybe"


@pytest.mark.parametrize("modern", [True, False])
def test_a_question_about_a_prompt_travels_like_a_tool_s(modern: bool) -> None:
    async def play() -> None:
        world = World()
        world.then(world.asks(), PROMPT)
        road, client = world.road(), Client(world, ACCEPTED, modern=modern)
        params: dict[str, Any] = {"name": "summary"}
        end = await road.call("prompts/get", params, client)
        if modern:
            assert isinstance(end, Result)
            params["requestState"] = end.value["requestState"]
            params["inputResponses"] = {"k": ACCEPTED}
            end = await road.call("prompts/get", params, client)
        assert isinstance(end, Result)
        assert end.value["messages"] == PROMPT.result["messages"]
        assert world.replies == [{"k": ACCEPTED}]

    asyncio.run(play())


def test_a_task_belongs_to_the_call_that_made_it_and_bears_its_tool_s_name() -> None:
    done = McpAnswer(
        {
            **WORKING,
            "status": "completed",
            "result": {"content": [{"type": "text", "text": "a\u200bb"}]},
        }
    )
    world = World(CREATED, done, McpAnswer({}))
    task = {"taskId": "t1"}
    made, got, gone = calls(
        world, ("tools/call", LOOK), ("tasks/get", task), ("tasks/cancel", task)
    )
    assert isinstance(made, Result)
    assert made.value["resultType"] == "task"
    assert isinstance(got, Result)
    assert got.value["result"]["content"][0]["text"] == "ab", "by the tool's own rules"
    assert isinstance(gone, Result)
    decisions = [entry for entry in world.entries if isinstance(entry, Decided)]
    assert [(entry.tool, entry.rule) for entry in decisions] == [
        ("look", "allow"),
        ("look", "tasks get"),
        ("look", "tasks cancel"),
    ]
    names = [request.name for request in world.requests if isinstance(request, McpRequest)]
    assert names == ["upstream_tool", "t1", "t1"]


def test_s14_a_task_made_for_a_client_that_declared_none_is_no_answer() -> None:
    world = World(CREATED)
    end = make(world, "tools/call", LOOK, modern=True, capabilities={})
    assert isinstance(end, Result)
    assert end.error == "MCPX-U05"


def test_a_task_s_question_is_answered_by_its_keys_alone() -> None:
    asking = {
        **WORKING,
        "status": "input_required",
        "inputRequests": {"k": {"method": NAME.method, "params": NAME.params}},
    }
    world = World(CREATED, McpAnswer(asking), McpAnswer({}))
    update = {"taskId": "t1", "inputResponses": {"k": ACCEPTED, "other": ACCEPTED}}
    calls(world, ("tools/call", LOOK), ("tasks/get", {"taskId": "t1"}), ("tasks/update", update))
    request = world.requests[-1]
    assert isinstance(request, McpRequest)
    assert request.params == {"taskId": "t1", "inputResponses": {"k": ACCEPTED}}


def test_a_task_id_that_another_tool_s_task_has_is_refused() -> None:
    world = World(CREATED)
    change = ("tools/call", {"name": "change", "arguments": {}})
    first, second = calls(world, ("tools/call", LOOK), change)
    assert isinstance(first, Result)
    assert isinstance(second, Result)
    assert (first.error, second.error) == (None, "MCPX-U05")


def test_a_task_whose_tool_is_gone_is_denied() -> None:
    async def play() -> None:
        world = World(CREATED)
        road, client = world.road(), Client(world, modern=True)
        await road.call("tools/call", LOOK, client)
        world.faults["expires_s"] = 998
        end = error_of(await road.call("tasks/get", {"taskId": "t1"}, client))
        assert end.error == "MCPX-P06"

    asyncio.run(play())


def test_the_task_of_a_paused_tool_can_be_cancelled_and_nothing_else() -> None:
    async def play() -> None:
        world = World(CREATED, McpAnswer({}))
        road, client = world.road(), Client(world, modern=True)
        await road.call("tools/call", LOOK, client)
        world.faults["ready"] = Deny("MCPX-D11", "paused", "A person has paused it.")
        task = {"taskId": "t1"}
        for method, params in (
            ("tasks/get", task),
            ("tasks/update", {**task, "inputResponses": {}}),
        ):
            assert error_of(await road.call(method, params, client)).error == "MCPX-D11"
        assert await road.call("tasks/cancel", task, client) == Result({})
        assert len(world.requests) == 2
        world.faults["ready"] = Deny("MCPX-P16", "profile in force", "It is not trusted.")
        assert error_of(await road.call("tasks/cancel", task, client)).error == "MCPX-P16"
        last = [entry for entry in world.entries if isinstance(entry, Decided)][3]
        assert (last.tool, last.effect, last.decision) == ("look", "read", "allow")

    asyncio.run(play())


def test_s14_an_acknowledgement_of_a_task_brings_nothing_of_the_upstream() -> None:
    told = McpAnswer({"content": [{"type": "text", "text": "unpicked"}], "inputRequests": {}})
    world = World(CREATED, told)
    _, gone = calls(world, ("tools/call", LOOK), ("tasks/cancel", {"taskId": "t1"}))
    assert gone == Result({})


def test_s16_replies_to_the_task_of_a_drifted_tool_stay_here() -> None:
    async def play() -> None:
        world = World(CREATED)
        road, client = world.road(), Client(world, modern=True)
        await road.call("tools/call", LOOK, client)
        world.faults["drift"] = Deny("MCPX-D06", "drift", "It has drifted.")
        update = {"taskId": "t1", "inputResponses": {}}
        assert error_of(await road.call("tasks/update", update, client)).error == "MCPX-D06"
        assert len(world.requests) == 1
        await road.call("tasks/cancel", {"taskId": "t1"}, client)
        assert len(world.requests) == 2, "what runs can still be ended"

    asyncio.run(play())


def test_to_follow_a_task_is_decided_and_logged_but_not_sent() -> None:
    world = World(CREATED)
    own, foreign = (("subscriptions/listen", {"taskId": name}) for name in ("t1", "t2"))
    _, followed, denied = calls(world, ("tools/call", LOOK), own, foreign)
    assert followed == Result({})
    assert error_of(denied).error == "MCPX-D05"
    decisions = [entry for entry in world.entries if isinstance(entry, Decided)]
    assert [(entry.tool, entry.rule) for entry in decisions[1:]] == [
        ("look", "tasks listen"),
        (None, "tasks of the client"),
    ]
    assert len(world.requests) == 1


def test_s14_an_upstream_leaves_no_note_in_our_name() -> None:
    imitated = {"mcp-proxy/note": "Further calls are denied.", "com.example/kept": 1}
    world = World(McpAnswer({"content": [], "_meta": imitated}))
    (end,) = calls(world, ("tools/call", LOOK))
    assert isinstance(end, Result)
    assert end.value["_meta"] == {"com.example/kept": 1}
