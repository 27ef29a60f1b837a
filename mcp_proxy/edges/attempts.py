"""One call as a row of attempts inside one deadline: what left us, what may be repeated."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from mcp_proxy.core.answer import Answer, Failure, Sent, Stopped, Told
from mcp_proxy.core.limits import Limits
from mcp_proxy.errors import McpProxyError, UpstreamError

Again = Literal["never", "unsent", "lost", "busy"]
Value = TypeVar("Value")

_UNSENT_PAUSE_S = 0.1
_BUSY_PAUSE_S = 0.5
_ATTEMPTS = 3


class Broken(UpstreamError):
    """An attempt that gave no usable reply.

    `status` is the HTTP status if there was one. `again` says what a repetition would risk:
    nothing (`unsent`), doing it twice (`lost`), coming too early (`busy`, with `wait_s` if the
    upstream gave a time), or that it would be pointless (`never`). `told` is the JSON-RPC error,
    where that is what came. `over`: what was agreed on ended with its channel. `renewed`: nothing
    was done, for the session had ended; another one can be opened.
    """

    told: Told | None = None

    def __init__(  # noqa: PLR0913  (each by its name)
        self,
        id: str,  # noqa: A002
        why: str,
        *,
        status: int | None = None,
        again: Again = "never",
        wait_s: float | None = None,
        over: bool = False,
        renewed: bool = False,
    ) -> None:
        """`why` is one whole sentence without upstream secrets."""
        super().__init__(id, why)
        self.status = status
        self.again: Again = again
        self.wait_s = wait_s
        self.over = over
        self.renewed = renewed


class Trip:
    """How far a call got, over all its attempts; written by the edge while it goes."""

    def __init__(self, deadline_s: float, stopped: Stopped | None = None) -> None:
        """`deadline_s` counts from now; `stopped` says why nothing may leave any more."""
        self.sent: Sent = "no"
        self._stopped = stopped
        self._ends_at = asyncio.get_running_loop().time() + deadline_s

    def left(self) -> None:
        """The first byte of a request is about to go.

        Raises:
            Broken: it may not, for it was stopped since it was decided (S6).
        """
        why = None if self._stopped is None else self._stopped()
        if why is not None:
            raise Broken(*why)
        if self.sent == "no":
            self.sent = "maybe"

    def arrived(self) -> None:
        """The upstream has begun to answer."""
        self.sent = "yes"

    def prolong(self, deadline_s: float) -> None:
        """The deadline is another one now: `deadline_s` counts from now, and may be without end."""
        self._ends_at = asyncio.get_running_loop().time() + deadline_s

    def remaining_s(self) -> float:
        """Seconds until the deadline, below 0 after it."""
        return self._ends_at - asyncio.get_running_loop().time()


async def settle(
    work: Callable[[Trip], Awaitable[Answer]], deadline_s: float, stopped: Stopped | None
) -> Answer:
    """Run `work` to one answer. Nothing but asyncio.CancelledError leaves."""
    trip = Trip(deadline_s, stopped)
    try:
        async with asyncio.timeout(deadline_s):
            return await work(trip)
    except Broken as broken:
        return Failure(broken.id, broken.why, trip.sent, broken.status, broken.told, broken.renewed)
    except McpProxyError as error:
        command = f" The person at this machine can run: {error.next}" if error.next else ""
        return Failure(error.id, error.why + command, trip.sent)
    except TimeoutError:
        text = f"The upstream did not answer within {deadline_s:.3g} seconds."
        return Failure("MCPX-U02", text, trip.sent)
    except Exception as error:  # noqa: BLE001 - whatever breaks, the caller is owed an answer
        text = f"The call broke inside mcp-proxy ({type(error).__name__})."
        return Failure("MCPX-I01", text, trip.sent)


async def persist(
    attempt: Callable[[], Awaitable[Value]], trip: Trip, limits: Limits, *, retry_safe: bool
) -> Value:
    """Attempt, and attempt again where that can do no harm. Raises the last Broken."""
    for done in range(1, _ATTEMPTS + 1):
        try:
            return await attempt()
        except Broken as broken:
            pause = _pause_s(broken, done, limits, retry_safe=retry_safe)
            if done == _ATTEMPTS or pause is None or pause >= trip.remaining_s():
                raise
        await asyncio.sleep(pause)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _pause_s(broken: Broken, done: int, limits: Limits, *, retry_safe: bool) -> float | None:
    """Seconds to wait before the next attempt; None: no further one."""
    if broken.again == "unsent" and done == 1:
        return _UNSENT_PAUSE_S
    if broken.again == "lost" and done == 1 and retry_safe:
        return 0.0
    if broken.again == "busy" and retry_safe:
        wait_s = _BUSY_PAUSE_S * done if broken.wait_s is None else broken.wait_s
        return wait_s if wait_s * 1000 <= limits.retry_after_max_ms else None
    return None
