"""A new connection to a host, whichever of its addresses answers first (RFC 8305).

asyncio has that too, but loses a socket when it is cancelled at the moment of success.
"""

import asyncio
import socket
import ssl
from itertools import zip_longest

from mcp_proxy.edges.http_connection import Connection

# RFC 8305 section 8: the delay before the next address is tried beside the last.
_NEXT_ADDRESS_S = 0.25
# A stream may rightly be silent for days: a peer that has vanished meanwhile is found by TCP
# (RFC 9293 section 3.8.4), by probes after this time, at this distance, this many in vain.
_KEEPALIVE = (
    (("TCP_KEEPIDLE", "TCP_KEEPALIVE"), 60),
    (("TCP_KEEPINTVL",), 15),
    (("TCP_KEEPCNT",), 4),
)


async def connect(host: str, port: int, context: ssl.SSLContext | None) -> Connection:
    """Connected, and with a `context` through the TLS handshake. Raises OSError."""
    addresses = [host] if _is_literal(host) else await _addresses(host, port)
    if len(addresses) == 1:
        return await _attempt(addresses[0], host, port, context)
    attempts: list[asyncio.Task[Connection]] = []
    won: asyncio.Task[Connection] | None = None
    try:
        for number, address in enumerate(addresses, 1):
            attempt = _attempt(address, host, port, context)
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


async def _attempt(
    address: str, host: str, port: int, context: ssl.SSLContext | None
) -> Connection:
    name = None if context is None else host
    loop = asyncio.get_running_loop()
    transport, connection = await loop.create_connection(
        Connection, address, port, ssl=context, server_hostname=name
    )
    _keep_alive(transport.get_extra_info("socket"))
    return connection


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for names, value in _KEEPALIVE:
        option = next((getattr(socket, name) for name in names if hasattr(socket, name)), None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


async def _first(
    attempts: list[asyncio.Task[Connection]], wait_s: float | None
) -> asyncio.Task[Connection] | None:
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


def _is_literal(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False


def _drop(task: asyncio.Task[Connection]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()
