"""The demo's MCP gateway: streamable HTTP, bearer-protected, both protocol eras in one server.

Modern (2026-07-28): each request bears its version in header and `params._meta`, and mirrors its
method and tool name in headers. Legacy: the initialize handshake hands out a session id. A request
that breaks a MUST of its era is refused, so the demo shows that the proxy keeps them. The tool
list is the file the demo's profile was built from.
"""

import json
import secrets
from collections.abc import Iterator
from typing import Any

from mcp_proxy.app.assets import read_asset
from mcp_proxy.app.demo_http import Reply, Request

_LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
_MODERN = "2026-07-28"
_META = "io.modelcontextprotocol/"
_INFO = {"name": "demo-gateway", "version": "1"}
_RATES = {"EUR": 1.0, "USD": 1.08, "GBP": 0.85, "JPY": 162.4}


class Gateway:
    """Answers one POST at a time; sessions exist in the legacy era only."""

    def __init__(self, token: str) -> None:
        """`token` is the only bearer token that is let in."""
        self._authorization = f"Bearer {token}"
        self._tools: list[dict[str, Any]] = json.loads(read_asset("demo-gateway.tools.json"))[
            "tools"
        ]
        self._sessions: set[str] = set()

    def handle(self, request: Request) -> Reply:
        """Entry point of the server: transport rules first, then JSON-RPC."""
        if request.headers.get("authorization") != self._authorization:
            return Reply(401, headers=(("www-authenticate", "Bearer"),))
        if request.path != "/mcp":
            return Reply(404)
        if request.method == "DELETE":
            self._sessions.discard(request.headers.get("mcp-session-id", ""))
            return Reply(200)
        if request.method != "POST":
            return Reply(405, headers=(("allow", "POST, DELETE"),))
        accept = request.headers.get("accept", "")
        if "application/json" not in accept or "text/event-stream" not in accept:
            return Reply(406)
        return self._message(request)

    def _message(self, request: Request) -> Reply:
        try:
            message = json.loads(request.body)
            method, params = message["method"], message.get("params") or {}
        except (ValueError, KeyError, TypeError, AttributeError):
            return _failed(None, -32700, "Parse error", 400)
        if "id" not in message:
            return Reply(202)
        identity = message["id"]
        if request.headers.get("mcp-protocol-version") == _MODERN:
            problem = _modern_problem(request.headers, method, params)
            if problem:
                return _failed(identity, -32020, problem, 400)
            return self._modern(identity, method, params)
        return self._legacy(request.headers, identity, method, params)

    def _modern(self, identity: Any, method: str, params: dict[str, Any]) -> Reply:
        if method == "server/discover":
            facts: dict[str, Any] = {
                "supportedVersions": [_MODERN, *_LEGACY],
                "capabilities": {"tools": {}},
            }
            return _done(identity, _cacheable(facts))
        if method == "tools/list":
            return _done(identity, _cacheable({"tools": self._tools}))
        if method == "tools/call":
            return self._call(identity, params, {"resultType": "complete"})
        return _failed(identity, -32601, f"Method not found: {method}", 404)

    def _legacy(
        self, headers: dict[str, str], identity: Any, method: str, params: dict[str, Any]
    ) -> Reply:
        if method == "initialize":
            return self._initialize(identity, params)
        session = headers.get("mcp-session-id")
        if session not in self._sessions:
            status = 400 if session is None else 404
            return _failed(identity, -32000, "Bad Request: no valid session", status)
        if method == "tools/list":
            return _done(identity, {"tools": self._tools})
        if method == "tools/call":
            return self._call(identity, params, {})
        if method == "ping":
            return _done(identity, {})
        return _failed(identity, -32601, f"Method not found: {method}", 200)

    def _initialize(self, identity: Any, params: dict[str, Any]) -> Reply:
        asked = params.get("protocolVersion")
        session = secrets.token_hex(16)
        self._sessions.add(session)
        facts: dict[str, Any] = {
            "protocolVersion": asked if asked in _LEGACY else _LEGACY[0],
            "capabilities": {"tools": {}},
            "serverInfo": _INFO,
        }
        return _done(identity, facts)._replace(headers=(("mcp-session-id", session),))

    def _call(self, identity: Any, params: dict[str, Any], extra: dict[str, Any]) -> Reply:
        arguments = params.get("arguments") or {}
        token = (params.get("_meta") or {}).get("progressToken")
        match params.get("name"):
            case "exchange_rate":
                return _done(identity, {**_exchange(arguments), **extra})
            case "summarize_account":
                text = f"Account {arguments.get('account', '')}: three invoices, all paid in time."
                return _done(identity, {**_text(text), **extra})
            case "export_statement":
                result = {**_text(f"Statement {arguments.get('month', '')}: 3 pages."), **extra}
                return Reply(200, _export(identity, token, result), "text/event-stream")
            case "delete_account":
                return _done(identity, {**_text("Deleted."), **extra})
        return _failed(identity, -32602, "Unknown tool", 400 if extra else 200)


def _modern_problem(headers: dict[str, str], method: str, params: dict[str, Any]) -> str | None:
    meta = params.get("_meta") or {}
    if meta.get(_META + "protocolVersion") != _MODERN or _META + "clientCapabilities" not in meta:
        return "params._meta lacks the envelope"
    if headers.get("mcp-method") != method:
        return "Mcp-Method does not match"
    if method == "tools/call" and headers.get("mcp-name") != params.get("name"):
        return "Mcp-Name does not match"
    return None


def _exchange(arguments: dict[str, Any]) -> dict[str, Any]:
    source, target = arguments.get("from", "EUR"), arguments.get("to", "EUR")
    if source not in _RATES or target not in _RATES:
        return {**_text("That currency is not quoted here."), "isError": True}
    value = {"from": source, "to": target, "rate": round(_RATES[target] / _RATES[source], 4)}
    return {**_text(json.dumps(value)), "structuredContent": value}


def _export(identity: Any, token: Any, result: dict[str, Any]) -> Iterator[bytes]:
    """Three steps of progress where a token asks for them, then the answer, as events."""
    for step in (1, 2, 3):
        if token is not None:
            params = {
                "progressToken": token,
                "progress": step,
                "total": 3,
                "message": f"page {step}",
            }
            yield _event({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
    yield _event({"jsonrpc": "2.0", "id": identity, "result": result})


def _event(message: dict[str, Any]) -> bytes:
    return b"event: message\r\ndata: " + json.dumps(message).encode() + b"\r\n\r\n"


def _text(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}]}


def _cacheable(facts: dict[str, Any]) -> dict[str, Any]:
    meta = {_META + "serverInfo": _INFO}
    return {
        **facts,
        "ttlMs": 60_000,
        "cacheScope": "private",
        "resultType": "complete",
        "_meta": meta,
    }


def _done(identity: Any, result: dict[str, Any]) -> Reply:
    return Reply(200, json.dumps({"jsonrpc": "2.0", "id": identity, "result": result}).encode())


def _failed(identity: Any, code: int, message: str, status: int) -> Reply:
    error = {"code": code, "message": message}
    body = json.dumps({"jsonrpc": "2.0", "id": identity, "error": error}).encode()
    return Reply(status, body)
