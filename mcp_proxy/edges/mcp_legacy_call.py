"""A request in a legacy session, which its upstream may answer with questions first.

While it is halted the upstream's request stays open in a task of its own; the client's time is not
the call's.
"""

import asyncio
import math
from collections.abc import Mapping
from typing import Any

from mcp_proxy.core import trace_context
from mcp_proxy.core.answer import Question, Reply
from mcp_proxy.core.jsonrpc import Id
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.mcp_asides import Asides
from mcp_proxy.edges.mcp_legacy_session import LegacySession
from mcp_proxy.edges.mcp_wire import Ask, Halt, Headers, Hear, Wire, request_message
from mcp_proxy.edges.refusals import protocol_broken

_ASKABLE = ("elicitation", "sampling", "roots")
_OF_A_CALL = ("notifications/progress", "notifications/message")


class LegacyCall:
    """Runs once. Hears its request's own stream, and what the session hands to it."""

    def __init__(
        self, ask: Ask, request_id: int, session: LegacySession, wire: Wire, asides: Asides
    ) -> None:
        """Sends nothing yet."""
        self.ask = ask
        self.id = request_id
        self.halted = False
        self._session = session
        self._wire = wire
        self._asides = asides
        self._fresh: dict[str, Question] = {}  # not yet given to the client
        self._open: dict[str, Id] = {}  # not yet answered, by the key of the question
        self._keys = 0
        self._task: asyncio.Task[dict[str, Any]] | None = None
        self._news: asyncio.Future[None] | None = None

    async def run(self, trip: Trip) -> dict[str, Any] | Halt:
        """Its result, or what is asked before. Raises Broken."""
        self._session.begin(self)
        if not any(kind in self.ask.wishes.capabilities for kind in _ASKABLE):
            try:
                return await self._send(trip)
            finally:
                self._session.end(self)
        self._task = asyncio.create_task(self._send(trip))
        self._task.add_done_callback(self._done)
        return await self._next(self._task, trip)

    async def drop(self) -> None:
        """Give the request up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def notified(self, message: dict[str, Any]) -> None:
        """A notification on its stream, or one that the session knows to be its own."""
        if message["method"] in _OF_A_CALL:
            self.ask.hear(message, self.id)
        else:
            self._session.told(message)

    async def asked(self, message: dict[str, Any]) -> None:
        """A request on its stream. Raises Broken."""
        asked_id, question = self._session.read_request(message, self.ask.wishes.capabilities)
        if question is not None and not self.put(asked_id, question):
            self._session.refuse(asked_id)

    def put(self, asked_id: Id, question: Question) -> bool:
        """A question for its client; False where it takes no more."""
        if len(self._open) >= self._wire.limits.questions:
            return False
        if asked_id in self._open.values():
            raise protocol_broken("holds two requests of one id")
        self._keys += 1
        key = f"question-{self._keys}"
        self._open[key] = asked_id
        self._fresh[key] = question
        self._wake()
        return True

    def withdraw(self, asked_id: Id) -> None:
        """The upstream no longer asks that, if it did."""
        for key, open_id in list(self._open.items()):
            if open_id == asked_id and type(open_id) is type(asked_id):
                del self._open[key]
                self._fresh.pop(key, None)

    async def _send(self, trip: Trip) -> dict[str, Any]:
        headers, wishes = self._session.headers(), self.ask.wishes
        meta: dict[str, Any] = {**trace_context.meta(wishes.trace)}
        if wishes.progress and "progress" in self._wire.spec.features:
            meta["progressToken"] = self.id
        params = {**self.ask.params, "_meta": meta} if meta else self.ask.params
        message = request_message(self.id, self.ask.method, params)
        sent = trace_context.with_headers(headers, wishes.trace)
        try:
            result, _ = await self._wire.request(message, sent, self, trip)
        except asyncio.CancelledError:
            # Here a closed connection is no cancellation: it has to be said.
            if trip.sent != "no":
                self._asides.cancelled(self.id, headers)
            raise
        return result

    async def _next(
        self, task: "asyncio.Task[dict[str, Any]]", trip: Trip
    ) -> dict[str, Any] | Halt:
        try:
            while not task.done() and not self._fresh:
                self._news = asyncio.get_running_loop().create_future()
                await self._news
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.cancelled():
            text = "The connection to the upstream was closed before its answer."
            raise Broken("MCPX-U01", text, again="lost")
        if task.done():
            return task.result()
        asked, self._fresh = self._fresh, {}
        self.halted = True
        trip.prolong(math.inf)

        async def resume(
            replies: Mapping[str, Reply], hear: Hear, next_trip: Trip
        ) -> dict[str, Any] | Halt:
            self.halted = False
            trip.prolong(next_trip.remaining_s())
            self.ask = self.ask._replace(hear=hear)
            left = {key: asked[key] for key in asked if key in self._open and key not in replies}
            self._fresh = left | self._fresh
            return await self._resume(task, replies, trip)

        return Halt(asked, resume, self.drop)

    async def _resume(
        self, task: "asyncio.Task[dict[str, Any]]", replies: Mapping[str, Reply], trip: Trip
    ) -> dict[str, Any] | Halt:
        try:
            await self._reply(task, replies, trip)
            return await self._next(task, trip)
        except Broken as broken:
            # Again would mean from the beginning, and the upstream has done a part of it.
            broken.again = "never"
            task.cancel()
            raise
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def _reply(
        self, task: "asyncio.Task[dict[str, Any]]", replies: Mapping[str, Reply], trip: Trip
    ) -> None:
        """Send the client's answers; one that no longer matters is not waited for."""
        headers = self._session.headers()
        for key, reply in replies.items():
            asked_id = self._open.pop(key, None)
            if asked_id is None:
                continue
            message = _response(asked_id, reply)
            if task.done() or self._session.gone:
                self._session.reply(message)
            else:
                await self._post(task, message, headers, trip)

    async def _post(
        self,
        task: "asyncio.Task[dict[str, Any]]",
        message: dict[str, Any],
        headers: Headers,
        trip: Trip,
    ) -> None:
        """Send an answer; once the result is there, that is no longer waited for."""
        post = asyncio.create_task(self._wire.notify(message, headers, trip))
        try:
            await asyncio.wait({post, task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            post.cancel()
        broken = post.exception() if post.done() and not post.cancelled() else None
        if broken is not None and not task.done():
            raise broken

    def _done(self, task: "asyncio.Task[dict[str, Any]]") -> None:
        self._session.end(self)
        if not task.cancelled():
            task.exception()  # nobody may ask for it, which is no reason for a warning
        for key, asked_id in self._open.items():
            # What the client was asked it will answer, unless the call was given up.
            if task.cancelled() or key in self._fresh:
                self._session.refuse(asked_id)
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


def _response(asked_id: Id, reply: Reply) -> dict[str, Any]:
    if isinstance(reply, dict):
        return {"jsonrpc": "2.0", "id": asked_id, "result": reply}
    data = {} if reply.data is None else {"data": reply.data}
    error = {"code": reply.code, "message": reply.message, **data}
    return {"jsonrpc": "2.0", "id": asked_id, "error": error}
