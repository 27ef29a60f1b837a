"""Whose certificate a host presents, looked at and not trusted: nothing is sent over it."""

import asyncio
import ssl
import warnings
from typing import NamedTuple

from cryptography import x509

from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges.http_connect import connect
from mcp_proxy.edges.network import Network
from mcp_proxy.edges.proxy_tunnel import open_tunnel

_NAME_CHARS = 200


class Peer(NamedTuple):
    """What a certificate says of itself, cleaned, and how many CAs are trusted here, 0 if unknown.

    `is_known`: one of them has the issuer's name. `ends` is a date in UTC.
    """

    subject: str
    issuer: str
    ends: str
    is_known: bool
    trusted: int


async def look_at(network: Network, host: str, port: int) -> Peer | None:
    """What that host presents on the way that upstreams are reached by; None if nothing to read.

    Raises:
        OSError: no connection.
        McpProxyError: as `Route.connect`.
    """
    plan = await asyncio.to_thread(network.plan, host, port, None, tls=True)
    if plan.context is None:
        return None
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    if plan.proxy is None:
        connection = await connect(host, port, blind)
    else:
        connection = await open_tunnel(plan.proxy, host, port, blind, plan.proxy_context)
    try:
        data = connection.peer_certificate()
    finally:
        connection.close()
    return None if data is None else read_peer(data, plan.context.get_ca_certs(binary_form=True))


def read_peer(data: bytes, trusted: list[bytes]) -> Peer | None:
    """A DER certificate in words, against those of the CAs; None where it cannot be read."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of what RFC 5280 would not allow
            found = x509.load_der_x509_certificate(data)
        # By its bytes: a system's old CAs hold what a parser may refuse.
        name = found.issuer.public_bytes()
        known = any(name in one for one in trusted)
        ends = found.not_valid_after_utc.date().isoformat()
        return Peer(_words(found.subject), _words(found.issuer), ends, known, len(trusted))
    except ValueError:
        return None


def _words(name: x509.Name) -> str:
    return one_sentence(name.rfc4514_string(), _NAME_CHARS).rstrip(".") or "nobody"
