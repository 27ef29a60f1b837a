"""Messages on one connection: written at once, read in bounded pieces, refused if not HTTP."""

import asyncio
import socket
from contextlib import suppress

import httpx2
import pytest
from edges.fakes_http import FakeAuthorizer, Loopback, always, http
from edges.fakes_transport import (
    CHUNKED,
    OK,
    get,
    raw_server,
    request,
    run,
    says,
    transport_to,
)

from mcp_proxy.core.answer import Failure, Wishes
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.request import RestRequest
from mcp_proxy.edges.http_connection import HEAD_BYTES
from mcp_proxy.edges.upstream_rest import RestUpstream


def test_a_small_request_goes_out_in_one_piece_without_delay():
    async def main() -> bytes:
        first = b""

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal first
            first = await reader.read(65536)
            writer.write(OK)
            await reader.read()

        async with raw_server(talk) as url, transport_to(url) as transport:
            await get(transport, url, method="POST", body=b"b" * 5000)
            (idle,) = transport._idle
            sock = idle._transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        return first

    heard = run(main())
    assert heard.startswith(b"POST /x HTTP/1.1\r\nHost: x\r\n")
    assert heard.endswith(b"\r\n\r\n" + b"b" * 5000)


@pytest.mark.parametrize("hangs_up", [False, True])
def test_an_early_answer_to_a_body_that_nobody_reads_is_read(hangs_up: bool):
    async def main() -> int:
        connections = 0

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            writer.transport.pause_reading()
            writer.write(http(413, b"too large"))
            await writer.drain()
            if not hangs_up:
                await asyncio.Event().wait()

        async with raw_server(talk) as url, transport_to(url) as transport:
            for _ in range(2):
                answer = get(transport, url, method="POST", body=b"b" * (32 << 20))
                assert await asyncio.wait_for(answer, 5) == (413, b"too large")
        return connections

    assert run(main()) == 2


@pytest.mark.parametrize("target", [b"/a b", b"/a\r\nX: y", b"/a\x00"])
def test_s11_a_target_that_http_does_not_allow_is_not_written(target: bytes):
    async def main() -> int:
        async with Loopback(always(OK)) as server, transport_to(server.url) as transport:
            with pytest.raises(httpx2.LocalProtocolError):
                await get(transport, server.url, target=target)
            return len(server.heard)

    assert run(main()) == 0


def test_s11_a_url_that_http_does_not_allow_is_a_failure_and_nothing_was_sent():
    async def main() -> Failure:
        async with Loopback(always(OK)) as server:
            upstream = RestUpstream(server.spec(), FakeAuthorizer(), LIMITS)
            asked = RestRequest("GET", server.url + "/a b", (), None, retry_safe=True)
            answer = await upstream.call(asked, Wishes({}), lambda _event: None, 5.0)
            await upstream.close()
            assert isinstance(answer, Failure)
            assert not server.heard
            return answer

    failure = run(main())
    assert (failure.id, failure.sent) == ("MCPX-U01", "no")
    assert "cannot be written" in failure.text


BODIES = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc", True),
    "chunks": (CHUNKED + b"1;x=y\r\na\r\n2\r\nbc\r\n0\r\nTrailer: x\r\n\r\n", b"abc", True),
    "empty chunks": (CHUNKED + b"0\r\n\r\n", b"", True),
    "to the end": (b"HTTP/1.1 200 OK\r\n\r\nabc", b"abc", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc", False),
    "close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", b"a", False),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", b"", True),
    "103": (b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 100 \r\n\r\n" + OK, b"ok", True),
    "trailing bytes": (OK + OK, b"ok", False),
    "trailing line": (OK + b"\r\n", b"ok", False),
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_are_read_as_they_are_framed(name: str):
    answer, body, kept = BODIES[name]

    async def main() -> int:
        connections = 0

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)
                if name in ("to the end", "HTTP/1.0", "close"):
                    writer.close()
                    return

        async with raw_server(talk) as url, transport_to(url) as transport:
            for _ in range(2):
                assert (await get(transport, url))[1] == body
        return connections

    assert run(main()) == (1 if kept else 2)


def test_an_answer_to_head_has_no_body():
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n"

    async def main() -> int:
        async with Loopback(always(answer)) as server, transport_to(server.url) as transport:
            for _ in range(2):
                assert await get(transport, server.url, method="HEAD") == (200, b"")
            return server.connections

    assert run(main()) == 1


def test_an_answer_in_single_bytes_is_read():
    answer = CHUNKED + b"3\r\nabc\r\n0\r\n\r\n"

    async def main() -> None:
        async with (
            raw_server(says(*(answer[at : at + 1] for at in range(len(answer))))) as url,
            transport_to(url) as transport,
        ):
            assert await get(transport, url) == (200, b"abc")

    run(main())


def test_a_piece_arrives_before_the_next_is_sent():
    async def main() -> list[bytes]:
        go_on = asyncio.Event()

        async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(CHUNKED)
            for piece in (b"one", b"two"):
                writer.write(b"3\r\n%s\r\n" % piece)
                await go_on.wait()
                go_on.clear()
            writer.write(b"0\r\n\r\n")
            await asyncio.Event().wait()

        pieces = []
        async with raw_server(talk) as url, transport_to(url) as transport:
            response = await transport.handle_async_request(request(url))
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            async for piece in response.stream:
                pieces.append(piece)
                go_on.set()
            await response.aclose()
        return pieces

    assert run(main()) == [b"one", b"two"]


NOT_HTTP = {
    "garbage": b"garbage\r\n\r\n",
    "a head too large": b"HTTP/1.1 200 OK\r\nX: " + b"x" * (3 * HEAD_BYTES) + b"\r\n\r\n",
    "a head without end": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * HEAD_BYTES,
    "101": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
    "interim answers without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: 3\r\n\r\nabc",
}


@pytest.mark.parametrize("name", NOT_HTTP)
def test_what_is_not_http_is_refused(name: str):
    async def main() -> None:
        async with raw_server(says(NOT_HTTP[name])) as url, transport_to(url) as transport:
            with pytest.raises(httpx2.RemoteProtocolError):
                await get(transport, url)
            assert not transport._idle
            assert not transport._used

    run(main())


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 100 \r\n\r\n"])
def test_an_end_before_the_answers_head_is_a_loss(said: bytes):
    async def main() -> None:
        async with raw_server(says(said)) as url, transport_to(url) as transport:
            with pytest.raises(httpx2.ReadError):
                await get(transport, url)

    run(main())


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", CHUNKED + b"5\r\nabc", CHUNKED]
)
def test_a_body_cut_off_is_no_body(said: bytes):
    async def main() -> None:
        async with raw_server(says(said)) as url, transport_to(url) as transport:
            with pytest.raises(httpx2.RemoteProtocolError):
                await get(transport, url)

    run(main())


def test_an_endless_body_is_read_no_faster_than_it_is_taken():
    async def main() -> int:
        sent = 0
        stuck = asyncio.Event()

        async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            with suppress(TimeoutError):
                while sent < 256 << 20:
                    writer.write(b" " * 65536)
                    await asyncio.wait_for(writer.drain(), 0.5)
                    sent += 65536
            stuck.set()

        async with raw_server(talk) as url, transport_to(url) as transport:
            response = await transport.handle_async_request(request(url))
            await stuck.wait()
            await response.aclose()
        return sent

    assert run(main()) < 32 << 20  # what the kernel holds, and a little more
