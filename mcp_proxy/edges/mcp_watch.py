"""A standing wish to hear of an upstream's changes, kept true over broken streams and new eras."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from mcp_proxy.core.answer import Change
from mcp_proxy.core.limits import Limits
from mcp_proxy.edges.attempts import Broken
from mcp_proxy.edges.mcp_listen import LIST_CHANGES, Heard, Wanted
from mcp_proxy.edges.mcp_wire import GatewayError
from mcp_proxy.errors import CredentialError

# JSON-RPC: no such request, method or params; an upstream that has no such stream says so.
_NOT_OFFERED = frozenset({-32600, -32601, -32602})
_NO_SUCH_PLACE = frozenset({404, 405, 501})
_NO_CREDENTIAL = frozenset({401, 403})


class Source(Protocol):
    """An upstream that can be listened to."""

    async def listen(self, wanted: Wanted, ready: Callable[[], None], heard: Heard) -> None:
        """Hear changes until the stream ends; `ready` once it is open. Raises Broken."""


class Watch:
    """At most two streams: the one that is open, and the one that is to take its place."""

    def __init__(self, source: Source, limits: Limits) -> None:
        """Does nothing until something is wished."""
        self._source = source
        self._limits = limits
        self._wanted: Wanted | None = None
        self._open: _Stream | None = None
        self._next: _Stream | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._hear: Heard = _nobody
        self._is_behind = False
        self._is_closed = False

    def wish(self, wanted: Wanted, hear: Heard) -> None:
        """From now on `hear` gets what is `wanted`; the same wish again changes nothing."""
        if self._is_closed:
            return
        self._hear = hear
        if wanted != self._wanted:
            self._wanted = wanted
            self._end(self._next)
            self._next = _Stream(self, self._source, wanted, self._limits)

    def wake(self) -> None:
        """The upstream takes our credential, maybe again."""
        for stream in (self._next, self._open):
            if stream is not None:
                stream.awake.set()

    async def close(self) -> None:
        """End all; nothing is heard any more."""
        self._is_closed = True
        self._hear = _nobody
        self._end(self._next)
        self._end(self._open)
        self._next = self._open = None
        if self._ending:
            await asyncio.wait(self._ending)

    def opened(self, stream: "_Stream") -> None:
        """A stream is heard from now on; the one that it replaces has been until now."""
        if stream is self._next:
            self._end(self._open)
            self._open, self._next = stream, None
        if stream is self._open and self._is_behind:
            self._is_behind = False
            for change in (*LIST_CHANGES, *(Change("updated", uri) for uri in stream.uris())):
                self._hear(change)

    def heard(self, stream: "_Stream", change: Change) -> None:
        """What a stream says, be it still on its way to being open."""
        if stream is self._open or stream is self._next:
            self._hear(change)

    def broke(self, stream: "_Stream") -> None:
        """A stream has ended: what happens until the next one may be missed."""
        self._is_behind = self._is_behind or stream is self._open

    def _end(self, stream: "_Stream | None") -> None:
        if stream is not None:
            stream.task.cancel()
            self._ending.add(stream.task)
            stream.task.add_done_callback(self._ending.discard)


class _Stream:
    """One wish, listened for again and again until the task is cancelled or it is no use."""

    def __init__(self, watch: Watch, source: Source, wanted: Wanted, limits: Limits) -> None:
        self.awake = asyncio.Event()
        self._watch = watch
        self._source = source
        self._wanted = wanted
        self._first_s = limits.reconnect_first_ms / 1000
        self._most_s = limits.reconnect_max_ms / 1000
        self.task = asyncio.create_task(self._keep())

    def uris(self) -> list[str]:
        return sorted(self._wanted.uris)

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = self._first_s
        while True:
            began_s = loop.time()
            broken = await self._listen()
            self._watch.broke(self)
            if _is_not_offered(broken):
                return
            if loop.time() - began_s > self._most_s:
                pause_s = self._first_s
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self._most_s)
            if _lacks_credential(broken):
                # Each try may ask the person for the keychain: wait until a call has got through.
                self.awake.clear()
                await self.awake.wait()

    async def _listen(self) -> Exception | None:
        """Why the stream ended, None for an end in order."""
        try:
            await self._source.listen(
                self._wanted,
                lambda: self._watch.opened(self),
                lambda change: self._watch.heard(self, change),
            )
        except Exception as error:  # noqa: BLE001 - nobody waits for this task to tell them
            return error
        return None


def _is_not_offered(broken: Exception | None) -> bool:
    if isinstance(broken, GatewayError) and broken.code in _NOT_OFFERED:
        return True
    return isinstance(broken, Broken) and broken.status in _NO_SUCH_PLACE


def _lacks_credential(broken: Exception | None) -> bool:
    if isinstance(broken, CredentialError):
        return True
    return isinstance(broken, Broken) and broken.status in _NO_CREDENTIAL


def _nobody(_change: Change) -> None:
    """Nobody hears."""
