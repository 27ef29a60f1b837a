"""The transport against raw loopback servers, under asyncio's debug mode."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx2
from edges.fakes_http import http

from mcp_proxy.edges.http_transport import HttpTransport

OK = http(200, b"ok")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """With asyncio's debug mode; a task or socket that is left behind fails the test."""

    async def alone() -> Any:
        try:
            return await work
        finally:
            await asyncio.sleep(0)
            ours = [task for task in asyncio.all_tasks() if "/mcp_proxy/edges/" in task_file(task)]
            assert not ours

    try:
        return asyncio.run(alone(), debug=True)
    finally:
        gc.collect()


def task_file(task: asyncio.Task[Any]) -> str:
    code = getattr(task.get_coro(), "cr_code", None)
    return "" if code is None else code.co_filename.replace("\\", "/")


@asynccontextmanager
async def transport_to(url: str, connections: int = 100) -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(httpx2.URL(url), connections)
    try:
        yield transport
    finally:
        await transport.aclose()


@asynccontextmanager
async def raw_server(talk: Talk, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """A server that says what `talk` says, whatever it hears; gives its URL."""
    tasks: set[asyncio.Task[None]] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.CancelledError):
                await talk(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(served, host, 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def request(url: str, method: str = "GET", body: bytes = b"", **extensions: Any) -> httpx2.Request:
    rows = {"Host": "x", **({"Content-Length": str(len(body))} if body else {})}
    stream = httpx2.ByteStream(body)
    target = httpx2.URL(url + "/x")
    return httpx2.Request(method, target, headers=rows, stream=stream, extensions=extensions)


async def read(response: httpx2.Response) -> bytes:
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    return b"".join([piece async for piece in response.stream])


async def get(transport: HttpTransport, url: str, **options: Any) -> tuple[int, bytes]:
    response = await transport.handle_async_request(request(url, **options))
    try:
        return response.status_code, await read(response)
    finally:
        await response.aclose()


def says(*parts: bytes) -> Talk:
    """Hears one request head, says `parts`, and hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    return talk
