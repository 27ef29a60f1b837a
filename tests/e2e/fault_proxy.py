"""A proxy between the sidecar and an upstream that does to an answer what a bad network does.

One fault is armed at a time and strikes the next POST that names `where`; every other request
passes. What the sidecar then sends is recorded, so that a test can tell what was repeated.
"""

import contextlib
import http.client
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Self
from urllib.parse import urlsplit

STEP_S = 0.05
HUGE_BYTES = 100 << 20


class Answer(NamedTuple):
    """What the upstream really said."""

    status: int
    kind: str
    headers: list[tuple[str, str]]
    body: bytes

    def head(
        self, *, length: int | None = None, status: int = 0, kind: str = "", kept: bool = False
    ) -> bytes:
        """The head with a true length, unless another is wanted."""
        shown = [(k, v) for k, v in self.headers if k.lower() == "mcp-session-id"]
        rows = [("Content-Type", kind or self.kind), *shown]
        rows += [] if kept else [("Connection", "close")]
        rows.append(("Content-Length", str(len(self.body) if length is None else length)))
        lines = "".join(f"{name}: {value}\r\n" for name, value in rows)
        return f"HTTP/1.1 {status or self.status} X\r\n{lines}\r\n".encode()


Fault = Callable[[socket.socket, Answer], None]


def drop(_client: socket.socket, _answer: Answer) -> None:
    """Nothing at all; the connection is closed."""


def reset(client: socket.socket, answer: Answer) -> None:
    """A head, then RST."""
    client.sendall(answer.head())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_close(client: socket.socket, answer: Answer) -> None:
    """Half of the body, then our side closed while theirs stays open."""
    client.sendall(answer.head() + answer.body[: len(answer.body) // 2])
    client.shutdown(socket.SHUT_WR)
    time.sleep(0.3)


def truncated_stream(client: socket.socket, answer: Answer) -> None:
    """An event stream that ends in the middle of an event."""
    event = b"event: message\ndata: " + answer.body[: len(answer.body) // 2]
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    client.sendall(head.encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(event), event))


def cut_stream(client: socket.socket, answer: Answer) -> None:
    """The same, without the end that chunks have."""
    event = b"event: message\ndata: " + answer.body[: len(answer.body) // 2]
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    client.sendall(head.encode() + b"%x\r\n%s\r\n" % (len(event), event))


def garbage(client: socket.socket, _answer: Answer) -> None:
    """No HTTP."""
    client.sendall(os.urandom(4096) + b"\r\n\r\n")


def garbage_body(client: socket.socket, answer: Answer) -> None:
    """A good head with a body that is no JSON."""
    body = os.urandom(2048)
    client.sendall(answer.head(length=len(body)) + body)


def foreign_answer(client: socket.socket, answer: Answer) -> None:
    """A well-formed answer to a request that was never made."""
    body = b'{"jsonrpc":"2.0","id":987654321,"result":{"content":[]}}'
    client.sendall(answer.head(length=len(body), kind="application/json") + body)


def status(code: int, body: bytes = b"<html>no</html>", *, kind: str = "text/html") -> Fault:
    """An HTTP error instead of the answer."""

    def fault(client: socket.socket, answer: Answer) -> None:
        client.sendall(answer.head(length=len(body), status=code, kind=kind) + body)

    return fault


def wrong_type(client: socket.socket, answer: Answer) -> None:
    """The right body under a foreign content type."""
    client.sendall(answer.head(kind="text/html") + answer.body)


def huge(client: socket.socket, answer: Answer) -> None:
    """A body of 100 MiB."""
    client.sendall(answer.head(length=HUGE_BYTES, kind="application/json") + b'"')
    piece = b"a" * (1 << 20)
    for _ in range(HUGE_BYTES >> 20):
        client.sendall(piece)


def huge_stream(client: socket.socket, answer: Answer) -> None:
    """An event of 100 MiB, in chunks."""
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    client.sendall(head.encode() + b'7\r\ndata: "\r\n')
    piece = b"100000\r\n" + b"a" * (1 << 20) + b"\r\n"
    for _ in range(HUGE_BYTES >> 20):
        client.sendall(piece)


def endless_comments(client: socket.socket, _answer: Answer) -> None:
    """A stream that is kept alive and never answers."""
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    client.sendall(head.encode())
    while True:
        client.sendall(b"3\r\n: \n\r\n")
        time.sleep(STEP_S)


def drip(client: socket.socket, answer: Answer) -> None:
    """A byte now and then, for ever."""
    client.sendall(answer.head(length=1 << 20))
    while True:
        client.sendall(b" ")
        time.sleep(STEP_S)


def silence(client: socket.socket, _answer: Answer) -> None:
    """The connection stays open, and nothing comes."""
    client.settimeout(30)
    client.recv(1)


def late(seconds: float) -> Fault:
    """The answer, after a while."""

    def fault(client: socket.socket, answer: Answer) -> None:
        time.sleep(seconds)
        client.sendall(answer.head() + answer.body)

    return fault


def redirect(target: str, code: int = 307) -> Fault:
    """Go elsewhere."""

    def fault(client: socket.socket, _answer: Answer) -> None:
        rows = f"Location: {target}\r\nConnection: close\r\nContent-Length: 0"
        client.sendall(f"HTTP/1.1 {code} X\r\n{rows}\r\n\r\n".encode())

    return fault


class FaultProxy:
    """Listens on a loopback port and passes everything to `origin`, save for the armed fault."""

    def __init__(self, origin: str) -> None:
        """`origin` is the real upstream's; serves only inside `with`."""
        self._upstream = urlsplit(origin).netloc
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._fault: tuple[bytes, Fault] | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.seen: list[tuple[str, bytes]] = []
        self.struck = 0

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def arm(self, fault: Fault, where: bytes = b'"tools/call"') -> None:
        """The next POST that holds `where` meets the fault."""
        with self._lock:
            self._fault = (where, fault)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in list(self._open):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.add(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException), client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader = client.makefile("rb")
            while self._exchange(client, reader):
                pass
        self._open.discard(client)

    def _exchange(self, client: socket.socket, reader: object) -> bool:
        """One request and its answer; False when the connection has ended."""
        line: bytes = reader.readline()
        if not line:
            return False
        method, path, _ = line.decode().split(" ", 2)
        headers = http.client.parse_headers(reader)
        body: bytes = reader.read(int(headers.get("content-length", "0")))
        with self._lock:
            self.seen.append((method, body))
            armed = self._fault if self._fault and self._fault[0] in body else None
            if armed is not None:
                self._fault = None
                self.struck += 1
        answer = self._forward(method, path, dict(headers.items()), body)
        if armed is not None:
            armed[1](client, answer)
            return False
        client.sendall(answer.head(kept=True) + answer.body)
        return True

    def _forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        kept = {k: v for k, v in headers.items() if k.lower() not in ("host", "accept-encoding")}
        upstream = http.client.HTTPConnection(self._upstream, timeout=30)
        try:
            upstream.request(method, path, body, kept)
            reply = upstream.getresponse()
            kind = reply.headers.get("content-type", "application/json")
            return Answer(reply.status, kind, reply.getheaders(), reply.read())
        finally:
            upstream.close()
