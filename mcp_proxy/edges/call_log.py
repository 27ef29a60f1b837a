"""The audit log of one serving process: opened by its first entry, written ahead of each call."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

from mcp_proxy.core import audit
from mcp_proxy.core.answer import Sent
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.edges.audit_files import AuditSegment, Subject
from mcp_proxy.errors import AuditError


class CallLog:
    """Decisions and outcomes of one process, in order. `client` is asked when the segment opens."""

    def __init__(
        self,
        state: str,
        subject: Subject,
        clear: tuple[str, ...],
        client: Callable[[], dict[str, Any]],
    ) -> None:
        self._state = state
        self._subject = subject
        self._clear = clear
        self._client = client
        self._segment: AuditSegment | None = None
        self._notes: dict[tuple[str, str | None], int] = {}

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

    def cancelled(self, call: int, sent: Sent) -> None:
        """Write that a call was taken back; a log that cannot take it has ended for new calls."""
        try:
            self._open().append_last("cancelled", {"call": call, "sent": sent})
        except AuditError:
            return

    def note(self, what: str, count: int = 1, tool: str | None = None) -> None:
        """Count an event that is no call; it is written with the next entry, or at the end.

        `tool` is one of the profile's, where the event is about one.
        """
        self._notes[what, tool] = self._notes.get((what, tool), 0) + count

    def close(self, reason: str) -> None:
        """End the log. Raises AuditError A01, also for what could not be written before."""
        if self._segment is None and not self._notes:
            return
        segment = self._open()
        self._segment = None
        try:
            self._write_notes(segment.append_last)
        finally:
            segment.close(reason)

    def _decided(self, entry: Decided, arguments: Any) -> int:
        segment = self._open()
        self._write_notes(segment.append)
        key = os.urandom(16)
        clear = audit.clear_values(arguments, self._clear)
        segment.append_clear(key, clear)
        fields = {
            **entry._asdict(),
            "args": audit.keyed(key, arguments),
            "clear": {name: audit.keyed(key, value) for name, value in clear.items()},
        }
        return segment.append("decided", fields)

    def _open(self) -> AuditSegment:
        if self._segment is None:
            self._segment = AuditSegment(self._state, self._subject, self._client())
        return self._segment

    def _write_notes(self, write: Callable[[str, dict[str, Any]], int]) -> None:
        """Never between a call and its answer: a note that cannot be written must not cost one."""
        for (what, tool), count in list(self._notes.items()):
            about = {} if tool is None else {"tool": tool}
            write("note", {"what": what, "count": count, **about})
            del self._notes[what, tool]
