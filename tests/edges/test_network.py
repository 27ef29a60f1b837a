"""The network of a company: its CA, its client certificates, and what metadata may lead to (S9)."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
from edges.fakes_company import Authority
from edges.fakes_http import FakeAuthorizer, Heard, Loopback, always
from edges.fakes_transport import OK, get, run

from mcp_proxy.core.answer import Answer, Failure, HttpAnswer, Wishes
from mcp_proxy.core.authorization import Authorization, Certificate
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.origin import Origin
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.request import RestRequest
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges import client_certificate
from mcp_proxy.edges.http_transport import HttpTransport
from mcp_proxy.edges.network import DIRECT, Network
from mcp_proxy.edges.settings_network import NetworkSettings
from mcp_proxy.edges.upstream_rest import RestUpstream
from mcp_proxy.errors import CredentialError, HomeError, UpstreamError

HERE = "127.0.0.1"


class Keys:
    """The company's certificate for one origin; counts how often it was asked for."""

    def __init__(self, certificate: Certificate | None = None, origin: str = "") -> None:
        self.given = certificate
        self.origin = origin
        self.asked = 0

    def proxy_login(self, _name: str, _proxy: Origin) -> Secret:
        raise AssertionError

    def certificate(self, _names: tuple[str, ...], origin: Origin) -> Certificate | None:
        self.asked += 1
        return self.given if origin.text == self.origin else None


@pytest.fixture
def company(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "Example Corp CA")


def with_ca(authority: Authority, keys: Keys | None = None, **more: Any) -> Network:
    settings = NetworkSettings(ca_file=authority.file, **more)
    return Network(lambda: settings, keys)


@asynccontextmanager
async def transport_by(network: Network, url: str) -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(httpx2.URL(url), 10, network)
    try:
        yield transport
    finally:
        await transport.aclose()


async def names_itself(_heard: Heard, writer: asyncio.StreamWriter) -> bytes:
    """Answers with the name in the certificate that the connection came with."""
    shown = writer.get_extra_info("peercert") or {}
    name = dict(row[0] for row in shown.get("subject", ())).get("commonName", "nobody")
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(name), name.encode())


def test_a_private_ca_is_trusted_where_the_settings_name_its_file(company: Authority):
    async def main() -> None:
        async with Loopback(always(OK), company.server_context(HERE)) as server:
            async with transport_by(DIRECT, server.url) as transport:
                with pytest.raises(httpx2.ConnectError) as caught:
                    await get(transport, server.url)
                assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
            async with transport_by(with_ca(company), server.url) as transport:
                assert await get(transport, server.url) == (200, b"ok")

    run(main())


def test_the_systems_own_cas_stay_trusted_beside_the_file(company: Authority):
    own = DIRECT.plan(HERE, 443, None, tls=True).context
    both = with_ca(company).plan(HERE, 443, None, tls=True).context
    assert own is not None
    assert both is not None
    extra = set(both.get_ca_certs(binary_form=True)) - set(own.get_ca_certs(binary_form=True))
    assert extra == {ssl.PEM_cert_to_DER_cert(company.pem)}
    assert len(both.get_ca_certs()) == len(own.get_ca_certs()) + 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no certificate in PEM"),
        (b"\x30\x82\x01\x0a", "no certificate in PEM"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "damaged certificate"),
        (None, "not there"),
    ],
)
def test_a_ca_file_that_is_not_right_is_said_so_before_anything_is_sent(
    content: bytes | None, words: str, company: Authority
):
    if content is None:
        os.unlink(company.file)
    else:
        Path(company.file).write_bytes(content)

    async def main() -> None:
        async with (
            Loopback(always(OK), company.server_context(HERE)) as server,
            transport_by(with_ca(company), server.url) as transport,
        ):
            with pytest.raises(HomeError, match=words) as caught:
                await get(transport, server.url)
            assert "--ca-file" in caught.value.next
            assert server.heard == []

    run(main())


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_s23_a_ca_file_that_others_may_write_is_not_used(company: Authority):
    os.chmod(company.file, 0o666)
    with pytest.raises(HomeError, match="other users may write it") as caught:
        with_ca(company).plan(HERE, 443, None, tls=True)
    assert caught.value.id == "MCPX-H02"


@pytest.mark.parametrize("passphrase", ["", "canary passphrase"])
def test_a_server_that_demands_a_clients_certificate_gets_the_upstreams_own(
    passphrase: str, company: Authority
):
    jo = company.issue("jo", passphrase)
    authorizer = FakeAuthorizer()

    async def authorization(_spec: UpstreamSpec) -> Authorization:
        return Authorization(certificate=jo)

    authorizer.authorization = authorization

    async def main() -> Answer:
        async with Loopback(names_itself, company.server_context(HERE, company.pem)) as server:
            upstream = RestUpstream(server.spec(), authorizer, LIMITS, with_ca(company))
            request = RestRequest("GET", server.url + "/x", (), None, retry_safe=False)
            try:
                return await upstream.call(request, Wishes({}), lambda _event: None, 5.0)
            finally:
                await upstream.close()

    assert run(main()) == HttpAnswer(200, "", b"jo")


