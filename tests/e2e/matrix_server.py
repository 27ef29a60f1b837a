"""An MCP server with everything in it, on raw JSON alone: either era, over HTTP or stdio.

usage: matrix_server.py modern|legacy http|stdio
Over HTTP it prints its URL and ends with its stdin.

It knows no SDK, so that what it sees and says is what stands on the wire.
"""

import contextlib
import itertools
import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"
TASKS, UI = META + "tasks", META + "ui"
CARD = "<!doctype html><title>card</title>"
CARD_ROW = {"uri": "ui://card", "mimeType": "text/html;profile=mcp-app", "text": CARD}
QUESTIONS = {
    "ask_form": (
        "elicitation/create",
        {
            "message": "Which color?",
            "requestedSchema": {
                "type": "object",
                "properties": {"color": {"type": "string", "enum": ["red", "blue"]}},
                "required": ["color"],
            },
        },
    ),
    "ask_url": (
        "elicitation/create",
        {"mode": "url", "message": "Please sign in.", "url": "https://login.example.com/go?x=1"},
    ),
    "ask_sample": (
        "sampling/createMessage",
        {
            "messages": [{"role": "user", "content": {"type": "text", "text": "Say hello"}}],
            "maxTokens": 10,
        },
    ),
    "ask_roots": ("roots/list", {}),
}
EMPTY = {"type": "object", "properties": {}}
TOOLS: list[dict[str, Any]] = [
    *(
        {
            "name": name,
            "description": f"The tool {name}.",
            "inputSchema": EMPTY,
            "annotations": {"readOnlyHint": True},
        }
        for name in ("strange", "slow", "wait", "change", "task", "report", *QUESTIONS)
    ),
    {
        "name": "echo",
        "description": "The tool echo.",
        "inputSchema": {"type": "object", "properties": {"value": {}}},
        "annotations": {"readOnlyHint": True},
    },
    {
        "name": "card",
        "description": "The tool card.",
        "inputSchema": EMPTY,
        "annotations": {"readOnlyHint": True},
        "_meta": {"ui": {"resourceUri": "ui://card"}, "other": 1},
    },
]
RESOURCES = [
    {"uri": "note://1", "name": "first", "mimeType": "text/plain", "size": 5},
    {"uri": "note://bytes", "name": "bytes", "mimeType": "application/octet-stream"},
]
TEMPLATES = [{"uriTemplate": "page://{id}", "name": "page", "description": "A page."}]
PROMPTS = [
    {"name": "greet", "description": "Greets.", "arguments": [{"name": "who", "required": True}]}
]

Send = Callable[[dict[str, Any]], None]


class Need(Exception):
    """A modern request cannot go on without the client's input."""


