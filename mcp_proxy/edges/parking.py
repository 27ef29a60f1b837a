"""Calls that wait for a modern client to come again with its replies (S15).

The client carries a sealed state; what it stands for stays here, under a handle. The key is random
per process, a state is good for ten minutes and for one claim, and only for the very request that
it was given for. What nobody comes back for is dropped: its upstream call is cancelled.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.fingerprint import canonical
from mcp_proxy.core.limits import Limits
from mcp_proxy.core.plan import Label
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.request import Outgoing
from mcp_proxy.core.seal import KEY_BYTES, NONCE_BYTES, Sealed, request_digest, seal, unseal
from mcp_proxy.core.turn import Turn

_HANDLE_BYTES = 16
_FOREIGN = "requestState is none that was given here. Make the request again without it."


class _Held(NamedTuple):
    sealed: Sealed
    turn: Turn
    dropped: Callable[[], None]
    timer: asyncio.TimerHandle


class Parking:
    """Fills the road's `Parking` for one profile, within one process."""

    def __init__(self, profile_digest: str, now_s: Callable[[], float], limits: Limits) -> None:
        self._profile_digest = profile_digest
        self._now_s = now_s
        self._limits = limits
        self._key = os.urandom(KEY_BYTES)
        self._held: dict[str, _Held] = {}
        self._dropping: set[asyncio.Task[None]] = set()

    def park(self, turn: Turn, label: Label, request: Outgoing, dropped: Callable[[], None]) -> str:
        """The sealed state; `dropped` is called where nobody claims it. The oldest gives way."""
        if len(self._held) >= self._limits.parked_calls:
            self._expire(next(iter(self._held)))
        handle = os.urandom(_HANDLE_BYTES).hex()
        expires_s = int(self._now_s() + self._limits.parked_ms / 1000)
        sealed = self._sealed(handle, turn, label, request, expires_s)
        later = asyncio.get_running_loop().call_later
        timer = later(self._limits.parked_ms / 1000, self._expire, handle)
        self._held[handle] = _Held(sealed, turn, dropped, timer)
        return seal(self._key, os.urandom(NONCE_BYTES), sealed)

    def claim(self, state: Any, label: Label, request: Outgoing) -> Turn | Deny | None:
        """The turn parked for this very request, once; None for any mismatch.

        A state that this process did not seal is denied, as the specification wants it of one that
        was tampered with (MCP 2026-07-28, "Multi Round-Trip Requests").
        """
        told = unseal(self._key, state)
        if told is None:
            return Deny("MCPX-D09", "request state", _FOREIGN)
        held = self._held.get(told.handle)
        if held is None or self._now_s() >= told.expires_s:
            return None
        wanted = self._sealed(told.handle, held.turn, label, request, held.sealed.expires_s)
        if told != wanted:
            return None
        self._let_go(told.handle)
        return held.turn

    async def close(self) -> None:
        """Drop every call that waits."""
        for handle in list(self._held):
            self._expire(handle)
        await asyncio.gather(*self._dropping)

    def _sealed(
        self, handle: str, turn: Turn, label: Label, request: Outgoing, expires_s: int
    ) -> Sealed:
        # The upstream's own state never leaves this process; the questions that it asked stand for
        # it in the seal, and the handle for the call that keeps it.
        asked = [[key, item.method, item.params] for key, item in turn.asked.items()]
        return Sealed(
            handle,
            self._profile_digest,
            label.name or "",
            request_digest(request),
            label.upstream or "",
            sha256_hex(canonical(asked)),
            tuple(turn.asked),
            turn.leg,
            expires_s,
        )

    def _let_go(self, handle: str) -> _Held:
        held = self._held.pop(handle)
        held.timer.cancel()
        return held

    def _expire(self, handle: str) -> None:
        held = self._let_go(handle)
        held.dropped()
        task = asyncio.get_running_loop().create_task(held.turn.drop())
        self._dropping.add(task)
        task.add_done_callback(self._dropping.discard)
