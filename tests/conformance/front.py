"""A small HTTP front for the suite, which tests servers over HTTP alone.

usage: front.py COMMAND [ARGUMENT...]      prints its URL as its first line, ends with its stdin

It pipes streamable HTTP of both eras to sidecars on stdio: one process for each session of the
handshake era, one for all modern requests. What is a matter of HTTP is answered here (Host and
Origin, headers that differ from the body, sessions, status codes); every JSON-RPC answer otherwise
is the sidecar's own.
"""

import asyncio
import contextlib
import json
import logging
import os
import secrets
import socket
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
VERSION = "io.modelcontextprotocol/protocolVersion"
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
STATUS = {-32020: 400, -32021: 400, -32022: 400, -32601: 404}
LINE_BYTES = 64 << 20
END_S = 5.0

Stream = asyncio.Queue[dict[str, Any] | None]


class Pipe:
    """One sidecar and the HTTP streams that wait for its messages."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._calls: dict[Any, Stream] = {}
        self._tokens: dict[Any, Any] = {}
        self.aside: Stream = asyncio.Queue()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, command: list[str]) -> "Pipe":
        """A sidecar of its own."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, limit=LINE_BYTES
        )
        return cls(process)

    def send(self, message: dict[str, Any]) -> None:
        """One message to the sidecar."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    def call(self, message: dict[str, Any]) -> Stream:
        """Sends a request; its notifications and its answer come to the stream."""
        stream: Stream = asyncio.Queue()
        self._calls[message["id"]] = stream
        meta = (message.get("params") or {}).get("_meta") or {}
        if "progressToken" in meta:
            self._tokens[meta["progressToken"]] = message["id"]
        self.send(message)
        return stream

    def leave(self, identity: Any) -> bool:
        """The HTTP stream of a request is gone; whether it was still open."""
        return self._calls.pop(identity, None) is not None

    async def close(self) -> None:
        """Ends the sidecar as a client does."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), END_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reader

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            self._stream_of(message).put_nowait(message)
            if "method" not in message:
                self._calls.pop(message.get("id"), None)
        for stream in (*self._calls.values(), self.aside):
            stream.put_nowait(None)

    def _stream_of(self, message: dict[str, Any]) -> Stream:
        if "method" not in message:
            return self._calls.get(message.get("id"), self.aside)
        params = message.get("params") or {}
        subscribed = (params.get("_meta") or {}).get("io.modelcontextprotocol/subscriptionId")
        if subscribed is not None:
            return self._calls.get(subscribed, self.aside)
        if message["method"] == "notifications/progress":
            return self._calls.get(self._tokens.get(params.get("progressToken")), self.aside)
        if message["method"].endswith(("list_changed", "/updated")):
            return self.aside
        # On stdio nothing says to which call a message belongs: the latest is as good as any.
        return next(reversed(self._calls.values()), self.aside)


