"""A collector on loopback that reads OTLP by OpenTelemetry's own message definitions.

`answers` are given first, one per request; after them each request is taken. What was taken is kept
as messages, what was asked with its headers; a restart keeps both and the port.
"""

import gzip
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def ids_in(path: str) -> dict[str, str]:
    """A file's lines by the ids that their records have."""
    name = os.path.basename(path).removesuffix(".jsonl")
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")[:-1]
    uid = f"ledger-{json.loads(lines[0])['hash'][:16]}" if name == "ledger" else name
    return {f"{uid}:{number}": line for number, line in enumerate(lines)}


class Answer(NamedTuple):
    """What one request gets. `takes` says whether its items count as taken."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    wait_s: float = 0
    takes: bool = False
    drops: bool = False


class Asked(NamedTuple):
    """One request; header names in lower case."""

    path: str
    headers: dict[str, str]
    status: int
    time_s: float


class FakeCollector:
    """Serves within `with`."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []
        self.logs: list[Any] = []
        self.spans: list[Any] = []
        self.refuses: bytes = b""  # a batch whose records' bodies hold this is unfit
        self.port = 0
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def ids(self) -> list[str]:
        """The record ids in the order in which they were taken."""
        return [attributes(record)["log.record.uid"] for record in self.logs]

    def calls(self) -> list[str]:
        """The calls of the spans, likewise."""
        return [attributes(span)["mcp_proxy.call"] for span in self.spans]

    def until(self, count: int, within_s: float = 20) -> None:
        """Waits until so many records were taken."""
        ends_at_s = time.monotonic() + within_s
        while len(self.logs) < count:
            assert time.monotonic() < ends_at_s, (len(self.logs), count)
            time.sleep(0.01)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        data = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        kind = ExportLogsServiceRequest if path.endswith("/logs") else ExportTraceServiceRequest
        message = kind.FromString(data)
        with self._lock:
            if self._server is None:
                return Answer(drops=True)
            answer = self.answers.pop(0) if self.answers else Answer(takes=True)
            if self.refuses and self.refuses in data:
                answer = Answer(400)
            self.asked.append(Asked(path, headers, answer.status, time.monotonic()))
            if answer.takes:
                self._take(message)
        return answer

    def _take(self, message: Any) -> None:
        if isinstance(message, ExportLogsServiceRequest):
            scopes = [scope for group in message.resource_logs for scope in group.scope_logs]
            self.logs += [record for scope in scopes for record in scope.log_records]
            return
        scopes = [scope for group in message.resource_spans for scope in group.scope_spans]
        self.spans += [span for scope in scopes for span in scope.spans]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers["content-length"]))
                answer = collector.answer(self.path, headers, body)
                time.sleep(answer.wait_s)
                if answer.drops:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in (*answer.headers, ("Content-Length", str(len(answer.body)))):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def attributes(item: Any) -> dict[str, Any]:
    """A record's or span's attributes as plain values."""
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in item.attributes
    }


def partly(rejected: int) -> bytes:
    """The answer of a collector that leaves out so many log records."""
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = rejected
    return response.SerializeToString()
