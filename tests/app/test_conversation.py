"""Calls in flight, side by side: answers to the right request, cancels, progress, the end."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from core.session_driver import NOW_S, OFFER, PREFIX, envelope

from mcp_proxy.app import conversation as module
from mcp_proxy.app.conversation import Conversation
from mcp_proxy.core.answer import Event, Log, Progress
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.outcome import End, Result, RpcError
from mcp_proxy.core.session import Session
from mcp_proxy.relay import Caller


class Road:
    """Answers each call when the test says so; `started` and `ended` are the tools' names."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.ended: list[str] = []
        self.emits: dict[str, Callable[[Event], None]] = {}
        self.answers: dict[str, asyncio.Future[End]] = {}

    async def call(self, method: str, params: Any, caller: Caller) -> End:
        assert method == "tools/call"
        tool = params["name"]
        self.started.append(tool)
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
        self.tasks: set[str] = set()

    def sync(self) -> None:
        self.trace.append("sync")

    def called(self) -> None:
        self.trace.append("called")

    def roots_changed(self) -> None:
        self.trace.append("roots changed")

    def follows(self, task_id: str) -> bool:
        return task_id in self.tasks

    def close(self) -> None:
        self.trace.append("close")


class Talk:
    """One client, its conversation, and what it was sent."""

    def __init__(self) -> None:
        self.road, self.log = Road(), Notes()
        self.session = Session(OFFER)
        self.sent: list[Any] = []
        self.watching = Watching()
        self.conversation = Conversation(
            self.session,
            self.road,  # type: ignore[arg-type]
            self.watching,  # type: ignore[arg-type]
            self.log,  # type: ignore[arg-type]
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
