"""HTTP to one upstream: one pool, one origin, its credential, bounded bodies.

No redirect is followed and nothing is taken from the environment: no proxy, no netrc, no CA file,
no key log (S9). Requests are httpx2's and go straight to a transport of our own: its client would
add cookies and URL normalisation, and the target has to go out byte for byte as decided.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Protocol, cast

import httpx2

from mcp_proxy import __version__
from mcp_proxy.core.authorization import Authorization, Headers, Login
from mcp_proxy.core.limits import Limits
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.authorized import own_headers, own_secrets, with_parameter
from mcp_proxy.edges.http_body import BodyRefused, Decoder
from mcp_proxy.edges.http_transport import HttpTransport
from mcp_proxy.edges.network import DIRECT, Network
from mcp_proxy.edges.own_secret import OwnSecret
from mcp_proxy.edges.refusals import (
    MESSAGE_BYTES,
    connection_lost,
    protocol_broken,
    refusal,
    unreachable,
)

CONNECT_DEADLINE_S = 10.0
# What listens beside the calls, one and the one that takes its place, and asides.
_STREAMS = 8

_OWN_HEADERS = (("User-Agent", f"mcp-proxy/{__version__}"), ("Accept-Encoding", "gzip"))
# RFC 9110 section 8.6: a length is said, be it 0, where a method is expected to have content.
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# Checked here and not by the stack alone: its words would quote the header, maybe the credential.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"(?:[!-~](?:[ -~\t]*[!-~])?)?")
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout)


class Authorizer(Protocol):
    """Gives an upstream its authorization; caches, so it is asked for every call."""

    async def authorization(self, spec: UpstreamSpec) -> Authorization | None:
        """What goes with a request; None where the upstream takes none. Raises CredentialError."""

    async def renewed(self, spec: UpstreamSpec, used: Authorization) -> Authorization | None:
        """Another one, for the upstream answered 401 to `used`; None where there is no other.

        Raises:
            CredentialError: as `authorization`.
        """


class Reply:
    """An answer whose head has arrived. Header names in lower case."""

    def __init__(
        self,
        response: httpx2.Response,
        secret: OwnSecret,
        limits: Limits,
        login: Login | None = None,
    ) -> None:
        """Made by `Link.send`, which also closes it; `login` is that of the request's token."""
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.secret = secret
        self.login = login
        self._stream = cast("httpx2.AsyncByteStream", response.stream)
        self._limits = limits

    @property
    def content_type(self) -> str:
        """The Content-Type as sent, "" if absent."""
        return self.secret.remove_text(self.headers.get("content-type", ""))

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The decoded body as it comes, in pieces of at most 64 KiB. Raises Broken."""
        try:
            decoder = Decoder(self.headers.get("content-encoding", ""))
            async for chunk in self._stream:
                for piece in decoder.pieces(chunk):
                    yield piece
            decoder.finish()
        except BodyRefused as refused:
            raise protocol_broken(f"cannot be read: {refused}", self.status) from None
        except (httpx2.TransportError, OSError) as error:
            raise connection_lost(error) from None

    async def read(self) -> bytes:
        """The whole body without the upstream's own secret. Raises Broken, also if too large."""
        bound = self._limits.upstream_body_bytes
        data = await self._gather(bound)
        if len(data) > bound:
            text = f"The upstream's answer is above {bound} bytes, the most that is read."
            raise Broken("MCPX-R01", text, status=self.status)
        return self.secret.remove(data)

    async def read_start(self, size_bytes: int) -> bytes:
        """At least the first `size_bytes` of the body, or all of a shorter one. Raises Broken."""
        return self.secret.remove(await self._gather(size_bytes))

    async def _gather(self, bound: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        async with aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                parts.append(piece)
                size += len(piece)
                if size > bound:
                    break
        return b"".join(parts)


class Link:
    """The connections to one upstream, opened at first use and kept alive."""

    def __init__(
        self,
        spec: UpstreamSpec,
        authorizer: Authorizer,
        limits: Limits,
        network: Network = DIRECT,
    ) -> None:
        """Opens nothing yet."""
        self.spec = spec
        self._network = network
        self.limits = limits
        self._authorizer = authorizer
        self._url = httpx2.URL(spec.url)
        self._origin = "/".join(spec.url.split("/", 3)[:3])
        self._own_headers = (("Host", self._url.netloc.decode("ascii")), *_OWN_HEADERS)
        self._transport: HttpTransport | None = None
        self._authorized: Authorization | None = None
        self._secret = OwnSecret()

    @asynccontextmanager
    async def send(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None,
        trip: Trip,
    ) -> AsyncIterator[Reply]:
        """Send one request and hold its answer open. Raises Broken, CredentialError.

        An answer 401 did nothing (RFC 9110, 15.5.2): where there is another authorization, the
        request is sent once more with that.
        """
        authorization = await self._authorizer.authorization(self.spec)
        response, secret = await self._sent(method, url, headers, body, authorization, trip)
        if response.status_code == 401 and authorization is not None:
            other = await self._renewed(response, authorization)
            if other is not None:
                authorization = other
                response, secret = await self._sent(method, url, headers, body, other, trip)
        login = None if authorization is None else authorization.login
        try:
            yield Reply(response, secret, self.limits, login)
        finally:
            await response.aclose()

    async def _sent(  # noqa: PLR0913, PLR0917 - the request's parts and what comes of it
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None,
        authorization: Authorization | None,
        trip: Trip,
    ) -> tuple[httpx2.Response, OwnSecret]:
        request = self._request(method, url, headers, body, authorization)
        self._remember(authorization)
        secret = self._secret  # this request's own, also where a rotation comes before the answer
        request.extensions["trace"] = _leaving(trip)
        response = await self._exchange(request)
        trip.arrived()
        return response, secret

    async def _renewed(
        self, response: httpx2.Response, used: Authorization
    ) -> Authorization | None:
        """Another authorization; with it, or with its error, the first answer is done with."""
        try:
            other = await self._authorizer.renewed(self.spec, used)
        except BaseException:
            await response.aclose()
            raise
        if other is not None:
            await response.aclose()
        return other

    async def refused(self, reply: Reply) -> Broken:
        """A reply that is not 2xx, as the failure to raise."""
        return self.refusal(reply, await reply.read_start(MESSAGE_BYTES))

    def refusal(self, reply: Reply, body: bytes) -> Broken:
        """The same, for a body that has been read (by `Reply.read_start`)."""
        remove = reply.secret.remove_text
        headers = {key: remove(value) for key, value in reply.headers.items()}
        return refusal(self.spec, reply.status, headers, body, self.limits, reply.login)

    async def close(self) -> None:
        """Close all connections."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    def _request(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None,
        authorization: Authorization | None,
    ) -> httpx2.Request:
        target = self._target(url)
        own: Headers = ()
        if authorization is not None:
            target = with_parameter(target, authorization.query)
            signed = (*self._own_headers, *headers)
            own = own_headers(authorization, method, self._origin + target, signed, body or b"")
        extensions = {
            "timeout": {"connect": CONNECT_DEADLINE_S},
            "target": target.encode("ascii"),
            "certificate": None if authorization is None else authorization.certificate,
        }
        names = {name.lower() for name, _ in own}
        if any(name.lower() in names for name, _ in headers):
            raise Broken("MCPX-I01", "The call holds the header that its credential belongs to.")
        names.update(name.lower() for name, _ in headers)
        along = (row for row in self._network.along() if row[0].lower() not in names)
        rows = [*self._own_headers, *along, *headers, *own]
        if not all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in rows):
            raise _unwritable()
        if body is not None or method in _WITH_BODY:
            rows.append(("Content-Length", str(len(body or b""))))
        stream = httpx2.ByteStream(body or b"")
        return httpx2.Request(method, self._url, headers=rows, stream=stream, extensions=extensions)

    async def _exchange(self, request: httpx2.Request) -> httpx2.Response:
        if self._transport is None:
            # A call that waits for the client keeps its connection; its answer takes another one.
            most = 2 * self.limits.calls_in_flight + self.limits.parked_calls
            self._transport = HttpTransport(self._url, most + _STREAMS, self._network)
        try:
            return await self._transport.handle_async_request(request)
        except _UNSENT as error:
            raise unreachable(error) from None
        except httpx2.LocalProtocolError:
            raise _unwritable() from None
        except httpx2.RemoteProtocolError:
            raise protocol_broken("is not HTTP") from None
        except (httpx2.TransportError, OSError) as error:
            raise connection_lost(error) from None

    def _target(self, url: str) -> str:
        """The part of `url` after the upstream's origin: nothing may go anywhere else (S11)."""
        rest = url.removeprefix(self._origin)
        if len(rest) == len(url) or not url.isascii() or rest[:1] not in ("", "/", "?"):
            raise Broken("MCPX-I01", "The call's URL is not at the upstream's origin.")
        return rest if rest.startswith("/") else f"/{rest}"

    def _remember(self, authorization: Authorization | None) -> None:
        if authorization is not self._authorized:
            self._authorized = authorization
            self._secret = OwnSecret(*own_secrets(authorization))


def _leaving(trip: Trip) -> Callable[[str, Mapping[str, Any]], Awaitable[None]]:
    async def trace(event: str, _details: Mapping[str, Any]) -> None:
        if event.endswith(".send_request_headers.started"):
            trip.left()

    return trace


def _unwritable() -> Broken:
    text = "The request cannot be written: it holds a character that HTTP does not allow there."
    return Broken("MCPX-U01", text)
