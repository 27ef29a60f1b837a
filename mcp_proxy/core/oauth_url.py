"""URLs of OAuth: parsed as strictly as an upstream's (`core.origin`), but they may have a query."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.origin import Origin, parse_url

_QUERY = re.compile(r"([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")


class Place(NamedTuple):
    """Where a request goes: `target` is the path and query as written, "/" at least."""

    origin: Origin
    target: str

    @property
    def url(self) -> str:
        """The URL with its origin in canonical form."""
        return self.origin.text + self.target


def parse_place(url: str, *, localhost: bool = False) -> Place:
    """An https URL, or http to this machine alone (S9); without fragment and user name.

    `localhost` admits `http://localhost`, which a person allows in the local settings.

    Raises:
        ValueError: a whole sentence that says what is wrong with it; it never quotes the URL.
    """
    if len(url) > LIMITS.endpoint_chars:
        raise ValueError(f"The URL is longer than {LIMITS.endpoint_chars:,} characters.")
    bare, mark, query = url.partition("?")
    if not _QUERY.fullmatch(query):
        raise ValueError("The URL has a fragment, or its query a character that must be escaped.")
    origin, _ = parse_url(bare, localhost=localhost)
    return Place(origin, (urlsplit(bare).path or "/") + mark + query)


def parse_identifier(url: str, *, localhost: bool = False) -> Place:
    """As `parse_place`, for what has no query: an issuer (RFC 8414, 2) or a resource.

    Raises:
        ValueError: as `parse_place`.
    """
    if "?" in url:
        raise ValueError("The URL has a query; an issuer and a resource have none.")
    return parse_place(url, localhost=localhost)


def well_known(url: str, suffix: str, *, localhost: bool = False) -> str:
    """`url` with `/.well-known/SUFFIX` before its path (RFC 8414, 3.1; RFC 9728, 3.1).

    Raises:
        ValueError: as `parse_identifier`.
    """
    place = parse_identifier(url, localhost=localhost)
    return f"{place.origin.text}/.well-known/{suffix}{place.target.removesuffix('/')}"
