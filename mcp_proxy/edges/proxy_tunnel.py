"""A connection through an HTTP proxy: CONNECT (RFC 9110, 9.3.6), then TLS with the host itself.

The proxy sees the host's name, nothing of what is said to it. What it answers with is never shown.
"""

import asyncio
import re
import ssl

from mcp_proxy import __version__
from mcp_proxy.core.proxy import Proxy
from mcp_proxy.core.secret import header_value
from mcp_proxy.edges.http_connect import NotConnected, reach
from mcp_proxy.edges.http_connection import Connection
from mcp_proxy.errors import UpstreamError

_HEAD_BYTES = 16 << 10
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r]")
_SCHEME = re.compile(rb"(?im)^proxy-authenticate:[ \t]*([a-z0-9-]{1,32})")


class _Answer(asyncio.Protocol):
    """Gathers the head of what the proxy answers."""

    def __init__(self) -> None:
        self.head: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        is_whole = b"\r\n\r\n" in self._data or len(self._data) > _HEAD_BYTES
        if is_whole and not self.head.done():
            self.head.set_result(self._data)

    def eof_received(self) -> None:
        self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.head.done():
            self.head.set_exception(exc or ConnectionResetError())
            self.head.exception()  # nobody may wait any more, which is no reason for a warning


async def open_tunnel(
    proxy: Proxy,
    host: str,
    port: int,
    context: ssl.SSLContext,
    proxy_context: ssl.SSLContext | None,
) -> Connection:
    """Connected to the host through the proxy; with `proxy_context` TLS is spoken to it as well.

    Raises:
        OSError: no connection to the proxy, or TLS with the host fails.
        UpstreamError: U01, the proxy refuses.
    """
    named = proxy.origin.text
    try:
        transport, answer = await reach(
            _Answer, proxy.origin.host, proxy.origin.port, proxy_context
        )
    except ssl.SSLError:
        raise NotConnected(f"TLS with the proxy {named} fails", again=False) from None
    except OSError as error:
        raise NotConnected(f"the proxy {named} cannot be reached", again=True) from error
    try:
        transport.write(_question(proxy, host, port))
        try:
            head = await answer.head
        except OSError:
            raise NotConnected(f"the proxy {named} hung up", again=True) from None
        _judge(head, proxy, host, port)
        return await _with_tls(transport, host, context)
    except BaseException:
        transport.abort()
        raise


def _question(proxy: Proxy, host: str, port: int) -> bytes:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}", f"User-Agent: mcp-proxy/{__version__}"]
    if proxy.login is not None:
        lines.append(f"Proxy-Authorization: {header_value('basic', proxy.login)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _judge(head: bytes, proxy: Proxy, host: str, port: int) -> None:
    """Whether the tunnel is there. Raises UpstreamError U01, NotConnected."""
    named, found = proxy.origin.text, _STATUS.match(head)
    if found is None:
        why = f"{named} does not answer as an HTTP proxy."
        raise UpstreamError("MCPX-U01", why, "mcp-proxy network show")
    status = int(found[1])
    if status == 407:
        raise _unwelcome(head, proxy)
    if status in (502, 503, 504):
        raise NotConnected(f"the proxy {named} cannot reach it ({status})", again=True)
    if not 200 <= status < 300:
        why = f"The proxy {named} does not let connections through to {host}:{port} ({status})."
        mend = f"ask whoever runs the proxy, or mcp-proxy network set --no-proxy {host}"
        raise UpstreamError("MCPX-U01", why, mend)
    # After a success there is silence until we speak, be it that the proxy speaks for the host.
    if head.partition(b"\r\n\r\n")[1:] != (b"\r\n\r\n", b""):
        why = f"The proxy {named} speaks in the place of {host}."
        raise UpstreamError("MCPX-U01", why, "mcp-proxy network show")


def _unwelcome(head: bytes, proxy: Proxy) -> UpstreamError:
    """407: what the proxy wants, and what may be done."""
    named = proxy.origin.text
    schemes = [scheme.decode("ascii").lower() for scheme in _SCHEME.findall(head)]
    if schemes and "basic" not in schemes:
        wanted = ", ".join(dict.fromkeys(schemes[:8]))
        why = f"The proxy {named} takes no password by Basic, only {wanted}, not spoken here (407)."
        mend = "run a local proxy that speaks it, such as px or cntlm, and name that with --proxy"
        return UpstreamError("MCPX-U01", why, mend)
    if proxy.login is not None:
        why = f"The proxy {named} refuses the name and password that are set for it (407)."
    else:
        why = f"The proxy {named} wants a name and password (407)."
    mend = f"mcp-proxy credential set NAME --kind basic --origin {named}"
    return UpstreamError(
        "MCPX-U01", why, f"{mend}, then mcp-proxy network set --proxy-credential NAME"
    )


async def _with_tls(transport: asyncio.Transport, host: str, context: ssl.SSLContext) -> Connection:
    connection = Connection()
    loop = asyncio.get_running_loop()
    inner = await loop.start_tls(transport, connection, context, server_hostname=host)
    if inner is None:
        raise ConnectionResetError
    # asyncio tells a protocol of its transport only where it has made both.
    connection.connection_made(inner)
    return connection
