"""One HTTP/1.1 connection (RFC 9112): requests one after the other, each answer in bounded pieces.

h11 writes and reads the messages; this module moves the bytes. A request is written at once and
never waited for, so an upstream that answers before it has read everything holds nobody up.
"""

import asyncio
import select
import sys
from typing import cast

import h11
import httpx2

HEAD_BYTES = 64 << 10
_READ_BYTES = 32 << 10
_UNREAD_BYTES = 64 << 10
_REST_EVENTS = 2
# Each 1xx costs time of the event loop, and there is no use for more than one or two.
_INTERIM_ANSWERS = 100


class Connection(asyncio.BufferedProtocol):
    """Made for `create_connection`. Its owner calls `ask`, then `piece`, then `finish`."""

    def __init__(self) -> None:
        """Not connected yet."""
        self.idle_since_s = 0.0
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
        # A plain Protocol gets a new block of 256 KiB for each read, which takes 30 us more.
        self._buffer = memoryview(bytearray(_READ_BYTES))
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._busy = self._ended = self._held = False
        self._error: Exception | None = None
        self._unread_bytes = 0

    async def ask(self, request: bytes) -> h11.Response:
        """Write what `message` gave and wait for the answer's head; 1xx are skipped.

        Raises:
            httpx2.ReadError: the connection ended first, with nothing that could be an answer.
            httpx2.RemoteProtocolError: what came is not HTTP, or its head is too large.
        """
        self._transport.write(request)
        for _ in range(_INTERIM_ANSWERS):
            event = await self._event()
            if isinstance(event, h11.Response):
                return event
        raise httpx2.RemoteProtocolError("Interim answers without end.")

    def message(
        self, method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> bytes:
        """The bytes of a request, which is begun with that. Raises httpx2.LocalProtocolError."""
        self._busy = True
        try:
            head = h11.Request(method=method, headers=headers, target=target)
            parts = [self._h11.send(head)]
            if body:
                parts.append(self._h11.send(h11.Data(body)))
            parts.append(self._h11.send(h11.EndOfMessage()))
        except h11.LocalProtocolError:
            # Not chained: its words may quote a header.
            raise httpx2.LocalProtocolError("The request is not HTTP.") from None
        return b"".join(part for part in parts if part)

    async def piece(self) -> bytes:
        """The next bytes of the answer's body, b"" at its end. Raises as `ask`."""
        event = await self._event()
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    def finish(self) -> bool:
        """The exchange is over: whether another may follow. If not, the connection is closed."""
        if not self._is_reusable():
            self.close()
            return False
        self._h11.start_next_cycle()
        self._busy = False
        self._unread_bytes = 0
        self._resume()
        self.idle_since_s = self._loop.time()
        return True

    def is_alive(self) -> bool:
        """Whether an idle connection still waits for a request. A byte or an end is a no."""
        if self._ended or self._transport.is_closing():
            return False
        return not _has_input(self._transport.get_extra_info("socket").fileno())

    def peer_certificate(self) -> bytes | None:
        """What the other side presented, in DER; None without TLS."""
        tls = self._transport.get_extra_info("ssl_object")
        return None if tls is None else cast("bytes | None", tls.getpeercert(binary_form=True))

    def close(self) -> None:
        """Close at once; whatever is not written or read is dropped."""
        # Else a body that only the end of the connection bounds would look complete.
        self._error = self._error or ConnectionAbortedError()
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From asyncio."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """From asyncio, before each read."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """From asyncio, after each read."""
        if not self._busy:
            self.close()  # nothing was asked: this must not become the next answer
            return
        self._h11.receive_data(bytes(self._buffer[:nbytes]))
        self._unread_bytes += nbytes
        if self._unread_bytes >= _UNREAD_BYTES and not self._held:
            self._held = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """From asyncio, which closes the connection after it."""
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """From asyncio."""
        self._ended = True
        self._error = self._error or exc
        self._wake()

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        """The next part of the answer."""
        while True:
            event = self._next_event()
            if event is not h11.NEED_DATA:
                return cast("h11.Event | type[h11.PAUSED]", event)
            if not self._ended:
                await self._more()
            elif self._error or self._h11.their_state is h11.SEND_RESPONSE:
                raise httpx2.ReadError("The connection was lost.") from self._error
            else:
                self._h11.receive_data(b"")

    def _next_event(self) -> object:
        try:
            return self._h11.next_event()
        except h11.RemoteProtocolError:
            raise httpx2.RemoteProtocolError("The answer is not HTTP.") from None

    async def _more(self) -> None:
        """Wait until bytes have come or the connection has ended."""
        self._unread_bytes = 0
        self._resume()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _is_reusable(self) -> bool:
        if self._ended or self._transport.is_closing() or self._transport.get_write_buffer_size():
            return False
        # A short rest of an answer that was not read to its end may be here already.
        for _ in range(_REST_EVENTS):
            if self._h11.their_state is not h11.SEND_BODY:
                break
            try:
                self._h11.next_event()
            except h11.RemoteProtocolError:
                return False
        done = self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE
        return done and not self._h11.trailing_data[0]

    def _resume(self) -> None:
        if self._held:
            self._held = False
            self._transport.resume_reading()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _has_input(fd: int) -> bool:
    """Whether a read would not block: bytes, an end or an error have come."""
    if sys.platform == "win32":
        return bool(select.select([fd], [], [], 0)[0])
    else:  # noqa: RET505 - so that mypy takes each system for itself
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return bool(poll.poll(0))
