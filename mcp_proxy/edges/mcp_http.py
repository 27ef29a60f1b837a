"""JSON-RPC over streamable HTTP: one request out by POST, its one answer back."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

from mcp_proxy.core import strict_json
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.http import Link, Reply
from mcp_proxy.edges.mcp_http_stream import (
    ACCEPT_STREAM,
    Place,
    SessionStream,
    content_kind,
    is_stream,
    messages,
)
from mcp_proxy.edges.mcp_wire import (
    Headers,
    Listener,
    Turn,
    gateway_error,
    parse_message,
    read_result,
)
from mcp_proxy.edges.refusals import MESSAGE_BYTES, protocol_broken

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
        self._listener: Listener | None = None
        self._stream: SessionStream | None = None
        self._elsewhere: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def request(
        self, message: dict[str, Any], headers: Headers, listener: Listener, trip: Trip
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        """POST a request and wait for its result. Raises Broken, CredentialError."""
        posted = self._post(message, headers, listener, trip)
        if self._stream is None:
            return await posted
        # While there is a session's stream, a server may also answer there.
        request_id, posting = message["id"], asyncio.create_task(posted)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._elsewhere[request_id] = answer
        try:
            await asyncio.wait((posting, answer), return_when=asyncio.FIRST_COMPLETED)
            if posting.done():
                return posting.result()
            trip.arrived()
            return read_result(answer.result(), self.limits, 200), {}
        finally:
            del self._elsewhere[request_id]
            posting.cancel()
            await asyncio.wait({posting})
            if not posting.cancelled():
                posting.exception()  # which may have come too late to be told

    async def _post(
        self, message: dict[str, Any], headers: Headers, listener: Listener, trip: Trip
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        link, body, place = self._link, strict_json.dumps(message), Place(self.limits)
        async with link.send("POST", self.spec.url, (*_CONTENT, *headers), body, trip) as reply:
            if not 200 <= reply.status < 300:
                raise await _refused(link, reply)
            answer = await self._answer(reply, message["id"], listener, place)
        if answer is None:
            answer = await self._resumed(place, message["id"], headers, listener, trip)
        return read_result(answer, self.limits, reply.status), reply.headers

    async def notify(self, message: dict[str, Any], headers: Headers, trip: Trip) -> None:
        """POST a notification or a response; only the status matters. Raises Broken."""
        link, body = self._link, strict_json.dumps(message)
        async with link.send("POST", self.spec.url, (*_CONTENT, *headers), body, trip) as reply:
            if not 200 <= reply.status < 300:
                raise await link.refused(reply)

    def hear(self, listener: Listener) -> None:
        """Who hears a session's own stream, from the next `attend` on."""
        self._listener = listener

    async def attend(
        self, headers: Headers, turned: Callable[[Turn], None], *, listening: bool
    ) -> None:
        """See `Wire`."""
        await self._end_stream()
        if listening and self._listener is not None:
            self._stream = SessionStream(
                self._link, headers, self._listener, turned, self._answered_elsewhere
            )
            await self._stream.head()

    async def leave(self, headers: Headers, trip: Trip) -> None:
        """DELETE the session; whatever the status. Raises Broken."""
        async with self._link.send("DELETE", self.spec.url, headers, None, trip):
            pass

    def drop(self) -> None:
        """Connections end with us."""

    async def close(self) -> None:
        """Close the connections."""
        await self._end_stream()
        await self._link.close()

    def _answered_elsewhere(self, message: dict[str, Any]) -> None:
        named = message.get("id")
        answer = self._elsewhere.get(named) if type(named) is int else None
        if answer is not None and not answer.done():
            answer.set_result(message)

    async def _end_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.close()

    async def _answer(
        self, reply: Reply, request_id: int, listener: Listener, place: Place
    ) -> dict[str, Any] | None:
        """What answers the request; None if its stream ended before and can be gone on with."""
        kind = content_kind(reply)
        if kind == "application/json":
            message = parse_message(await reply.read(), reply.status)
            return _ours(message, request_id, reply.status)
        if kind == "text/event-stream":
            return await self._followed(reply, request_id, listener, place)
        shown = one_sentence(kind, 64).rstrip(".") if kind else "no content type"
        raise protocol_broken(f"is neither JSON nor an event stream ({shown})", reply.status)

    async def _followed(
        self, reply: Reply, request_id: int, listener: Listener, place: Place
    ) -> dict[str, Any] | None:
        try:
            async with aclosing(messages(reply, self.limits, place)) as stream:
                async for message in stream:
                    if "method" not in message:
                        return _ours(message, request_id, reply.status)
                    if "id" in message:
                        await listener.asked(message)
                    else:
                        listener.notified(message)
        except Broken as broken:
            if broken.again != "lost" or not place.last_id:
                raise
        return None

    async def _resumed(
        self, place: Place, request_id: int, headers: Headers, listener: Listener, trip: Trip
    ) -> dict[str, Any]:
        """The answer on connections that go on from `place`, for as long as the trip lasts."""
        while _is_resumable(headers) and place.last_id and place.pause_s() < trip.remaining_s():
            await asyncio.sleep(place.pause_s())
            place.ended()
            answer = await self._again(place, request_id, headers, listener, trip)
            if answer is not None:
                return answer
        raise _stream_ended()

    async def _again(
        self, place: Place, request_id: int, headers: Headers, listener: Listener, trip: Trip
    ) -> dict[str, Any] | None:
        sent = (ACCEPT_STREAM, ("Last-Event-ID", place.last_id), *headers)
        try:
            async with self._link.send("GET", self.spec.url, sent, None, trip) as reply:
                if is_stream(reply):
                    return await self._followed(reply, request_id, listener, place)
                if reply.status < 500:
                    raise _stream_ended()
        except Broken as broken:
            # No connection now: one later may do.
            if broken.id != "MCPX-U01":
                raise
        return None


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


def _is_resumable(headers: Headers) -> bool:
    """Streams of the modern era cannot be gone on with; its requests name their method."""
    return all(name != "Mcp-Method" for name, _ in headers)


def _stream_ended() -> Broken:
    text = "The upstream closed its event stream before the answer."
    return Broken("MCPX-U05", text, again="lost")
