"""A document from a URL, by the rules of discovery (S9): GET, without any credential, at most three
redirects and each within the same origin, bounded in bytes and time."""

import asyncio
from contextlib import aclosing
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from mcp_proxy.core.authorization import Authorization
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.origin import Origin, parse_url
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.http import Link, Reply
from mcp_proxy.edges.network import DIRECT, Network
from mcp_proxy.errors import UsageError

_HOPS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ACCEPT = (("Accept", "application/json, application/yaml, text/yaml, */*;q=0.5"),)


async def download(
    url: str,
    deadline_s: float,
    *,
    localhost: bool,
    max_bytes: int = LIMITS.document_bytes,
    network: Network = DIRECT,
) -> bytes:
    """The bytes that are at `url`, at most `max_bytes`, within `deadline_s` in all.

    `localhost` admits http://localhost, as the local settings may.

    Raises:
        UsageError: MCPX-W01 the URL is none that can be asked.
        UpstreamError: out of reach, refused, redirected elsewhere, too large or too slow.
    """
    origin, target = _parse(url, localhost=localhost)
    spec = UpstreamSpec("rest", origin.text, None, int(deadline_s * 1000), ())
    link = Link(spec, _NoCredential(), LIMITS, network)
    try:
        async with asyncio.timeout(deadline_s):
            asked = _Asked(link, origin, Trip(deadline_s), max_bytes, localhost)
            return await _follow(asked, target)
    except TimeoutError:
        text = f"{origin.text} did not give the document within {deadline_s:.3g} seconds."
        raise Broken("MCPX-U02", text) from None
    finally:
        await link.close()


class _Asked(NamedTuple):
    link: Link
    origin: Origin
    trip: Trip
    max_bytes: int
    localhost: bool


class _NoCredential:
    async def authorization(self, _spec: UpstreamSpec) -> Authorization | None:
        return None

    async def renewed(self, _spec: UpstreamSpec, _used: Authorization) -> Authorization | None:
        return None


async def _follow(asked: _Asked, target: str) -> bytes:
    origin = asked.origin
    for _ in range(_HOPS + 1):
        url = origin.text + target
        async with asked.link.send("GET", url, _ACCEPT, None, asked.trip) as reply:
            if reply.status in _REDIRECTS:
                target = _next_target(reply, asked, target)
            elif reply.status == 200:
                return await _bounded(reply, asked.max_bytes)
            else:
                raise await asked.link.refused(reply)
    raise Broken("MCPX-U04", f"{origin.text} redirects more than {_HOPS} times.")


def _next_target(reply: Reply, asked: _Asked, target: str) -> str:
    origin = asked.origin
    place = urljoin(origin.text + target, reply.headers.get("location", ""))
    try:
        found, target = _parse(place.partition("#")[0], localhost=asked.localhost)
    except UsageError:
        raise Broken("MCPX-U04", f"{origin.text} redirects to what is no URL.") from None
    if found != origin:
        text = f"{origin.text} redirects to {found.text}; only its own origin is followed."
        raise Broken("MCPX-U04", text)
    return target


async def _bounded(reply: Reply, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async with aclosing(reply.pieces()) as pieces:
        async for piece in pieces:
            size += len(piece)
            if size > max_bytes:
                text = f"The document is larger than {max_bytes:,} bytes."
                raise Broken("MCPX-R01", text, status=reply.status)
            parts.append(piece)
    return b"".join(parts)


def _parse(url: str, *, localhost: bool) -> tuple[Origin, str]:
    """The origin, checked as an upstream's, and the exact target: a document may have a query."""
    bare, mark, query = url.partition("?")
    why = "The query holds a fragment or a character to be escaped."
    if query.isascii() and "#" not in query and all("!" <= char <= "~" for char in query):
        try:
            origin, _ = parse_url(bare, localhost=localhost)
            return origin, (urlsplit(bare).path or "/") + mark + query
        except ValueError as error:
            why = str(error)
    raise UsageError("MCPX-W01", f"The document cannot be asked for. {why}")
