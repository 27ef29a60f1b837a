"""A small HTTP/1.1 server on literal 127.0.0.1, port 0, for what the demo embeds.

A handler maps a `Request` to a `Reply`; a thread per connection runs it, so the demo can launch
the real proxy and wait for it in the same process. Every request is recorded, which lets the demo
prove that a denied call never arrived.
"""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

_BODY_BYTES = 1 << 20


class Request(NamedTuple):
    """One request; header names in lower case, the first value of each query parameter."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """One answer; a `body` of many pieces is sent chunk by chunk as it comes."""

    status: int
    body: bytes | Iterator[bytes] = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


Handle = Callable[[Request], Reply]


class LoopbackServer:
    """Runs `handle` on a free loopback port between `with` and its end."""

    def __init__(self, handle: Handle) -> None:
        """Binds at once, so that `origin` is known; serves only inside `with`."""
        self.seen: list[Request] = []
        self._server = _Server(handle, self.seen)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # The pool of a proxy keeps idle connections open; ending the demo does not wait for them.
    block_on_close = False

    def __init__(self, handle: Handle, seen: list[Request]) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.handle = handle
        self.seen = seen

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up in the middle is no event worth a traceback on the terminal."""


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Head and body leave in one write: two would meet delayed acknowledgements.
    wbufsize = -1
    server: _Server

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline:
            self.close_connection = True
            return
        if not self.parse_request():
            return
        length = self.headers.get("content-length") or "0"
        if not length.isdigit() or int(length) > _BODY_BYTES or "transfer-encoding" in self.headers:
            self.close_connection = True
            self._send(Reply(413))
            return
        request = self._request(self.rfile.read(int(length)))
        self.server.seen.append(request)
        self._send(self.server.handle(request))

    def _request(self, body: bytes) -> Request:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, parts.path, query, headers, body)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.body:
            self.send_header("content-type", reply.content_type)
        if isinstance(reply.body, bytes):
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else reply.body)
            self.wfile.flush()
            return
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in reply.body:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def version_string(self) -> str:
        return "demo"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The demo's terminal belongs to the demo."""
