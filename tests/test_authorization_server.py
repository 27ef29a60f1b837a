"""The authorization server of the tests is itself right: the SDK's client and the RFCs say so."""

import asyncio
import base64
import hashlib
import html
import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import jwt
import pytest
from authorization_ledger import (
    ASSERTION,
    BEARER_GRANT,
    DEVICE_GRANT,
    EXCHANGE_GRANT,
    ID_JAG,
    ID_TOKEN,
)
from authorization_server import AuthorizationServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")
REDIRECT = "http://127.0.0.1:7777/callback"


@pytest.fixture
def server() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as running:
        yield running


def post(url: str, basic: str = "", **form: str) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": "Basic " + base64.b64encode(basic.encode()).decode()}
    request = urllib.request.Request(url, urlencode(form).encode(), headers if basic else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def get(url: str, token: str) -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any) -> None:
        return None


def authorize(server: AuthorizationServer, **changed: str) -> dict[str, str]:
    """The parameters of the redirect to the client."""
    asked = {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": REDIRECT,
        "code_challenge": CHALLENGE.decode(),
        "code_challenge_method": "S256",
        "state": "s",
        "scope": "read",
        "resource": server.rest,
        **changed,
    }
    opener = urllib.request.build_opener(_Stays)
    try:
        opener.open(f"{server.issuer}/authorize?{urlencode(asked)}", timeout=5)
    except urllib.error.HTTPError as error:
        error.close()
        return dict(parse_qsl(urlsplit(error.headers["location"] or "").query))
    raise AssertionError("no redirect")


def redeem(server: AuthorizationServer, code: str, **changed: str) -> tuple[int, dict[str, Any]]:
    form = {
        "grant_type": "authorization_code",
        "client_id": "app",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        "resource": server.rest,
        **changed,
    }
    return post(server.issuer + "/token", **form)


def refresh(server: AuthorizationServer, token: str) -> tuple[int, dict[str, Any]]:
    return post(
        server.issuer + "/token", grant_type="refresh_token", client_id="app", refresh_token=token
    )


def test_a_code_is_redeemed_once_with_its_verifier_redirect_and_resource(
    server: AuthorizationServer,
) -> None:
    said = authorize(server)
    assert said["state"] == "s"
    assert said["iss"] == server.issuer
    for wrong in (
        {"code_verifier": "w" * 43},
        {"redirect_uri": REDIRECT + "2"},
        {"resource": server.mcp},
        {"code": "no"},
    ):
        assert redeem(server, **{"code": said["code"], **wrong})[0] == 400
    status, tokens = redeem(server, said["code"])
    assert (status, tokens["scope"], tokens["expires_in"]) == (200, "read", 3600)
    assert get(server.rest + "/x", tokens["access_token"]) == 200
    assert get(server.mcp, tokens["access_token"]) == 401
    assert redeem(server, said["code"])[1]["error"] == "invalid_grant"
    assert get(server.rest + "/x", tokens["access_token"]) == 401


def test_pkce_is_asked_for_and_a_foreign_redirect_is_not_followed(
    server: AuthorizationServer,
) -> None:
    assert authorize(server, code_challenge_method="plain")["error"] == "invalid_request"
    assert authorize(server, redirect_uri="http://127.0.0.1:1/other") == {}
    assert authorize(server, redirect_uri="https://example.com/callback") == {}


def test_a_refresh_token_that_is_used_twice_ends_its_family(server: AuthorizationServer) -> None:
    first = redeem(server, authorize(server)["code"])[1]
    second = refresh(server, first["refresh_token"])[1]
    assert second["refresh_token"] != first["refresh_token"]
    assert refresh(server, first["refresh_token"])[1]["error"] == "invalid_grant"
    assert server.ledger.alarms == 1
    assert refresh(server, second["refresh_token"])[1]["error"] == "invalid_grant"
    assert get(server.rest, second["access_token"]) == 401


def test_an_access_token_ends_by_itself_and_on_demand(server: AuthorizationServer) -> None:
    server.knobs.access_s = 0.2
    tokens = redeem(server, authorize(server)["code"])[1]
    assert get(server.rest, tokens["access_token"]) == 200
    time.sleep(0.25)
    assert get(server.rest, tokens["access_token"]) == 401
    server.knobs.access_s = 3600
    tokens = refresh(server, tokens["refresh_token"])[1]
    server.ledger.expire()
    assert get(server.rest, tokens["access_token"]) == 401


def test_a_client_authenticates_by_its_own_method_alone(server: AuthorizationServer) -> None:
    server.add_client("b", "client_secret_basic", "s:%/")
    server.add_client("p", "client_secret_post", "secret")
    url, form = (
        server.issuer + "/token",
        {"grant_type": "client_credentials", "resource": server.rest},
    )
    assert post(url, "b:s%3A%25%2F", **form)[0] == 200
    assert post(url, "b:wrong", **form)[0] == 401
    assert post(url, client_id="p", client_secret="secret", **form)[0] == 200
    assert post(url, "p:secret", **form)[0] == 401
    assert post(url, client_id="app", **form)[1]["error"] == "unauthorized_client"


def test_an_assertion_counts_once_for_this_server(server: AuthorizationServer) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    server.add_client("j", "private_key_jwt", key=public)
    now_s = int(time.time())
    claims = {"iss": "j", "sub": "j", "aud": server.issuer, "iat": now_s, "exp": now_s + 60}

    def ask(**changed: Any) -> int:
        text = jwt.encode({**claims, **changed}, key, "ES256")
        form = {"client_assertion_type": ASSERTION, "client_assertion": text}
        grant = {"grant_type": "client_credentials", "resource": server.rest}
        return post(server.issuer + "/token", **form, **grant)[0]

    assert ask(jti="1") == 200
    assert ask(jti="1") == 401
    assert ask(jti="2", aud="https://other.example") == 401
    assert ask(jti="3", exp=now_s - 10) == 401


