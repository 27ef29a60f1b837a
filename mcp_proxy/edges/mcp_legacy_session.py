"""A session with a legacy upstream: what was agreed, the calls in it, who hears what it says."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from mcp_proxy.core.answer import Question
from mcp_proxy.core.capabilities import covers
from mcp_proxy.core.jsonrpc import Id
from mcp_proxy.core.limits import Limits
from mcp_proxy.edges.mcp_asides import Asides
from mcp_proxy.edges.mcp_wire import METHOD_NOT_FOUND, Ask, Headers
from mcp_proxy.edges.refusals import protocol_broken

_NOBODY = -32603


class Call(Protocol):
    """A request that runs in a session, as far as the session needs to know it.

    `halted` while its client is being asked.
    """

    id: int
    ask: Ask
    halted: bool

    def notified(self, message: dict[str, Any]) -> None:
        """A notification for it."""

    def put(self, asked_id: Id, question: Question) -> bool:
        """A question for its client; False where it takes no more."""

    def withdraw(self, asked_id: Id) -> None:
        """The upstream no longer asks that, if it did."""

    async def drop(self) -> None:
        """Give it up, if it can be halted; never raises."""


class LegacySession:
    """Hears the messages that belong to no request.

    `declared` are the capabilities that the upstream was told of, `offers` its own; `version` and
    `id` are the handshake's; `level` is the last one set; `calls` run now, the oldest first.
    `gone` says that its upstream knows it no more. `lapse` is set once it cannot be used any more;
    where only something may have been missed it is set and replaced.
    """

    def __init__(
        self,
        declared: dict[str, Any],
        limits: Limits,
        asides: Asides,
        hear: Callable[[dict[str, Any]], None],
    ) -> None:
        """Not opened yet. `hear` gets the notifications that are for no call."""
        self.declared = declared
        self.version = ""
        self.id: str | None = None
        self.offers: dict[str, Any] = {}
        self.level: str | None = None
        self.listening = self.gone = False
        self.lapse = asyncio.Event()
        self.calls: dict[int, Call] = {}
        self._waiting: dict[Id, Question] = {}
        self._limits = limits
        self._asides = asides
        self._hear = hear

    def opened(self, version: str, session_id: str | None, offers: Any) -> None:
        """The handshake is done."""
        self.version, self.id = version, session_id
        self.offers = offers if isinstance(offers, dict) else {}

    def headers(self) -> Headers:
        """Mcp-Session-Id, and MCP-Protocol-Version from 2025-06-18 on."""
        version = (("MCP-Protocol-Version", self.version),) if self.version >= "2025-06-18" else ()
        return version if self.id is None else (("Mcp-Session-Id", self.id), *version)

    def begin(self, call: Call) -> None:
        """A call runs from now on; what waits for one that can be asked goes to it."""
        self.calls[call.id] = call
        for asked_id, question in list(self._waiting.items()):
            covered = covers(call.ask.wishes.capabilities, question)
            if covered and call.put(asked_id, question):
                del self._waiting[asked_id]

    def end(self, call: Call) -> None:
        """It runs no longer."""
        self.calls.pop(call.id, None)

    def notified(self, message: dict[str, Any]) -> None:
        """A notification outside of any request's stream: it finds its call, if it has one."""
        params = message.get("params")
        call: Call | None = None
        if message["method"] == "notifications/progress" and isinstance(params, dict):
            token = params.get("progressToken")
            call = self.calls.get(token) if type(token) is int else None
        elif message["method"] == "notifications/message":
            wishing = (call for call in self.calls.values() if call.ask.wishes.log_level)
            call = next(wishing, None)
        if call is None:
            self.told(message)
        else:
            call.notified(message)

    def told(self, message: dict[str, Any]) -> None:
        """A notification that is for no call, on whichever stream it came."""
        if message["method"] == "notifications/cancelled":
            params = message.get("params")
            self._withdraw(params.get("requestId") if isinstance(params, dict) else None)
        else:
            self._hear(message)

    async def asked(self, message: dict[str, Any]) -> None:
        """A request outside of any request's stream: for the oldest call that can be asked it.

        One that is halted has asked already, and its client may never come again: it is the last.
        With none in flight the request waits for the next one, but not for long. Raises Broken.
        """
        asked_id, question = self.read_request(message, self.declared)
        if question is None:
            return
        for call in sorted(self.calls.values(), key=lambda call: call.halted):
            if covers(call.ask.wishes.capabilities, question) and call.put(asked_id, question):
                return
        if len(self._waiting) >= self._limits.questions:
            self.refuse(asked_id)
            return
        self._waiting[asked_id] = question
        wait_s = self._limits.question_waits_ms / 1000
        asyncio.get_running_loop().call_later(wait_s, self._expire, asked_id, question)

    def read_request(
        self, message: dict[str, Any], capabilities: dict[str, Any]
    ) -> tuple[Id, Question | None]:
        """A request of the upstream; what `capabilities` do not cover is answered here: None.

        Raises Broken for one without a proper id.
        """
        asked_id, method, params = message["id"], message["method"], message.get("params")
        if isinstance(asked_id, bool) or not isinstance(asked_id, int | str):
            raise protocol_broken("holds a request without a proper id")
        if isinstance(asked_id, str) and len(asked_id) > self._limits.question_key_chars:
            raise protocol_broken("holds a request whose id is too long")
        if method == "ping":
            self.reply({"jsonrpc": "2.0", "id": asked_id, "result": {}})
            return asked_id, None
        if isinstance(method, str) and (params is None or isinstance(params, dict)):
            question = Question(method, params or {})
            if covers(capabilities, question):
                return asked_id, question
        self.refuse(asked_id, METHOD_NOT_FOUND, "Not offered by this client")
        return asked_id, None

    def refuse(
        self, asked_id: Id, code: int = _NOBODY, text: str = "Nobody can answer that now"
    ) -> None:
        """Answer a request of the upstream with an error."""
        error = {"code": code, "message": text}
        self.reply({"jsonrpc": "2.0", "id": asked_id, "error": error})

    def _expire(self, asked_id: Id, question: Question) -> None:
        if self._waiting.get(asked_id) is question:
            del self._waiting[asked_id]
            self.refuse(asked_id)

    def reply(self, message: dict[str, Any]) -> None:
        """Answer a request of the upstream, whatever comes of it.

        What follows a session that is gone may have asked another thing under the same id.
        """
        if not self.gone:
            self._asides.say(message, self.headers())

    def _withdraw(self, asked_id: Any) -> None:
        if type(asked_id) in (int, str):
            self._waiting.pop(asked_id, None)
            for call in self.calls.values():
                call.withdraw(asked_id)
