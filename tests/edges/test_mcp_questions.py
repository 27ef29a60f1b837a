"""Modern upstreams that ask before they answer: multi round-trip requests, honest and hostile."""

import asyncio
import gc
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

import pytest
from edges.fakes_http import FakeAuthorizer, Handler, Heard, Loopback
from edges.fakes_mcp import RESULT, ModernGateway, error, event, response, result, stream

from mcp_proxy.core.answer import (
    Answer,
    Event,
    Failure,
    McpAnswer,
    Progress,
    Question,
    Questions,
    Reply,
    Told,
    Wishes,
)
from mcp_proxy.core.limits import LIMITS, Limits
from mcp_proxy.core.request import McpRequest
from mcp_proxy.edges.upstream_mcp import McpUpstream, http_upstream

CALL = McpRequest("tools/call", {"name": "t", "arguments": {"a": 1}}, "t", (), retry_safe=False)
READ = McpRequest("resources/read", {"uri": "doc://a"}, "doc://a", (), retry_safe=True)
PROMPT = McpRequest("prompts/get", {"name": "p", "arguments": {}}, "p", (), retry_safe=True)
COMPLETE = McpRequest("completion/complete", {"ref": {}}, None, (), retry_safe=True)
TASK = McpRequest("tasks/get", {"taskId": "t1"}, "t1", (), retry_safe=True)

