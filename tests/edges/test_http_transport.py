"""The transport on real loopback connections: what it keeps, what it drops, what it never does."""

import asyncio
import socket
import subprocess
import sys
import threading
from contextlib import suppress

import httpx2
import pytest
from edges.fakes_http import Heard, Loopback, always, http, in_turn
from edges.fakes_transport import (
    CHUNKED,
    OK,
    get,
    raw_server,
    read,
    request,
    run,
    transport_to,
)

from mcp_proxy.edges import http_transport
from mcp_proxy.edges.http_transport import IDLE_CONNECTIONS


def test_requests_in_turn_share_one_connection():
    async def main() -> int:
        async with Loopback(always(OK)) as server, transport_to(server.url) as transport:
            for _ in range(3):
                assert await get(transport, server.url) == (200, b"ok")
            return server.connections

    assert run(main()) == 1


def test_the_youngest_idle_connection_is_used_first():
    ports: list[int] = []
    gate = asyncio.Event()

    async def handler(_heard: Heard, writer: asyncio.StreamWriter) -> bytes:
        ports.append(writer.get_extra_info("peername")[1])
        if len(ports) == 2:
            gate.set()
        await gate.wait()
        return OK

    async def main() -> None:
        async with Loopback(handler) as server, transport_to(server.url) as transport:
            first = await asyncio.gather(
                *(transport.handle_async_request(request(server.url)) for _ in "12")
            )
            for response in first:
                await read(response)
                await response.aclose()
            await get(transport, server.url)
            await get(transport, server.url)

    run(main())
    assert ports[2] == ports[3] == ports[1]


