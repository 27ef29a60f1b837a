"""When the ledger is told how far a process's segment is: off the calls' way, in a thread.

A checkpoint follows every 64 entries, 30 seconds after the first entry that none covers, each
answer of a person, and the end. Between them nothing runs: an idle process has no timer.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from mcp_proxy.app.audit_anchors import Anchors
from mcp_proxy.app.audit_keys import is_told, quiet_signer
from mcp_proxy.core.audit import Head
from mcp_proxy.core.audit_key import Signer
from mcp_proxy.core.limits import LIMITS, Limits
from mcp_proxy.edges.audit_ledger import AuditLedger, Sign
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.worker import Worker
from mcp_proxy.errors import AuditError, HomeError, McpProxyError

NOT_TOLD = "checkpoint not written"

# What else is to be done in the background after a checkpoint; it may sign what it writes.
Chore = Callable[[Sign], object]


class _Signed(NamedTuple):
    """A head of the ledger with the newest note over it, and whose it is."""

    head: Head
    note: str
    signer: Signer


class Checkpoints:
    """Those of one process's log, which `close` ends. Nothing is read or begun before an entry."""

    def __init__(
        self, home: Home, log: CallLog, chores: Iterable[Chore] = (), limits: Limits = LIMITS
    ) -> None:
        """Sees to it from now on that the log's entries are covered."""
        self._home = home
        self._log = log
        self._limits = limits
        self._chores = tuple(chores)
        self._worker, self._anchorer = Worker("audit"), Worker("audit-head")
        self._anchors = Anchors(home)
        self._timer: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None
        self._anchoring: asyncio.Task[None] | None = None
        self._is_wanted = self._is_refused = False
        self._signer: Signer | None = None
        self._look_again_s = float("-inf")
        self._note: str | None = None
        log.on_written, log.on_event, log.sign = self._written, self.soon, self._sign

    def soon(self) -> None:
        """A checkpoint in the background, from within the event loop."""
        self._stop_timer()
        self._is_wanted = True
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run())

    async def close(self, reason: str) -> None:
        """End the log, signed if the key is there within a second. Raises AuditError A01."""
        self._log.on_written = self._log.on_event = None
        self._stop_timer()
        is_open = self._log.segment is not None
        is_free = is_open and await self._within(
            asyncio.ensure_future(self._worker.run(self._find_key))
        )
        try:
            self._log.close(reason)
            if is_free:
                await self._within(asyncio.ensure_future(self._end()))
        finally:
            await self._within(self._running, 0)
            await self._within(self._anchoring, 0)

    def _written(self, uncovered: int) -> None:
        if uncovered >= self._limits.checkpoint_entries and not self._is_refused:
            self.soon()
        elif self._timer is None and self._running is None:
            loop, wait_s = asyncio.get_running_loop(), self._limits.checkpoint_ms / 1000
            self._timer = loop.call_later(wait_s, self.soon)

    async def _run(self) -> None:
        try:
            while self._is_wanted:
                self._is_wanted = False
                signed = await self._worker.run(self._checkpoint)
                self._is_refused = False
                if signed is not None and self._anchoring is None:
                    self._anchoring = asyncio.ensure_future(self._anchored(signed))
        except AuditError:
            self._is_refused = True  # the next one waits its 30 seconds, whatever is written
            self._log.note(NOT_TOLD)
        finally:
            self._running = None
        segment = self._log.segment
        if self._log.on_written is not None and segment is not None and segment.uncovered:
            self._written(segment.uncovered)  # written meanwhile, or still not told

    def _checkpoint(self) -> _Signed | None:
        """In the worker's thread. Raises AuditError."""
        segment = self._log.segment
        if segment is None:
            return None
        self._find_key()
        self._note = None
        head = segment.checkpoint(self._sign)
        self._do_chores()
        return self._signed(head)

    def _do_chores(self) -> None:
        for chore in self._chores:
            with contextlib.suppress(McpProxyError, OSError):  # tried again at the next one
                chore(self._sign)

    async def _end(self) -> None:
        """What follows the last entry; whoever waits for it does not wait long."""
        signed = await self._worker.run(self._last)
        if signed is not None:
            await self._anchored(signed, is_last=True)
        await self._worker.run(self._do_chores)

    def _last(self) -> _Signed | None:
        with contextlib.suppress(AuditError):
            return self._signed(AuditLedger(self._home).head())
        return None

    async def _anchored(self, signed: _Signed, *, is_last: bool = False) -> None:
        """In a thread of its own: a file share that hangs must not keep checkpoints from it."""
        head, note, signer = signed
        try:
            told = await self._anchorer.run(
                lambda: self._anchors.renew(head, note, signer, is_last=is_last)
            )
            for what in told:
                self._log.note(what)
        finally:
            self._anchoring = None

    def _signed(self, head: Head | None) -> _Signed | None:
        note, signer = self._note, self._signer
        if head is None or note is None or signer is None:
            return None
        return _Signed(head, note, signer)

    def _sign(self, text: str) -> str | None:
        """Called under the ledger's lock, so nothing is looked for here."""
        signer = self._signer
        if signer is None:
            return None
        self._note = signer(text)
        return self._note

    def _find_key(self) -> None:
        """In the worker's thread; a keychain that gave none is left in peace for ten minutes."""
        with contextlib.suppress(HomeError):
            if self._signer is not None and not is_told(self._home, self._signer):
                self._signer = None  # a person has made another
        if self._signer is None and time.monotonic() >= self._look_again_s:
            self._signer = quiet_signer(self._home)
            self._look_again_s = time.monotonic() + self._limits.audit_key_retry_ms / 1000

    async def _within(self, work: "asyncio.Task[None] | None", wait_s: float | None = None) -> bool:
        """Whether it was done in time; what is cut off ends with our thread."""
        if work is None:
            return True
        wait_s = self._limits.audit_close_ms / 1000 if wait_s is None else wait_s
        await asyncio.wait({work}, timeout=wait_s)
        is_done = not work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        return is_done

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
