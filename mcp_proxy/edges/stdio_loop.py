"""The client's pipes inside an event loop: reading without a thread where the system allows it,
writing without ever blocking the loop on a client that does not read.
"""

import asyncio
import os
import select
import threading
from collections import deque
from collections.abc import Callable

from mcp_proxy.edges.stdio import READ_BYTES, Wire, write_frame

_SAFE_BYTES = select.PIPE_BUF if hasattr(select, "PIPE_BUF") else 0
_HIGH_WATER_BYTES = 16 << 20


class StdioLoop:
    """Feeds `on_data` with what the client writes (b"" at its end) and sends frames in order."""

    def __init__(self, wire: Wire, on_data: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._wire = wire
        self._on_data = on_data
        self._queue: deque[memoryview] = deque()
        self._queued_bytes = 0
        self._polls = os.name != "nt"
        self._paused = self._writing = self._ended = False
        self._empty = asyncio.Event()
        self._empty.set()
        if self._polls:
            self._poll = select.poll()
            self._poll.register(wire.writes, select.POLLOUT)

    def start(self) -> None:
        """Begin to read."""
        try:
            self._loop.add_reader(self._wire.reads, self._readable)
        except (NotImplementedError, PermissionError):  # Windows; a plain file as stdin
            threading.Thread(target=self._read_in_thread, daemon=True).start()

    def send(self, line: bytes) -> None:
        """Queue one frame and write what the pipe takes now."""
        if not self._polls:
            self._write_blocking(line)
            return
        self._queue.append(memoryview(line))
        self._queued_bytes += len(line)
        self._empty.clear()
        if self._writing:
            self._pause_above_high_water()
        else:
            self._flush()

    async def drained(self, timeout_s: float) -> None:
        """Wait until everything is written, for so long at most."""
        async with asyncio.timeout(timeout_s):
            await self._empty.wait()

    def _readable(self) -> None:
        try:
            data = os.read(self._wire.reads, READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self._ended = True
            self._loop.remove_reader(self._wire.reads)
        self._on_data(data)

    def _read_in_thread(self) -> None:
        while True:
            try:
                data = os.read(self._wire.reads, READ_BYTES)
            except OSError:
                data = b""
            self._loop.call_soon_threadsafe(self._on_data, data)
            if not data:
                return

    def _flush(self) -> None:
        try:
            while self._queue and self._poll.poll(0):
                self._write_some()
        except OSError:
            self._gone()
            return
        self._watch()

    def _write_some(self) -> None:
        """At most PIPE_BUF bytes: so many never block a pipe that polls as writable (POSIX)."""
        head = self._queue[0]
        written = os.write(self._wire.writes, head[:_SAFE_BYTES])
        self._queued_bytes -= written
        if written == len(head):
            self._queue.popleft()
        else:
            self._queue[0] = head[written:]

    def _watch(self) -> None:
        if not self._queue:
            self._all_written()
            return
        if not self._writing:
            self._writing = True
            self._loop.add_writer(self._wire.writes, self._flush)
        self._pause_above_high_water()

    def _pause_above_high_water(self) -> None:
        """Take no new work from a client that does not read."""
        if self._queued_bytes > _HIGH_WATER_BYTES and not (self._paused or self._ended):
            self._paused = self._loop.remove_reader(self._wire.reads)

    def _all_written(self) -> None:
        self._empty.set()
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._wire.writes)
        if self._paused and not self._ended:
            self._paused = False
            self._loop.add_reader(self._wire.reads, self._readable)

    def _write_blocking(self, line: bytes) -> None:
        try:
            write_frame(self._wire.writes, line)
        except OSError:
            self._gone()

    def _gone(self) -> None:
        """The client reads no more: for us the same as its end-of-file."""
        self._queue.clear()
        self._queued_bytes = 0
        self._all_written()
        self._on_data(b"")
