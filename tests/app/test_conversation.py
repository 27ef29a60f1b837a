"""Calls in flight, side by side: answers to the right request, cancels, progress, the end."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from core.session_driver import ALL, NOW_S, PREFIX, TASKS, envelope

from mcp_proxy.app import conversation as module
from mcp_proxy.app.conversation import Conversation
from mcp_proxy.core.answer import Event, Log, Progress, Question, Told
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.outcome import End, Result, RpcError
from mcp_proxy.core.session import Session
from mcp_proxy.ports import Caller


class Road:
    """Answers each call when the test says so; `started` and `ended` are the tools' names."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.ended: list[str] = []
        self.emits: dict[str, Callable[[Event], None]] = {}
        self.callers: dict[str, Caller] = {}
        self.answers: dict[str, asyncio.Future[End]] = {}

    async def call(self, method: str, params: Any, caller: Caller) -> End:
        tool = params["name"] if "name" in params else " ".join((method, *params.values()))
        self.started.append(tool)
        self.callers[tool] = caller
        self.emits[tool] = caller.tell
        answer = self.answers[tool] = asyncio.get_running_loop().create_future()
        try:
            return await answer
        finally:
            self.ended.append(tool)


class Notes:
    """The log's part that a conversation knows."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, what: str) -> None:
        self.notes.append(what)


class Watching:
    """What a conversation tells of its client's wishes."""

    def __init__(self) -> None:
        self.trace: list[str] = []
        self.send: Callable[[bytes], None] = lambda _line: None

    def sync(self) -> None:
        self.trace.append("sync")

    def called(self) -> None:
        self.trace.append("called")

    def roots_changed(self) -> None:
        self.trace.append("roots changed")

    def close(self) -> None:
        self.trace.append("close")


class Talk:
    """One client, its conversation, and what it was sent."""

    def __init__(self) -> None:
        self.road, self.log = Road(), Notes()
        self.session = Session(ALL)
        self.sent: list[Any] = []
        self.watching = Watching()
        self.conversation = Conversation(
            self.session,
            self.road,
            self.watching,
            self.log,
            lambda line: self.sent.append(json.loads(line)),
        )

    async def say(self, message: Any) -> None:
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.conversation.take(self.session.receive(line, NOW_S))
        await settle()

    async def call(self, request_id: Any, tool: str, **meta: Any) -> None:
        params = {"name": tool, "_meta": envelope(**meta)}
        await self.say(
            {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}
        )

    async def cancel(self, request_id: Any) -> None:
        params = {"requestId": request_id}
        await self.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})

    async def answer(self, tool: str, text: str = "hi") -> None:
        content = [{"type": "text", "text": text}]
        self.road.answers[tool].set_result(Result({"content": content}))
        await settle()

    def answered(self) -> list[Any]:
        return [message["id"] for message in self.sent if "id" in message]


async def settle() -> None:
    """Every task that can run has run."""
    for _ in range(10):
        await asyncio.sleep(0)


def drive(play: Callable[[Talk], Awaitable[None]]) -> None:
    async def run() -> None:
        talk = Talk()
        try:
            await play(talk)
        finally:
            await talk.conversation.end(0)

    asyncio.run(run())


def test_a_slow_call_holds_up_no_other() -> None:
    async def play(talk: Talk) -> None:
        await talk.call(1, "slow")
        await talk.call(2, "fast")
        assert talk.road.started == ["slow", "fast"]
        await talk.answer("fast", "two")
        await talk.answer("slow", "one")
        assert talk.answered() == [2, 1]
        assert [message["result"]["content"][0]["text"] for message in talk.sent] == ["two", "one"]

    drive(play)


def test_an_error_of_the_road_is_an_error_to_the_client() -> None:
    async def play(talk: Talk) -> None:
        await talk.call(1, "x")
        talk.road.answers["x"].set_result(RpcError(-32602, "Unknown tool: x"))
        await settle()
        assert talk.sent[0]["error"] == {"code": -32602, "message": "Unknown tool: x"}

    drive(play)


def test_a_cancelled_call_is_stopped_and_answered_never() -> None:
    async def play(talk: Talk) -> None:
        await talk.call(1, "slow")
        await talk.cancel(1)
        assert talk.road.ended == ["slow"]
        assert talk.sent == []

    drive(play)


