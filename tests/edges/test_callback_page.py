"""The page that a login's browser comes back to, asked by real sockets."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.callback_page import CallbackPage, Page
from mcp_proxy.errors import CredentialError, UsageError

STATE = "s" * 43
DONE = Page("Logged in", "It is <done>.")


async def ask(address: str, request: str) -> str:
    port = int(address.split(":")[2].partition("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.replace("HOST", f"127.0.0.1:{port}").encode("latin-1"))
    try:
        return (await reader.read()).decode()
    finally:
        writer.close()


def get(query: str, method: str = "GET", path: str = "/callback", host: str = "HOST") -> str:
    return f"{method} {path}?{query} HTTP/1.1\r\nHost: {host}\r\n\r\n"


def with_page(work: Callable[[CallbackPage, str], Awaitable[None]]) -> None:
    async def run() -> None:
        page = CallbackPage(Secret(STATE))
        address = await page.open(0)
        try:
            await work(page, address)
        finally:
            await page.close(DONE)

    asyncio.run(run())


def test_the_answer_is_taken_and_the_browser_is_shown_how_the_login_ended() -> None:
    async def work(page: CallbackPage, address: str) -> None:
        talk = asyncio.create_task(ask(address, get(f"code=abc&state={STATE}")))
        assert await page.answer() == f"code=abc&state={STATE}"
        assert not talk.done()
        await page.close(DONE)
        shown = await talk
        assert shown.startswith("HTTP/1.1 200 OK\r\n")
        assert "<h1>Logged in</h1><p>It is &lt;done&gt;.</p>" in shown
        assert "abc" not in shown

    async def run() -> None:
        page = CallbackPage(Secret(STATE))
        await work(page, await page.open(0))

    asyncio.run(run())


def test_s22_a_page_is_not_kept_framed_or_referred_from() -> None:
    async def work(_page: CallbackPage, address: str) -> None:
        shown = await ask(address, get("state=no"))
        assert "\r\nCache-Control: no-store\r\n" in shown
        assert "\r\nReferrer-Policy: no-referrer\r\n" in shown
        policy = shown.partition("Content-Security-Policy: ")[2].partition("\r\n")[0]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "Set-Cookie" not in shown

    with_page(work)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get("code=abc&state=guess"), 400),
        (get("code=abc"), 400),
        (get(f"code=abc&state={STATE}&state={STATE}"), 400),
        (get("&".join(["a=b"] * 40)), 400),
        (get("state=%ff%fe"), 400),
        (get(f"state={STATE}", method="POST"), 405),
        (get(f"state={STATE}", method="HEAD"), 405),
        (get(f"state={STATE}", path="/favicon.ico"), 404),
        (get(f"state={STATE}", path="http://127.0.0.1/callback"), 404),
        (get(f"state={STATE}", host="localhost:1"), 400),
        (get(f"state={STATE}", host="evil.example"), 400),
        (get(f"state={STATE}", host="HOST\r\nHost: HOST"), 400),
        (f"GET /callback?state={STATE} HTTP/1.1\r\n\r\n", 400),
        (f"GET /callback?state={STATE}\r\nHost: HOST\r\n\r\n", 400),
        (get("state=" + "x" * 20_000), 400),
        ("\r\n\r\n", 400),
    ],
    ids=range(16),
)
def test_s22_what_is_not_the_answer_is_turned_away_and_ends_nothing(
    request_: str, status: int
) -> None:
    async def work(page: CallbackPage, address: str) -> None:
        assert (await ask(address, request_)).startswith(f"HTTP/1.1 {status} ")
        talk = asyncio.create_task(ask(address, get(f"code=right&state={STATE}")))
        assert await page.answer() == f"code=right&state={STATE}"
        await page.close(DONE)
        assert "Logged in" in await talk

    with_page(work)


def test_s22_a_second_answer_is_refused() -> None:
    async def work(page: CallbackPage, address: str) -> None:
        first = asyncio.create_task(ask(address, get(f"code=one&state={STATE}")))
        await page.answer()
        assert (await ask(address, get(f"code=two&state={STATE}"))).startswith("HTTP/1.1 410 ")
        assert await page.answer() == f"code=one&state={STATE}"
        await page.close(DONE)
        await first

    with_page(work)


def test_s22_it_listens_on_the_loopback_address_alone_and_no_longer_than_the_login() -> None:
    addresses = []

    async def work(page: CallbackPage, address: str) -> None:
        addresses.append(address)
        assert address.startswith("http://127.0.0.1:")

    with_page(work)
    port = int(addresses[0].split(":")[2].partition("/")[0])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_browser_that_stays_away_is_not_waited_for_for_ever() -> None:
    async def work(page: CallbackPage, _address: str) -> None:
        with pytest.raises(CredentialError, match="did not come back") as caught:
            await page.answer(wait_s=0.01)
        assert caught.value.id == "MCPX-C08"

    with_page(work)


def test_a_connection_that_says_nothing_holds_up_neither_the_answer_nor_the_end() -> None:
    async def work(page: CallbackPage, address: str) -> None:
        port = int(address.split(":")[2].partition("/")[0])
        _, silent = await asyncio.open_connection("127.0.0.1", port)
        silent.write(b"GET /call")
        talk = asyncio.create_task(ask(address, get(f"code=right&state={STATE}")))
        assert await page.answer() == f"code=right&state={STATE}"
        async with asyncio.timeout(10):
            await page.close(DONE)
        await talk
        silent.close()

    with_page(work)


def test_s22_connections_held_open_do_not_keep_the_browser_out() -> None:
    async def work(page: CallbackPage, address: str) -> None:
        port = int(address.split(":")[2].partition("/")[0])
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
        async with asyncio.timeout(5):
            talk = asyncio.create_task(ask(address, get(f"code=right&state={STATE}")))
            assert await page.answer() == f"code=right&state={STATE}"
            held += [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
            assert await held[0][0].read() == b""
            begun_s = asyncio.get_running_loop().time()
            await page.close(DONE)
            assert "Logged in" in await talk
            assert asyncio.get_running_loop().time() - begun_s < 0.9
        for _, writer in held:
            writer.close()

    with_page(work)


def test_a_port_that_is_taken_is_said() -> None:
    async def run(port: int) -> None:
        with pytest.raises(UsageError, match=f"Port {port} "):
            await CallbackPage(Secret(STATE)).open(port)

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        asyncio.run(run(taken.getsockname()[1]))
