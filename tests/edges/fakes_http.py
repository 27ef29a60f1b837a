"""A real HTTP/1.1 server on loopback whose answers are the test's own bytes, good or bad."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Self

from mcp_proxy.core.authorization import Authorization
from mcp_proxy.core.profile import Auth, UpstreamSpec
from mcp_proxy.errors import CredentialError


class Heard(NamedTuple):
    """One request as it came. Header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Handler = Callable[[Heard, asyncio.StreamWriter], Awaitable[bytes | None]]


class Loopback:
    """Serves until left. A handler returns the whole answer, or writes it itself and returns None,
    after which the connection is closed."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self.heard: list[Heard] = []
        self.connections = 0
        self.closed = asyncio.Event()
        self._handler = handler
        self._tls = tls

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        scheme = "https" if self._tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks():
            task.cancel()
        await asyncio.gather(*self._tasks(), return_exceptions=True)

    def spec(self, path: str = "", **changes: Any) -> UpstreamSpec:
        base = UpstreamSpec("rest", self.url + path, Auth("bearer", "api", ""), 5000, ())
        return base._replace(**changes)

    def _tasks(self) -> list[asyncio.Task[Any]]:
        return [task for task in asyncio.all_tasks() if task.get_name() == f"loopback-{id(self)}"]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.set_name(f"loopback-{id(self)}")
        self.connections += 1
        try:
            while (heard := await _read(reader)) is not None:
                self.heard.append(heard)
                answer = await self._watched(heard, writer, reader)
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _watched(
        self, heard: Heard, writer: asyncio.StreamWriter, reader: asyncio.StreamReader
    ) -> bytes | None:
        """The handler's answer; `closed` is set if the client hangs up before it comes."""
        work = asyncio.ensure_future(self._handler(heard, writer))
        hang_up = asyncio.ensure_future(_hang_up(reader))
        try:
            await asyncio.wait({work, hang_up}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and hang_up.done():
                self.closed.set()
                raise ConnectionResetError
            return work.result()
        finally:
            for task in (work, hang_up):
                task.cancel()
            await asyncio.gather(work, hang_up, return_exceptions=True)


async def _hang_up(reader: asyncio.StreamReader) -> None:
    while not reader.at_eof() and reader.exception() is None:
        await asyncio.sleep(0.005)


async def _read(reader: asyncio.StreamReader) -> Heard | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ssl.SSLError):
        return None
    first, *lines = head[:-4].split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    method, target, _ = first.split(" ")
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Heard(method, target, headers, body)


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A whole answer; keyword `content_type` becomes Content-Type."""
    rows = {"Content-Length": str(len(body))}
    rows |= {name.replace("_", "-").title(): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in rows.items())
    return f"HTTP/1.1 {status} Anything\r\n{lines}\r\n".encode() + body


def json_answer(value: Any, status: int = 200, **headers: str) -> bytes:
    return http(status, json.dumps(value).encode(), content_type="application/json", **headers)


def always(answer: bytes) -> Handler:
    async def handler(_heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return answer

    return handler


def in_turn(*answers: bytes) -> Handler:
    left = list(answers)

    async def handler(_heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return left.pop(0)

    return handler


class FakeAuthorizer:
    """Gives one header, or raises; counts how often another one was asked for."""

    def __init__(self, header: tuple[str, str] | CredentialError | None = None) -> None:
        self.header = header
        self.renewals = 0

    async def authorization(self, _spec: UpstreamSpec) -> Authorization | None:
        if isinstance(self.header, CredentialError):
            raise self.header
        return None if self.header is None else Authorization((self.header,))

    async def renewed(self, spec: UpstreamSpec, used: Authorization) -> Authorization | None:
        self.renewals += 1
        other = await self.authorization(spec)
        return None if other == used else other
