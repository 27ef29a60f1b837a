"""A new connection to a host, whichever of its addresses answers first (RFC 8305).

asyncio has that too, but loses a socket when it is cancelled at the moment of success.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from itertools import zip_longest
from typing import TypeVar

from mcp_proxy.core.addresses import parse_address
from mcp_proxy.edges.http_connection import Connection
from mcp_proxy.errors import UpstreamError

Made = TypeVar("Made", bound=asyncio.BaseProtocol)
# Whether an address may be connected to.
Admits = Callable[[str], bool]


class NotConnected(OSError):
    """No connection, for a `reason` that the system has no error of; `again`: it may help."""

    def __init__(self, reason: str, *, again: bool) -> None:
        """`reason` completes "The upstream cannot be reached: "."""
        super().__init__(reason)
        self.reason = reason
        self.again = again


# RFC 8305 section 8: the delay before the next address is tried beside the last.
_NEXT_ADDRESS_S = 0.25
# A stream may rightly be silent for days: a peer that has vanished meanwhile is found by TCP
# (RFC 9293 section 3.8.4), by probes after this time, at this distance, this many in vain.
_KEEPALIVE = (
    (("TCP_KEEPIDLE", "TCP_KEEPALIVE"), 60),
    (("TCP_KEEPINTVL",), 15),
    (("TCP_KEEPCNT",), 4),
)


async def connect(
    host: str, port: int, context: ssl.SSLContext | None, admits: Admits | None = None
) -> Connection:
    """Connected, and with a `context` through the TLS handshake.

    `admits` judges each address; the very address that it has judged is connected to.

    Raises:
        OSError: no connection.
        UpstreamError: U01, `admits` refuses every address.
    """
    return (await reach(Connection, host, port, context, admits))[1]


async def reach(
    make: Callable[[], Made],
    host: str,
    port: int,
    context: ssl.SSLContext | None,
    admits: Admits | None = None,
) -> tuple[asyncio.Transport, Made]:
    """As `connect`, for a protocol of any kind, which `make` gives. Raises as `connect`."""
    addresses = [host] if parse_address(host) else await _addresses(host, port)
    if admits is not None:
        addresses = [address for address in addresses if admits(address)]
        if not addresses:
            raise refused_address(host)
    if len(addresses) == 1:
        return await _attempt(make, addresses[0], host, port, context)
    attempts: list[asyncio.Task[tuple[asyncio.Transport, Made]]] = []
    won: asyncio.Task[tuple[asyncio.Transport, Made]] | None = None
    try:
        for number, address in enumerate(addresses, 1):
            attempt = _attempt(make, address, host, port, context)
            attempts.append(asyncio.create_task(attempt))
            won = await _first(attempts, None if number == len(addresses) else _NEXT_ADDRESS_S)
            if won is not None:
                return won.result()
        return attempts[0].result()
    finally:
        for task in attempts:
            if task is not won:
                task.cancel()
                task.add_done_callback(_drop)


class NotPublic(UpstreamError):
    """U01: the host is at no address that untrusted metadata may lead to (S9)."""


def refused_address(host: str) -> NotPublic:
    """The error for that host."""
    why = f"{host} is at an address that is not public, and nothing here says that it is right."
    address = parse_address(host)
    # Clouds tell a machine its own secrets there: no login is at such a place.
    is_none = address is not None and (address.is_link_local or address.is_unspecified)
    mend = "tell the publisher" if is_none else f"mcp-proxy network set --private {host}"
    return NotPublic("MCPX-U01", why, mend)


async def _attempt(
    make: Callable[[], Made], address: str, host: str, port: int, context: ssl.SSLContext | None
) -> tuple[asyncio.Transport, Made]:
    name = None if context is None else host
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(
        make, address, port, ssl=context, server_hostname=name
    )
    _keep_alive(transport.get_extra_info("socket"))
    return transport, protocol


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for names, value in _KEEPALIVE:
        option = next((getattr(socket, name) for name in names if hasattr(socket, name)), None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


async def _first(
    attempts: list[asyncio.Task[tuple[asyncio.Transport, Made]]], wait_s: float | None
) -> asyncio.Task[tuple[asyncio.Transport, Made]] | None:
    """The first to succeed; None once the youngest has failed or had its time, or all failed."""
    loop = asyncio.get_running_loop()
    ends_at = None if wait_s is None else loop.time() + wait_s
    while running := [task for task in attempts if not task.done()]:
        left_s = None if ends_at is None else ends_at - loop.time()
        await asyncio.wait(running, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        for task in attempts:
            if task.done() and task.exception() is None:
                return task
        if ends_at is not None and (attempts[-1].done() or loop.time() >= ends_at):
            return None
    return None


async def _addresses(host: str, port: int) -> list[str]:
    """As the system orders them, but the two families in turn. Raises socket.gaierror."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    first = [str(row[4][0]) for row in found if row[0] == found[0][0]]
    other = [str(row[4][0]) for row in found if row[0] != found[0][0]]
    return [address for pair in zip_longest(first, other) for address in pair if address]


def _drop(task: asyncio.Task[tuple[asyncio.Transport, Made]]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result()[0].abort()
