"""The HTTP+SSE transport of 2024-11-05: one stream for what comes, POSTs for what goes.

The stream's first event names the endpoint that takes the POSTs. It is at the upstream's own
origin, and where the credential is bound to a path, below that too: nothing goes elsewhere (S7).
"""

import asyncio
import math
from collections.abc import Callable
from contextlib import aclosing
from urllib.parse import urljoin

from mcp_proxy.core.limits import Limits
from mcp_proxy.core.origin import parse_url
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.http import Authorizer, Link, Reply
from mcp_proxy.edges.mcp_duplex import DuplexWire
from mcp_proxy.edges.mcp_http_stream import ACCEPT_STREAM, is_stream
from mcp_proxy.edges.network import DIRECT, Network
from mcp_proxy.edges.refusals import connection_lost, protocol_broken
from mcp_proxy.edges.sse import SseEvent, SseParser, SseRefused
from mcp_proxy.errors import McpProxyError

ENDPOINT_WAIT_S = 10.0
_CONTENT = (("Content-Type", "application/json"), ACCEPT_STREAM)

Received = Callable[[bytes], None]
Lost = Callable[[Broken], None]


def http_sse_wire(
    spec: UpstreamSpec, authorizer: Authorizer, limits: Limits, network: Network = DIRECT
) -> DuplexWire:
    """The wire of a server that refuses a POST to its URL. Opens nothing yet."""
    return DuplexWire(spec, SseChannel(spec, authorizer, limits, network), limits)


class SseChannel:
    """A `Channel` of `edges.mcp_duplex`."""

    def __init__(
        self,
        spec: UpstreamSpec,
        authorizer: Authorizer,
        limits: Limits,
        network: Network = DIRECT,
    ) -> None:
        """Opens nothing yet."""
        self._spec = spec
        self._authorizer = authorizer
        self._limits = limits
        self._network = network
        self._link = Link(spec, authorizer, limits, network)
        self._posts: Link | None = None
        self._url = ""
        self._stream: asyncio.Task[None] | None = None
        self._is_open = False

    async def open(self, received: Received, lost: Lost) -> None:
        """Open the stream and wait for its endpoint. Raises Broken, CredentialError."""
        await self.close()
        endpoint: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._stream = asyncio.create_task(self._listen(endpoint, received, lost))
        try:
            async with asyncio.timeout(ENDPOINT_WAIT_S):
                self._url = await endpoint
        except TimeoutError:
            await self.close()
            raise Broken("MCPX-U02", "The upstream did not name its endpoint in time.") from None
        except BaseException:
            await self.close()
            raise
        # A link of its own, so that the credential's binding is asked about the endpoint's path.
        spec = self._spec._replace(url=self._url.partition("?")[0])
        self._posts = Link(spec, self._authorizer, self._limits, self._network)
        self._is_open = not self._stream.done()

    async def check(self) -> None:
        """Nothing beside the stream decides whether it may be used."""

    async def send(self, data: bytes) -> None:
        """POST one message; what answers it comes on the stream. Raises Broken."""
        posts = self._posts
        if posts is None or not self._is_open:
            raise Broken("MCPX-U01", "The upstream's stream has ended.", again="unsent", over=True)
        async with posts.send("POST", self._url, _CONTENT, data, Trip(math.inf)) as reply:
            if not 200 <= reply.status < 300:
                broken = await posts.refused(reply)
                # Whichever session the endpoint stood for is not known any more.
                broken.over = reply.status == 404
                raise broken

    def drop(self) -> None:
        """End the stream at once; `close` waits for that."""
        self._is_open = False
        if self._stream is not None:
            self._stream.cancel()

    async def close(self) -> None:
        """End the stream."""
        self.drop()
        stream, self._stream = self._stream, None
        posts, self._posts = self._posts, None
        if stream is not None:
            await asyncio.wait({stream})
        if posts is not None:
            await posts.close()
        await self._link.close()

    async def _listen(self, endpoint: asyncio.Future[str], received: Received, lost: Lost) -> None:
        try:
            link = self._link
            async with link.send(
                "GET", self._spec.url, (ACCEPT_STREAM,), None, Trip(math.inf)
            ) as reply:
                if not is_stream(reply):
                    raise await link.refused(reply)
                await self._read(reply, endpoint, received)
            raise connection_lost()
        except McpProxyError as error:
            if not endpoint.done():
                endpoint.set_exception(error)
                endpoint.exception()  # nobody may wait any more, which is no reason for a warning
                return
            self._is_open = False
            lost(error if isinstance(error, Broken) else connection_lost())

    async def _read(self, reply: Reply, endpoint: asyncio.Future[str], received: Received) -> None:
        # One stream for a whole session: it has no last event.
        parser = SseParser(self._limits._replace(sse_events=self._limits.integer_max))
        async with aclosing(reply.pieces()) as pieces:
            async for piece in pieces:
                try:
                    events = parser.feed(piece)
                except SseRefused as refused:
                    raise protocol_broken(str(refused), reply.status) from None
                for event in events:
                    self._heard(event, reply, endpoint, received)

    def _heard(
        self, event: SseEvent, reply: Reply, endpoint: asyncio.Future[str], received: Received
    ) -> None:
        data = reply.secret.remove(event.data)
        if event.kind == "endpoint" and not endpoint.done():
            endpoint.set_result(endpoint_url(self._spec.url, data, self._limits))
        elif event.kind == "message" and endpoint.done():
            received(data)


def endpoint_url(base: str, named: bytes, limits: Limits) -> str:
    """Where messages are POSTed: what the stream at `base` named, at that same origin.

    Raises Broken.
    """
    if len(named) > limits.endpoint_chars or not named.isascii():
        raise protocol_broken("names an endpoint that is too long or not a URL")
    text = named.decode("ascii")
    if not text or any(not "!" <= char <= "~" or char in "\\#" for char in text):
        raise protocol_broken("names an endpoint with characters that are not allowed")
    address, mark, query = urljoin(base, text).partition("?")
    try:
        origin, _ = parse_url(address, localhost=True)
        own, _ = parse_url(base, localhost=True)
    except ValueError:
        raise protocol_broken("names an endpoint that is no plain URL") from None
    if origin != own:
        raise protocol_broken("names an endpoint at another origin")
    path = "/".join(address.split("/", 3)[3:])
    return f"{'/'.join(base.split('/', 3)[:3])}/{path}{mark}{query}"