def test_a_device_waits_slows_down_and_is_let_in(server: AuthorizationServer) -> None:
    server.knobs.device_polls = 1
    answer = post(server.issuer + "/device", client_id="app", scope="read", resource=server.rest)[1]
    form = {
        "grant_type": DEVICE_GRANT,
        "client_id": "app",
        "device_code": answer["device_code"],
    }
    said = []
    for wait_s in (0, 0, 1, 1):
        time.sleep(wait_s)
        said.append(post(server.issuer + "/token", **form)[1].get("error"))
    assert said == ["authorization_pending", "slow_down", None, "invalid_grant"]


def test_an_identity_assertion_is_exchanged_and_taken() -> None:
    with AuthorizationServer() as idp, AuthorizationServer() as server:
        idp.knobs.wants_resource = False
        server.ledger.trusted[idp.issuer] = idp.ledger.public_key()
        server.add_client("app", "client_secret_post", "x")
        code = authorize(idp, scope="openid", resource="")["code"]
        id_token = redeem(idp, code, resource="")[1]["id_token"]
        exchange = {
            "grant_type": EXCHANGE_GRANT,
            "client_id": "app",
            "requested_token_type": ID_JAG,
            "subject_token": id_token,
            "subject_token_type": ID_TOKEN,
            "audience": server.issuer,
            "resource": server.rest,
            "scope": "read",
        }
        jag = post(idp.issuer + "/token", **exchange)[1]["access_token"]
        form = {"grant_type": BEARER_GRANT, "client_id": "app", "client_secret": "x"}
        status, tokens = post(server.issuer + "/token", **form, assertion=jag)
        assert (status, tokens["scope"]) == (200, "read")
        assert get(server.rest, tokens["access_token"]) == 200
        assert post(server.issuer + "/token", **form, assertion=id_token)[0] == 400


def test_a_token_can_be_revoked(server: AuthorizationServer) -> None:
    tokens = redeem(server, authorize(server)["code"])[1]
    assert post(server.issuer + "/revoke", client_id="app", token=tokens["refresh_token"])[0] == 200
    assert refresh(server, tokens["refresh_token"])[1]["error"] == "invalid_grant"
    assert get(server.rest, tokens["access_token"]) == 401
    assert server.ledger.counts["revoked refresh"] == 1


class Memory:
    """The SDK's storage."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client: OAuthClientInformationFull) -> None:
        self.client = client


@pytest.mark.parametrize("path", ["", "/tenant"])
def test_the_sdks_client_finds_registers_and_logs_in(path: str) -> None:
    with AuthorizationServer(path=path) as server:
        asyncio.run(_sdk_call(server))
        counts = server.ledger.counts
        assert (counts["register"], counts["authorize"], counts["200 /mcp"]) == (1, 1, 1)


async def _sdk_call(server: AuthorizationServer) -> None:
    came: dict[str, str] = {}

    async def browser(url: str) -> None:
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.get(url)
            came.update(parse_qsl(urlsplit(answer.headers["location"]).query))

    async def callback() -> AuthorizationCodeResult:
        return AuthorizationCodeResult(code=came["code"], state=came["state"], iss=came["iss"])

    metadata = OAuthClientMetadata(redirect_uris=[REDIRECT], client_name="test")
    auth = OAuthClientProvider(server.mcp, metadata, Memory(), browser, callback)
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami"}}
    async with httpx2.AsyncClient(auth=auth, trust_env=False) as client:
        answer = await client.post(server.mcp, json=message)
        assert answer.status_code == 200
        assert json.loads(answer.json()["result"]["content"][0]["text"])["who"] == "ada"


def test_it_runs_as_a_script() -> None:
    argv = [sys.executable, "tests/authorization_server.py"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        said = json.loads(process.stdout.readline())
        with urllib.request.urlopen(
            said["issuer"] + "/.well-known/oauth-authorization-server", timeout=5
        ) as answer:
            assert json.load(answer)["issuer"] == said["issuer"]
        process.stdin.close()
        assert process.wait(5) == 0


def test_the_browser_of_the_tests_follows_a_page_to_the_callback(
    server: AuthorizationServer, tmp_path: Any
) -> None:
    came: list[str] = []

    class Callback(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Silence."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Callback) as page:
        threading.Thread(target=page.handle_request, daemon=True).start()
        asked = {
            "response_type": "code",
            "client_id": "app",
            "redirect_uri": f"http://127.0.0.1:{page.server_port}/callback",
            "code_challenge": CHALLENGE.decode(),
            "code_challenge_method": "S256",
            "resource": server.rest,
        }
        url = html.escape(f"{server.issuer}/authorize?{urlencode(asked)}")
        (tmp_path / "page.html").write_text(f'<meta http-equiv="refresh" content="0;url={url}">')
        log = tmp_path / "log"
        argv = [sys.executable, "tests/browser.py", "--log", log, tmp_path / "page.html"]
        assert subprocess.run(argv, check=True, timeout=10).returncode == 0
        until_s = time.monotonic() + 5
        while not came and time.monotonic() < until_s:
            time.sleep(0.01)
    assert came[0].startswith("/callback?code=code-")
