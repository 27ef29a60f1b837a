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
    if not _has_stderr():
        _silence_stderr()
    for fd in (0, 1):
        os.fstat(fd)  # before the first dup, which would take a closed one's number
    wire = Wire(os.dup(0), os.dup(1))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415  (exists on Windows alone; text mode would turn LF into CRLF)

        msvcrt.setmode(wire.reads, os.O_BINARY)
        msvcrt.setmode(wire.writes, os.O_BINARY)
    else:
        # The client's side may have left them non-blocking: the flag is shared with its descriptor.
        os.set_blocking(wire.reads, True)
        os.set_blocking(wire.writes, True)
    return wire


def complain(text: str) -> None:
    """One line for the person, on stderr; a client that stopped reading it loses the line alone."""
    try:
        sys.stderr.write(f"mcp-proxy: {text}\n")
        sys.stderr.flush()
    except OSError:
        _silence_stderr()


def write_frame(fd: int, line: bytes) -> None:
    """The whole line, however the pipe takes it. Raises OSError when the client is gone."""
    view = memoryview(line)
    while view:
        view = view[os.write(fd, view) :]


def _has_stderr() -> bool:
    try:
        os.fstat(2)
    except OSError:
        return False
    return True


def _silence_stderr() -> None:
    """Descriptor 2 to nowhere: left closed, the next file or pipe opened would become it."""
    null = os.open(os.devnull, os.O_WRONLY)
    if null != 2:
        os.dup2(null, 2)
        os.close(null)
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  (for all our life)


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
