"""Through a company's proxy: what it sees, what it may refuse, and in which words that is told."""

import asyncio
import base64
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from edges.fakes_company import HOST, Authority, Proxy, proxy_to
from edges.fakes_http import Loopback, always, http
from edges.fakes_transport import OK, get, raw_server, run

from mcp_proxy.core.authorization import Certificate
from mcp_proxy.core.origin import Origin
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.attempts import Broken
from mcp_proxy.edges.http_transport import HttpTransport
from mcp_proxy.edges.network import Network
from mcp_proxy.edges.refusals import unreachable
from mcp_proxy.edges.settings_network import NetworkSettings, parse_network
from mcp_proxy.errors import UpstreamError

LOGIN = "jo:canary-proxy-password"
BASIC = base64.b64encode(LOGIN.encode()).decode()
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Keys:
    """A proxy's login, and no certificates."""

    def proxy_login(self, _name: str, _proxy: Origin) -> Secret:
        return Secret(LOGIN)

    def certificate(self, _names: tuple[str, ...], _origin: Origin) -> Certificate | None:
        return None


@pytest.fixture
def company(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "Example Corp CA")


def by(proxy: str, authority: Authority, **more: Any) -> Network:
    """A network with that proxy, and the company's CA."""
    settings = NetworkSettings(ca_file=authority.file, proxy=proxy, **more)
    return Network(lambda: settings, Keys())


@asynccontextmanager
async def transport_by(network: Network, host: str = HOST) -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(httpx2.URL(f"https://{host}"), 10, network)
    try:
        yield transport
    finally:
        await transport.aclose()


async def ask(network: Network, **options: Any) -> tuple[int, bytes]:
    async with transport_by(network) as transport:
        return await get(transport, f"https://{HOST}", **options)


def test_a_proxy_sees_the_host_and_its_own_login_and_nothing_of_the_request(company: Authority):
    async def main() -> tuple[Proxy, Loopback]:
        async with (
            Loopback(always(OK), company.server_context()) as server,
            proxy_to(server.port, login=BASIC) as proxy,
        ):
            network = by(proxy.url, company, proxy_credential="corp")
            async with transport_by(network) as transport:
                for _ in range(3):
                    assert await get(transport, f"https://{HOST}") == (200, b"ok")
            return proxy, server

    proxy, server = run(main())
    assert [head.split("\r\n")[0] for head in proxy.asked] == [f"CONNECT {HOST}:443 HTTP/1.1"]
    assert f"Proxy-Authorization: Basic {BASIC}" in proxy.asked[0]
    assert server.connections == 1
    assert all("proxy-authorization" not in heard.headers for heard in server.heard)


def test_a_login_that_takes_a_person_longer_than_a_connection_may_is_waited_for(
    company: Authority,
):
    class SlowKeys(Keys):
        def proxy_login(self, _name: str, _proxy: Origin) -> Secret:
            time.sleep(0.6)
            return Secret(LOGIN)

    async def main() -> tuple[int, bytes]:
        async with (
            Loopback(always(OK), company.server_context()) as server,
            proxy_to(server.port, login=BASIC) as proxy,
        ):
            options = {"ca_file": company.file, "proxy": proxy.url, "proxy_credential": "corp"}
            settings = parse_network(options)
            network = Network(lambda: settings, SlowKeys())
            return await ask(network, timeout={"connect": 0.5})

    assert run(main()) == (200, b"ok")


def test_a_proxy_that_speaks_tls_itself_is_verified_and_tunnels(company: Authority):
    large = bytes(range(256)) * 4096

    async def main() -> tuple[int, bytes]:
        async with (
            Loopback(always(http(200, large)), company.server_context()) as server,
            proxy_to(server.port, tls=company.server_context("127.0.0.1")) as proxy,
        ):
            return await ask(by(proxy.url, company), method="POST", body=large)

    assert run(main()) == (200, large)


def test_a_tls_proxy_of_a_foreign_ca_is_not_spoken_to(company: Authority, tmp_path: Path):
    foreign = Authority(tmp_path, "Foreign CA")

    async def main() -> Broken:
        async with proxy_to(1, tls=foreign.server_context("127.0.0.1")) as proxy:
            with pytest.raises(httpx2.ConnectError) as caught:
                await ask(by(proxy.url, company))
            assert proxy.asked == []
            return unreachable(caught.value)

    broken = run(main())
    assert "TLS with the proxy https://127.0.0.1" in broken.why
    assert broken.again == "never"


def test_a_proxy_that_inspects_tls_is_refused_until_its_ca_is_set(
    company: Authority, tmp_path: Path
):
    """What it presents for the host is signed by its own CA: a middle that answers by itself."""
    inspecting = Authority(tmp_path, "Inspection CA")

    async def main() -> None:
        async with (
            Loopback(always(OK), inspecting.server_context()) as middle,
            proxy_to(middle.port) as proxy,
        ):
            with pytest.raises(httpx2.ConnectError) as caught:
                await ask(by(proxy.url, company))
            why = unreachable(caught.value).why
            assert "not trusted by this system" in why
            assert "unable to get local issuer certificate" in why
            assert await ask(by(proxy.url, inspecting)) == (200, b"ok")

    run(main())


def refusing(answer: bytes, company: Authority, **more: Any) -> BaseException:
    """What comes of a proxy that answers so."""

    async def main() -> BaseException:
        async with proxy_to(1, answer=answer) as proxy:
            with pytest.raises((UpstreamError, httpx2.ConnectError)) as caught:
                await ask(by(proxy.url, company, **more))
            return caught.value

    error: BaseException = run(main())
    return error