class Front:
    """The routes, over sidecars started by one command."""

    def __init__(self, command: list[str], port: int) -> None:
        self._command = command
        self._hosts = {f"{name}:{port}" for name in ("localhost", "127.0.0.1")}
        self._sessions: dict[str, Pipe] = {}
        self._modern: Pipe | None = None
        self._starting = asyncio.Lock()

    async def handle(self, request: Request) -> Response:
        """One HTTP request."""
        origin = request.headers.get("origin")
        if request.headers.get("host") not in self._hosts or (
            origin is not None and origin.removeprefix("http://") not in self._hosts
        ):
            return JSONResponse({"error": "not a local request"}, 403)
        session = request.headers.get("mcp-session-id")
        if session is not None and session not in self._sessions:
            return failed(None, -32600, "there is no such session", 404)
        if request.method != "POST":
            return await self._legacy_aside(request, session)
        try:
            message = await request.json()
        except ValueError:
            return failed(None, -32700, "not JSON", 400)
        if session is not None:
            return pass_on(self._sessions[session], message, modern=False)
        version = request.headers.get("mcp-protocol-version")
        if message.get("method") == "initialize" and version in (None, *LEGACY):
            return await self._open(message)
        return await self._pass_modern(request, message)

    async def close(self) -> None:
        """Ends every sidecar."""
        pipes = [*self._sessions.values(), *([self._modern] if self._modern else [])]
        await asyncio.gather(*(pipe.close() for pipe in pipes))

    async def _legacy_aside(self, request: Request, session: str | None) -> Response:
        if session is None or request.method not in ("GET", "DELETE"):
            return Response(status_code=405)
        if request.method == "GET":
            return events(self._sessions[session].aside, None, None)
        await self._sessions.pop(session).close()
        return Response()

    async def _open(self, message: dict[str, Any]) -> Response:
        pipe = await Pipe.start(self._command)
        session = secrets.token_hex(16)
        self._sessions[session] = pipe
        answer = await pipe.call(message).get()
        return JSONResponse(answer, headers={"mcp-session-id": session})

    async def _pass_modern(self, request: Request, message: dict[str, Any]) -> Response:
        params = message.get("params") or {}
        meta = params.get("_meta") or {}
        wanted = {
            "mcp-method": message.get("method"),
            "mcp-name": params.get(NAMED.get(message.get("method", ""), "")),
            "mcp-protocol-version": meta.get(VERSION),
        }
        for header, value in wanted.items():
            if value is not None and request.headers.get(header) != value:
                return failed(message.get("id"), -32020, f"{header} differs from the body", 400)
        async with self._starting:
            self._modern = self._modern or await Pipe.start(self._command)
        return await answer_modern(self._modern, message)


def failed(identity: Any, code: int, text: str, status: int) -> Response:
    error = {"code": code, "message": text}
    return JSONResponse({"jsonrpc": "2.0", "id": identity, "error": error}, status)


def pass_on(pipe: Pipe, message: dict[str, Any], *, modern: bool) -> Response:
    """What a session's POST holds; the answer to a request is a stream."""
    if "id" not in message or "method" not in message:
        pipe.send(message)
        return Response(status_code=202)
    return events(pipe.call(message), pipe, message["id"] if modern else None)


async def answer_modern(pipe: Pipe, message: dict[str, Any]) -> Response:
    """The answer as JSON with its status, or a stream where something comes before it."""
    if "id" not in message:
        return pass_on(pipe, message, modern=True)
    stream = pipe.call(message)
    first = await stream.get()
    if first is None or "method" not in first:
        code = ((first or {}).get("error") or {}).get("code")
        bad_params = code == -32602 and not _has_envelope(message)
        return JSONResponse(first, 400 if bad_params else STATUS.get(code, 200))
    return events(stream, pipe, message["id"], first)


def _has_envelope(message: dict[str, Any]) -> bool:
    meta = (message.get("params") or {}).get("_meta") or {}
    return VERSION in meta and "io.modelcontextprotocol/clientCapabilities" in meta


def events(
    stream: Stream, pipe: Pipe | None, cancelled: Any, first: dict[str, Any] | None = None
) -> Response:
    """Server-sent events: until the answer, or without end where there is none to come.

    `cancelled` is the request that ends with its HTTP stream, as every modern one does.
    """

    async def lines() -> AsyncIterator[bytes]:
        message = first or await stream.get()
        try:
            while message is not None:
                yield b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n"
                message = None if "method" not in message else await stream.get()
        finally:
            if cancelled is not None and pipe is not None and pipe.leave(cancelled):
                note = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
                pipe.send({**note, "params": {"requestId": cancelled}})

    return StreamingResponse(lines(), media_type="text/event-stream")


def main(command: list[str]) -> None:
    """Serve until stdin ends."""
    logging.basicConfig(level=logging.WARNING)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.front = Front(command, port)
        yield
        await app.state.front.close()

    async def endpoint(request: Request) -> Response:
        return await request.app.state.front.handle(request)

    methods = ["GET", "POST", "DELETE"]
    app = Starlette(routes=[Route("/mcp", endpoint, methods=methods)], lifespan=lifespan)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)

    def end_with_stdin() -> None:
        while os.read(0, 4096):
            pass
        running.should_exit = True

    threading.Thread(target=end_with_stdin, daemon=True).start()
    print(f"http://127.0.0.1:{port}/mcp", flush=True)
    running.run(sockets=[listening])


if __name__ == "__main__":
    main(sys.argv[1:])
