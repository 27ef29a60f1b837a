"""One client's conversation, without I/O: lines in, outcomes out; both eras at once.

An era belongs to a request, not to the process: a request whose `_meta` names a protocol version
is modern, whatever came before it; all others follow the handshake. So a client whose modern probe
timed out may still say initialize to the same process.
"""

import math
from typing import Any, NamedTuple

from mcp_proxy.core import eras, jsonrpc, offer
from mcp_proxy.core.answer import Log, Progress
from mcp_proxy.core.eras import Asked
from mcp_proxy.core.jsonrpc import Bad, Batch, Id, Message
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.offer import Offer, Refusal


class Reply(NamedTuple):
    """A finished line for the client."""

    line: bytes
    listed: bool = False


class Call(NamedTuple):
    """A request for the road; answered later by `finish` or `fail`. `params` has no `_meta`."""

    asked: Asked
    method: str
    params: dict[str, Any]


class Cancel(NamedTuple):
    """The client no longer wants the answer to a call."""

    id: Id


class Note(NamedTuple):
    """Something refused that the audit log must tell: an enumeration, never the client's text."""

    what: str


Outcome = Reply | Call | Cancel | Note


class Session:
    """Sans-I/O server side of MCP over stdio for one profile, or for the lack of one."""

    def __init__(self, offered: Offer | Refusal) -> None:
        self.client: dict[str, Any] = {}
        self._offer = offered
        self._version: str | None = None
        self._log_level: str | None = None
        self._asked: dict[Id, Asked] = {}
        self._progress: dict[Id, float] = {}
        self._listening: set[Id] = set()
        self._stale = False
        self._can: dict[str, Any] = {}

    def receive(self, line: bytes, now_s: float) -> list[Outcome]:
        """One line of the client, newline taken off."""
        if not line.strip():
            return []
        frame = jsonrpc.parse_frame(line)
        if not isinstance(frame, Batch):
            return self._frame(frame, now_s)
        if self._version != "2025-03-26":
            return self._bad(Bad(None, jsonrpc.INVALID_REQUEST, "Batches are not part of MCP"))
        if len(frame.items) > LIMITS.batch_messages:
            text = f"A batch holds at most {LIMITS.batch_messages} messages"
            return self._bad(Bad(None, jsonrpc.INVALID_REQUEST, text))
        parsed = [jsonrpc.parse_message(item) for item in frame.items]
        return [outcome for item in parsed for outcome in self._frame(item, now_s)]

    def oversized(self) -> list[Outcome]:
        """A line above the frame bound was thrown away unread."""
        text = f"A message is at most {LIMITS.frame_bytes} bytes"
        return self._bad(Bad(None, jsonrpc.INVALID_REQUEST, text))

    def mark_stale(self) -> None:
        """Local state changed since the start: lists are no longer worth caching (S6)."""
        self._stale = True

    def finish(self, call: Asked, result: dict[str, Any]) -> bytes | None:
        """The answer to a call; None when the client has cancelled it meanwhile."""
        if not self._forget(call):
            return None
        return jsonrpc.result_line(call.id, eras.worded(result, call.version))

    def fail(self, call: Asked, code: int, text: str) -> bytes | None:
        """A JSON-RPC error as the answer to a call; None when it was cancelled."""
        return jsonrpc.error_line(call.id, code, text) if self._forget(call) else None

    def progress(self, call: Asked, event: Progress) -> bytes | None:
        """A progress notification, where the client asked for it; progress only ever grows."""
        token, last = call.progress_token, self._progress.get(call.id, float("-inf"))
        if self._asked.get(call.id) is not call or token is None or event.progress <= last:
            return None
        self._progress[call.id] = event.progress
        params: dict[str, Any] = {"progressToken": token, "progress": event.progress}
        params |= {} if event.total is None else {"total": event.total}
        params |= {} if event.message is None else {"message": event.message}
        return jsonrpc.notification_line("notifications/progress", params)

    def beat(self, call: Asked) -> bytes | None:
        """A sign of life of our own, a hair above the progress told last."""
        last = self._progress.get(call.id, 0.0)
        above = max(last + 1e-6, math.nextafter(last, math.inf))
        return self.progress(call, Progress(above, None, "waiting for the upstream"))

    def log(self, call: Asked, event: Log) -> bytes | None:
        """A log message, where the client's level lets it through."""
        level = call.log_level if eras.is_modern(call.version) else self._log_level or "info"
        if self._asked.get(call.id) is not call or level is None or event.level not in eras.LEVELS:
            return None
        if eras.LEVELS.index(event.level) < eras.LEVELS.index(level):
            return None
        params = {"level": event.level, "data": event.data}
        params |= {} if event.logger is None else {"logger": event.logger}
        return jsonrpc.notification_line("notifications/message", params)

    def _forget(self, call: Asked) -> bool:
        if self._asked.get(call.id) is not call:
            return False
        del self._asked[call.id]
        self._progress.pop(call.id, None)
        return True

    def _frame(self, frame: jsonrpc.Frame, now_s: float) -> list[Outcome]:
        if isinstance(frame, Bad):
            return self._bad(frame)
        if not isinstance(frame, Message):
            return []  # we ask the client nothing in this version, so no response is awaited
        if frame.id is None:
            return self._notification(frame)
        return self._request(frame, frame.id, now_s)

    def _bad(self, bad: Bad) -> list[Outcome]:
        note = Note("malformed" if bad.code == jsonrpc.PARSE_ERROR else "invalid")
        if not bad.answerable:
            return [note]
        return [note, Reply(jsonrpc.error_line(bad.id, bad.code, bad.text))]

    def _notification(self, message: Message) -> list[Outcome]:
        if message.method != "notifications/cancelled":
            return []
        target = message.params.get("requestId")
        if isinstance(target, bool) or not isinstance(target, (str, int)):
            return []
        self._listening.discard(target)
        if target not in self._asked:
            return []
        self._forget(self._asked[target])
        return [Cancel(target)]

    def _request(self, message: Message, request_id: Id, now_s: float) -> list[Outcome]:
        if request_id in self._asked or request_id in self._listening:
            return self._bad(Bad(request_id, jsonrpc.INVALID_REQUEST, "This id is in flight"))
        if isinstance(self._offer, Refusal) and message.method != "ping":
            return [Reply(_refusal_line(request_id, self._offer))]
        version = self._version_of(message)
        if isinstance(version, Bad):
            return self._bad(version)
        if isinstance(version, Reply):
            return [version]
        return self._dispatch(message, request_id, version, now_s)

    def _version_of(self, message: Message) -> str | Bad | Reply:
        meta = message.params.get("_meta")
        meta = meta if isinstance(meta, dict) else {}
        if message.method == "initialize":
            return self._version or eras.LEGACY[0]
        if eras.VERSION_KEY in meta:
            return _modern_version(message, meta)
        if self._version is None and message.method != "ping":
            text = f"Say initialize first, or name {eras.VERSION_KEY} in params._meta"
            return Bad(message.id, jsonrpc.INVALID_PARAMS, text)
        return self._version or eras.LEGACY[0]

    def _dispatch(
        self, message: Message, request_id: Id, version: str, now_s: float
    ) -> list[Outcome]:
        modern = eras.is_modern(version)
        methods = _MODERN_METHODS if modern else _LEGACY_METHODS
        handler = methods.get(message.method)
        if handler is None:
            known = message.method in offer.NEVER_OFFERED
            text = f"Method not found: {message.method[:80]}"
            reply = Reply(jsonrpc.error_line(request_id, jsonrpc.METHOD_NOT_FOUND, text))
            return [reply] if known else [Note("unknown method"), reply]
        level = _log_level(message.params) if modern else None
        if level is not None and level not in eras.LEVELS:
            return self._bad(Bad(request_id, jsonrpc.INVALID_PARAMS, "Unknown log level"))
        capabilities = message.params["_meta"][eras.CAPABILITIES_KEY] if modern else self._can
        asked = Asked(request_id, version, _progress_token(message.params), level, capabilities)
        outcome: list[Outcome] = handler(self, asked, message.params, now_s)
        return outcome

    def _initialize(self, asked: Asked, params: dict[str, Any], _now_s: float) -> list[Outcome]:
        wanted = params.get("protocolVersion")
        self._version = wanted if wanted in eras.LEGACY else eras.LEGACY[0]
        self._meet(params.get("clientInfo"))
        can = params.get("capabilities")
        self._can = can if isinstance(can, dict) else {}
        result = offer.initialize_result(self._known_offer(), self._version)
        return [Reply(jsonrpc.result_line(asked.id, result))]

    def _discover(self, asked: Asked, params: dict[str, Any], now_s: float) -> list[Outcome]:
        self._meet(params["_meta"].get(eras.CLIENT_KEY))
        result = offer.discover_result(self._known_offer(), self._ttl_ms(now_s))
        return [Reply(jsonrpc.result_line(asked.id, result))]

    def _list_tools(self, asked: Asked, params: dict[str, Any], now_s: float) -> list[Outcome]:
        if params.get("cursor") is not None:
            return self._bad(Bad(asked.id, jsonrpc.INVALID_PARAMS, "Unknown cursor"))
        line = offer.list_line(self._known_offer(), asked, self._ttl_ms(now_s))
        return [Reply(line, listed=True)]

    def _call_tool(self, asked: Asked, params: dict[str, Any], _now_s: float) -> list[Outcome]:
        name = params.get("name")
        if not isinstance(name, str):
            return self._bad(Bad(asked.id, jsonrpc.INVALID_PARAMS, "params.name must be a string"))
        if eras.is_modern(asked.version):
            self._meet(params["_meta"].get(eras.CLIENT_KEY))
        self._asked[asked.id] = asked
        return [Call(asked, "tools/call", {k: v for k, v in params.items() if k != "_meta"})]

    def _listen(self, asked: Asked, _params: dict[str, Any], _now_s: float) -> list[Outcome]:
        if len(self._listening) >= LIMITS.calls_in_flight:
            return self._bad(Bad(asked.id, jsonrpc.INVALID_REQUEST, "Too many subscriptions"))
        self._listening.add(asked.id)  # acknowledged with nothing: a profile's list never changes
        params = {"notifications": {}, "_meta": {eras.SUBSCRIPTION_KEY: asked.id}}
        method = "notifications/subscriptions/acknowledged"
        return [Reply(jsonrpc.notification_line(method, params))]

    def _set_level(self, asked: Asked, params: dict[str, Any], _now_s: float) -> list[Outcome]:
        if params.get("level") not in eras.LEVELS:
            return self._bad(Bad(asked.id, jsonrpc.INVALID_PARAMS, "Unknown log level"))
        self._log_level = params["level"]
        return [Reply(jsonrpc.result_line(asked.id, {}))]

    def _ping(self, asked: Asked, _params: dict[str, Any], _now_s: float) -> list[Outcome]:
        return [Reply(jsonrpc.result_line(asked.id, {}))]

    def _meet(self, client: Any) -> None:
        if isinstance(client, dict) and not self.client:
            bound = LIMITS.client_name_chars
            self.client = {key: str(client.get(key, ""))[:bound] for key in ("name", "version")}

    def _ttl_ms(self, now_s: float) -> int:
        return 0 if self._stale else offer.ttl_ms(self._known_offer(), now_s)

    def _known_offer(self) -> Offer:
        assert isinstance(self._offer, Offer)  # noqa: S101  (a refusal answers before dispatch)
        return self._offer