def test_a_cancel_stops_the_call_it_names_alone() -> None:
    async def play(talk: Talk) -> None:
        await talk.call(1, "one")
        await talk.call("1", "other")
        await talk.cancel("1")
        await talk.cancel(99)
        assert talk.road.ended == ["other"]
        await talk.answer("one")
        assert talk.answered() == [1]

    drive(play)


def test_an_id_taken_again_after_a_cancel_belongs_to_the_new_call() -> None:
    async def play(talk: Talk) -> None:
        await talk.call(1, "first")
        await talk.cancel(1)
        await talk.call(1, "second")
        await talk.answer("second")
        assert talk.answered() == [1]
        await talk.call(1, "third")
        await talk.cancel(1)
        assert talk.road.ended == ["first", "second", "third"]

    drive(play)


def test_progress_and_logs_reach_the_client_cleaned_and_before_the_answer() -> None:
    async def play(talk: Talk) -> None:
        await talk.call(1, "x", progressToken="p", **{PREFIX + "logLevel": "info"})
        talk.road.emits["x"](Progress(1, 2, "half"))
        talk.road.emits["x"](Log("info", None, "ab"))
        talk.road.emits["x"](Log("debug", None, "below"))
        await talk.answer("x")
        assert [message.get("method", "answer") for message in talk.sent] == [
            "notifications/progress",
            "notifications/message",
            "answer",
        ]
        assert talk.sent[0]["params"]["message"] == "half"
        assert talk.sent[1]["params"]["data"] == "ab"

    drive(play)


def test_what_an_upstream_says_after_the_answer_is_not_passed_on() -> None:
    async def play(talk: Talk) -> None:
        await talk.call(1, "x", progressToken="p")
        await talk.answer("x")
        talk.road.emits["x"](Progress(1, None, None))
        assert talk.answered() == [1]
        assert len(talk.sent) == 1

    drive(play)


