"""One client's conversation, without I/O: lines in, outcomes out; both eras at once.

An era belongs to a request, not to the process: a request whose `_meta` names a protocol version
is modern, whatever came before it; all others follow the handshake. So a client whose modern probe
timed out may still say initialize to the same process. What is said of calls that run, and of
changes, is `core.session_voice`'s: nothing before the first call needs it.
"""

from typing import Any, NamedTuple

from mcp_proxy.core import eras, jsonrpc, session_params
from mcp_proxy.core.eras import Asked
from mcp_proxy.core.jsonrpc import Bad, Batch, Gathering, Id, Message, Response, Told
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.offer import LISTS, NEEDS, Catalogue, Offer, Refusal
from mcp_proxy.core.session_params import ListenFilter
from mcp_proxy.errors import ProfileError


class Reply(NamedTuple):
    """A finished line for the client."""

    line: bytes
    listed: bool = False


class Call(NamedTuple):
    """A request for the road; answered later by the voice. `params` has no `_meta`."""

    asked: Asked
    method: str
    params: dict[str, Any]


class Cancel(NamedTuple):
    """The client no longer wants the answer to a call, or to hear of changes."""

    id: Id


class Note(NamedTuple):
    """Something refused that the audit log must tell: an enumeration, never the client's text."""

    what: str


class Listen(NamedTuple):
    """A modern client wants to hear of changes until it cancels; `acknowledge` comes first.

    `wanted` holds nothing that the profile does not offer.
    """

    asked: Asked
    wanted: ListenFilter


class Answered(NamedTuple):
    """The client's answer to a question of ours: its result, or its error."""

    id: Id
    reply: dict[str, Any] | Told


class RootsChanged(NamedTuple):
    """A legacy client's roots are others now."""


Outcome = Reply | Call | Cancel | Note | Listen | Answered | RootsChanged


