"""A document from a URL, by the rules of discovery (S9): GET, without any credential, at most three
redirects and each within the same origin, bounded in bytes and time."""

import asyncio
from contextlib import aclosing
from urllib.parse import urljoin, urlsplit

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.origin import Origin, parse_url
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.http import Link, Reply
from mcp_proxy.errors import UsageError

_HOPS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ACCEPT = (("Accept", "application/json, application/yaml, text/yaml, */*;q=0.5"),)


async def download(url: str, deadline_s: float, *, localhost: bool) -> bytes:
    """The bytes that are at `url`, at most `LIMITS.document_bytes`, within `deadline_s` in all.

    `localhost` admits http://localhost, as the local settings may.

    Raises:
        UsageError: MCPX-W01 the URL is none that can be asked.
        UpstreamError: out of reach, refused, redirected elsewhere, too large or too slow.
    """
    origin, target = _parse(url, localhost=localhost)
    spec = UpstreamSpec("rest", origin.text, None, int(deadline_s * 1000), ())
    link = Link(spec, _NoCredential(), LIMITS)
    try:
        async with asyncio.timeout(deadline_s):
            return await _follow(link, origin, target, Trip(deadline_s), localhost=localhost)
    except TimeoutError:
        text = f"{origin.text} did not give the document within {deadline_s:.3g} seconds."
        raise Broken("MCPX-U02", text) from None
    finally:
        await link.close()


class _NoCredential:
    async def authorization(self, _spec: UpstreamSpec) -> tuple[str, str] | None:
        return None

    def forget(self) -> None:
        """Nothing was kept."""


async def _follow(link: Link, origin: Origin, target: str, trip: Trip, *, localhost: bool) -> bytes:
    for _ in range(_HOPS + 1):
        async with link.send("GET", origin.text + target, _ACCEPT, None, trip) as reply:
            if reply.status in _REDIRECTS:
                target = _next_target(reply, origin, target, localhost=localhost)
            elif reply.status == 200:
                return await _bounded(reply)
            else:
                raise await link.refused(reply)
    raise Broken("MCPX-U04", f"{origin.text} redirects more than {_HOPS} times.")


def _next_target(reply: Reply, origin: Origin, target: str, *, localhost: bool) -> str:
    place = urljoin(origin.text + target, reply.headers.get("location", ""))
    try:
        found, target = _parse(place.partition("#")[0], localhost=localhost)
    except UsageError:
        raise Broken("MCPX-U04", f"{origin.text} redirects to what is no URL.") from None
    if found != origin:
        text = f"{origin.text} redirects to {found.text}; only its own origin is followed."
        raise Broken("MCPX-U04", text)
    return target


async def _bounded(reply: Reply) -> bytes:
    parts: list[bytes] = []
    size = 0
    async with aclosing(reply.pieces()) as pieces:
        async for piece in pieces:
            size += len(piece)
            if size > LIMITS.document_bytes:
                text = f"The document is larger than {LIMITS.document_bytes >> 20} MiB."
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
