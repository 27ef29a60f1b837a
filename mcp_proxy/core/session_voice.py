"""What one client is told once its calls run: answers, progress, log messages and questions.

Kept apart from the session, whose state it shares, because nothing before the first call needs it.
"""

import math
from typing import Any

from mcp_proxy.core import eras, jsonrpc, wording
from mcp_proxy.core.answer import Log, Progress, Question
from mcp_proxy.core.eras import Asked
from mcp_proxy.core.jsonrpc import Id
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.session import Session


class Voice:
    """Finished lines for the client of one session; None where there is nothing to say."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._asked = 0

    def finish(self, asked: Asked, result: dict[str, Any]) -> bytes | None:
        """The answer to a call, given in modern form; None when it was cancelled meanwhile."""
        call = self._session.forget(asked)
        if call is None:
            return None
        worded = wording.worded(call.method, result, asked)
        if worded is None:
            text = "The answer is of a kind that this request cannot have"
            line = jsonrpc.error_line(asked.id, jsonrpc.INTERNAL_ERROR, text)
            return self._session.gathered(asked.id, line)
        if call.method == "resources/subscribe":
            self._session.subscribed.add(call.params["uri"])
        elif call.method == "resources/unsubscribe":
            self._session.subscribed.discard(call.params["uri"])
        return self._session.gathered(asked.id, jsonrpc.result_line(asked.id, worded))

    def fail(self, asked: Asked, code: int, text: str, data: Any = None) -> bytes | None:
        """A JSON-RPC error as the answer to a call; None when it was cancelled."""
        call = self._session.forget(asked)
        if call is None:
            return None
        if data is None and wording.is_missing_resource(call.method, code):
            data = {"uri": call.params["uri"]}
        code = wording.code_of(call.method, code, asked)
        return self._session.gathered(asked.id, jsonrpc.error_line(asked.id, code, text, data))

    def progress(self, asked: Asked, event: Progress) -> bytes | None:
        """A progress notification, where the client asked for it; progress only ever grows."""
        told = self._session.progress
        token, last = asked.progress_token, told.get(asked.id, float("-inf"))
        if not self._runs(asked) or token is None or event.progress <= last:
            return None
        told[asked.id] = event.progress
        params: dict[str, Any] = {"progressToken": token, "progress": event.progress}
        params |= {} if event.total is None else {"total": event.total}
        params |= {} if event.message is None else {"message": event.message}
        return jsonrpc.notification_line("notifications/progress", params)

    def beat(self, asked: Asked, text: str = "waiting for the upstream") -> bytes | None:
        """A sign of life of our own, a hair above the progress told last; says what is awaited."""
        last = self._session.progress.get(asked.id, 0.0)
        above = max(last + 1e-6, math.nextafter(last, math.inf))
        return self.progress(asked, Progress(above, None, text))

    def log(self, asked: Asked, event: Log) -> bytes | None:
        """A log message, where the client's level lets it through."""
        level = self._level(asked)
        if not self._runs(asked) or level is None or event.level not in eras.LEVELS:
            return None
        if eras.LEVELS.index(event.level) < eras.LEVELS.index(level):
            return None
        params = {"level": event.level, "data": event.data}
        params |= {} if event.logger is None else {"logger": event.logger}
        return jsonrpc.notification_line("notifications/message", params)

    def question(self, question: Question) -> tuple[Id, bytes] | None:
        """A request to a legacy client; its id comes back with the answer.

        None where the client made no handshake (a modern one is never sent a request), or leaves
        too many unanswered.
        """
        open_ = self._session.questions
        if self._session.version is None or len(open_) >= LIMITS.questions_open:
            return None
        self._asked += 1
        request_id = f"mcp-proxy-{self._asked}"
        open_.add(request_id)
        return request_id, jsonrpc.request_line(request_id, question.method, question.params)

    def withdraw(self, question: Id) -> bytes | None:
        """Tell the client that a question needs no answer any more; None if it has answered."""
        if question not in self._session.questions:
            return None
        self._session.questions.discard(question)
        params = {"requestId": question, "reason": "The call has ended"}
        return jsonrpc.notification_line("notifications/cancelled", params)

    def _level(self, asked: Asked) -> str | None:
        if eras.is_modern(asked.version):
            return asked.log_level
        return self._session.log_level or "info"

    def _runs(self, asked: Asked) -> bool:
        call = self._session.calls.get(asked.id)
        return call is not None and call.asked is asked