class Failed(Exception):
    """A JSON-RPC error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Everything:
    """The server behind its transport."""

    def __init__(self, era: str) -> None:
        self.is_modern = era == "modern"
        self.ids = itertools.count(1)
        self.waiting: dict[Any, queue.Queue[dict[str, Any]]] = {}
        self.listeners: dict[Any, tuple[dict[str, Any], Send]] = {}
        self.ended: dict[Any, threading.Event] = {}
        self.seen: dict[str, Any] = {"cancelled": 0, "roots_changed": 0, "subscribed": []}
        self.general: list[Send] = []  # one for each client that listens
        self.tasks: dict[str, int] = {}

    def handle(self, message: dict[str, Any], send: Send) -> dict[str, Any] | None:
        """The response to a request; None for anything else. Notifications go out by `send`."""
        if "method" not in message:
            if message.get("id") in self.waiting:
                self.waiting[message["id"]].put(message)
            return None
        method, params = message["method"], message.get("params") or {}
        if "id" not in message:
            self._notified(method, params)
            return None
        reply = {"jsonrpc": "2.0", "id": message["id"]}
        try:
            return {**reply, "result": self._worded(self._result(message, method, params, send))}
        except Failed as failed:
            return {**reply, "error": {"code": failed.code, "message": str(failed)}}

    def _worded(self, result: dict[str, Any]) -> dict[str, Any]:
        return {"resultType": "complete", **result} if self.is_modern else result

    def _notified(self, method: str, params: dict[str, Any]) -> None:
        if method == "notifications/cancelled":
            self.end(params["requestId"])
        elif method == "notifications/roots/list_changed":
            self.seen["roots_changed"] += 1

    def end(self, request_id: Any) -> None:
        """The client cancelled a request."""
        if request_id in self.ended:
            self.ended[request_id].set()
        self.listeners.pop(request_id, None)

    def _result(
        self, message: dict[str, Any], method: str, params: dict[str, Any], send: Send
    ) -> dict[str, Any]:
        meta = params.get("_meta", {})
        modern = META + "protocolVersion" in meta
        if modern != self.is_modern and method != "initialize":
            raise Failed(-32601 if modern else -32602, "Not of this era")
        if modern:
            self.seen["capabilities"] = meta[META + "clientCapabilities"]
        match method:
            case "initialize" if not self.is_modern:
                self.seen["capabilities"] = params["capabilities"]
                return self._initialized()
            case "server/discover":
                return {"supportedVersions": [MODERN], "capabilities": {}, **_cached()}
            case "ping" | "logging/setLevel":
                self.seen[method] = params.get("level")
                return {}
            case "tools/list":
                return {"tools": TOOLS, **_cached()}
            case "resources/list":
                return {"resources": RESOURCES, **_cached()}
            case "resources/templates/list":
                return {"resourceTemplates": TEMPLATES, **_cached()}
            case "prompts/list":
                return {"prompts": PROMPTS, **_cached()}
            case "resources/read":
                return self._read(params["uri"])
            case "resources/subscribe" | "resources/unsubscribe":
                self.seen["subscribed"].append([method.rpartition("/")[2], params["uri"]])
                return {}
            case "prompts/get":
                return _greeting(params)
            case "completion/complete":
                return _completed(params)
            case "subscriptions/listen":
                return self._listen(message["id"], params, send)
            case "tools/call":
                return self._call(message["id"], params, meta, send)
            case "tasks/get" | "tasks/update" | "tasks/cancel":
                return self._task(method, params)
        raise Failed(-32601, f"Method not found: {method}")

    def _initialized(self) -> dict[str, Any]:
        capabilities = {
            "tools": {"listChanged": True},
            "resources": {"subscribe": True, "listChanged": True},
            "prompts": {"listChanged": True},
            "completions": {},
            "logging": {},
        }
        info = {"name": "matrix", "version": "1"}
        return {"protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": info}

    def _read(self, uri: str) -> dict[str, Any]:
        if uri == "note://bytes":
            row = {"uri": uri, "mimeType": "application/octet-stream", "blob": "AAEC/w=="}
        elif uri == "ui://card":
            row = CARD_ROW
        elif uri.startswith(("note://", "page://")):
            row = {"uri": uri, "mimeType": "text/plain", "text": f"text of {uri}", "extra": None}
        else:
            raise Failed(-32602 if self.is_modern else -32002, "Resource not found")
        return {"contents": [row], **_cached()}

    def _listen(self, request_id: Any, params: dict[str, Any], send: Send) -> dict[str, Any]:
        wanted = params["notifications"]
        tag = {META + "subscriptionId": request_id}
        self.seen["subscribed"].append(wanted)
        method = "notifications/subscriptions/acknowledged"
        send(_notification(method, {"notifications": wanted, "_meta": tag}))
        self.listeners[request_id] = (wanted, send)
        self._hold(request_id, send)
        return {"_meta": tag}

    def _hold(self, request_id: Any, send: Send) -> None:
        """Until the client ends the request; a dead connection shows when it is written to."""
        ended = self.ended[request_id] = threading.Event()
        try:
            while not ended.wait(0.1):
                send({})
        except OSError:
            pass
        self.listeners.pop(request_id, None)

    def _call(
        self, request_id: Any, params: dict[str, Any], meta: dict[str, Any], send: Send
    ) -> dict[str, Any]:
        name, arguments = params["name"], params.get("arguments", {})
        match name:
            case "echo":
                value = arguments.get("value")
                block = {"type": "text", "text": json.dumps(value), "unknown": {"deep": None}}
                return {
                    "content": [block],
                    "structuredContent": {"value": value},
                    "_meta": {"com.example/kept": [1, None]},
                    "future": None,
                }
            case "strange":
                content = [{"type": "hologram", "data": None, "more": [1, None]}]
                return {"content": content, "structuredContent": {"null": None}}
            case "slow":
                return _slowly(meta, send)
            case "wait":
                self._hold(request_id, send)
                self.seen["cancelled"] += 1
                return _text("cancelled")
            case "change":
                return self._change()
            case "task":
                return self._new_task(meta)
            case "report":
                return {**_text("seen"), "structuredContent": self.seen}
            case "card":
                return _text("a card")
        if name in QUESTIONS:
            return self._ask(name, params, send)
        raise Failed(-32602, "Unknown tool")

    def _ask(self, name: str, params: dict[str, Any], send: Send) -> dict[str, Any]:
        method, asked = QUESTIONS[name]
        if not self.is_modern:
            question_id = f"question-{next(self.ids)}"
            answers = self.waiting[question_id] = queue.Queue()
            send({"jsonrpc": "2.0", "id": question_id, "method": method, "params": asked})
            told = answers.get(timeout=20)
            return _text(json.dumps(told.get("result", told.get("error")), sort_keys=True))
        if "inputResponses" not in params:
            question = {"method": method, "params": asked}
            state = f'state of {name} "quoted" \u00e9'
            return {
                "resultType": "input_required",
                "inputRequests": {"the key": question},
                "requestState": state,
            }
        if params.get("requestState") != f'state of {name} "quoted" \u00e9':
            raise Failed(-32602, "Another state than was given")
        return _text(json.dumps(params["inputResponses"]["the key"], sort_keys=True))

    def _change(self) -> dict[str, Any]:
        plain = [f"notifications/{kind}/list_changed" for kind in ("tools", "prompts", "resources")]
        if not self.is_modern:
            assert self.general, "there is no stream for it"
            rows = [_notification(method, {}) for method in plain]
            rows.append(_notification("notifications/resources/updated", {"uri": "note://1"}))
            for send, row in itertools.product(list(self.general), rows):
                with contextlib.suppress(OSError):
                    send(row)
        for request_id, (wanted, send) in list(self.listeners.items()):
            tag = {"_meta": {META + "subscriptionId": request_id}}
            for kind, method in zip(("tools", "prompts", "resources"), plain, strict=True):
                if wanted.get(f"{kind}ListChanged"):
                    send(_notification(method, tag))
            if "note://1" in wanted.get("resourceSubscriptions", ()):
                row = {"uri": "note://1", **tag}
                send(_notification("notifications/resources/updated", row))
        return _text("changed")

    def _new_task(self, meta: dict[str, Any]) -> dict[str, Any]:
        if TASKS not in meta.get(META + "clientCapabilities", {}).get("extensions", {}):
            return _text("done without a task")
        task_id = f"task-{next(self.ids)}"
        self.tasks[task_id] = 0
        return {"resultType": "task", **_task_state(task_id, "working")}

    def _task(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        task_id = params["taskId"]
        if task_id not in self.tasks:
            raise Failed(-32602, "Unknown task")
        if method == "tasks/cancel":
            self.tasks[task_id] = -1
            return {}
        if method == "tasks/update":
            self.seen["task_input"] = params["inputResponses"]
            return {}
        self.tasks[task_id] += 1
        if self.tasks[task_id] == 1:
            return _task_state(task_id, "working")
        return {**_task_state(task_id, "completed"), "result": _text("the task is done")}


def _task_state(task_id: str, status: str) -> dict[str, Any]:
    now = "2026-01-01T00:00:00Z"
    return {
        "taskId": task_id,
        "status": status,
        "createdAt": now,
        "lastUpdatedAt": now,
        "ttlMs": None,
        "pollIntervalMs": 50,
    }


def _slowly(meta: dict[str, Any], send: Send) -> dict[str, Any]:
    for step in (1, 2, 3):
        if "progressToken" in meta:
            row = {"progressToken": meta["progressToken"], "progress": step, "total": 3}
            send(_notification("notifications/progress", {**row, "message": f"step {step}"}))
    for level in ("debug", "info", "error"):
        send(_notification("notifications/message", {"level": level, "data": {"at": level}}))
    return _text("slow but done")


def _text(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}]}


def _greeting(params: dict[str, Any]) -> dict[str, Any]:
    who = params.get("arguments", {}).get("who", "")
    block = {"type": "text", "text": f"Hello {who}", "extra": None}
    return {"description": "A greeting", "messages": [{"role": "user", "content": block}]}


def _completed(params: dict[str, Any]) -> dict[str, Any]:
    value, ref = params["argument"]["value"], params["ref"]
    return {"completion": {"values": [f"{value}-{ref['type']}"], "total": 1, "hasMore": False}}


def _cached() -> dict[str, Any]:
    return {"ttlMs": 1000, "cacheScope": "private"}


def _notification(method: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def serve_stdio(everything: Everything) -> None:
    """Lines on stdin and stdout; each request in a thread of its own."""
    lock = threading.Lock()

    def send(message: dict[str, Any]) -> None:
        if message:
            with lock:
                os.write(1, json.dumps(message).encode() + b"\n")

    def work(message: dict[str, Any]) -> None:
        reply = everything.handle(message, send)
        if reply is not None:
            send(reply)

    everything.general.append(send)
    for line in sys.stdin.buffer:
        threading.Thread(target=work, args=(json.loads(line),), daemon=True).start()


class Http(BaseHTTPRequestHandler):
    """Streamable HTTP of either era; calls and listens are answered as event streams."""

    protocol_version = "HTTP/1.1"
    everything: Everything
    sessions: ClassVar[set[str]] = set()

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        method = message.get("method")
        if not self._admitted(message):
            return
        if method in ("tools/call", "subscriptions/listen"):
            self._stream(message)
            return
        reply = self.everything.handle(message, lambda _message: None)
        if reply is None:
            self._plain(202, b"")
            return
        headers = {}
        if method == "initialize":
            headers["Mcp-Session-Id"] = f"session-{len(self.sessions)}"
            self.sessions.add(headers["Mcp-Session-Id"])
        status = 404 if reply.get("error", {}).get("code") == -32601 else 200
        self._plain(status, json.dumps(reply).encode(), **headers)

    def do_GET(self) -> None:
        if self.everything.is_modern or self.headers.get("mcp-session-id") not in self.sessions:
            self._plain(405, b"")
            return
        send = self._start_stream()
        self.everything.general.append(send)
        self.everything._hold("general", send)
        self.everything.general.remove(send)

    def do_DELETE(self) -> None:
        self.sessions.discard(self.headers.get("mcp-session-id", ""))
        self._plain(200, b"")

    def _admitted(self, message: dict[str, Any]) -> bool:
        if self.everything.is_modern:
            named = message.get("method"), message.get("params", {}).get("_meta", {})
            version = named[1].get(META + "protocolVersion")
            good = self.headers.get("mcp-method") == named[0]
            good = good and self.headers.get("mcp-protocol-version") == version == MODERN
        elif self.headers.get("mcp-protocol-version") == MODERN:
            good = False
        else:
            is_known = self.headers.get("mcp-session-id") in self.sessions
            good = message.get("method") == "initialize" or is_known
        if not good:
            self._plain(400, b"Bad Request", **{"Content-Type": "text/plain"})
        return good

    def _stream(self, message: dict[str, Any]) -> None:
        send = self._start_stream()
        reply = self.everything.handle(message, send)
        assert reply is not None
        try:
            send(reply)
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def _start_stream(self) -> Send:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        lock = threading.Lock()

        def send(message: dict[str, Any]) -> None:
            event = f"data: {json.dumps(message)}\n\n" if message else ": alive\n\n"
            with lock:
                self.wfile.write(f"{len(event.encode()):x}\r\n{event}\r\n".encode())
                self.wfile.flush()

        return send

    def _plain(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is told."""


def serve_http(everything: Everything) -> None:
    """Until stdin ends."""
    Http.everything = everything
    server = ThreadingHTTPServer(("127.0.0.1", 0), Http)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}/mcp", flush=True)
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    (serve_http if sys.argv[2] == "http" else serve_stdio)(Everything(sys.argv[1]))
