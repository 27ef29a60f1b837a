"""A page on this machine, for this machine's browser (S22): the server under each local page.

It listens on 127.0.0.1, answers one request a connection, and judges before anybody answers: any
page or program here can knock. Read with bounds; the host must be this very address, and a form
must come from a page of this very address.
"""

import asyncio
import contextlib
import html
import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

_ADDRESS = "127.0.0.1"
_HEAD_BYTES = 16 << 10
_FORM_BYTES = 16 << 10
_REQUEST_S = 10.0
_CONNECTIONS = 16
_LINGER_S = 1.0
_LENGTH = re.compile(rb"[0-9]{1,6}")
_FORM_TYPE = b"application/x-www-form-urlencoded"
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    410: "Gone",
    422: "Unprocessable Content",
    503: "Service Unavailable",
}


class Asked(NamedTuple):
    """A request that this page may answer; `form` is None for a GET, else the posted body."""

    path: str
    query: str
    form: bytes | None


class Reply(NamedTuple):
    """What a browser is shown, under that Content-Security-Policy and Referrer-Policy."""

    status: int
    body: bytes
    policy: str = _POLICY
    referrer: str = "no-referrer"


class Refused(Exception):
    """The request is turned away with a status and a sentence of our own."""

    def __init__(self, status: int, text: str) -> None:
        """`text` is shown to whoever asked."""
        super().__init__(text)
        self.status = status
        self.text = text


class _Head(NamedTuple):
    method: bytes
    target: str
    fields: dict[bytes, list[bytes]]


class LocalPage:
    """The server: open it, and it answers until it is closed."""

    def __init__(
        self, answer: Callable[[Asked], Awaitable[Reply]], *, takes_forms: bool = False
    ) -> None:
        """`answer` may raise Refused; it sees only requests that were meant for this page."""
        self._answer = answer
        self._methods = (b"GET", b"POST") if takes_forms else (b"GET",)
        self._host = b""
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        # Those that have not brought what is waited for, oldest first.
        self._unheard: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def open(self, port: int) -> str:
        """Listen on `port`, 0 for any that is free; the origin. Raises OSError."""
        self._server = await asyncio.start_server(self._accept, _ADDRESS, port, limit=_HEAD_BYTES)
        taken = self._server.sockets[0].getsockname()[1]
        self._host = f"{_ADDRESS}:{taken}".encode()
        return f"http://{_ADDRESS}:{taken}"

    def heard(self) -> None:
        """The request under way has brought what was waited for; it is answered in any case."""
        if talk := asyncio.current_task():
            self._unheard.pop(talk, None)

    async def close(self) -> None:
        """Listen no more; those that were heard get their answer, within a second."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        current = asyncio.current_task()
        for talk in [talk for talk in self._unheard if talk is not current]:
            self._turn_away(talk)
        others = self._talks - {current}
        if others:
            _, late = await asyncio.wait(others, timeout=_LINGER_S)
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
            # A browser that goes away is nobody's business.
            with contextlib.suppress(OSError, TimeoutError):
                writer.write(_response(await self._reply(reader)))
                await writer.drain()
        finally:
            writer.close()

    async def _reply(self, reader: asyncio.StreamReader) -> Reply:
        try:
            async with asyncio.timeout(_REQUEST_S):
                asked = await self._read(reader)
            return await self._answer(asked)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return plain(400, "Not understood", "That was no request that this page takes.")
        except Refused as refused:
            return plain(refused.status, "Nothing was done", refused.text)

    async def _read(self, reader: asyncio.StreamReader) -> Asked:
        head = _head_of(await reader.readuntil(b"\r\n\r\n"))
        if head.method not in self._methods:
            raise Refused(405, "This page is only for reading.")
        if head.fields.get(b"host") != [self._host]:
            raise Refused(400, "That request was meant for another address.")
        form = None
        if head.method == b"POST":
            form = await reader.readexactly(_length(head))
            _check_form(head, self._host)
        path, _, query = head.target.partition("?")
        return Asked(path, query, form)


def plain(status: int, heading: str, text: str) -> Reply:
    """A page of a heading and a sentence or two, all of them our own words."""
    heading, text = html.escape(heading), html.escape(text)
    body = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>mcp-proxy: {heading}</title>'
        f"<h1>{heading}</h1><p>{text}</p><p>You can close this window.</p></html>\n"
    )
    return Reply(status, body.encode())


def _head_of(head: bytes) -> _Head:
    line, *rows = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, _, rest = line.partition(b" ")
    target, _, version = rest.partition(b" ")
    if version not in (b"HTTP/1.1", b"HTTP/1.0") or not target.isascii():
        raise Refused(400, "That was no request that this page takes.")
    fields: dict[bytes, list[bytes]] = {}
    for row in rows:
        name, _, value = row.partition(b":")
        fields.setdefault(name.lower(), []).append(value.strip())
    return _Head(method, target.decode("ascii"), fields)


def _length(head: _Head) -> int:
    """How long the form is. Raises Refused for one of no length, or too long."""
    lengths = head.fields.get(b"content-length", [])
    if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]) or int(lengths[0]) > _FORM_BYTES:
        raise Refused(400, "That was no form of this page.")
    if b"transfer-encoding" in head.fields:
        raise Refused(400, "That was no form of this page.")
    return int(lengths[0])


def _check_form(head: _Head, host: bytes) -> None:
    """A form counts only from a page of this address, sent as such forms are."""
    if head.fields.get(b"origin") != [b"http://" + host]:
        raise Refused(403, "That form does not come from this page.")
    if head.fields.get(b"content-type") != [_FORM_TYPE]:
        raise Refused(400, "That was no form of this page.")


def _response(reply: Reply) -> bytes:
    rows = (
        f"HTTP/1.1 {reply.status} {_REASONS[reply.status]}",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(reply.body)}",
        "Cache-Control: no-store",
        f"Content-Security-Policy: {reply.policy}",
        f"Referrer-Policy: {reply.referrer}",
        "Cross-Origin-Opener-Policy: same-origin",
        "Cross-Origin-Resource-Policy: same-origin",
        "X-Content-Type-Options: nosniff",
        "X-Frame-Options: DENY",
        "Connection: close",
    )
    return "\r\n".join(rows).encode() + b"\r\n\r\n" + reply.body
