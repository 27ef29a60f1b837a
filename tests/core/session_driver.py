"""A client's side of a session, without pipes: says requests, reads outcomes."""

import json
from typing import Any

from mcp_proxy.core import payload
from mcp_proxy.core.answer import Log, Progress
from mcp_proxy.core.offer import Offer, Refusal
from mcp_proxy.core.profile import Prompt, Resource
from mcp_proxy.core.session import Call, Listen, Note, Outcome, Reply, Session
from mcp_proxy.core.session_voice import Voice

PREFIX = "io.modelcontextprotocol/"
TOOLS = [{"name": "find", "inputSchema": {"type": "object"}}]
CAN: dict[str, Any] = {"tools": {}, "logging": {}}
OFFER = Offer("Billing", "Look up invoices.", json.dumps(TOOLS).encode(), None, CAN)


def _line(value: Any) -> bytes:
    return json.dumps(payload.plain(value)).encode()


def _resource(name: str, uri: str, *, is_template: bool = False, is_listed: bool = True) -> bytes:
    entry = {"uriTemplate" if is_template else "uri": uri, "name": name}
    return _line(Resource(name, "gw", uri, is_template, is_listed, entry, 1000, None))


RESOURCES = {
    "readme": _resource("readme", "docs://readme"),
    "page": _resource("page", "docs://page/{n}", is_template=True),
    "view": _resource("view", "ui://view", is_listed=False),
    "about": _resource("about", "docs://about"),
}
PROMPTS = {
    name: _line(Prompt(name, "gw", "x", {"name": name, "arguments": []}, 1000))
    for name in ("summarise", "greet")
}
ALL_CAN: dict[str, Any] = {
    "tools": {"listChanged": True},
    "resources": {"subscribe": True, "listChanged": True},
    "prompts": {"listChanged": True},
    "completions": {},
    "logging": {},
    "extensions": {
        "io.modelcontextprotocol/tasks": {},
        "io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]},
    },
}
ALL = Offer("All", "", OFFER.tools_json, None, ALL_CAN, RESOURCES, PROMPTS)
TASKS = {PREFIX + "clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}}
REFUSAL = Refusal("MCPX-P03", "Signed by a stranger. (MCPX-P03)", "mcp-proxy trust add KEY-LINE")
NOW_S = 1_800_000_000.0


def envelope(**more: Any) -> dict[str, Any]:
    """The `_meta` of a modern request."""
    return {PREFIX + "protocolVersion": "2026-07-28", PREFIX + "clientCapabilities": {}, **more}


class Client:
    """Says lines to one session."""

    def __init__(self, offered: Offer | Refusal = OFFER) -> None:
        self.session = Session(offered)
        self.voice = Voice(self.session)

    def send(self, line: bytes, now_s: float = NOW_S) -> list[Outcome]:
        """One raw line."""
        return self.session.receive(line, now_s)

    def say(self, message: Any, now_s: float = NOW_S) -> list[Outcome]:
        """One message."""
        return self.send(json.dumps(message).encode(), now_s)

    def ask(self, method: str, request_id: Any = 1, **params: Any) -> list[Outcome]:
        """A request with these params and nothing added."""
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        return self.say(message)

    def modern(
        self, method: str, request_id: Any = 1, meta: dict[str, Any] | None = None, **params: Any
    ) -> list[Outcome]:
        """A request of the modern era."""
        return self.ask(method, request_id, _meta=envelope(**(meta or {})), **params)

    def tell(self, method: str, **params: Any) -> list[Outcome]:
        """A notification."""
        return self.say({"jsonrpc": "2.0", "method": method, "params": params})

    def handshake(self, version: str = "2025-11-25") -> dict[str, Any]:
        """The legacy handshake; returns initialize's result."""
        info = {"name": "host", "version": "1"}
        said = self.ask("initialize", "hello", protocolVersion=version, clientInfo=info)
        assert self.tell("notifications/initialized") == []
        return result(said)

    def listen(self, request_id: Any = "l", meta: Any = None, **wanted: Any) -> Any:
        """A subscription, granted as wished; returns the acknowledgement's params."""
        (listen,) = self.modern("subscriptions/listen", request_id, meta, notifications=wanted)
        assert isinstance(listen, Listen)
        ack = read(self.session.acknowledge(*listen))
        assert ack["method"] == "notifications/subscriptions/acknowledged"
        return ack["params"]

    def called(self, method: str, request_id: Any = 1, **params: Any) -> Call:
        """A modern request of any method, as the road gets it."""
        (call,) = self.modern(method, request_id, **params)
        assert isinstance(call, Call)
        return call

    def call(self, request_id: Any = 1, *, modern: bool = True, **meta: Any) -> Call:
        """A call of the tool `find`, as the road gets it."""
        params: dict[str, Any] = {"name": "find", "arguments": {"q": 1}}
        if modern:
            outcomes = self.modern("tools/call", request_id, meta, **params)
        else:
            outcomes = self.ask("tools/call", request_id, _meta=meta, **params)
        (call,) = outcomes
        assert isinstance(call, Call)
        return call

    def log(self, call: Call, level: str) -> Any:
        """What the client sees of a log message of that level."""
        return read(self.voice.log(call.asked, Log(level, "billing", {"a": 1})))

    def progress(self, call: Call, progress: float) -> Any:
        """What the client sees of progress."""
        return read(self.voice.progress(call.asked, Progress(progress, 10, "working")))


def read(line: bytes | None) -> Any:
    """A finished line as a value; None for none."""
    if line is None:
        return None
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return json.loads(line)


def reply(outcomes: list[Outcome]) -> dict[str, Any]:
    """The one reply among outcomes; beside it there may be notes."""
    lines = [outcome.line for outcome in outcomes if isinstance(outcome, Reply)]
    assert len(lines) == 1
    return dict(read(lines[0]))


def result(outcomes: list[Outcome]) -> dict[str, Any]:
    """The one reply's result."""
    return dict(reply(outcomes)["result"])


def error(outcomes: list[Outcome]) -> tuple[Any, int]:
    """Id and code of the one error reply."""
    answer = reply(outcomes)
    return answer["id"], answer["error"]["code"]


def notes(outcomes: list[Outcome]) -> list[str]:
    """What the log is told."""
    return [outcome.what for outcome in outcomes if isinstance(outcome, Note)]
