"""A session's outcomes put to work: replies written, calls taken down the road side by side."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mcp_proxy.core.answer import Event, Progress, Question
from mcp_proxy.core.answer import Reply as Replied
from mcp_proxy.core.eras import Asked, is_modern
from mcp_proxy.core.jsonrpc import Id
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.session import Call, Cancel, Note, Outcome, Reply, Session
from mcp_proxy.core.session_voice import Voice
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.relay import Result, Road, RpcError


class Conversation:
    """One client's calls in flight. `send` takes finished lines."""

    def __init__(
        self, session: Session, road: Road, log: CallLog, send: Callable[[bytes], None]
    ) -> None:
        self._voice = Voice(session)
        self._road = road
        self._log = log
        self._send = send
        self._calls: dict[Id, asyncio.Task[None]] = {}

    def take(self, outcomes: Iterable[Outcome]) -> None:
        """Act on what the session made of a line."""
        for outcome in outcomes:
            match outcome:
                case Reply(line):
                    self._send(line)
                case Call(asked, method, params):
                    self._start(asked, method, params)
                case Cancel(call):
                    self._cancel(call)
                case Note(what):
                    self._log.note(what)

    async def end(self, grace_s: float) -> None:
        """Let running calls end for a moment, then cancel the rest and wait for them."""
        calls = list(self._calls.values())
        if calls and grace_s:
            await asyncio.wait(calls, timeout=grace_s)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def _start(self, asked: Asked, method: str, params: dict[str, Any]) -> None:
        task = asyncio.create_task(self._run(asked, method, params))
        self._calls[asked.id] = task
        task.add_done_callback(lambda _done: self._drop(asked.id, task))

    def _drop(self, call: Id, task: asyncio.Task[None]) -> None:
        if self._calls.get(call) is task:
            del self._calls[call]

    def _cancel(self, call: Id) -> None:
        task = self._calls.get(call)
        if task is not None:
            task.cancel()

    async def _run(self, asked: Asked, method: str, params: dict[str, Any]) -> None:
        beat = asyncio.create_task(self._beat(asked)) if asked.progress_token is not None else None
        try:
            answer = await self._road.call(method, params, AskedBy(self, asked))
        finally:
            if beat is not None:
                beat.cancel()
        self._write(self._line(asked, answer))

    def _line(self, asked: Asked, answer: Result | RpcError) -> bytes | None:
        if isinstance(answer, RpcError):
            return self._voice.fail(asked, answer.code, answer.text)
        return self._voice.finish(asked, answer.value)

    def tell(self, asked: Asked, event: Event) -> None:
        """Progress or a log message of a running call for its client."""
        if isinstance(event, Progress):
            self._write(self._voice.progress(asked, event))
        else:
            self._write(self._voice.log(asked, event))

    async def _beat(self, asked: Asked) -> None:
        """Progress of our own while a call takes long: clients give up on a silent one."""
        while True:
            await asyncio.sleep(LIMITS.progress_every_ms / 1000)
            self._write(self._voice.beat(asked))

    def _write(self, line: bytes | None) -> None:
        if line is not None:
            self._send(line)


class AskedBy:
    """Fills the road's `Caller` for one request."""

    def __init__(self, conversation: Conversation, asked: Asked) -> None:
        self._conversation = conversation
        self._asked = asked
        self.capabilities: Mapping[str, Any] = asked.capabilities
        self.log_level = asked.log_level
        self.wants_progress = asked.progress_token is not None
        self.waits = not is_modern(asked.version)

    def tell(self, event: Event) -> None:
        self._conversation.tell(self._asked, event)

    async def ask(self, questions: Mapping[str, Question]) -> dict[str, Replied]:
        raise NotImplementedError(questions)
