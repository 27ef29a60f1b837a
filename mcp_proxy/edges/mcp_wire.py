"""JSON-RPC over streamable HTTP, as both eras share it: one request out, its one answer back."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, NamedTuple, Protocol

from mcp_proxy.core import strict_json
from mcp_proxy.core.limits import Limits
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.http import Link, Reply
from mcp_proxy.edges.refusals import MESSAGE_BYTES, protocol_broken
from mcp_proxy.edges.sse import SseParser, SseRefused

# MCP 2026-07-28, error codes of the specification's own range.
HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022
METHOD_NOT_FOUND = -32601

_CONTENT = (
    ("Content-Type", "application/json"),
    ("Accept", "application/json, text/event-stream"),
)
# Answered as over REST: about the credential, the redirect or the load, not about JSON-RPC.
_HTTP_MATTERS = frozenset({401, 403, 429, 503})


class GatewayError(Broken):
    """A JSON-RPC error. `code` and `data` as the gateway gave them."""

    def __init__(self, id: str, why: str, *, status: int, code: int, data: Any) -> None:  # noqa: A002
        """`why` is clean and bounded."""
        super().__init__(id, why, status=status)
        self.code = code
        self.data = data


class Listener(Protocol):
    """Hears what comes before the answer on a request's own stream."""

    def notified(self, message: dict[str, Any]) -> None:
        """A notification."""

    async def asked(self, message: dict[str, Any]) -> None:
        """A request of the server. Raises Broken where its era forbids one."""


class Ask(NamedTuple):
    """One request of ours, era and id aside. `name` is what Mcp-Name mirrors, if anything."""

    method: str
    params: dict[str, Any]
    name: str | None
    headers: tuple[tuple[str, str], ...]
    progress: bool
    logging: bool
    hear: Callable[[dict[str, Any], int], None]


async def request(
    link: Link,
    message: dict[str, Any],
    headers: tuple[tuple[str, str], ...],
    listener: Listener,
    trip: Trip,
) -> tuple[dict[str, Any], Reply]:
    """POST a request and wait for its result; the reply is for its headers. Raises Broken."""
    body = strict_json.dumps(message)
    async with link.send("POST", link.spec.url, (*_CONTENT, *headers), body, trip) as reply:
        if not 200 <= reply.status < 300:
            raise await _refused(link, reply)
        answer = await _answer(reply, message["id"], listener, link.limits)
        return _result(answer, reply.status, link.limits), reply


async def notify(
    link: Link, message: dict[str, Any], headers: tuple[tuple[str, str], ...], trip: Trip
) -> None:
    """POST a notification or a response; only the status matters. Raises Broken."""
    body = strict_json.dumps(message)
    async with link.send("POST", link.spec.url, (*_CONTENT, *headers), body, trip) as reply:
        if not 200 <= reply.status < 300:
            raise await link.refused(reply)


async def _answer(
    reply: Reply, request_id: int, listener: Listener, limits: Limits
) -> dict[str, Any]:
    kind = reply.content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        message = _message(await reply.read(), reply.status)
        return _ours(message, request_id, reply.status)
    if kind == "text/event-stream":
        async with aclosing(_streamed(reply, limits)) as messages:
            async for message in messages:
                if "method" not in message:
                    return _ours(message, request_id, reply.status)
                if "id" in message:
                    await listener.asked(message)
                else:
                    listener.notified(message)
        raise _stream_ended()
    shown = one_sentence(kind, 64).rstrip(".") if kind else "no content type"
    raise protocol_broken(f"is neither JSON nor an event stream ({shown})", reply.status)


async def _streamed(reply: Reply, limits: Limits) -> AsyncGenerator[dict[str, Any]]:
    """The JSON-RPC messages of an event stream. Raises Broken."""
    parser = SseParser(limits)
    async with aclosing(reply.pieces()) as pieces:
        async for piece in pieces:
            try:
                events = parser.feed(piece)
            except SseRefused as refused:
                raise protocol_broken(str(refused), reply.status) from None
            for event in events:
                # An event without data primes resumption (2025-11-25); other kinds are not MCP's.
                if event.kind == "message" and event.data:
                    yield _message(reply.secret.remove(event.data), reply.status)


def _message(data: bytes, status: int) -> dict[str, Any]:
    try:
        message = strict_json.loads(data)
    except strict_json.Refused as refused:
        raise protocol_broken(f"is not acceptable JSON ({refused})", status) from None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise protocol_broken("is no JSON-RPC 2.0 message", status)
    return message


def _ours(message: dict[str, Any], request_id: int, status: int) -> dict[str, Any]:
    """The message, if it answers `request_id`; an error may lack the id (JSON-RPC 2.0, 5)."""
    answered = message.get("id")
    unnamed = answered is None and "error" in message
    if not unnamed and (type(answered) is not int or answered != request_id):
        raise protocol_broken("belongs to another request", status)
    return message


def _result(message: dict[str, Any], status: int, limits: Limits) -> dict[str, Any]:
    if "error" in message:
        raise gateway_error(message["error"], status, limits)
    result = message.get("result")
    if not isinstance(result, dict):
        raise protocol_broken("holds neither a result nor an error", status)
    return result


def gateway_error(error: Any, status: int, limits: Limits) -> Broken:
    """A JSON-RPC error object as a failure."""
    code = error.get("code") if isinstance(error, dict) else None
    if not isinstance(error, dict) or type(code) is not int:
        return protocol_broken("holds an error without a code", status)
    said = error.get("message")
    told = said if isinstance(said, str) and said.strip() else "no message"
    text = one_sentence(told, limits.upstream_message_chars)
    id_ = "MCPX-U05" if code in (HEADER_MISMATCH, UNSUPPORTED_VERSION) else "MCPX-U03"
    why = f"The gateway answered with error {code}: {text}"
    return GatewayError(id_, why, status=status, code=code, data=error.get("data"))


async def _refused(link: Link, reply: Reply) -> Broken:
    """A status other than 2xx: its JSON-RPC error where it holds one, else what HTTP says."""
    if 300 <= reply.status < 400 or reply.status in _HTTP_MATTERS:
        return await link.refused(reply)
    body = await reply.read_start(MESSAGE_BYTES)
    try:
        message = strict_json.loads(body)
    except strict_json.Refused:
        message = None
    if isinstance(message, dict) and isinstance(message.get("error"), dict):
        error = message["error"]
        if message.get("jsonrpc") == "2.0" and type(error.get("code")) is int:
            return gateway_error(error, reply.status, link.limits)
    return link.refusal(reply, body)


def _stream_ended() -> Broken:
    text = "The upstream closed its event stream before the answer."
    return Broken("MCPX-U05", text, again="lost")
