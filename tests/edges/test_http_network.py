"""S9: the network is what the profile names, whatever the environment says; TLS always verified."""

import asyncio
import os
from typing import Any

import pytest
from cryptography import x509
from edges.fakes_http import FakeAuthorizer, Loopback, always, http
from edges.fakes_tls import LOOPBACK, Certificate, trust

from mcp_proxy.core.answer import Answer, Failure, HttpAnswer, Wishes
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.request import RestRequest
from mcp_proxy.edges.upstream_rest import RestUpstream

SENDER = FakeAuthorizer(("Authorization", "Bearer x"))
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


async def call(server: Loopback, authorizer: FakeAuthorizer | None = None) -> Answer:
    upstream = RestUpstream(server.spec(), authorizer or FakeAuthorizer(), LIMITS)
    request = RestRequest("GET", server.url + "/x", (), None, retry_safe=True)
    try:
        return await upstream.call(request, Wishes({}, progress=True), lambda _event: None, 5.0)
    finally:
        await upstream.close()


def over_tls(certificate: Certificate) -> tuple[Answer, int]:
    async def main() -> tuple[Answer, int]:
        async with Loopback(always(http(200, b"ok")), certificate.server_context()) as server:
            return await call(server), len(server.heard)

    return asyncio.run(main())


@pytest.mark.skipif(os.name == "nt", reason="the trust store of Windows cannot be swapped here")
def test_s9_a_certificate_of_the_systems_store_is_accepted(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
):
    certificate = Certificate(tmp_path, LOOPBACK)
    trust(monkeypatch, certificate.pem)
    assert over_tls(certificate) == (HttpAnswer(200, "", b"ok"), 1)


def test_s9_a_certificate_for_another_host_is_refused(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
):
    certificate = Certificate(tmp_path, x509.DNSName("elsewhere.example"))
    trust(monkeypatch, certificate.pem)
    assert_untrusted(*over_tls(certificate))


def test_s9_a_ca_file_named_by_the_environment_is_ignored(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
):
    certificate = Certificate(tmp_path, LOOPBACK)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, certificate.pem)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert_untrusted(*over_tls(certificate))


def assert_untrusted(answer: Answer, requests: int) -> None:
    assert isinstance(answer, Failure)
    assert (answer.id, answer.sent, requests) == ("MCPX-U01", "no", 0)
    assert "certificate is not trusted" in answer.text


def test_s9_no_tls_keys_are_logged_where_the_environment_asks_for_them(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
):
    keys = tmp_path / "keys.log"
    certificate = Certificate(tmp_path, LOOPBACK)
    trust(monkeypatch, certificate.pem)
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    assert over_tls(certificate)[1] == 1
    assert not keys.exists()


def test_s9_a_proxy_named_by_the_environment_sees_nothing(monkeypatch: pytest.MonkeyPatch):
    async def main() -> tuple[Answer, int]:
        async with Loopback(always(http(200, b"ok"))) as server, Loopback(always(http(200))) as spy:
            for name in PROXIES:
                monkeypatch.setenv(name, spy.url)
            monkeypatch.setenv("NO_PROXY", "")
            return await call(server), spy.connections

    assert asyncio.run(main()) == (HttpAnswer(200, "", b"ok"), 0)


def test_s9_netrc_authorizes_nothing(tmp_path: Any, monkeypatch: pytest.MonkeyPatch):
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login someone password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))

    async def main() -> dict[str, str]:
        async with Loopback(always(http(200))) as server:
            await call(server)
            return server.heard[0].headers

    assert "authorization" not in asyncio.run(main())


def test_s9_plain_http_spoken_to_a_tls_upstream_is_refused():
    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(http(400))
        writer.close()

    async def main() -> Answer:
        server = await asyncio.start_server(plain, "127.0.0.1", 0)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        upstream = RestUpstream(UpstreamSpec("rest", url, None, 5000, ()), SENDER, LIMITS)
        request = RestRequest("GET", url + "/x", (), None, retry_safe=True)
        try:
            return await upstream.call(request, Wishes({}, progress=True), lambda _event: None, 5.0)
        finally:
            await upstream.close()
            server.close()

    answer = asyncio.run(main())
    assert isinstance(answer, Failure)
    assert (answer.id, answer.sent) == ("MCPX-U01", "no")


def test_cookies_of_an_upstream_are_not_sent_back():
    async def main() -> dict[str, str]:
        async with Loopback(always(http(200, b"", set_cookie="a=b; Path=/"))) as server:
            upstream = RestUpstream(server.spec(), FakeAuthorizer(), LIMITS)
            request = RestRequest("GET", server.url + "/x", (), None, retry_safe=True)
            for _ in range(2):
                await upstream.call(request, Wishes({}, progress=True), lambda _event: None, 5.0)
            await upstream.close()
            return server.heard[1].headers

    assert "cookie" not in asyncio.run(main())


def test_no_connection_is_opened_before_the_first_call():
    async def main() -> int:
        async with Loopback(always(http(200))) as server:
            upstream = RestUpstream(server.spec(), FakeAuthorizer(), LIMITS)
            await upstream.close()
            return server.connections

    assert asyncio.run(main()) == 0