class Session:
    """Sans-I/O server side of MCP over stdio for one profile, or for the lack of one.

    The public values are shared with the voice: `calls` and `listens` are the requests that await
    their answer or end, `granted` what each acknowledged listener hears of, `subscribed` a legacy
    client's resources, `questions` our own requests that await the client's answer.
    """

    def __init__(self, offered: Offer | Refusal) -> None:
        self.client: dict[str, Any] = {}
        self.catalogue = Catalogue(offered) if isinstance(offered, Offer) else offered
        self.version: str | None = None
        self.log_level: str | None = None
        self.calls: dict[Id, Call] = {}
        self.progress: dict[Id, float] = {}
        self.listens: dict[Id, Asked] = {}
        self.granted: dict[Id, ListenFilter] = {}
        self.subscribed: set[str] = set()
        self.questions: set[Id] = set()
        self._can: dict[str, Any] = {}
        self._batches: dict[Id, Gathering] = {}

    def receive(self, line: bytes, now_s: float) -> list[Outcome]:
        """One line of the client, newline taken off."""
        if not line.strip():
            return []
        frame = jsonrpc.parse_frame(line)
        if not isinstance(frame, Batch):
            return self._frame(frame, now_s)
        if self.version != "2025-03-26":
            return self._bad(Bad(None, jsonrpc.INVALID_REQUEST, "Batches are not part of MCP"))
        if len(frame.items) > LIMITS.batch_messages:
            text = f"A batch holds at most {LIMITS.batch_messages} messages"
            return self._bad(Bad(None, jsonrpc.INVALID_REQUEST, text))
        parsed = [jsonrpc.parse_message(item) for item in frame.items]
        return self._gather([outcome for item in parsed for outcome in self._frame(item, now_s)])

    def oversized(self) -> list[Outcome]:
        """A line above the frame bound was thrown away unread."""
        text = f"A message is at most {LIMITS.frame_bytes} bytes"
        return self._bad(Bad(None, jsonrpc.INVALID_REQUEST, text))

    def mark_stale(self) -> None:
        """Local state changed since the start: lists are no longer worth caching (S6)."""
        if isinstance(self.catalogue, Catalogue):
            self.catalogue.mark_stale()

    def acknowledge(self, asked: Asked, granted: ListenFilter) -> bytes | None:
        """The first thing on a subscription: what of its wish is granted, and told from now on.

        None where it has ended meanwhile, or was acknowledged before.
        """
        if self.listens.get(asked.id) is not asked or asked.id in self.granted:
            return None
        self.granted[asked.id] = granted
        return session_params.acknowledgement(asked.id, granted)

    def gathered(self, request_id: Id, line: bytes | None) -> bytes | None:
        """What goes out with the answer to a request, or without one: its batch, if it has one."""
        batch = self._batches.pop(request_id, None)
        return line if batch is None else batch.add(request_id, line)

    def forget(self, asked: Asked) -> Call | None:
        """End a call that runs; None where it has ended before."""
        call = self.calls.get(asked.id)
        if call is None or call.asked is not asked:
            return None
        self.progress.pop(asked.id, None)
        return self.calls.pop(asked.id)

    def _gather(self, outcomes: list[Outcome]) -> list[Outcome]:
        replies = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
        calls = self.calls.keys() & {it.asked.id for it in outcomes if isinstance(it, Call)}
        batch = Gathering([reply.line for reply in replies], calls)
        self._batches |= dict.fromkeys(calls, batch)
        whole, listed = batch.add(None, None), any(reply.listed for reply in replies)
        rest: list[Outcome] = [it for it in outcomes if not isinstance(it, Reply)]
        return rest if whole is None else [*rest, Reply(whole, listed)]

    def _frame(self, frame: jsonrpc.Frame, now_s: float) -> list[Outcome]:
        if isinstance(frame, Bad):
            return self._bad(frame)
        if isinstance(frame, Response):
            return self._response(frame)
        if not isinstance(frame, Message):
            return []
        if frame.id is not None:
            return self._request(frame, frame.id, now_s)
        return self._notification(frame)

    def _bad(self, bad: Bad) -> list[Outcome]:
        note = Note("malformed" if bad.code == jsonrpc.PARSE_ERROR else "invalid")
        if not bad.answerable:
            return [note]
        return [note, Reply(jsonrpc.error_line(bad.id, bad.code, bad.text))]

    def _response(self, response: Response) -> list[Outcome]:
        if not isinstance(response.id, str) or response.id not in self.questions:
            return []
        self.questions.discard(response.id)
        reply = jsonrpc.reply_of(response)
        if reply is None:
            told = Told(jsonrpc.INVALID_REQUEST, "The client's answer is malformed")
            return [Note("invalid"), Answered(response.id, told)]
        return [Answered(response.id, reply)]

    def _notification(self, message: Message) -> list[Outcome]:
        if message.method == "notifications/roots/list_changed" and self.version is not None:
            return [RootsChanged()]
        if message.method != "notifications/cancelled":
            return []
        target = message.params.get("requestId")
        if isinstance(target, bool) or not isinstance(target, (str, int)):
            return []
        if target in self.calls:
            self.forget(self.calls[target].asked)
            line = self.gathered(target, None)
            return [Cancel(target)] if line is None else [Cancel(target), Reply(line)]
        self.granted.pop(target, None)
        return [] if self.listens.pop(target, None) is None else [Cancel(target)]

    def _request(self, message: Message, request_id: Id, now_s: float) -> list[Outcome]:
        if request_id in self.calls or request_id in self.listens:
            return self._bad(Bad(request_id, jsonrpc.INVALID_REQUEST, "This id is in flight"))
        if isinstance(self.catalogue, Refusal) and message.method != "ping":
            return [Reply(self.catalogue.line(request_id))]
        version = session_params.version_of(message, self.version)
        if isinstance(version, Told):
            return self._told(request_id, version)
        modern = eras.is_modern(version)
        handler = (_MODERN_METHODS if modern else _LEGACY_METHODS).get(message.method)
        if handler is None or not self._offers(message.method):
            return _not_found(request_id, message.method)
        asked = session_params.read_asked(message, request_id, version, self._can)
        if isinstance(asked, Told):
            return self._told(request_id, asked)
        outcomes: list[Outcome] = handler(self, asked, message, now_s)
        return outcomes

    def _told(self, request_id: Id, told: Told) -> list[Outcome]:
        if told.data is None:
            return self._bad(Bad(request_id, told.code, told.message))
        return [Reply(jsonrpc.error_line(request_id, *told))]

    def _offers(self, method: str) -> bool:
        # Without a profile ping alone comes here.
        return isinstance(self.catalogue, Refusal) or self.catalogue.offered.has(method)

    def _initialize(self, asked: Asked, message: Message, _now_s: float) -> list[Outcome]:
        wanted = message.params.get("protocolVersion")
        self.version = wanted if wanted in eras.LEGACY else eras.LEGACY[0]
        self._meet(message.params.get("clientInfo"))
        can = message.params.get("capabilities")
        self._can = can if isinstance(can, dict) else {}
        result = self._known().initialize_result(self.version)
        return [Reply(jsonrpc.result_line(asked.id, result))]

    def _discover(self, asked: Asked, message: Message, now_s: float) -> list[Outcome]:
        self._meet(message.params["_meta"].get(eras.CLIENT_KEY))
        return [Reply(jsonrpc.result_line(asked.id, self._known().discover_result(now_s)))]

    def _list(self, asked: Asked, message: Message, now_s: float) -> list[Outcome]:
        if message.params.get("cursor") is not None:
            return self._bad(Bad(asked.id, jsonrpc.INVALID_PARAMS, "Unknown cursor"))
        try:
            line = self._known().list_line(message.method, asked, now_s)
        except ProfileError as error:
            return [Reply(Refusal(error.id, error.why, error.next).line(asked.id))]
        return [Reply(line, listed=message.method == "tools/list")]

    def _call(self, asked: Asked, message: Message, _now_s: float) -> list[Outcome]:
        params = session_params.parse_call(message.method, message.params, asked)
        if isinstance(params, Told):
            return self._told(asked.id, params)
        if message.method == "resources/subscribe" and len(self.subscribed) >= LIMITS.subscriptions:
            return self._bad(Bad(asked.id, jsonrpc.INVALID_REQUEST, "Too many subscriptions"))
        if eras.is_modern(asked.version):
            self._meet(message.params["_meta"].get(eras.CLIENT_KEY))
        call = self.calls[asked.id] = Call(asked, message.method, params)
        return [call]

    def _listen(self, asked: Asked, message: Message, _now_s: float) -> list[Outcome]:
        if len(self.listens) >= LIMITS.calls_in_flight:
            return self._bad(Bad(asked.id, jsonrpc.INVALID_REQUEST, "Too many subscriptions"))
        wanted = session_params.parse_filter(message.params, self._known().offered, asked)
        if isinstance(wanted, Told):
            return self._told(asked.id, wanted)
        self.listens[asked.id] = asked
        return [Listen(asked, wanted)]

    def _set_level(self, asked: Asked, message: Message, _now_s: float) -> list[Outcome]:
        if message.params.get("level") not in eras.LEVELS:
            return self._bad(Bad(asked.id, jsonrpc.INVALID_PARAMS, "Unknown log level"))
        self.log_level = message.params["level"]
        return [Reply(jsonrpc.result_line(asked.id, {}))]

    def _ping(self, asked: Asked, _message: Message, _now_s: float) -> list[Outcome]:
        return [Reply(jsonrpc.result_line(asked.id, {}))]

    def _meet(self, client: Any) -> None:
        if isinstance(client, dict) and not self.client:
            bound = LIMITS.client_name_chars
            self.client = {key: str(client.get(key, ""))[:bound] for key in ("name", "version")}

    def _known(self) -> Catalogue:
        assert isinstance(self.catalogue, Catalogue)  # noqa: S101  (a refusal answers before)
        return self.catalogue


def _not_found(request_id: Id, method: str) -> list[Outcome]:
    text = f"Method not found: {method[:80]}"
    reply = Reply(jsonrpc.error_line(request_id, jsonrpc.METHOD_NOT_FOUND, text))
    return [reply] if method in NEEDS else [Note("unknown method"), reply]


_CALLS = ("tools/call", "resources/read", "prompts/get", "completion/complete")
_BOTH = {**dict.fromkeys(LISTS, Session._list), **dict.fromkeys(_CALLS, Session._call)}
_MODERN_METHODS = {
    **_BOTH,
    "server/discover": Session._discover,
    "subscriptions/listen": Session._listen,
    **dict.fromkeys(("tasks/get", "tasks/update", "tasks/cancel"), Session._call),
}
_LEGACY_METHODS = {
    **_BOTH,
    "initialize": Session._initialize,
    "ping": Session._ping,
    **dict.fromkeys(("resources/subscribe", "resources/unsubscribe"), Session._call),
    "logging/setLevel": Session._set_level,
}
