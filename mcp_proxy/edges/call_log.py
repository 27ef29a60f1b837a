"""The audit log of one serving process: opened by its first entry, written ahead of each call."""

import asyncio
import contextlib
import math
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from mcp_proxy.core import audit
from mcp_proxy.core.answer import Sent
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import AuditRules
from mcp_proxy.edges.audit_files import AuditSegment, Subject
from mcp_proxy.edges.audit_ledger import Sign
from mcp_proxy.edges.audit_lock import cannot_write
from mcp_proxy.edges.audit_sealing import Sealing, protection_of
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import AuditError

# A question waits for its reply no longer; whoever brings it later makes a new call.
_ASKED_S = 2 * LIMITS.parked_ms / 1000


class CallLog:
    """Decisions and outcomes of one process, in order. `client` is asked when a segment opens.

    `on_written` is told, after each entry, how many entries no checkpoint covers; `on_event` that
    an event was written.
    """

    def __init__(
        self,
        home: Home,
        subject: Subject,
        rules: AuditRules,
        client: Callable[[], dict[str, Any]],
    ) -> None:
        self._home = home
        self._subject = subject
        self._rules = rules
        self._client = client
        self._segment: AuditSegment | None = None
        self._notes: dict[tuple[str, str | None], int] = {}
        self._sealing = Sealing(home, rules)
        # Calls without an end, by the time until which each may still come to one.
        self._calls: dict[int, float] = {}
        self._due_s = self._next_try_s = 0.0
        self._ending: threading.Thread | None = None
        self._held: AuditError | None = None
        self._is_closed = False
        self.on_written: Callable[[int], None] | None = None
        self.on_event: Callable[[], None] | None = None
        self.sign: Sign | None = None

    @property
    def segment(self) -> AuditSegment | None:
        """The one that is written now, None before the first entry and after the end."""
        return self._segment

    def decided(self, entry: Decided, arguments: Any) -> int:
        """Write a decision ahead of its call; returns its number.

        Raises AuditError A01: the call is denied, which the log tells once it can again.
        """
        try:
            return self._decided(entry, arguments)
        except AuditError:
            self.note("call denied for want of a log")
            raise

    async def durable(self) -> None:
        """Bring the log to the disk without holding up the other calls. Raises AuditError A01."""
        await asyncio.to_thread(self._open().sync)

    def answered(self, call: int, entry: Answered) -> None:
        """Write how a call ended. Raises AuditError A01, and ends the log, where it cannot."""
        self._open().append_last("answered", {"call": call, **entry._asdict()})
        self._calls.pop(call, None)
        if entry.outcome == "asked":
            self._calls[call] = time.monotonic() + _ASKED_S
        self._written()

    def cancelled(self, call: int, sent: Sent) -> None:
        """Write that a call was taken back; a log that cannot take it has ended for new calls."""
        try:
            self._open().append_last("cancelled", {"call": call, "sent": sent})
        except AuditError:
            return
        self._calls.pop(call, None)
        self._written()

    def note(self, what: str, count: int = 1, tool: str | None = None) -> None:
        """Count an event that is no call; it is written with the next entry, or at the end.

        `tool` is one of the profile's, where the event is about one.
        """
        self._notes[what, tool] = self._notes.get((what, tool), 0) + count

    async def event(self, what: str, **facts: str | int) -> None:
        """Write an event that is no call, to the disk, before it takes effect (S17).

        Facts are names, ids and numbers. Raises AuditError A01.
        """
        segment = self._open()
        self._write_notes(segment.append)
        segment.append("note", {"what": what, "facts": facts})
        self._written()
        await self.durable()
        if self.on_event is not None:
            self.on_event()

    def close(self, reason: str) -> None:
        """End the log, for good. Raises AuditError A01, also for what could not be written before.

        What comes later, such as a click on a page that is about to go, is refused: nobody would
        end the segment that it opened.
        """
        was_closed, self._is_closed = self._is_closed, True
        segment, self._segment = self._segment, None
        if self._ending is not None:
            self._ending.join()
        if was_closed or (segment is None and not self._notes):
            return
        segment = segment or self._new_segment()
        try:
            self._write_notes(segment.append_last)
        finally:
            segment.close(reason, self.sign)

    def _decided(self, entry: Decided, arguments: Any) -> int:
        self._rotate()
        segment = self._open()
        key = os.urandom(16)
        sealed = self._sealing.seal(arguments)
        if sealed is None and self._sealing.is_wanted:
            self.note("arguments not sealed")
        self._write_notes(segment.append)
        clear = audit.clear_values(arguments, self._rules.clear)
        fields = {
            **entry._asdict(),
            "args": audit.keyed(key, arguments),
            "clear": {name: audit.keyed(key, value) for name, value in clear.items()},
            "row": audit.keyed(key, sealed),
        }
        segment.append_clear(key, clear, sealed)
        try:
            number = segment.append("decided", fields)
        except AuditError:
            segment.take_back_clear()
            raise
        if entry.decision != "deny":
            asks = entry.decision == "ask"
            self._calls[number] = time.monotonic() + _ASKED_S if asks else math.inf
        self._written()
        return number

    def _open(self) -> AuditSegment:
        if self._is_closed:
            raise cannot_write("this process has ended it")
        if self._segment is None:
            self._segment = self._first_segment()
        return self._segment

    def _first_segment(self) -> AuditSegment:
        """A ledger that was waited for in vain is not waited for again by each call behind."""
        began_s = time.monotonic()
        if self._held is not None and began_s < self._next_try_s:
            raise AuditError(self._held.id, self._held.why, self._held.next)
        try:
            return self._new_segment()
        except AuditError as error:
            now_s, wait_s = time.monotonic(), LIMITS.ledger_wait_ms / 1000
            self._held = error if now_s - began_s >= wait_s else None
            self._next_try_s = now_s + wait_s
            raise

    def _new_segment(self) -> AuditSegment:
        protect = protection_of(self._rules)
        made = AuditSegment(self._home, self._subject, self._client(), protect=protect)
        self._due_s = time.monotonic() + LIMITS.segment_s
        return made

    def _rotate(self) -> None:
        """The next segment, where this one is long enough and no call in it is without its end."""
        old, now_s = self._segment, time.monotonic()
        if old is None or (now_s < self._due_s and old.size_bytes < LIMITS.segment_bytes):
            return
        if now_s < self._next_try_s or any(until > now_s for until in self._calls.values()):
            return
        try:
            self._segment = self._new_segment()
        except AuditError:  # the old one still takes entries
            self._next_try_s = now_s + LIMITS.segment_retry_s
            return
        self._calls.clear()
        if self._ending is not None:
            self._ending.join()
        self._ending = threading.Thread(target=_end, args=(old, self.sign), daemon=True)
        self._ending.start()

    def _written(self) -> None:
        if self.on_written is not None and self._segment is not None:
            self.on_written(self._segment.uncovered)

    def _write_notes(self, write: Callable[[str, dict[str, Any]], int]) -> None:
        """Never between a call and its answer: a note that cannot be written must not cost one."""
        for (what, tool), count in list(self._notes.items()):
            about = {} if tool is None else {"tool": tool}
            write("note", {"what": what, "count": count, **about})
            del self._notes[what, tool]


def _end(segment: AuditSegment, sign: Sign | None) -> None:
    """Off the calls' way; what fails here the next process finds by the segment's marker."""
    with contextlib.suppress(AuditError):
        segment.close("rotated", sign)
