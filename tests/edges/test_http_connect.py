"""New connections: deadlines, several addresses, and nothing left open when a call goes away."""

import asyncio
import socket
import sys
from contextlib import suppress

import httpx2
import pytest
from edges.fakes_http import Loopback, always
from edges.fakes_transport import (
    OK,
    get,
    raw_server,
    run,
    says,
    transport_to,
)

from mcp_proxy.edges.http_connect import connect


def test_a_peer_that_vanishes_behind_a_silent_stream_is_found_by_the_system():
    async def main() -> None:
        async with Loopback(always(OK)) as server:
            connection = await connect("127.0.0.1", server.port, None)
            sock = connection._transport.get_extra_info("socket")
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            if sys.platform == "linux":
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
            connection.close()

    run(main())


def test_a_refused_connection_says_so():
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
        async with transport_to(url) as transport:
            with pytest.raises(httpx2.ConnectError) as caught:
                await get(transport, url)
            assert isinstance(caught.value.__cause__, ConnectionRefusedError)

    run(main())


def test_a_server_that_never_shakes_hands_is_left_at_the_connect_deadline():
    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        async with raw_server(silent) as url, transport_to(url.replace("http", "https")) as it:
            with pytest.raises(httpx2.ConnectTimeout):
                await get(it, url, timeout={"connect": 0.2})

    run(main())


def resolve_to(monkeypatch: pytest.MonkeyPatch, port: int, *addresses: str) -> None:
    """Let every name have these addresses."""
    found = [
        (
            socket.AF_INET6 if ":" in address else socket.AF_INET,
            socket.SOCK_STREAM,
            socket.IPPROTO_TCP,
            "",
            (address, port, 0, 0) if ":" in address else (address, port),
        )
        for address in addresses
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)


@pytest.mark.skipif(sys.platform != "linux", reason="has one address of the loopback only")
@pytest.mark.parametrize("listens", ["127.0.0.1", "127.0.0.3"])
def test_a_name_of_several_addresses_is_reached_at_the_one_that_listens(
    listens: str, monkeypatch: pytest.MonkeyPatch
):
    async def main() -> None:
        async with raw_server(says(OK), listens) as url:
            port = int(url.rpartition(":")[2])
            resolve_to(monkeypatch, port, "127.0.0.1", "127.0.0.2", "127.0.0.3")
            async with transport_to(f"http://name.example:{port}") as transport:
                assert await get(transport, url) == (200, b"ok")

    run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="has one address of the loopback only")
def test_an_address_that_does_not_answer_holds_up_the_next_only_a_moment(
    monkeypatch: pytest.MonkeyPatch,
):
    """The first address accepts nothing more: its queue of one is full."""

    async def main() -> None:
        with socket.socket() as full, socket.socket() as fills:
            full.bind(("127.0.0.2", 0))
            full.listen(0)
            fills.setblocking(False)
            port = full.getsockname()[1]
            fills.connect_ex(("127.0.0.2", port))
            server = await asyncio.start_server(talk, "127.0.0.1", port)
            resolve_to(monkeypatch, port, "127.0.0.2", "127.0.0.1")
            url = f"http://name.example:{port}"
            async with transport_to(url) as transport:
                assert await asyncio.wait_for(get(transport, url), 5) == (200, b"ok")
            server.close()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await says(OK)(reader, writer)

    run(main())


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("127.0.0.1", "127.0.0.2", "::1")])
def test_all_addresses_refused_is_a_refusal(
    addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        resolve_to(monkeypatch, port, *addresses)
        url = f"http://name.example:{port}"
        async with transport_to(url) as transport:
            with pytest.raises(httpx2.ConnectError) as caught:
                await get(transport, url)
            assert isinstance(caught.value.__cause__, ConnectionRefusedError)

    run(main())


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("127.0.0.2", "127.0.0.1")])
def test_a_call_cancelled_at_any_moment_leaves_nothing_open(
    addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    async def main() -> None:
        async with Loopback(always(OK)) as server:
            resolve_to(monkeypatch, server.port, *addresses)
            url = f"http://name.example:{server.port}"
            for turns in range(40):
                async with transport_to(url, 1) as transport:
                    task = asyncio.create_task(get(transport, url))
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
                    assert not transport._room.locked()
                    assert not transport._used

    run(main())


def test_an_ipv6_literal_is_reached():
    async def main() -> None:
        try:
            async with raw_server(says(OK), "::1") as url, transport_to(url) as transport:
                assert await get(transport, url) == (200, b"ok")
        except OSError as error:
            pytest.skip(f"no IPv6 here: {error}")

    run(main())
