"""A value that is found once and shared: whoever comes meanwhile waits for the same search."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from mcp_proxy.edges.attempts import Broken

Value = TypeVar("Value")


class SingleFlight(Generic[Value]):
    """Holds one value of `find`. A failed search reaches all its waiters and is not kept."""

    def __init__(self, find: Callable[[], Awaitable[Value]]) -> None:
        """`find` runs in a task of its own: a cancelled waiter does not end it for the others."""
        self._find = find
        self._search: asyncio.Task[Value] | None = None

    async def get(self) -> Value:
        """The value, found now if need be. Raises what `find` raises, Broken at `close`."""
        if self._search is None:
            self._search = asyncio.create_task(self._run())
            self._search.add_done_callback(self._settled)
        search, waiter = self._search, asyncio.current_task()
        try:
            return await asyncio.shield(search)
        except asyncio.CancelledError:
            if not search.cancelled() or waiter is None or waiter.cancelling():
                raise
        # Only the search was given up: whoever waits goes on, and is owed a reason.
        raise Broken("MCPX-U01", "The connection to the upstream was closed.", again="unsent")

    def found(self) -> Value | None:
        """The value if there is one now."""
        search = self._search
        if search is None or not search.done() or search.cancelled() or search.exception():
            return None
        return search.result()

    def forget(self, value: Value) -> None:
        """Drop `value`, unless another has taken its place."""
        if self.found() is value:
            self._search = None

    async def close(self) -> None:
        """End a running search and drop the value."""
        search, self._search = self._search, None
        if search is not None and not search.done():
            search.cancel()
            await asyncio.wait({search})

    async def _run(self) -> Value:
        return await self._find()

    def _settled(self, search: asyncio.Task[Value]) -> None:
        # Reading the exception also tells asyncio that it was seen, if every waiter has gone.
        if (search.cancelled() or search.exception() is not None) and self._search is search:
            self._search = None
