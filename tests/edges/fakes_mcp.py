"""Loopback MCP gateways of both eras, strict about what a client must send."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from edges.fakes_http import Heard, http, json_answer

MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"
OWN = frozenset({"server/discover", "tools/list"})
RESULT = {"resultType": "complete", "content": [{"type": "text", "text": "done"}]}

Tool = Callable[[Heard, asyncio.StreamWriter], Awaitable[bytes | None]]


def result(heard: Heard, value: Any, **headers: str) -> bytes:
    return json_answer({"jsonrpc": "2.0", "id": heard.json()["id"], "result": value}, **headers)


def error(heard: Heard, code: int, message: str = "no", status: int = 200, data: Any = None):
    row = {"code": code, "message": message, **({} if data is None else {"data": data})}
    return json_answer({"jsonrpc": "2.0", "id": heard.json().get("id"), "error": row}, status)


def event(message: Any, kind: str = "message") -> bytes:
    return f"event: {kind}\ndata: {json.dumps(message)}\n\n".encode()


def stream(*events: bytes) -> bytes:
    return http(200, b"".join(events), content_type="text/event-stream; charset=utf-8")


def response(heard: Heard, value: Any = RESULT) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": heard.json()["id"], "result": value}


async def done(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
    return result(heard, RESULT)


class ModernGateway:
    """Answers discover, lists in pages, and hands tools/call to `tool`."""

    def __init__(self, tool: Tool = done, pages: tuple[tuple[Any, ...], ...] = ((),)) -> None:
        self.tool = tool
        self.pages = pages
        self.capabilities: dict[str, Any] = {}  # which every request but our own must declare
        self.discovered = 0

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
        if heard.method != "POST":
            return http(405)
        message = heard.json()
        meta = message["params"]["_meta"]
        version = heard.headers.get("mcp-protocol-version")
        assert message["method"] == heard.headers["mcp-method"]
        assert meta[META + "protocolVersion"] == version
        own = message["method"] in OWN
        assert meta[META + "clientCapabilities"] == ({} if own else self.capabilities)
        assert meta[META + "clientInfo"]["name"] == "mcp-proxy"
        assert set(heard.headers["accept"].split(", ")) == {"application/json", "text/event-stream"}
        if message["method"] == "server/discover":
            self.discovered += 1
            return result(heard, {"supportedVersions": [MODERN], "capabilities": {}})
        if message["method"] == "tools/list":
            return result(heard, page_of(self.pages, message["params"].get("cursor")))
        return await self.tool(heard, writer)


class LegacyGateway:
    """Wants a handshake and its session id; forgets sessions on demand."""

    def __init__(
        self,
        tool: Tool = done,
        pages: tuple[tuple[Any, ...], ...] = ((),),
        version: str = "2025-11-25",
        session: bool = True,
        refusal: bytes | None = None,
    ) -> None:
        self.tool, self.pages, self.version, self.session = tool, pages, version, session
        self.refusal = refusal or json_answer(
            {"jsonrpc": "2.0", "error": {"code": -32000, "message": "Not initialized"}, "id": None},
            status=400,
        )
        self.sessions: set[str] = set()
        self.opened = 0
        self.notified: list[Any] = []
        self.deleted: list[str] = []
        self.note_heard = asyncio.Event()

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
        session = heard.headers.get("mcp-session-id")
        if heard.method == "DELETE":
            assert session is not None
            self.deleted.append(session)
            return http(200)
        message = heard.json()
        if message.get("method") == "initialize":
            assert session is None
            return self.open(heard)
        if self.session and session is None:
            return self.refusal
        if not self.session and message.get("method") == "server/discover":
            return self.refusal
        if self.session and session not in self.sessions:
            return error(heard, -32001, "Session not found", 404)
        has_version = heard.headers.get("mcp-protocol-version") == self.version
        assert has_version == (self.version >= "2025-06-18")
        return await self.answer(heard, message, writer)

    def open(self, heard: Heard) -> bytes:
        self.opened += 1
        session = f"session-{self.opened}"
        self.sessions.add(session)
        value = {"protocolVersion": self.version, "capabilities": {}, "serverInfo": {}}
        headers = {"mcp_session_id": session} if self.session else {}
        return result(heard, value, **headers)

    async def answer(
        self, heard: Heard, message: Any, writer: asyncio.StreamWriter
    ) -> bytes | None:
        if "id" not in message or "method" not in message:
            self.notified.append(message)
            self.note_heard.set()
            return http(202)
        if message["method"] == "tools/list":
            return result(heard, page_of(self.pages, message["params"].get("cursor")))
        return await self.tool(heard, writer)


def page_of(pages: tuple[tuple[Any, ...], ...], cursor: str | None) -> dict[str, Any]:
    """Cursors are "", "1", "2"...: an empty one is a cursor too."""
    index = 0 if cursor is None else int(cursor or "0") + 1
    more = {"nextCursor": "" if index == 0 else str(index)} if index + 1 < len(pages) else {}
    return {"tools": list(pages[index]), **more}