def test_a_long_call_gives_signs_of_life_to_who_asked_for_progress(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LIMITS", LIMITS._replace(progress_every_ms=1))

    async def play(talk: Talk) -> None:
        await talk.call(1, "asked", progressToken="p")
        await talk.call(2, "silent")
        while len(talk.sent) < 3:
            await asyncio.sleep(0.001)
        told = [message["params"] for message in talk.sent[:3]]
        assert {params["progressToken"] for params in told} == {"p"}
        assert told[0]["progress"] < told[1]["progress"] < told[2]["progress"]
        await talk.answer("asked")
        count = len(talk.sent)
        await asyncio.sleep(0.01)
        assert len(talk.sent) == count, "no sign of life after the answer"

    drive(play)


def test_what_was_refused_is_told_to_the_log() -> None:
    async def play(talk: Talk) -> None:
        await talk.say(b"{")
        assert talk.log.notes == ["malformed"]
        assert talk.sent[0]["error"]["code"] == -32700

    drive(play)


def test_the_end_waits_a_moment_for_running_calls_and_cancels_the_rest() -> None:
    async def play(talk: Talk) -> None:
        await talk.call(1, "quick")
        await talk.call(2, "slow")
        asyncio.get_running_loop().call_later(
            0.01, lambda: talk.road.answers["quick"].set_result(Result({"content": []}))
        )
        await talk.conversation.end(0.1)
        assert talk.answered() == [1]
        assert sorted(talk.road.ended) == ["quick", "slow"]

    drive(play)


def test_the_end_with_nothing_running_is_at_once() -> None:
    async def play(talk: Talk) -> None:
        await talk.conversation.end(60)

    drive(play)


LIST_ROOTS = Question("roots/list", {})


class Legacy(Talk):
    """A client that said initialize."""

    async def begin(self) -> None:
        params = {"protocolVersion": "2025-11-25", "capabilities": {"roots": {}}, "clientInfo": {}}
        await self.ask(0, "initialize", **params)
        self.sent.clear()

    async def ask(self, request_id: Any, method: str, **params: Any) -> None:
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        await self.say(message)

    async def reply(self, request_id: Any, **answer: Any) -> None:
        await self.say({"jsonrpc": "2.0", "id": request_id, **answer})


def drive_legacy(play: Callable[[Legacy], Awaitable[None]]) -> None:
    async def run() -> None:
        talk = Legacy()
        await talk.begin()
        try:
            await play(talk)
        finally:
            await talk.conversation.end(0)

    asyncio.run(run())


def test_a_legacy_client_is_asked_while_its_call_runs() -> None:
    async def play(talk: Legacy) -> None:
        await talk.ask(1, "tools/call", name="x")
        caller = talk.road.callers["x"]
        assert caller.waits
        asked = asyncio.create_task(caller.ask({"a": LIST_ROOTS, "b": LIST_ROOTS}))
        await settle()
        first, second = talk.sent
        assert (first["method"], first.get("params", {})) == ("roots/list", {})
        await talk.reply(second["id"], error={"code": -32601, "message": "No"})
        assert not asked.done()
        await talk.reply(first["id"], result={"roots": []})
        assert await asked == {"a": {"roots": []}, "b": Told(-32601, "No")}
        assert len(talk.sent) == 2, "nothing is withdrawn that was answered"

    drive_legacy(play)


def test_a_question_of_a_cancelled_call_is_withdrawn() -> None:
    async def play(talk: Legacy) -> None:
        await talk.ask(1, "tools/call", name="x")
        asked = asyncio.create_task(talk.road.callers["x"].ask({"a": LIST_ROOTS}))
        await settle()
        asked.cancel()
        await settle()
        question, withdrawn = talk.sent
        assert withdrawn["method"] == "notifications/cancelled"
        assert withdrawn["params"]["requestId"] == question["id"]
        await talk.reply(question["id"], result={"roots": []})

    drive_legacy(play)


def test_a_question_that_nobody_answers_is_refused_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LIMITS", LIMITS._replace(parked_ms=1))

    async def play(talk: Legacy) -> None:
        await talk.ask(1, "tools/call", name="x")
        replies = await talk.road.callers["x"].ask({"a": LIST_ROOTS})
        assert replies == {"a": Told(-32603, "The client did not answer in time.")}
        assert [message["method"] for message in talk.sent] == [
            "roots/list",
            "notifications/cancelled",
        ]

    drive_legacy(play)


def test_signs_of_life_go_on_while_a_person_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMITS", LIMITS._replace(progress_every_ms=1))

    async def play(talk: Legacy) -> None:
        await talk.ask(1, "tools/call", name="x", _meta={"progressToken": "p"})
        asked = asyncio.create_task(talk.road.callers["x"].ask({"a": LIST_ROOTS}))
        while len(talk.sent) < 3:
            await asyncio.sleep(0.001)
        assert talk.sent[-1]["params"]["message"] == "waiting for the person"
        asked.cancel()
        await settle()

    drive_legacy(play)


def test_a_legacy_client_s_log_level_is_the_one_it_set() -> None:
    async def play(talk: Legacy) -> None:
        await talk.ask(1, "tools/call", name="before")
        await talk.ask(2, "logging/setLevel", level="error")
        await talk.ask(3, "tools/call", name="after")
        assert talk.road.callers["before"].log_level == "info"
        assert talk.road.callers["after"].log_level == "error"

    drive_legacy(play)


def test_a_legacy_client_never_has_tasks_whatever_it_declares() -> None:
    async def play(talk: Legacy) -> None:
        extensions = {"io.modelcontextprotocol/tasks": {}, "io.modelcontextprotocol/ui": {}}
        can = {"extensions": extensions}
        params = {"protocolVersion": "2025-11-25", "capabilities": can, "clientInfo": {}}
        await talk.ask(5, "initialize", **params)
        await talk.ask(1, "tools/call", name="x")
        kept = {"extensions": {"io.modelcontextprotocol/ui": {}}}
        assert talk.road.callers["x"].capabilities == kept

    drive_legacy(play)


def test_a_modern_client_comes_again_instead() -> None:
    async def play(talk: Talk) -> None:
        await talk.call(1, "x", **{PREFIX + "clientCapabilities": {"roots": {}}})
        caller = talk.road.callers["x"]
        assert not caller.waits
        assert caller.capabilities == {"roots": {}}
        assert caller.log_level is None

    drive(play)


def test_an_error_of_the_road_brings_its_data() -> None:
    async def play(talk: Talk) -> None:
        await talk.call(1, "x")
        talk.road.answers["x"].set_result(RpcError(1004, "No", {"id": "MCPX-U01"}, "MCPX-U01"))
        await settle()
        assert talk.sent[0]["error"] == {"code": 1004, "message": "No", "data": {"id": "MCPX-U01"}}

    drive(play)


def test_a_listener_is_granted_what_is_decided_for_it_and_no_more() -> None:
    async def play(talk: Talk) -> None:
        uris = ["docs://about", "docs://other"]
        wanted = {"resourceSubscriptions": uris, "taskIds": ["t1", "t2"], "toolsListChanged": True}
        await listen(talk, wanted)
        talk.road.answers["resources/subscribe docs://about"].set_result(Result({}))
        await settle()
        denied = RpcError(-32602, "Unknown resource", None, "MCPX-D05")
        talk.road.answers["resources/subscribe docs://other"].set_result(denied)
        await settle()
        talk.road.answers["subscriptions/listen t1"].set_result(Result({}))
        await settle()
        unknown = RpcError(-32602, "Unknown task", None, "MCPX-D05")
        talk.road.answers["subscriptions/listen t2"].set_result(unknown)
        await settle()
        (message,) = talk.sent
        assert message["method"] == "notifications/subscriptions/acknowledged"
        assert message["params"]["notifications"] == {
            "toolsListChanged": True,
            "resourceSubscriptions": ["docs://about"],
            "taskIds": ["t1"],
        }
        assert talk.watching.trace[-1] == "sync"
        talk.watching.trace.clear()
        await talk.cancel(9)
        assert talk.watching.trace == ["sync"]

    drive(play)


PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_request_s_span_is_a_child_of_the_one_that_its_client_names() -> None:
    async def play(talk: Talk) -> None:
        await talk.call(1, "one", traceparent=PARENT, tracestate="a=b", baggage="secret=1")
        await talk.call(2, "two")
        await talk.call(3, "three", traceparent=PARENT)
        one, two, three = (talk.road.callers[tool].trace for tool in ("one", "two", "three"))
        assert (one.trace_id, one.parent, one.state) == (PARENT[3:35], PARENT[36:52], "a=b")
        assert (two.parent, two.state) == (None, None)
        assert three.trace_id == one.trace_id != two.trace_id
        assert len({one.span_id, two.span_id, three.span_id, one.parent}) == 4

    drive(play)


def test_a_legacy_client_s_span_is_heard_too() -> None:
    async def play(talk: Legacy) -> None:
        meta = {"traceparent": PARENT}
        await talk.ask(1, "tools/call", name="one", arguments={}, _meta=meta)
        assert talk.road.callers["one"].trace.parent == PARENT[36:52]

    drive_legacy(play)


def test_each_part_of_a_listeners_wish_is_a_span_of_its_own() -> None:
    async def play(talk: Talk) -> None:
        await listen(talk, {"resourceSubscriptions": ["docs://about", "docs://other"]})
        talk.road.answers["resources/subscribe docs://about"].set_result(Result({}))
        await settle()
        spans = {caller.trace.span_id for caller in talk.road.callers.values()}
        assert len(spans) == 2

    drive(play)


async def listen(talk: Talk, wanted: dict[str, Any]) -> None:
    params = {"notifications": wanted, "_meta": envelope(**TASKS)}
    message = {"jsonrpc": "2.0", "id": 9, "method": "subscriptions/listen", "params": params}
    await talk.say(message)


def test_a_listener_that_ends_before_it_was_decided_is_not_acknowledged() -> None:
    async def play(talk: Talk) -> None:
        await listen(talk, {"resourceSubscriptions": ["docs://about"]})
        await talk.cancel(9)
        assert talk.sent == []
        assert talk.road.ended == ["resources/subscribe docs://about"]

    drive(play)


def test_a_subscription_is_watched_from_its_answer_on() -> None:
    async def play(talk: Legacy) -> None:
        await talk.ask(1, "resources/subscribe", uri="docs://about")
        talk.watching.trace.clear()
        talk.road.answers["resources/subscribe docs://about"].set_result(Result({}))
        await settle()
        assert talk.watching.trace == ["sync"]
        assert talk.session.subscribed == {"docs://about"}
        await talk.say({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})
        assert talk.watching.trace[-1] == "roots changed"

    drive_legacy(play)
