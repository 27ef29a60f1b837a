"""A session's outcomes put to work: replies written, calls taken down the road side by side."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol

from mcp_proxy.app.watching import Watching
from mcp_proxy.core.answer import Event, Progress, Question, Told
from mcp_proxy.core.answer import Reply as Replied
from mcp_proxy.core.eras import TASKS, Asked, is_modern
from mcp_proxy.core.jsonrpc import INTERNAL_ERROR, Id
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.outcome import End, RpcError
from mcp_proxy.core.session import (
    Answered,
    Call,
    Cancel,
    Listen,
    Note,
    Outcome,
    Reply,
    RootsChanged,
    Session,
)
from mcp_proxy.core.session_params import ListenFilter
from mcp_proxy.core.session_voice import Voice
from mcp_proxy.core.trace_context import RANDOM_BYTES, begin
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.ports import Caller

_SUBSCRIBING = ("resources/subscribe", "resources/unsubscribe")
_UPSTREAM, _PERSON = "waiting for the upstream", "waiting for the person"


class Calls(Protocol):
    """Where calls go: the road."""

    async def call(self, method: str, params: dict[str, Any], caller: Caller) -> End:
        """One call, taken down the road and back."""


class Conversation:
    """One client's calls in flight. `send` takes finished lines."""

    def __init__(
        self,
        session: Session,
        road: Calls,
        watching: Watching,
        log: CallLog,
        send: Callable[[bytes], None],
    ) -> None:
        self._session = session
        self._voice = Voice(session)
        self._road = road
        self._watching = watching
        self._log = log
        self._send = send
        self._calls: dict[Id, asyncio.Task[None]] = {}
        self._questions: dict[Id, asyncio.Future[Replied]] = {}
        self._asking: set[Id] = set()
        watching.send = send
        watching.sync()

    def take(self, outcomes: Iterable[Outcome]) -> None:
        """Act on what the session made of a line."""
        for outcome in outcomes:
            match outcome:
                case Reply(line):
                    self._send(line)
                case Call(asked, method, params):
                    self._start(asked, self._run(asked, method, params))
                case Cancel(call):
                    self._cancel(call)
                case Note(what):
                    self._log.note(what)
                case Listen(asked, wanted):
                    self._start(asked, self._listen(asked, wanted))
                case Answered(question, reply):
                    self._hear(question, reply)
                case RootsChanged():
                    self._watching.roots_changed()

    async def end(self, grace_s: float) -> None:
        """Let running calls end for a moment, then cancel the rest and wait for them."""
        calls = list(self._calls.values())
        if calls and grace_s:
            await asyncio.wait(calls, timeout=grace_s)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        self._watching.close()

    def tell(self, asked: Asked, event: Event) -> None:
        """Progress or a log message of a running call for its client."""
        if isinstance(event, Progress):
            self._write(self._voice.progress(asked, event))
        else:
            self._write(self._voice.log(asked, event))

    def awaits_person(self, asked: Asked, *, is_waiting: bool) -> None:
        """From now on, a sign of life says so; the first one at once."""
        if not is_waiting:
            self._asking.discard(asked.id)
            return
        self._asking.add(asked.id)
        if asked.progress_token is not None:
            self._write(self._voice.beat(asked, _PERSON))

    async def ask(self, asked: Asked, questions: Mapping[str, Question]) -> dict[str, Replied]:
        """A legacy client's replies, by key; what it leaves unanswered is refused in its name."""
        waiting = {key: self._put(question) for key, question in questions.items()}
        self._asking.add(asked.id)
        try:
            timeout_s = LIMITS.parked_ms / 1000
            await asyncio.wait([reply for _, reply in waiting.values()], timeout=timeout_s)
            return {key: _reply(future) for key, (_, future) in waiting.items()}
        finally:
            self._asking.discard(asked.id)
            for question, _ in waiting.values():
                self._withdraw(question)

    def _put(self, question: Question) -> tuple[Id, asyncio.Future[Replied]]:
        reply: asyncio.Future[Replied] = asyncio.get_running_loop().create_future()
        put = self._voice.question(question)
        if put is None:
            reply.set_result(Told(INTERNAL_ERROR, "The client cannot be asked now."))
            return "", reply
        request_id, line = put
        self._questions[request_id] = reply
        self._send(line)
        return request_id, reply

    def _hear(self, question: Id, reply: Replied) -> None:
        waiting = self._questions.pop(question, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)

    def _withdraw(self, question: Id) -> None:
        if self._questions.pop(question, None) is not None:
            self._write(self._voice.withdraw(question))

    def _start(self, asked: Asked, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._calls[asked.id] = task
        task.add_done_callback(lambda _done: self._drop(asked.id, task))

    def _drop(self, call: Id, task: asyncio.Task[None]) -> None:
        if self._calls.get(call) is task:
            del self._calls[call]

    def _cancel(self, call: Id) -> None:
        task = self._calls.get(call)
        if task is not None:
            task.cancel()
        self._watching.sync()

    async def _run(self, asked: Asked, method: str, params: dict[str, Any]) -> None:
        beat = asyncio.create_task(self._beat(asked)) if asked.progress_token is not None else None
        try:
            end = await self._road.call(method, params, self._caller(asked))
        finally:
            if beat is not None:
                beat.cancel()
        self._write(self._line(asked, end))
        if method in _SUBSCRIBING:
            self._watching.sync()
        else:
            self._watching.called()

    async def _listen(self, asked: Asked, wanted: ListenFilter) -> None:
        """Each resource and task is decided like a read of it; the denied are not acknowledged."""
        uris = await self._heard(asked, "resources/subscribe", "uri", wanted.uris)
        tasks = await self._heard(asked, "subscriptions/listen", "taskId", wanted.tasks)
        given = wanted._replace(uris=uris, tasks=tasks)
        self._write(self._session.acknowledge(asked, given))
        self._watching.sync()

    async def _heard(
        self, asked: Asked, method: str, key: str, wanted: frozenset[str]
    ) -> frozenset[str]:
        ends = {
            one: await self._road.call(method, {key: one}, self._caller(asked))
            for one in sorted(wanted)
        }
        return frozenset(one for one, end in ends.items() if not isinstance(end, RpcError))

    def _caller(self, asked: Asked) -> "AskedBy":
        level = asked.log_level if is_modern(asked.version) else self._session.log_level or "info"
        return AskedBy(self, asked, level)

    def _line(self, asked: Asked, end: End) -> bytes | None:
        if isinstance(end, RpcError):
            return self._voice.fail(asked, end.code, end.text, end.data)
        return self._voice.finish(asked, end.value)

    async def _beat(self, asked: Asked) -> None:
        """Progress of our own while a call takes long: clients give up on a silent one."""
        while True:
            await asyncio.sleep(LIMITS.progress_every_ms / 1000)
            text = _PERSON if asked.id in self._asking else _UPSTREAM
            self._write(self._voice.beat(asked, text))

    def _write(self, line: bytes | None) -> None:
        if line is not None:
            self._send(line)


class AskedBy:
    """Fills the road's `Caller` for one request."""

    def __init__(self, conversation: Conversation, asked: Asked, log_level: str | None) -> None:
        self._conversation = conversation
        self._asked = asked
        self.log_level = log_level
        self.wants_progress = asked.progress_token is not None
        self.waits = not is_modern(asked.version)
        self.trace = begin(asked.trace, os.urandom(RANDOM_BYTES))
        can = asked.capabilities
        self.capabilities: Mapping[str, Any] = _without_tasks(can) if self.waits else can

    def tell(self, event: Event) -> None:
        self._conversation.tell(self._asked, event)

    def awaits_person(self, *, is_waiting: bool) -> None:
        self._conversation.awaits_person(self._asked, is_waiting=is_waiting)

    async def ask(self, questions: Mapping[str, Question]) -> dict[str, Replied]:
        return await self._conversation.ask(self._asked, questions)


def _without_tasks(capabilities: Mapping[str, Any]) -> Mapping[str, Any]:
    """The extension is of 2026-07-28: no older version has a result of that kind."""
    extensions = capabilities.get("extensions")
    if not isinstance(extensions, dict) or TASKS not in extensions:
        return capabilities
    kept = {name: item for name, item in extensions.items() if name != TASKS}
    return {**capabilities, "extensions": kept}


def _reply(future: asyncio.Future[Replied]) -> Replied:
    if future.done():
        return future.result()
    return Told(INTERNAL_ERROR, "The client did not answer in time.")
