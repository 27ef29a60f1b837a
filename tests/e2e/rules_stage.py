"""A small refund API that can refuse, hang up and answer, and a profile with rules over it."""

import base64
import json
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from e2e.client import RawClient
from e2e.stage import COMMAND, KEPT, LAST, read_log, run_batch

INVOICES = {"anna": ["inv_1", "inv_2"], "ben": ["inv_3", "ben@example.com"]}
_TEXT = {"type": "string"}
_AMOUNT = {"type": "integer", "minimum": 0}
_REFUND = {
    "type": "object",
    "required": ["invoice", "customer", "amount"],
    "properties": {
        "invoice": _TEXT,
        "customer": _TEXT,
        "amount": _AMOUNT,
        "order": _TEXT,
        "start": _TEXT,
        "end": _TEXT,
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["amount"],
                "properties": {"amount": _AMOUNT},
            },
        },
    },
}
_PAGE = {
    "type": "object",
    "properties": {
        "data": {"type": "array", "items": {"type": "object", "properties": {"id": _TEXT}}}
    },
}
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Refunds", "version": "1"},
    "paths": {
        "/invoices": {
            "get": {
                "operationId": "listInvoices",
                "parameters": [
                    {"name": "customer", "in": "query", "required": True, "schema": _TEXT}
                ],
                "responses": {
                    "200": {
                        "description": "Invoices.",
                        "content": {"application/json": {"schema": _PAGE}},
                    }
                },
            }
        },
        "/refunds": {
            "post": {
                "operationId": "createRefund",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": _REFUND}},
                },
                "responses": {"201": {"description": "Made."}},
            }
        },
    },
}
SOURCE = """\
profile: rules
version: {version}
title: Refunds with rules
instructions: Refund what was asked for.
expires: 2099-12-31
timezone: Europe/Berlin
upstreams:
  api: {{kind: rest, url: "{origin}", openapi: rules.openapi.json, deadline: 10s}}
tools:
  find_invoices:
    upstream: api
    operation: listInvoices
    effect: read
    description: Find the invoices of a customer.
{find}
  refund_invoice:
    upstream: api
    operation: createRefund
    effect: write
    description: Refund an invoice.
{refund}
"""


class RefundApi:
    """Refunds in memory. `hangs_up`: a refund is made, and its answer lost."""

    def __init__(self) -> None:
        self.refunds: list[dict[str, Any]] = []
        self.hangs_up = False
        self._server = _Server(("127.0.0.1", 0), self)
        self.port: int = self._server.server_address[1]
        self._thread = self._started()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """From now on every connection is refused."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def start(self) -> None:
        """There again, at the same port."""
        self._server = _Server(("127.0.0.1", self.port), self)
        self._thread = self._started()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _started(self) -> threading.Thread:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        return thread


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], api: RefundApi) -> None:
        super().__init__(address, _Exchange)
        self.api = api


class _Exchange(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        (customer,) = parse_qs(urlsplit(self.path).query)["customer"]
        self._answer(200, {"data": [{"id": item} for item in INVOICES.get(customer, [])]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.api.refunds.append(json.loads(body))
        if not self.server.api.hangs_up:
            self._answer(201, {"id": f"re_{len(self.server.api.refunds)}"})

    def _answer(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """The tests' terminal is not for this."""


class Rules(NamedTuple):
    """A home with the profile `rules` over the API."""

    folder: str
    env: dict[str, str]
    api: RefundApi

    def install(self, version: int, refund: str, find: str = "") -> None:
        """Build, sign and install a version; `refund` and `find` are YAML within these tools."""
        source = os.path.join(self.folder, "rules.yaml")
        envelope = os.path.join(self.folder, "rules.dsse.json")
        with open(os.path.join(self.folder, "rules.openapi.json"), "w") as file:
            json.dump(DOCUMENT, file)
        with open(source, "w") as file:
            text = SOURCE.format(
                version=version, origin=self.api.origin, refund=_within(refund), find=_within(find)
            )
            file.write(text)
        run_batch(
            self.env,
            ("profile", "sign", source, "-o", envelope, "--key", "env:RULES_SIGNING_KEY"),
            ("trust", "add", LAST, "--profiles", "rules*", "--yes"),
            ("profile", "install", envelope, "--yes"),
        )

    def serve(self) -> RawClient:
        """The installed command, as a client launches it."""
        return RawClient([COMMAND, "--profile", "rules"], self.env)

    def log(self) -> list[dict[str, Any]]:
        """Every entry of the audit log, in the order of its segments."""
        return read_log(self.env["MCP_PROXY_HOME"])


@contextmanager
def raised_rules(folder: str) -> Iterator[Rules]:
    """A new home, and the API running."""
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env["MCP_PROXY_HOME"] = os.path.join(folder, "home")
    env["RULES_SIGNING_KEY"] = base64.b64encode(secrets.token_bytes(32)).decode()
    with RefundApi() as api:
        run_batch(env, ("home", "init", env["MCP_PROXY_HOME"]))
        yield Rules(folder, env, api)


def _within(yaml: str) -> str:
    return "\n".join(f"    {line}" for line in yaml.splitlines())
