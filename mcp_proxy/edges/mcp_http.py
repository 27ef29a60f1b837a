"""JSON-RPC over streamable HTTP: one request out by POST, its one answer back."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from mcp_proxy.core import strict_json
from mcp_proxy.core.limits import Limits
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.http import Link, Reply
from mcp_proxy.edges.mcp_wire import (
    Headers,
    Listener,
    Turn,
    gateway_error,
    parse_message,
    read_result,
)
from mcp_proxy.edges.refusals import MESSAGE_BYTES, protocol_broken
from mcp_proxy.edges.sse import SseParser, SseRefused

_CONTENT = (
    ("Content-Type", "application/json"),
    ("Accept", "application/json, text/event-stream"),
)
# Answered as over REST: about the credential, the redirect or the load, not about JSON-RPC.
_HTTP_MATTERS = frozenset({401, 403, 429, 503})


class HttpWire:
    """The Wire of a gateway: every message is a POST of its own."""

    duplex = False

    def __init__(self, link: Link) -> None:
        """Opens nothing yet; `close` closes the link too."""
        self._link = link
        self.spec = link.spec
        self.limits = link.limits

    async def request(
        self, message: dict[str, Any], headers: Headers, listener: Listener, trip: Trip
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        """POST a request and wait for its result. Raises Broken, CredentialError."""
        link, body = self._link, strict_json.dumps(message)
        async with link.send("POST", self.spec.url, (*_CONTENT, *headers), body, trip) as reply:
            if not 200 <= reply.status < 300:
                raise await _refused(link, reply)
            answer = await _answer(reply, message["id"], listener, self.limits)
            return read_result(answer, self.limits, reply.status), reply.headers

    async def notify(self, message: dict[str, Any], headers: Headers, trip: Trip) -> None:
        """POST a notification or a response; only the status matters. Raises Broken."""
        link, body = self._link, strict_json.dumps(message)
        async with link.send("POST", self.spec.url, (*_CONTENT, *headers), body, trip) as reply:
            if not 200 <= reply.status < 300:
                raise await link.refused(reply)

    def hear(self, listener: Listener) -> None:
        """Nothing comes outside of requests here yet."""

    async def attend(
        self, headers: Headers, turned: Callable[[Turn], None], *, listening: bool
    ) -> None:
        """See `hear`."""

    async def leave(self, headers: Headers, trip: Trip) -> None:
        """DELETE the session; whatever the status. Raises Broken."""
        async with self._link.send("DELETE", self.spec.url, headers, None, trip):
            pass

    async def close(self) -> None:
        """Close the connections."""
        await self._link.close()


async def _answer(
    reply: Reply, request_id: int, listener: Listener, limits: Limits
) -> dict[str, Any]:
    kind = reply.content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        message = parse_message(await reply.read(), reply.status)
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
                    yield parse_message(reply.secret.remove(event.data), reply.status)


def _ours(message: dict[str, Any], request_id: int, status: int) -> dict[str, Any]:
    """The message, if it answers `request_id`; an error may lack the id (JSON-RPC 2.0, 5)."""
    answered = message.get("id")
    unnamed = answered is None and "error" in message
    if not unnamed and (type(answered) is not int or answered != request_id):
        raise protocol_broken("belongs to another request", status)
    return message


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
