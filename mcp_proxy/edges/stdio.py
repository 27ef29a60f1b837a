"""The client's two pipes as descriptors and lines. Part of the start path: no asyncio here.

Descriptors 0 and 1 are taken over: a stray print in any library goes to stderr, and nothing but
frames reaches the client.
"""

import os
import sys
from typing import NamedTuple

from mcp_proxy.core.limits import LIMITS

READ_BYTES = 256 << 10


class Wire(NamedTuple):
    """Where the client's lines come from and where its frames go."""

    reads: int
    writes: int


def claim_stdio() -> Wire:
    """Take stdin and stdout away from everything else in this process.

    Raises OSError where the client left either closed.
    """
    wire = Wire(os.dup(0), os.dup(1))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415  (exists on Windows alone; text mode would turn LF into CRLF)

        msvcrt.setmode(wire.reads, os.O_BINARY)
        msvcrt.setmode(wire.writes, os.O_BINARY)
    return wire


def write_frame(fd: int, line: bytes) -> None:
    """The whole line, however the pipe takes it. Raises OSError when the client is gone."""
    view = memoryview(line)
    while view:
        view = view[os.write(fd, view) :]


class Lines:
    """Bytes in, whole lines out. A line above the frame bound comes out as None, unread."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes | None]:
        """What `data` completes."""
        *ends, rest = data.split(b"\n")
        lines = [self._complete(end) for end in ends]
        self._keep(rest)
        return lines

    def _complete(self, end: bytes) -> bytes | None:
        self._keep(end)
        line = None if self._skipping else b"".join(self._parts)
        self._parts, self._size, self._skipping = [], 0, False
        return line

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > LIMITS.frame_bytes:
            self._parts, self._skipping = [], True
        elif part:
            self._parts.append(part)
