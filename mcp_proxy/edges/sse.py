"""Server-sent events (WHATWG HTML section 9.2.6) out of bytes as they come, bounded."""

import re
from typing import NamedTuple

from mcp_proxy.core.limits import Limits

_LINE_END = re.compile(rb"\r\n|\n|\r")
# What a header can carry as it is: visible ASCII, with blanks inside.
_ID = re.compile(rb"[!-~](?:[ -~]*[!-~])?")
_MILLISECONDS = re.compile(rb"[0-9]{1,9}")
_BOM = b"\xef\xbb\xbf"


class SseRefused(ValueError):
    """The stream is beyond its bounds."""


class SseEvent(NamedTuple):
    """One event. `kind` is `message` if the stream names none; `data` lines joined by LF."""

    kind: str
    data: bytes


class SseParser:
    """Feed it pieces of any cut; it holds at most one event.

    `last_id` is what a Last-Event-ID header would say after the events given so far, "" if the
    stream named none or one that no header carries. `retry_ms` is the stream's own wish.
    """

    def __init__(self, limits: Limits, last_id: str = "") -> None:
        """Bounds: `sse_event_bytes` for one event, `sse_events` for events, comments and blanks.

        `last_id` is the place that this stream goes on from.
        """
        self.last_id = self._id = last_id
        self.retry_ms: int | None = None
        self._limits = limits
        self._line: list[bytes] = []
        self._line_bytes = 0
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._kind = b""
        self._blocks = 0
        self._after_cr = False
        self._at_start = True

    def feed(self, piece: bytes) -> list[SseEvent]:
        """The events that `piece` completes. Raises SseRefused."""
        if self._after_cr and piece[:1] == b"\n":
            piece = piece[1:]
            self._after_cr = False
        if piece:
            self._after_cr = piece.endswith(b"\r")
        *ends, rest = _LINE_END.split(piece)
        events = [event for end in ends if (event := self._end_line(end)) is not None]
        self._line.append(rest)
        self._line_bytes += len(rest)
        self._check()
        return events

    def _end_line(self, end: bytes) -> SseEvent | None:
        line = b"".join((*self._line, end))
        self._line.clear()
        self._line_bytes = 0
        if self._at_start:
            line = line.removeprefix(_BOM)
            self._at_start = False
        if not line or line.startswith(b":"):
            self._blocks += 1
            self._check()
            return self._dispatch() if not line else None
        self._field(line)
        return None

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1
            self._check()
        elif name == b"event":
            self._kind = value[:64]
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("ascii") if self._is_id(value) else ""
        elif name == b"retry" and _MILLISECONDS.fullmatch(value):
            self.retry_ms = int(value)

    def _is_id(self, value: bytes) -> bool:
        bounded = len(value) <= self._limits.sse_id_chars
        return bounded and _ID.fullmatch(value) is not None

    def _dispatch(self) -> SseEvent | None:
        self.last_id = self._id
        data, kind = self._data, self._kind
        self._data, self._data_bytes, self._kind = [], 0, b""
        if not data:
            return None
        return SseEvent(kind.decode("utf-8", "replace") or "message", b"\n".join(data))

    def _check(self) -> None:
        if self._data_bytes + self._line_bytes > self._limits.sse_event_bytes:
            raise SseRefused(f"holds an event above {self._limits.sse_event_bytes} bytes")
        if self._blocks > self._limits.sse_events:
            raise SseRefused(f"holds more than {self._limits.sse_events} events")