@pytest.mark.parametrize("waves", [1, 3])
def test_a_burst_shares_its_connections_and_leaves_few(waves: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(http_transport, "SURPLUS_S", 0.5)
    open_now: set[int] = set()
    few = asyncio.Event()
    count = IDLE_CONNECTIONS + 4

    async def main() -> int:
        connections = 0
        together = asyncio.Barrier(count)

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            open_now.add(id(writer))
            with suppress(asyncio.IncompleteReadError):
                while await reader.readuntil(b"\r\n\r\n"):
                    await together.wait()
                    writer.write(OK)
            open_now.discard(id(writer))
            if len(open_now) == IDLE_CONNECTIONS:
                few.set()

        async with raw_server(talk) as url, transport_to(url) as transport:
            for _ in range(waves):
                await asyncio.gather(*(get(transport, url) for _ in range(count)))
            await asyncio.wait_for(few.wait(), 5)
            assert len(open_now) == len(transport._idle) == IDLE_CONNECTIONS
        return connections

    assert run(main()) == count


def test_an_idle_connection_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(http_transport, "KEEPALIVE_S", 0.05)

    async def main() -> None:
        closed = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
            assert await reader.read() == b""
            closed.set()

        async with raw_server(talk) as url, transport_to(url) as transport:
            await get(transport, url)
            await asyncio.wait_for(closed.wait(), 5)

    run(main())


def test_a_connection_that_the_server_closed_while_idle_is_not_used():
    async def main() -> list[str]:
        heard: list[str] = []
        closed = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(OK)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            closed.set()

        async with raw_server(talk) as url, transport_to(url) as transport:
            for _ in range(3):
                closed.clear()
                assert await get(transport, url) == (200, b"ok")
                await closed.wait()
        return heard

    assert len(run(main())) == 3


@pytest.mark.parametrize("unasked", [b"", http(200, b"smuggled"), b"HTTP/1.1 408 Timeout\r\n\r\n"])
def test_what_comes_while_idle_is_seen_even_if_the_loop_had_no_time(unasked: bytes):
    """The server's bytes or end are in the kernel, and no turn of the loop has fetched them."""
    server = socket.create_server(("127.0.0.1", 0))
    come = threading.Event()
    answered = threading.Event()
    heard: list[bytes] = []

    def serve() -> None:
        for number in range(2):
            connection, _ = server.accept()
            with connection:
                heard.append(connection.recv(65536))
                connection.sendall(OK)
                if number == 0:
                    answered.wait(5)
                    connection.sendall(unasked)
                    connection.shutdown(socket.SHUT_WR)
                    come.set()
                with suppress(ConnectionError):
                    connection.recv(65536)

    thread = threading.Thread(target=serve)

    async def main() -> None:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        async with transport_to(url) as transport:
            assert await get(transport, url) == (200, b"ok")
            answered.set()
            come.wait(5)
            assert await get(transport, url) == (200, b"ok")

    with server:
        thread.start()
        run(main())
        thread.join()
    assert len(heard) == 2


def test_a_request_lost_on_a_used_connection_is_not_sent_again():
    async def main() -> int:
        heard = 0

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal heard
            while True:
                await reader.readuntil(b"\r\n\r\n")
                heard += 1
                if heard == 2:
                    return
                writer.write(OK)

        async with raw_server(talk) as url, transport_to(url) as transport:
            await get(transport, url)
            with pytest.raises(httpx2.ReadError):
                await get(transport, url)
        return heard

    assert run(main()) == 2


def test_an_answer_not_read_to_its_end_closes_its_connection():
    async def main() -> None:
        closed = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
            await reader.read()
            closed.set()

        async with raw_server(talk) as url, transport_to(url) as transport:
            response = await transport.handle_async_request(request(url))
            await response.aclose()
            await asyncio.wait_for(closed.wait(), 5)
            assert await read(response) == b""

    run(main())


def test_an_answer_whose_end_is_here_already_leaves_its_connection():
    async def main() -> int:
        answers = (http(202, b"Accepted"), CHUNKED + b"1\r\na\r\n0\r\n\r\n", OK)
        async with Loopback(in_turn(*answers)) as server, transport_to(server.url) as transport:
            response = await transport.handle_async_request(request(server.url))
            await response.aclose()
            response = await transport.handle_async_request(request(server.url))
            async for _ in response.stream:
                break
            await response.aclose()
            await response.aclose()
            assert await get(transport, server.url) == (200, b"ok")
            return server.connections

    assert run(main()) == 1


HELD = {"head": b"", "body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "chunk": CHUNKED}


@pytest.mark.parametrize("name", HELD)
def test_a_cancelled_request_closes_its_connection(name: str):
    async def main() -> None:
        heard, closed = asyncio.Event(), asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(HELD[name])
            heard.set()
            await reader.read()
            closed.set()

        async with raw_server(talk) as url, transport_to(url, 1) as transport:
            task = asyncio.create_task(get(transport, url))
            await heard.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(closed.wait(), 5)
            assert not transport._idle
            assert not transport._room.locked()

    run(main())


def test_a_cancelled_handshake_closes_its_connection():
    async def main() -> None:
        heard, closed = asyncio.Event(), asyncio.Event()

        async def talk(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            heard.set()
            with suppress(ConnectionError):
                await reader.read()
            closed.set()

        async with raw_server(talk) as url, transport_to(url.replace("http", "https"), 1) as it:
            task = asyncio.create_task(get(it, url))
            await heard.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(closed.wait(), 5)
            assert not it._room.locked()

    run(main())


def test_closing_ends_the_answers_that_still_come():
    """Also one that only the end of its connection bounds: it must not look complete."""

    async def main() -> None:
        async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\nabc")
            await asyncio.Event().wait()

        async with raw_server(talk) as url, transport_to(url) as transport:
            response = await transport.handle_async_request(request(url))
            reading = asyncio.create_task(read(response))
            await asyncio.sleep(0)
            await transport.aclose()
            with pytest.raises(httpx2.ReadError):
                await reading
            await response.aclose()
            assert not transport._idle
            assert not transport._used

    run(main())


def test_more_requests_than_connections_wait():
    async def main() -> int:
        async with Loopback(always(OK)) as server, transport_to(server.url, 2) as transport:
            held = [await transport.handle_async_request(request(server.url)) for _ in "12"]
            waiting = [asyncio.create_task(get(transport, server.url)) for _ in "123"]
            await asyncio.sleep(0)
            waiting[0].cancel()
            assert not any(task.done() for task in waiting[1:])
            for response in held:
                await response.aclose()
            assert await asyncio.gather(*waiting[1:]) == [(200, b"ok")] * 2
            return server.connections

    assert run(main()) == 2


def test_the_stock_transport_is_not_loaded_by_a_call():
    script = """
import asyncio, sys
from mcp_proxy.app import world
from mcp_proxy.core.answer import Wishes
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.request import RestRequest
from mcp_proxy.edges.upstream_rest import RestUpstream
url = "https://127.0.0.1:1"
async def main():
    upstream = RestUpstream(UpstreamSpec("rest", url, None, 5000, ()), world, LIMITS)
    world.authorization = nothing
    world.forget = print
    request = RestRequest("GET", url + "/x", (), None, retry_safe=False)
    print((await upstream.call(request, Wishes({}), print, 5.0)).text)
    await upstream.close()
async def nothing(spec):
    return None
asyncio.run(main())
print({"httpcore2", "anyio", "sniffio", "httpcore"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "The upstream cannot be reached: connection refused.",
        "set()",
    ]