def test_the_key_touches_the_disk_encrypted_for_this_user_alone_and_is_gone_at_once(
    company: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen: list[tuple[int, bytes]] = []
    folder = tmp_path / "temporary"
    folder.mkdir()

    def unlink(path: str) -> None:
        seen.append((os.stat(path).st_mode & 0o777, Path(path).read_bytes()))
        remove(path)

    remove = os.unlink
    monkeypatch.setattr(client_certificate.tempfile, "tempdir", str(folder))
    monkeypatch.setattr(client_certificate.os, "unlink", unlink)
    jo = company.issue("jo")
    with_ca(company).plan(HERE, 443, jo, tls=True)
    (mode, content), *others = seen
    assert not others
    assert mode == 0o600 or os.name == "nt"
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in content
    assert all(line not in content for line in jo.key.reveal().encode().splitlines()[1:-1])
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("wrong", ["key", "passphrase", "chain", "other"])
def test_a_certificate_that_cannot_be_used_is_said_so_without_any_of_it(
    wrong: str, company: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(client_certificate.tempfile, "tempdir", str(folder))
    jo = company.issue("jo", "right passphrase")
    damaged = {
        "key": jo._replace(key=Secret("-----BEGIN PRIVATE KEY-----\ncanary\n-----END")),
        "passphrase": jo._replace(passphrase=Secret("canary")),
        "chain": jo._replace(chain="canary"),
        "other": jo._replace(chain=company.issue("other").chain),
    }[wrong]
    with pytest.raises(CredentialError) as caught:
        with_ca(company).plan(HERE, 443, damaged, tls=True)
    assert caught.value.id == "MCPX-C04"
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert list(folder.iterdir()) == []


def test_a_connection_that_showed_one_certificate_is_not_used_for_another(company: Authority):
    jo, kim = company.issue("jo"), company.issue("kim")
    server_side = company.server_context(HERE, company.pem)
    server_side.verify_mode = ssl.CERT_OPTIONAL

    async def main() -> tuple[list[bytes], int]:
        async with (
            Loopback(names_itself, server_side) as server,
            transport_by(with_ca(company), server.url) as transport,
        ):
            order = (jo, kim, None, jo, kim, None)
            names = [(await get(transport, server.url, certificate=one))[1] for one in order]
            return names, server.connections

    names, connections = run(main())
    assert names == [b"jo", b"kim", b"nobody"] * 2
    assert connections == 3


def test_a_companys_certificate_is_shown_to_its_origin_and_gives_way_to_the_upstreams(
    company: Authority,
):
    server_side = company.server_context(HERE, company.pem)

    async def main() -> None:
        async with Loopback(names_itself, server_side) as server:
            keys = Keys(company.issue("corp"), server.url)
            network = with_ca(company, keys, certificates=("corp",))
            async with transport_by(network, server.url) as transport:
                for _ in range(3):
                    assert await get(transport, server.url) == (200, b"corp")
                assert keys.asked == 1
                jo = company.issue("jo")
                assert await get(transport, server.url, certificate=jo) == (200, b"jo")
            async with transport_by(
                with_ca(company, Keys(), certificates=("corp",)), server.url
            ) as transport:
                with pytest.raises((httpx2.ReadError, httpx2.ConnectError)):
                    await get(transport, server.url)

    run(main())


def test_s6_after_forget_no_connection_that_was_made_before_is_used(company: Authority):
    settings = [NetworkSettings(ca_file=company.file)]

    async def main() -> None:
        async with Loopback(always(OK), company.server_context(HERE)) as server:
            network = Network(lambda: settings[0])
            async with transport_by(network, server.url) as transport:
                assert await get(transport, server.url) == (200, b"ok")
                assert await get(transport, server.url) == (200, b"ok")
                assert server.connections == 1
                settings[0] = NetworkSettings()
                assert await get(transport, server.url) == (200, b"ok")
                network.forget()
                with pytest.raises(httpx2.ConnectError):
                    await get(transport, server.url)
                assert transport._idle == []

    run(main())


def answers_with(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Every name has these addresses, in turn over the look-ups; the names that were asked for."""
    asked: list[str] = []
    left = list(addresses)

    def getaddrinfo(host: str, port: int, **_more: Any) -> list[Any]:
        asked.append(host)
        family = socket.AF_INET6 if ":" in left[0] else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (left.pop(0), port))]

    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        # asyncio passes literal addresses through here as well.
        named = isinstance(host, str) and host.endswith(".example")
        return getaddrinfo(host, port) if named else real(host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


async def reach(network: Network, host: str, port: int, *, tls: bool = False) -> None:
    route = network.route(host, port, tls=tls)
    try:
        (await route.connect()).close()
    finally:
        await route.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "fd00::1"])
@pytest.mark.parametrize("tls", [True, False])
def test_s9_a_name_from_metadata_at_a_private_address_is_not_connected_to(
    address: str, tls: bool, monkeypatch: pytest.MonkeyPatch
):
    answers_with(monkeypatch, address)
    connected: list[Any] = []
    monkeypatch.setattr(
        asyncio.BaseEventLoop, "create_connection", lambda *args, **_more: connected.append(args)
    )
    with pytest.raises(UpstreamError) as caught:
        asyncio.run(reach(DIRECT.guarded(frozenset({"known.example"})), "x.example", 443, tls=tls))
    assert caught.value.id == "MCPX-U01"
    assert caught.value.next == "mcp-proxy network set --private x.example"
    assert connected == []


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "::1"])
def test_s9_a_private_address_itself_is_not_connected_to(host: str):
    with pytest.raises(UpstreamError, match="not public"):
        asyncio.run(reach(DIRECT.guarded(frozenset()), host, 443))


def test_s9_behind_a_proxy_an_address_in_metadata_is_still_judged(company: Authority):
    settings = NetworkSettings(proxy="http://127.0.0.1:1")
    with pytest.raises(UpstreamError, match="not public"):
        asyncio.run(
            reach(Network(lambda: settings).guarded(frozenset()), "10.0.0.1", 443, tls=True)
        )


def test_s9_the_address_that_was_judged_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch):
    """A name that is public when asked and private a moment later (DNS rebinding)."""
    asked = answers_with(monkeypatch, "203.0.114.5", "127.0.0.1")
    connected: list[Any] = []

    async def create_connection(
        _loop: Any, _make: Any, host: str, *_rest: Any, **_more: Any
    ) -> Any:
        connected.append(host)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", create_connection)
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(reach(DIRECT.guarded(frozenset()), "x.example", 443))
    assert (asked, connected) == (["x.example"], ["203.0.114.5"])


@pytest.mark.parametrize(
    ("known", "private"),
    [({"x.example"}, ()), (set(), ("x.example",)), (set(), (".example",))],
)
def test_a_host_that_is_known_or_set_as_private_may_be_anywhere(
    known: set[str], private: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    async def main() -> None:
        async with Loopback(always(OK)) as server:
            answers_with(monkeypatch, "127.0.0.1")
            network = Network(lambda: NetworkSettings(private=private))
            await reach(network.guarded(frozenset(known)), "x.example", server.port)
            await asyncio.sleep(0.01)
            assert server.connections == 1

    run(main())


@pytest.mark.parametrize("private", ["example", "x.exampl", "a.x.example", ".x.example"])
def test_s9_a_private_host_is_that_host_alone(private: str):
    guarded = DIRECT.guarded(frozenset())
    assert guarded.admission("x.example", (private,)) is not None


def test_a_guarded_network_forgets_with_the_one_that_it_is_of():
    network = Network(NetworkSettings)
    guarded = network.guarded(frozenset())
    before = guarded.turn
    network.forget()
    assert guarded.turn != before


def test_settings_that_cannot_be_read_are_the_calls_answer():
    def read() -> NetworkSettings:
        raise HomeError("MCPX-H03", "settings.toml is not right.", "edit it")

    async def main() -> None:
        async with transport_by(Network(read), "https://x.example") as transport:
            with pytest.raises(HomeError):
                await get(transport, "https://x.example")
            assert not transport._room.locked()

    run(main())


def test_plain_http_to_this_machine_reads_no_settings():
    def read() -> NetworkSettings:
        raise AssertionError

    async def main() -> None:
        async with (
            Loopback(always(OK)) as server,
            transport_by(Network(read), server.url) as transport,
        ):
            assert await get(transport, server.url) == (200, b"ok")

    run(main())


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_server_that_refuses_for_the_lack_of_a_certificate_says_so(
    version: str, company: Authority
):
    """The alert as OpenSSL's own server sends it; in TLS 1.3 it follows the handshake."""
    context = company.server_context(HERE, company.pem)
    context.maximum_version = ssl.TLSVersion[version]
    settings = NetworkSettings(ca_file=company.file)

    async def main(port: int) -> Answer:
        spec = UpstreamSpec("rest", f"https://{HERE}:{port}", None, 5000, ())
        upstream = RestUpstream(spec, FakeAuthorizer(), LIMITS, Network(lambda: settings))
        request = RestRequest("GET", f"{spec.url}/x", (), None, retry_safe=False)
        try:
            return await upstream.call(request, Wishes({}), lambda _event: None, 5.0)
        finally:
            await upstream.close()

    with socket.create_server((HERE, 0)) as listening:
        server = Thread(target=_shake_hands, args=(listening, context))
        server.start()
        answer = run(main(listening.getsockname()[1]))
        server.join(10)
    assert isinstance(answer, Failure)
    assert answer.id == "MCPX-U01"
    assert "it may want a client certificate" in answer.text


def _shake_hands(listening: socket.socket, context: ssl.SSLContext) -> None:
    """One handshake, to its bitter end: what was sent is waited for before the socket closes."""
    client, _ = listening.accept()
    with client:
        client.settimeout(5)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                client.sendall(outgoing.read())
                incoming.write(client.recv(1 << 16))
            except ssl.SSLError:
                break
        client.sendall(outgoing.read())
        client.shutdown(socket.SHUT_WR)
        while client.recv(1 << 16):
            pass
