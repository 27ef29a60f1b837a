"""The client's pipes in a running loop: order, back-pressure, and ends of every kind."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest

from mcp_proxy.edges.stdio import Wire
from mcp_proxy.edges.stdio_loop import StdioLoop

WAIT_S = 20.0
HIGH_WATER_BYTES = 16 << 20


class Pipes:
    """Both ends: ours as a wire, the client's to read and write. Closed at the end."""

    def __init__(self) -> None:
        their_in, self.writes = os.pipe()
        self.reads, their_out = os.pipe()
        self.wire = Wire(their_in, their_out)
        self.got: list[bytes] = []
        self.ended = asyncio.Event()
        self.arrived = asyncio.Event()

    def on_data(self, data: bytes) -> None:
        self.got.append(data)
        self.arrived.set()
        if not data:
            self.ended.set()

    def close_client_reads(self) -> None:
        os.close(self.reads)
        self.reads = -1

    def close_client_writes(self) -> None:
        os.close(self.writes)
        self.writes = -1

    def close(self) -> None:
        for fd in (*self.wire, self.reads, self.writes):
            if fd >= 0:
                os.close(fd)

    async def arrival(self, data: bytes) -> None:
        """The client writes; waits until we have it."""
        self.arrived.clear()
        os.write(self.writes, data)
        await asyncio.wait_for(self.arrived.wait(), WAIT_S)

    async def read_all(self, count: int) -> bytes:
        """The client reads so many bytes, in a thread of its own."""

        def work() -> bytes:
            parts, left = [], count
            while left and (part := os.read(self.reads, min(left, 1 << 20))):
                parts.append(part)
                left -= len(part)
            return b"".join(parts)

        return await asyncio.to_thread(work)


def drive(play: Callable[[Pipes, StdioLoop], Awaitable[None]]) -> None:
    async def run() -> None:
        pipes = Pipes()
        loop = StdioLoop(pipes.wire, pipes.on_data)
        loop.start()
        try:
            await asyncio.wait_for(play(pipes, loop), WAIT_S * 2)
        finally:
            asyncio.get_running_loop().remove_reader(pipes.wire.reads)
            asyncio.get_running_loop().remove_writer(pipes.wire.writes)
            pipes.close()

    asyncio.run(run())


def frames(count: int, size: int) -> list[bytes]:
    return [b"%08d" % number + b"x" * size + b"\n" for number in range(count)]


def test_what_the_client_writes_arrives_and_its_end_once() -> None:
    async def play(pipes: Pipes, _loop: StdioLoop) -> None:
        await pipes.arrival(b"one\n")
        await pipes.arrival(b"two\n")
        pipes.close_client_writes()
        await asyncio.wait_for(pipes.ended.wait(), WAIT_S)
        await asyncio.sleep(0)
        assert pipes.got == [b"one\n", b"two\n", b""]

    drive(play)


def test_a_small_frame_leaves_at_once() -> None:
    async def play(pipes: Pipes, loop: StdioLoop) -> None:
        loop.send(b"frame\n")
        assert os.read(pipes.reads, 100) == b"frame\n"
        await loop.drained(0.1)

    drive(play)


def test_frames_keep_their_order_whatever_their_size() -> None:
    async def play(pipes: Pipes, loop: StdioLoop) -> None:
        sent = [frame for size in (10, 5000, 200_000, 1) for frame in frames(20, size)]
        for frame in sent:
            loop.send(frame)
        expected = b"".join(sent)
        assert await pipes.read_all(len(expected)) == expected
        await loop.drained(WAIT_S)

    drive(play)


def test_frames_sent_while_the_client_reads_keep_their_order() -> None:
    async def play(pipes: Pipes, loop: StdioLoop) -> None:
        sent = frames(500, 3000)
        reading = asyncio.create_task(pipes.read_all(sum(map(len, sent))))
        for frame in sent:
            loop.send(frame)
            await asyncio.sleep(0)
        assert await reading == b"".join(sent)

    drive(play)


def test_a_client_that_does_not_read_never_blocks_the_loop() -> None:
    async def play(pipes: Pipes, loop: StdioLoop) -> None:
        for frame in frames(10, 1 << 20):
            loop.send(frame)
        await pipes.arrival(b"still heard\n")
        with pytest.raises(TimeoutError):
            await loop.drained(0.01)

    drive(play)


def test_a_client_that_does_not_read_is_not_listened_to_until_it_does() -> None:
    async def play(pipes: Pipes, loop: StdioLoop) -> None:
        sent = frames(HIGH_WATER_BYTES // (1 << 20) + 2, 1 << 20)
        for frame in sent:
            loop.send(frame)
        os.write(pipes.writes, b"more work\n")
        for _ in range(50):
            await asyncio.sleep(0.001)
        assert pipes.got == [], "the loop has had its turns, and took nothing"
        expected = b"".join(sent)
        assert await pipes.read_all(len(expected)) == expected
        await asyncio.wait_for(pipes.arrived.wait(), WAIT_S)
        assert pipes.got == [b"more work\n"]

    drive(play)


def test_a_client_that_stopped_reading_is_gone() -> None:
    async def play(pipes: Pipes, loop: StdioLoop) -> None:
        pipes.close_client_reads()
        loop.send(b"frame\n")
        assert pipes.ended.is_set()
        loop.send(b"frame\n")
        await loop.drained(WAIT_S)

    drive(play)


def test_a_client_that_goes_while_frames_wait_is_gone() -> None:
    async def play(pipes: Pipes, loop: StdioLoop) -> None:
        for frame in frames(HIGH_WATER_BYTES // (1 << 20) + 2, 1 << 20):
            loop.send(frame)
        pipes.close_client_reads()
        await asyncio.wait_for(pipes.ended.wait(), WAIT_S)
        await loop.drained(WAIT_S)
        await pipes.arrival(b"the rest of its input\n")

    drive(play)


def test_the_end_of_input_leaves_the_output_open() -> None:
    async def play(pipes: Pipes, loop: StdioLoop) -> None:
        sent = frames(HIGH_WATER_BYTES // (1 << 20) + 2, 1 << 20)
        pipes.close_client_writes()
        await asyncio.wait_for(pipes.ended.wait(), WAIT_S)
        for frame in sent:
            loop.send(frame)
        expected = b"".join(sent)
        assert await pipes.read_all(len(expected)) == expected
        await loop.drained(WAIT_S)
        assert pipes.got == [b""]

    drive(play)


def test_a_plain_file_can_be_the_input(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(os.fspath(tmp_path), "input")
    with open(path, "wb") as file:
        file.write(b"one\n")

    async def run() -> list[bytes]:
        pipes = Pipes()
        fd = os.open(path, os.O_RDONLY)
        loop = StdioLoop(Wire(fd, pipes.wire.writes), pipes.on_data)
        loop.start()
        await asyncio.wait_for(pipes.ended.wait(), WAIT_S)
        os.close(fd)
        pipes.close()
        return pipes.got

    assert asyncio.run(run()) == [b"one\n", b""]
