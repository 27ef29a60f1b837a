"""Messages beside the calls, sent with little patience: cancellations, answers to an upstream."""

import asyncio
import contextlib
from typing import Any

from mcp_proxy.edges.attempts import Trip
from mcp_proxy.edges.mcp_wire import Headers, Wire

ASIDE_DEADLINE_S = 1.0
# An upstream that causes more than this at once is not waiting for them.
_AT_ONCE = 64


class Asides:
    """Sends each in a task of its own; its failure changes nothing."""

    def __init__(self, wire: Wire) -> None:
        """Holds nothing until something is said."""
        self._wire = wire
        self._tasks: set[asyncio.Task[None]] = set()

    def say(self, message: dict[str, Any], headers: Headers) -> None:
        """Send a notification or a response, whatever comes of it."""
        if len(self._tasks) < _AT_ONCE:
            task = asyncio.create_task(self._send(message, headers))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def cancelled(self, request_id: int, headers: Headers) -> None:
        """Say that a request is given up, where closing its stream does not say so."""
        params = {"requestId": request_id, "reason": "cancelled by the client"}
        method = "notifications/cancelled"
        self.say({"jsonrpc": "2.0", "method": method, "params": params}, headers)

    async def close(self) -> None:
        """Wait until all have been sent or given up: at most a second."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _send(self, message: dict[str, Any], headers: Headers) -> None:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(ASIDE_DEADLINE_S):
                await self._wire.notify(message, headers, Trip(ASIDE_DEADLINE_S))