@pytest.mark.parametrize(("credential", "words"), [("", "wants a name"), ("corp", "refuses the")])
def test_407_says_whether_a_login_is_lacking_or_wrong(
    credential: str, words: str, company: Authority
):
    answer = b"HTTP/1.1 407 No\r\nProxy-Authenticate: basic realm=x\r\nContent-Length: 0\r\n\r\n"
    error = refusing(answer, company, proxy_credential=credential)
    assert isinstance(error, UpstreamError)
    assert words in error.why
    assert "--kind basic --origin http://127.0.0.1" in error.next
    assert "canary" not in f"{error}{error.next}"


def test_407_without_basic_names_what_the_proxy_wants_instead(company: Authority):
    offers = b"Proxy-Authenticate: NTLM\r\nproxy-authenticate:Negotiate xyz\r\n"
    error = refusing(b"HTTP/1.1 407 No\r\n" + offers + b"\r\n<html>", company)
    assert isinstance(error, UpstreamError)
    assert "only ntlm, negotiate" in error.why
    assert "cntlm" in error.next


@pytest.mark.parametrize("early", [b"\x16\x03\x03", b"x\r\n\r\n"])
def test_a_proxy_that_speaks_before_it_was_spoken_to_is_refused(early: bytes, company: Authority):
    error = refusing(ESTABLISHED + early, company)
    assert isinstance(error, UpstreamError)
    assert f"speaks in the place of {HOST}" in error.why


def test_403_says_that_the_proxy_does_not_let_through(company: Authority):
    error = refusing(b"HTTP/1.1 403 Forbidden by \x1b[31mpolicy\r\n\r\n<html>secret", company)
    assert isinstance(error, UpstreamError)
    assert f"does not let connections through to {HOST}:443 (403)" in error.why
    assert "policy" not in error.why


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 4000,
        ESTABLISHED + b"\x16\x03\x03 surprise",
    ],
)
def test_what_is_no_tunnel_is_not_spoken_through(answer: bytes, company: Authority):
    error = refusing(answer, company)
    assert isinstance(error, UpstreamError)
    assert error.id == "MCPX-U01"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 502 No\r\n\r\n"])
def test_a_proxy_that_hangs_up_or_fails_itself_may_do_better_at_once(
    answer: bytes, company: Authority
):
    error = refusing(answer, company)
    assert isinstance(error, httpx2.ConnectError)
    broken = unreachable(error)
    assert broken.again == "unsent"
    assert "the proxy http://127.0.0.1" in broken.why


def test_a_proxy_that_is_not_there_is_named(company: Authority):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(httpx2.ConnectError) as caught:
        asyncio.run(ask(by(url, company)))
    assert f"the proxy {url} cannot be reached" in unreachable(caught.value).why


def test_a_silent_proxy_is_left_at_the_connect_deadline(company: Authority):
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def main() -> None:
        async with raw_server(silent) as url:
            with pytest.raises(httpx2.ConnectTimeout):
                await ask(by(url, company), timeout={"connect": 0.3})

    run(main())


def test_a_call_cancelled_at_any_moment_leaves_no_tunnel_open(company: Authority):
    async def main() -> None:
        async with (
            Loopback(always(OK), company.server_context()) as server,
            proxy_to(server.port) as proxy,
        ):
            network = by(proxy.url, company)
            for pause_ms in range(0, 60, 3):
                async with transport_by(network) as transport:
                    task = asyncio.create_task(get(transport, f"https://{HOST}"))
                    await asyncio.sleep(pause_ms / 1000)
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
                    assert not transport._room.locked()
                    assert not transport._used

    run(main())


def test_what_no_proxy_names_and_this_machine_itself_are_reached_directly(company: Authority):
    async def main() -> None:
        async with (
            Loopback(always(OK), company.server_context("127.0.0.1")) as server,
            proxy_to(server.port) as proxy,
        ):
            network = by(proxy.url, company)
            transport = HttpTransport(httpx2.URL(server.url), 1, network)
            assert await get(transport, server.url) == (200, b"ok")
            await transport.aclose()
            with pytest.raises(httpx2.ConnectError) as caught:
                await ask(by(proxy.url, company, no_proxy=(".example.com",)))
            assert "proxy" not in unreachable(caught.value).why
            assert proxy.asked == []

    run(main())


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_s9_the_environments_proxy_is_used_only_where_the_settings_say_so(
    variable: str, company: Authority, monkeypatch: pytest.MonkeyPatch
):
    async def main() -> list[str]:
        async with (
            Loopback(always(OK), company.server_context()) as server,
            proxy_to(server.port, login=BASIC) as proxy,
        ):
            monkeypatch.setenv(variable, proxy.url.replace("//", f"//{LOGIN}@"))
            with pytest.raises(httpx2.ConnectError):
                await ask(by("", company))
            assert proxy.asked == []
            assert await ask(by("from_environment", company)) == (200, b"ok")
            return proxy.asked

    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert len(run(main())) == 1


def test_the_context_for_the_host_is_not_the_proxys(company: Authority):
    """The host's client certificate is never shown to a proxy that speaks TLS."""

    async def main() -> None:
        demanding = company.server_context("127.0.0.1", company.pem)
        demanding.verify_mode = ssl.CERT_OPTIONAL
        async with (
            Loopback(always(OK), company.server_context(HOST, company.pem)) as server,
            proxy_to(server.port, tls=demanding) as proxy,
        ):
            shown = {"certificate": company.issue("jo")}
            assert await ask(by(proxy.url, company), **shown) == (200, b"ok")
            assert proxy.shown == [None] or proxy.shown == [{}]

    run(main())