ALL = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {"tools": {}},
    "roots": {},
    "extensions": {"io.modelcontextprotocol/tasks": {}},
}
NAME = {"method": "elicitation/create", "params": {"mode": "form", "message": "Name?"}}
LINK = {"method": "elicitation/create", "params": {"mode": "url", "url": "https://a.example"}}
SAMPLE = {"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 5}}
TOOLED = {"method": "sampling/createMessage", "params": {"messages": [], "tools": []}}
ROOTS = {"method": "roots/list"}
STATE = 'opaque "state" é\u2028 \\u0041 '


def asking(requests: Any = None, state: Any = None) -> dict[str, Any]:
    given = {"inputRequests": requests, "requestState": state}
    kept = {key: value for key, value in given.items() if value is not None}
    return {"resultType": "input_required", **kept}


class Script(ModernGateway):
    """Answers each leg with the next result, and keeps what was sent."""

    def __init__(self, *legs: Any, capabilities: dict[str, Any] = ALL) -> None:
        super().__init__(self.leg)
        self.capabilities = capabilities
        self.legs = list(legs)
        self.sent: list[dict[str, Any]] = []

    async def leg(self, heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        self.sent.append(heard.json())
        value = self.legs.pop(0) if len(self.legs) > 1 else self.legs[0]
        return value if isinstance(value, bytes) else result(heard, value)

    def params(self) -> list[dict[str, Any]]:
        """What each leg brought, `_meta` aside."""
        return [without_meta(message["params"]) for message in self.sent]


def without_meta(params: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key != "_meta"}


class Run:
    """One upstream's calls to one gateway, by a client that can all."""

    def __init__(self, gateway: Handler, limits: Limits = LIMITS) -> None:
        self.server = Loopback(gateway)
        self.limits = limits
        self.events: list[Event] = []
        self.wishes = Wishes(ALL, progress=True)

    async def __aenter__(self) -> Self:
        await self.server.__aenter__()
        spec = self.server.spec("/mcp", kind="mcp", features=("progress", "elicitation"))
        self.upstream: McpUpstream = http_upstream(spec, FakeAuthorizer(), self.limits)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.upstream.close()
        await self.server.__aexit__()

    async def call(self, request: McpRequest = CALL, deadline_s: float = 5.0) -> Answer:
        return await self.upstream.call(request, self.wishes, self.events.append, deadline_s)

    async def ask(self, request: McpRequest = CALL) -> Questions:
        answer = await self.call(request)
        assert isinstance(answer, Questions), answer
        return answer

    async def resume(self, asked: Answer, replies: Mapping[str, Reply], s: float = 5.0) -> Answer:
        assert isinstance(asked, Questions), asked
        return await asked.parked.resume(replies, self.events.append, s)


def answered(gateway: Script, request: McpRequest = CALL, limits: Limits = LIMITS) -> Answer:
    async def main() -> Answer:
        async with Run(gateway, limits) as run:
            return await run.call(request)

    return asyncio.run(main())


def broken(gateway: Script, request: McpRequest = CALL, limits: Limits = LIMITS) -> Failure:
    answer = answered(gateway, request, limits)
    assert isinstance(answer, Failure), answer
    return answer


@pytest.mark.parametrize("request_", [CALL, READ, PROMPT])
def test_a_question_comes_back_and_its_answer_goes_with_the_same_request(request_: McpRequest):
    gateway = Script(asking({"k": NAME}, STATE), RESULT)

    async def main() -> None:
        async with Run(gateway) as run:
            asked = await run.ask(request_)
            assert asked.asked == {"k": Question("elicitation/create", NAME["params"])}
            reply = {"action": "accept", "content": {"n": "a"}}
            assert await run.resume(asked, {"k": reply}) == McpAnswer(RESULT)

    asyncio.run(main())
    first, second = gateway.sent
    assert first["id"] != second["id"]
    assert gateway.params()[0] == request_.params
    assert gateway.params()[1] == {
        **request_.params,
        "inputResponses": {"k": {"action": "accept", "content": {"n": "a"}}},
        "requestState": STATE,
    }


def test_every_kind_may_be_asked_and_the_order_is_kept():
    requests = {"z": ROOTS, "a": SAMPLE, "m": LINK, "b": TOOLED, "y": NAME}
    answer = answered(Script(asking(requests)))
    assert isinstance(answer, Questions)
    assert list(answer.asked) == list(requests)
    assert answer.asked["z"] == Question("roots/list", {})


def test_many_rounds_carry_the_newest_state_alone():
    legs = [asking({"a": NAME}, "s1"), asking({"b": ROOTS}), asking({"c": NAME}, "s3"), RESULT]
    gateway = Script(*legs)

    async def main() -> Answer:
        async with Run(gateway) as run:
            answer: Answer = await run.ask()
            for key in ("a", "b", "c"):
                answer = await run.resume(answer, {key: {"roots": []}})
            return answer

    assert asyncio.run(main()) == McpAnswer(RESULT)
    states = [params.get("requestState") for params in gateway.params()]
    keys = [list(params.get("inputResponses", {})) for params in gateway.params()]
    assert states == [None, "s1", None, "s3"]
    assert keys == [[], ["a"], ["b"], ["c"]]
    assert len({message["id"] for message in gateway.sent}) == 4


def test_what_nobody_answered_is_left_out():
    gateway = Script(asking({"a": NAME, "b": NAME}), RESULT)

    async def main() -> None:
        async with Run(gateway) as run:
            await run.resume(await run.ask(), {"b": {"action": "decline"}, "foreign": {}})

    asyncio.run(main())
    assert gateway.params()[1]["inputResponses"] == {"b": {"action": "decline"}}
    assert "requestState" not in gateway.params()[1]


def test_a_client_that_cannot_show_a_form_cancels_it():
    gateway = Script(asking({"a": NAME}), RESULT)

    async def main() -> None:
        async with Run(gateway) as run:
            assert await run.resume(await run.ask(), {"a": Told(-1, "no")}) == McpAnswer(RESULT)

    asyncio.run(main())
    assert gateway.params()[1]["inputResponses"] == {"a": {"action": "cancel"}}


@pytest.mark.parametrize("question", [SAMPLE, ROOTS])
def test_a_client_that_refuses_ends_the_call_without_another_word_to_the_upstream(question: Any):
    gateway = Script(asking({"a": question}), RESULT)

    async def main() -> Answer:
        async with Run(gateway) as run:
            return await run.resume(await run.ask(), {"a": Told(-32601, "\x1b[31mno")})

    failure = asyncio.run(main())
    assert isinstance(failure, Failure)
    assert (failure.id, failure.sent) == ("MCPX-D08", "yes")
    assert "client refused" in failure.text
    assert "\x1b" not in failure.text
    assert len(gateway.sent) == 1


def test_a_state_without_a_question_is_handed_back_by_the_edge_itself():
    gateway = Script(asking(state="s1"), asking({}, "s2"), RESULT)
    assert answered(gateway) == McpAnswer(RESULT)
    assert [params.get("requestState") for params in gateway.params()] == [None, "s1", "s2"]
    assert all("inputResponses" not in params for params in gateway.params())
    assert len({message["id"] for message in gateway.sent}) == 3


def test_an_upstream_that_puts_the_call_off_for_ever_is_given_up():
    gateway = Script(asking(state="s"))
    failure = broken(gateway, limits=LIMITS._replace(rounds=3))
    assert (failure.id, len(gateway.sent)) == ("MCPX-U05", 4)


def test_putting_off_ends_at_the_deadline():
    async def main() -> Answer:
        async with Run(Script(asking(state="s"))) as run:
            return await run.call(deadline_s=0.2)

    failure = asyncio.run(main())
    assert isinstance(failure, Failure)
    assert (failure.id, failure.sent) == ("MCPX-U02", "yes")


WRONG = [
    asking(),
    asking({}),
    asking([]),
    asking("k"),
    asking({"k": "elicitation/create"}),
    asking({"k": {}}),
    asking({"k": {"method": 7}}),
    asking({"k": {**NAME, "params": []}}),
    asking({"": NAME}),
    asking({"k" * 300: NAME}),
    asking({str(n): NAME for n in range(LIMITS.questions + 1)}),
    asking({"k": {"method": "tools/call", "params": {}}}),
    asking({"k": {"method": "ping", "params": {}}}),
    asking({"k": {"method": "elicitation/create", "params": {"mode": "file"}}}),
    asking({"k": {"method": "elicitation/create", "params": {"mode": ["form"]}}}),
    asking({"k": NAME}, 7),
    asking({"k": NAME}, {"state": 1}),
    asking({"k": NAME}, "x" * (LIMITS.request_state_bytes + 1)),
    asking({"k": NAME}, "é" * (LIMITS.request_state_bytes // 2 + 1)),
    asking(state="x" * (10 << 20)),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_s14_a_question_beyond_the_rules_is_no_question(wrong: Any):
    gateway = Script(wrong)
    failure = broken(gateway)
    assert (failure.id, failure.sent) == ("MCPX-U05", "yes")
    assert len(failure.text) < 400
    assert len(gateway.sent) == 1


def test_a_state_of_the_greatest_size_goes_back_byte_for_byte():
    state = "é" * (LIMITS.request_state_bytes // 2)
    gateway = Script(asking(state=state), RESULT)
    assert answered(gateway) == McpAnswer(RESULT)
    assert gateway.params()[1]["requestState"] == state


class Undeclared(NamedTuple):
    capabilities: dict[str, Any]
    question: dict[str, Any]


UNDECLARED = [
    Undeclared({}, NAME),
    Undeclared({}, SAMPLE),
    Undeclared({}, ROOTS),
    Undeclared({"elicitation": {}}, LINK),
    Undeclared({"elicitation": {"form": {}}}, LINK),
    Undeclared({"elicitation": {"url": {}}}, NAME),
    Undeclared({"sampling": {}}, TOOLED),
    Undeclared({"sampling": {}, "roots": {}}, NAME),
]


@pytest.mark.parametrize("case", UNDECLARED)
def test_s14_a_question_of_a_kind_that_was_not_declared_is_refused(case: Undeclared):
    gateway = Script(asking({"k": case.question}), capabilities=case.capabilities)

    async def main() -> Answer:
        async with Run(gateway) as run:
            run.wishes = Wishes(case.capabilities)
            return await run.call()

    failure = asyncio.run(main())
    assert isinstance(failure, Failure)
    assert failure.id == "MCPX-U05"


def test_an_empty_elicitation_capability_means_forms():
    gateway = Script(asking({"k": NAME}), capabilities={"elicitation": {}})

    async def main() -> None:
        async with Run(gateway) as run:
            run.wishes = Wishes({"elicitation": {}})
            await run.ask()

    asyncio.run(main())


@pytest.mark.parametrize("request_", [COMPLETE, TASK])
def test_s14_nothing_may_be_asked_by_other_methods(request_: McpRequest):
    assert broken(Script(asking({"k": NAME})), request_).id == "MCPX-U05"


def test_an_input_request_inside_a_task_is_handed_on_raw():
    task = {"resultType": "complete", "taskId": "t1", "inputRequests": {"k": NAME}, "ttlMs": None}
    assert answered(Script(task), TASK) == McpAnswer(task)


TASK_RESULT = {"resultType": "task", "taskId": "t1", "status": "working", "ttlMs": None}


def test_a_task_comes_where_it_was_declared():
    assert answered(Script(TASK_RESULT)) == McpAnswer(TASK_RESULT)


@pytest.mark.parametrize("request_", [READ, PROMPT, COMPLETE, TASK])
def test_s14_only_a_tool_call_may_become_a_task(request_: McpRequest):
    assert broken(Script(TASK_RESULT), request_).id == "MCPX-U05"


def test_s14_a_task_that_was_not_declared_is_refused():
    capabilities = {"extensions": {"io.modelcontextprotocol/ui": {}}}

    async def main() -> Answer:
        async with Run(Script(TASK_RESULT, capabilities=capabilities)) as run:
            run.wishes = Wishes(capabilities)
            return await run.call()

    failure = asyncio.run(main())
    assert isinstance(failure, Failure)
    assert failure.id == "MCPX-U05"


def test_a_later_leg_is_never_repeated_from_the_beginning():
    class Dying(Script):
        async def leg(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes:
            if self.sent:
                self.sent.append(heard.json())
                raise ConnectionResetError
            return await super().leg(heard, writer)

    gateway = Dying(asking(state="s"))
    failure = broken(gateway, READ)
    assert (failure.id, failure.sent, len(gateway.sent)) == ("MCPX-U01", "yes", 2)


def test_a_busy_upstream_in_a_later_leg_is_told_and_not_asked_again():
    gateway = Script(asking({"k": NAME}), b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")

    async def main() -> Answer:
        async with Run(gateway) as run:
            return await run.resume(await run.ask(READ), {"k": {"action": "cancel"}})

    failure = asyncio.run(main())
    assert isinstance(failure, Failure)
    assert (failure.id, failure.sent, len(gateway.sent)) == ("MCPX-U06", "yes", 2)


def test_a_refusal_of_the_answers_is_told_raw():
    class Refusing(Script):
        async def leg(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes:
            if self.sent:
                return error(heard, -32602, "bad\x1b state", 400, {"why": [1]})
            return await super().leg(heard, writer)

    async def main() -> Answer:
        async with Run(Refusing(asking({"k": NAME}))) as run:
            return await run.resume(await run.ask(), {"k": {"action": "cancel"}})

    failure = asyncio.run(main())
    assert isinstance(failure, Failure)
    assert failure.error == Told(-32602, "bad\x1b state", {"why": [1]})
    assert "\x1b" not in failure.text


def test_each_leg_has_a_deadline_of_its_own():
    class Slow(Script):
        async def leg(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes:
            if self.sent:
                await asyncio.Event().wait()
            return await super().leg(heard, writer)

    async def main() -> Answer:
        async with Run(Slow(asking({"k": NAME}))) as run:
            asked = await run.ask()
            return await run.resume(asked, {"k": {"action": "cancel"}}, 0.2)

    failure = asyncio.run(main())
    assert isinstance(failure, Failure)
    assert (failure.id, failure.sent) == ("MCPX-U02", "yes")


def test_progress_of_a_later_leg_goes_to_whoever_resumed_it():
    class Chatty(Script):
        async def leg(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes:
            if not self.sent:
                return await super().leg(heard, writer)
            token = heard.json()["params"]["_meta"]["progressToken"]
            assert token == heard.json()["id"]
            params = {"progressToken": token, "progress": 1}
            note = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
            return stream(event(note), event(response(heard)))

    async def main() -> list[Event]:
        later: list[Event] = []
        async with Run(Chatty(asking({"k": NAME}))) as run:
            asked = await run.ask()
            await asked.parked.resume({"k": {"action": "cancel"}}, later.append, 5)
            assert run.events == []
            return later

    assert asyncio.run(main()) == [Progress(1, None, None)]


def test_a_thousand_dropped_questions_leave_nothing_behind():
    gateway = Script(asking({"k": NAME}, "s"))

    async def main() -> None:
        async with Run(gateway) as run:
            await drop_many(run.ask, 10)
            gc.collect()
            before, tasks = len(gc.get_objects()), len(asyncio.all_tasks())
            await drop_many(run.ask, 1000)
            run.server.heard.clear()
            gateway.sent.clear()
            gc.collect()
            assert len(asyncio.all_tasks()) == tasks
            assert run.server.connections == 1
            assert len(gc.get_objects()) < before + 1000

    asyncio.run(main())


async def drop_many(ask: Callable[[], Any], count: int) -> None:
    for _ in range(count):
        asked = await ask()
        await asked.parked.drop()