def _modern_version(message: Message, meta: dict[str, Any]) -> str | Bad | Reply:
    version = meta[eras.VERSION_KEY]
    if version != eras.MODERN:
        data = {"supported": list(eras.SUPPORTED), "requested": str(version)[:80]}
        text, request_id = "Unsupported protocol version", message.id
        return Reply(jsonrpc.error_line(request_id, jsonrpc.UNSUPPORTED_VERSION, text, data))
    if not isinstance(meta.get(eras.CAPABILITIES_KEY), dict):
        text = f"params._meta lacks {eras.CAPABILITIES_KEY}"
        return Bad(message.id, jsonrpc.INVALID_PARAMS, text)
    return eras.MODERN


def _refusal_line(request_id: Id, refusal: Refusal) -> bytes:
    data = {"id": refusal.id, "next": refusal.next}
    return jsonrpc.error_line(request_id, jsonrpc.PROFILE_REFUSED, refusal.why, data)


def _log_level(params: dict[str, Any]) -> Any:
    return params["_meta"].get(eras.LOG_LEVEL_KEY)


def _progress_token(params: dict[str, Any]) -> Id | None:
    meta = params.get("_meta")
    token = meta.get("progressToken") if isinstance(meta, dict) else None
    return token if isinstance(token, (str, int)) and not isinstance(token, bool) else None


_MODERN_METHODS = {
    "server/discover": Session._discover,
    "tools/list": Session._list_tools,
    "tools/call": Session._call_tool,
    "subscriptions/listen": Session._listen,
}
_LEGACY_METHODS = {
    "initialize": Session._initialize,
    "ping": Session._ping,
    "tools/list": Session._list_tools,
    "tools/call": Session._call_tool,
    "logging/setLevel": Session._set_level,
}
