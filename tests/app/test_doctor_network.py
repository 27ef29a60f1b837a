"""doctor about the network: what is set, what the environment says, and whose certificate it is."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
from edges.fakes_company import Authority, proxy_to
from edges.fakes_http import Loopback, always
from edges.fakes_transport import OK

from mcp_proxy.app import doctor_network
from mcp_proxy.app.check import Check
from mcp_proxy.app.doctor_network import check_certificate, check_network
from mcp_proxy.app.network_change import change
from mcp_proxy.edges import system_proxy
from mcp_proxy.edges.places import VARIABLE, Home, find_home, init_home

CANARY = "canary-3b1f-login"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    monkeypatch.setattr(doctor_network, "has_pac", lambda: False)
    init_home(folder)
    return find_home()


@pytest.fixture
def company(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "Example Corp CA")


@contextmanager
def upstream(authority: Authority, name: str, *, by_proxy: bool = False) -> Iterator[str]:
    """The URL of a TLS server with a certificate for `name`, or of the proxy before it."""
    ready, done = Event(), asyncio.Event()
    urls: list[str] = []

    async def serve() -> None:
        async with Loopback(always(OK), authority.server_context(name)) as server:
            if by_proxy:
                async with proxy_to(server.port) as proxy:
                    await _until_done(proxy.url)
            else:
                await _until_done(server.url)

    async def _until_done(url: str) -> None:
        urls.append(url)
        ready.set()
        await done.wait()

    loop = asyncio.new_event_loop()
    thread = Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield urls[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        loop.close()


def found(home: Home, environment: dict[str, str]) -> list[Check]:
    return list(check_network(home, environment))


def test_nothing_set_and_nothing_found_is_one_good_line(home: Home):
    (check,) = found(home, {})
    assert check.ok
    assert "reached directly" in check.found


def test_what_is_set_is_told(home: Home, company: Authority):
    change({"ca_file": company.file, "proxy": "http://proxy.corp:3128"})
    (check,) = found(home, {"HTTPS_PROXY": "http://other.corp:1", "SSL_CERT_FILE": "/x"})
    assert check.ok
    assert "proxy http://proxy.corp:3128" in check.found
    assert company.file in check.found


def test_an_environments_proxy_is_shown_with_the_command_that_records_it(home: Home):
    entries = ".corp, bad/entry ,x.y,*.z"
    check = found(home, {"HTTPS_PROXY": "http://proxy.corp:3128", "NO_PROXY": entries})[1]
    assert check.next == (
        "mcp-proxy network set --proxy http://proxy.corp:3128 "
        "--no-proxy .corp --no-proxy x.y --no-proxy '*.z'"
    )
    assert check.ok
    assert "is not used" in check.found


def test_an_environments_login_becomes_a_credential_and_is_never_shown(home: Home):
    check = found(home, {"https_proxy": f"http://jo:{CANARY}@proxy.corp:3128"})[1]
    assert CANARY not in str(check)
    assert "credential set proxy --kind basic --origin http://proxy.corp:3128" in str(check.next)
    assert "--proxy-credential proxy" in str(check.next)


@pytest.mark.parametrize(
    "environment",
    [
        {"HTTPS_PROXY": "http://wpad.corp/wpad.dat"},
        {"HTTPS_PROXY": f"socks5://jo:{CANARY}@proxy.corp"},
        {"auto_proxy": "http://corp/proxy.pac"},
    ],
)
def test_a_proxy_that_cannot_be_used_is_told_with_what_to_give_instead(
    environment: dict[str, str], home: Home
):
    check = found(home, environment)[1]
    assert check.next == "mcp-proxy network set --proxy http://HOST:PORT"
    assert CANARY not in str(check)


def test_where_the_environment_is_to_be_used_what_it_names_here_is_told(home: Home):
    change({"proxy": "from_environment"})
    used = found(home, {"HTTPS_PROXY": f"http://jo:{CANARY}@proxy.corp:3128"})[1]
    assert used.ok
    assert "HTTPS_PROXY names http://proxy.corp:3128" in used.found
    assert CANARY not in str(used)
    assert "none is named" in found(home, {})[1].found
    refused = found(home, {"HTTPS_PROXY": "http://wpad.corp/wpad.dat"})[1]
    assert (refused.ok, refused.next) == (False, "mcp-proxy network set --proxy http://HOST:PORT")


def test_a_systems_auto_configuration_is_seen(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor_network, "has_pac", lambda: True)
    assert "auto-configuration" in found(home, {})[1].found


def test_an_environments_ca_file_is_shown_with_the_command_that_records_it(home: Home):
    check = found(home, {"NODE_EXTRA_CA_CERTS": "/etc/corp/a ca.pem"})[1]
    assert check.next == "mcp-proxy network set --ca-file '/etc/corp/a ca.pem'"


def test_a_ca_file_that_has_gone_is_bad(home: Home, company: Authority):
    change({"ca_file": company.file})
    os.unlink(company.file)
    (check,) = found(home, {})
    assert not check.ok
    assert "not there" in check.found


def test_the_issuer_seen_is_told_against_the_cas_trusted_here(home: Home, company: Authority):
    with upstream(company, "127.0.0.1") as url:
        (check,) = check_certificate(home, "api", url)
    assert not check.ok
    assert "issued by CN=Example Corp CA" in check.found
    assert "none has that issuer's name" in check.found
    assert "network set --ca-file FILE" in str(check.next)


def test_a_proxy_that_inspects_tls_is_unmasked_by_its_issuer(home: Home, company: Authority):
    with upstream(company, "api.example.com", by_proxy=True) as proxy:
        change({"proxy": proxy})
        (check,) = check_certificate(home, "api", "https://api.example.com")
    assert "api.example.com presents" in check.found
    assert "issued by CN=Example Corp CA" in check.found


def test_a_certificate_for_another_host_is_not_a_matter_of_cas(home: Home, company: Authority):
    change({"ca_file": company.file})
    with upstream(company, "elsewhere.example") as url:
        (check,) = check_certificate(home, "api", url)
    assert "for CN=elsewhere.example" in check.found
    assert "one of them has that issuer's name" in check.found
    assert check.next == "ask whoever runs the upstream for a valid certificate"


def test_a_good_certificate_and_what_is_out_of_reach_are_no_finding(home: Home, company: Authority):
    change({"ca_file": company.file})
    with upstream(company, "127.0.0.1") as url:
        assert list(check_certificate(home, "api", url)) == []
    assert list(check_certificate(home, "api", url)) == []
    assert list(check_certificate(home, "api", "http://127.0.0.1:1")) == []
    assert list(check_certificate(home, "api", "")) == []


def test_the_desktops_answers_are_read():
    assert system_proxy.says_pac_in_gnome("'auto'\n")
    assert not system_proxy.says_pac_in_gnome("'manual'\n")
    assert system_proxy.says_pac_on_macos("<dictionary> {\n  ProxyAutoConfigEnable : 1\n}")
    assert not system_proxy.says_pac_on_macos("<dictionary> {\n  ProxyAutoConfigEnable : 0\n}")


@pytest.mark.skipif(sys.platform == "win32", reason="asks the registry there")
def test_a_desktop_that_hangs_or_is_not_there_has_no_auto_configuration(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(system_proxy, "_DEADLINE_S", 0.05)
    assert system_proxy._answer(("/bin/sleep", "5")) == ""
    assert system_proxy._answer(("/nonexistent/gsettings",)) == ""
    assert system_proxy._answer(("/bin/echo", "'auto'")) == "'auto'\n"
