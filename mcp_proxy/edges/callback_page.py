"""The page on this machine that a login's browser comes back to (S22).

It listens on 127.0.0.1 for one login, takes one answer, and is closed with the login. What does not
bear the login's state is turned away and ends nothing: any page or program here can knock.
"""

import asyncio
import contextlib
import html
from typing import NamedTuple

from mcp_proxy.core.oauth_callback import is_ours
from mcp_proxy.core.secret import Secret
from mcp_proxy.errors import CredentialError, UsageError

PATH = "/callback"
WAIT_S = 300.0

_HEAD_BYTES = 16 << 10
_HEAD_S = 10.0
_CONNECTIONS = 16
_LINGER_S = 1.0
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 410: "Gone"}


class Page(NamedTuple):
    """What a browser is shown: a heading and one or two sentences, all of them our own words."""

    heading: str
    text: str


class _Refused(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class CallbackPage:
    """Opened once, answered once. The browser that answered is shown how the login ended."""

    def __init__(self, state: Secret) -> None:
        """`state` is what the authorization request carries; an answer must bear the same."""
        self._state = state
        self._host = b""
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        # Those that have not brought the answer, oldest first.
        self._unheard: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._query: asyncio.Future[str] | None = None
        self._shown: asyncio.Future[Page] | None = None

    async def open(self, port: int) -> str:
        """Listen on `port`, 0 for any that is free; the address to come back to.

        Raises:
            UsageError: W01 the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._query, self._shown = loop.create_future(), loop.create_future()
        try:
            self._server = await asyncio.start_server(
                self._accept, "127.0.0.1", port, limit=_HEAD_BYTES
            )
        except OSError:
            why = f"Port {port} of 127.0.0.1, where the browser is to come back, cannot be used."
            raise UsageError("MCPX-W01", why, "free it, or change `port` of [login]") from None
        taken = self._server.sockets[0].getsockname()[1]
        self._host = f"127.0.0.1:{taken}".encode()
        return f"http://127.0.0.1:{taken}{PATH}"

    async def answer(self, wait_s: float = WAIT_S) -> str:
        """The query that the browser came back with; it bears the login's state.

        Raises:
            CredentialError: C08 nobody came back in time.
        """
        assert self._query is not None  # noqa: S101 - opened before
        try:
            async with asyncio.timeout(wait_s):
                return await asyncio.shield(self._query)
        except TimeoutError:
            why = f"The browser did not come back within {round(wait_s / 60)} minutes."
            raise CredentialError("MCPX-C08", why) from None

    async def close(self, page: Page) -> None:
        """Show the browser that waits how it ended, then listen no more; once closed, nothing."""
        if self._server is None or self._shown is None or self._shown.done():
            return
        self._shown.set_result(page)
        self._server.close()
        for talk in list(self._unheard):
            self._turn_away(talk)
        if self._talks:
            _, late = await asyncio.wait(self._talks, timeout=_LINGER_S)
            for talk in late:
                talk.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._unheard) >= _CONNECTIONS:
            # Not the newest: whoever holds many open would keep the person's browser out.
            self._turn_away(next(iter(self._unheard)))
        talk = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self._talks.add(talk)
        self._unheard[talk] = writer
        talk.add_done_callback(self._forget)

    def _turn_away(self, talk: asyncio.Task[None]) -> None:
        talk.cancel()
        self._unheard.pop(talk).close()

    def _forget(self, talk: asyncio.Task[None]) -> None:
        self._talks.discard(talk)
        self._unheard.pop(talk, None)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # A browser that goes away is none of the login's business.
            with contextlib.suppress(OSError, TimeoutError):
                writer.write(_response(*await self._reply(reader)))
                await writer.drain()
        finally:
            writer.close()

    async def _reply(self, reader: asyncio.StreamReader) -> tuple[int, Page]:
        try:
            async with asyncio.timeout(_HEAD_S):
                head = await reader.readuntil(b"\r\n\r\n")
            query = _query_of(head, self._host)
            self._take(query)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return 400, Page("Not understood", "That was no request that this page takes.")
        except _Refused as refused:
            return refused.status, Page("Nothing was done", refused.text)
        assert self._shown is not None  # noqa: S101 - opened before
        return 200, await asyncio.shield(self._shown)

    def _take(self, query: str) -> None:
        """The one answer of the login; another one, or another's, is refused."""
        assert self._query is not None  # noqa: S101 - opened before
        if not is_ours(query, self._state):
            raise _Refused(400, "That answer does not belong to the login under way.")
        if self._query.done():
            raise _Refused(410, "The login has had its answer; it takes no second one.")
        self._query.set_result(query)
        if talk := asyncio.current_task():
            self._unheard.pop(talk, None)


def _query_of(head: bytes, host: bytes) -> str:
    """The query of a GET of the callback at this very address. Raises _Refused."""
    line, *rows = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, _, rest = line.partition(b" ")
    target, _, version = rest.partition(b" ")
    if version not in (b"HTTP/1.1", b"HTTP/1.0") or not target.isascii():
        raise _Refused(400, "That was no request that this page takes.")
    if method != b"GET":
        raise _Refused(405, "This page is only for reading.")
    hosts = [row.partition(b":")[2].strip() for row in rows if row.lower().startswith(b"host:")]
    if hosts != [host]:
        raise _Refused(400, "That request was meant for another address.")
    path, _, query = target.decode("ascii").partition("?")
    if path != PATH:
        raise _Refused(404, "There is no such page.")
    return query


def _response(status: int, page: Page) -> bytes:
    heading, text = html.escape(page.heading), html.escape(page.text)
    body = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>mcp-proxy: {heading}</title>'
        f"<h1>{heading}</h1><p>{text}</p><p>You can close this window.</p></html>\n"
    ).encode()
    rows = (
        f"HTTP/1.1 {status} {_REASONS[status]}",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Referrer-Policy: no-referrer",
        "X-Content-Type-Options: nosniff",
        f"Content-Security-Policy: {_POLICY}",
        "Connection: close",
    )
    return "\r\n".join(rows).encode() + b"\r\n\r\n" + body
