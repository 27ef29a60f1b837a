"""One lifetime of a channel both ways: what waits for an answer, and whom a message is for."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple, TypeGuard

from mcp_proxy.core import eras
from mcp_proxy.edges.attempts import Broken
from mcp_proxy.edges.mcp_wire import Listener, Turn

_CANCELLED = "notifications/cancelled"
_LISTEN = "subscriptions/listen"


class Waiting(NamedTuple):
    """A request of ours whose answer is yet to come."""

    answer: asyncio.Future[dict[str, Any]]
    listener: Listener
    method: str

    def fail(self, broken: Broken) -> None:
        """There will be no answer."""
        if not self.answer.done():
            self.answer.set_exception(broken)
            self.answer.exception()  # whoever waited may have gone: no reason for a warning


class Line:
    """`waiting` are our requests by id, `asked` who was asked what the upstream wants answered.

    `garbage` counts its lines that are no messages; `over` says why the lifetime has ended.
    """

    def __init__(self) -> None:
        """Nothing was said yet."""
        self.waiting: dict[int, Waiting] = {}
        self.asked: dict[int | str, Listener | None] = {}
        self.garbage = 0
        self.over: Broken | None = None
        self.turned: Callable[[Turn], None] | None = None

    def call(self) -> Waiting | None:
        """The only request in flight that is no subscription."""
        calls = [item for item in self.waiting.values() if item.method != _LISTEN]
        return calls[0] if len(calls) == 1 else None

    def answered(self, message: dict[str, Any]) -> None:
        """An error may lack the id (JSON-RPC 2.0, 5): then it is that of the only request."""
        answered = message.get("id")
        waiting = None
        if type(answered) is int:
            waiting = self.waiting.get(answered)
        elif answered is None and "error" in message:
            waiting = self.call()
        if waiting is not None and not waiting.answer.done():
            waiting.answer.set_result(message)
            self.garbage = 0

    def hearer(self, message: dict[str, Any], other: Listener | None) -> Listener | None:
        """Whom a notification is for; `other` hears what is for no request."""
        params = message.get("params")
        row = params if isinstance(params, dict) else {}
        meta = row.get("_meta")
        subscription = meta.get(eras.SUBSCRIPTION_KEY) if isinstance(meta, dict) else None
        for request_id in (row.get("progressToken"), subscription):
            if type(request_id) is int and request_id in self.waiting:
                return self.waiting[request_id].listener
        if message["method"] == _CANCELLED:
            return self._cancelled(row.get("requestId")) or other
        call = self.call()
        if call is not None and message["method"] == "notifications/message":
            return call.listener
        return other or (None if call is None else call.listener)

    def _cancelled(self, named: object) -> Listener | None:
        """Who was asked what is taken back: it needs no answer, so that its place is free again.

        Else who listens, to a server that ends a subscription.
        """
        if not is_id(named):
            return None
        if named in self.asked:
            return self.asked.pop(named)
        waiting = self.waiting.get(named) if isinstance(named, int) else None
        return waiting.listener if waiting is not None and waiting.method == _LISTEN else None


def is_id(value: object) -> TypeGuard[int | str]:
    """Whether a request may bear it (JSON-RPC 2.0, 4; MCP allows neither null nor fractions)."""
    return isinstance(value, int | str) and not isinstance(value, bool)
