"""TLS of the transport: httpx2's own settings, made once, in a thread of its own."""

import asyncio
import os
import ssl
import threading
from typing import Any

import httpx2
import pytest
from edges.fakes_http import Loopback, always, http
from edges.fakes_tls import LOOPBACK, Certificate, trust
from edges.fakes_transport import OK, get, run, transport_to

from mcp_proxy.edges import tls

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="the trust store of Windows cannot be swapped here"
)


@pytest.fixture
def certificate(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    made = Certificate(tmp_path, LOOPBACK)
    trust(monkeypatch, made.pem)
    return made


def test_s9_the_context_is_what_httpx2_makes_without_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    ours, theirs = tls.client_context(), httpx2.create_ssl_context(trust_env=False)
    assert type(ours) is type(theirs)
    settings = ("protocol", "verify_mode", "check_hostname", "verify_flags", "options")
    versions = ("minimum_version", "maximum_version", "security_level", "keylog_filename")
    for name in (*settings, *versions):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.verify_mode is ssl.CERT_REQUIRED
    assert ours.check_hostname
    assert ours.get_ca_certs(binary_form=True) == theirs.get_ca_certs(binary_form=True)
    assert ours.cert_store_stats() == theirs.cert_store_stats()
    assert ours.get_ciphers() == theirs.get_ciphers()


@pytest.mark.parametrize("has", ["file", "folder", "empty folder", "nothing"])
def test_the_places_of_the_systems_cas_are_those_of_httpx2(
    has: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
):
    pem = Certificate(tmp_path, LOOPBACK).pem
    folder = tmp_path / "cas"
    folder.mkdir()
    if has == "folder":
        (folder / "0123abcd.0").write_text("")
    paths = ssl.get_default_verify_paths()._replace(
        openssl_cafile=pem if has == "file" else "/nonexistent",
        openssl_capath="/nonexistent" if has == "nothing" else str(folder),
    )
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    ours, theirs = tls.client_context(), httpx2.create_ssl_context(trust_env=False)
    assert ours.cert_store_stats() == theirs.cert_store_stats()
    assert ours.get_ca_certs() == theirs.get_ca_certs()


def test_requests_share_a_connection_over_tls_and_speak_http_1_1(certificate: Certificate):
    spoken: list[Any] = []

    async def handler(_heard: Any, writer: asyncio.StreamWriter) -> bytes:
        spoken.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        return OK

    async def main() -> int:
        context = certificate.server_context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        async with Loopback(handler, context) as server, transport_to(server.url) as transport:
            for _ in range(3):
                assert await get(transport, server.url) == (200, b"ok")
            return server.connections

    assert run(main()) == 1
    assert spoken == ["http/1.1"] * 3


def test_a_large_body_passes_both_ways_over_tls(certificate: Certificate):
    large = bytes(range(256)) * (4 << 12)

    async def main() -> bytes:
        context = certificate.server_context()
        async with (
            Loopback(always(http(200, large)), context) as server,
            transport_to(server.url) as transport,
        ):
            answer = await get(transport, server.url, method="POST", body=large)
            assert answer == (200, large)
            return server.heard[0].body

    assert run(main()) == large


def test_the_context_is_made_once_and_not_in_the_loops_thread(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
):
    threads: list[int] = []

    def client_context(*parts: Any) -> ssl.SSLContext:
        threads.append(threading.get_ident())
        return made(*parts)

    made = tls.client_context
    monkeypatch.setattr(tls, "client_context", client_context)

    async def main() -> None:
        context = certificate.server_context()
        async with Loopback(always(OK), context) as server, transport_to(server.url) as transport:
            await asyncio.gather(*(get(transport, server.url) for _ in range(4)))

    run(main())
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


def test_no_context_is_made_without_tls(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(tls, "client_context")

    async def main() -> None:
        async with Loopback(always(OK)) as server, transport_to(server.url) as transport:
            assert await get(transport, server.url) == (200, b"ok")

    run(main())
