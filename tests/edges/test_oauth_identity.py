"""An identity provider's login becomes an ID-JAG, and is renewed: with a real one on loopback."""

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest
from authorization_ledger import Family
from authorization_server import AuthorizationServer

from mcp_proxy.core.oauth_answer import Refused
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client, IdentityLogin, Server
from mcp_proxy.edges.network import DIRECT
from mcp_proxy.edges.oauth_http import OAuthHttp
from mcp_proxy.edges.oauth_identity import (
    MARGIN_S,
    exchange,
    is_fresh,
    read_id_token,
    renew_identity,
)
from mcp_proxy.errors import CredentialError

Value = TypeVar("Value")
ISSUER = "https://mcp-login.example.com"
RESOURCE = "https://mcp.example.com/mcp"
IDP = "https://idp.example.com"
CLAIMS = {"iss": IDP, "aud": "app", "sub": "ada", "exp": 2_000_000_000}


@pytest.fixture
def provider() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as server:
        yield server


def logged_in(provider: AuthorizationServer) -> IdentityLogin:
    """Ada's login at the provider, as the product keeps it."""
    provider.ledger.families["ada"] = Family("app", ("openid", "offline_access"), "")
    tokens = provider.ledger.answer("ada")
    server = Server(provider.issuer, provider.issuer + "/token")
    id_token = Secret(tokens["id_token"])
    person = read_id_token(id_token, provider.issuer, "app")
    refresh = Secret(tokens["refresh_token"])
    return IdentityLogin(server, Client("app", "none"), id_token, person.expires_s, refresh)


def run(work: Callable[[OAuthHttp], Awaitable[Value]]) -> Value:
    async def use() -> Value:
        http = OAuthHttp(DIRECT, frozenset({"127.0.0.1"}), localhost=False)
        try:
            return await work(http)
        finally:
            await http.close()

    return asyncio.run(use())


def jwt_of(claims: Any) -> Secret:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return Secret(f"{part({'alg': 'none'})}.{part(claims)}.c2ln")


def claims_of(token: Secret) -> dict[str, Any]:
    middle = token.reveal().split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + "=="))
    return claims


def test_an_id_token_becomes_a_grant_for_one_server_and_one_resource(
    provider: AuthorizationServer,
) -> None:
    login = logged_in(provider)
    grant = run(lambda http: exchange(login, ISSUER, RESOURCE, ("read",), http))
    claims = claims_of(grant)
    assert (claims["iss"], claims["aud"], claims["resource"]) == (provider.issuer, ISSUER, RESOURCE)
    assert (claims["sub"], claims["client_id"], claims["scope"]) == ("ada", "app", "read")


def test_the_provider_is_asked_for_nothing_but_the_grant(provider: AuthorizationServer) -> None:
    login = logged_in(provider)
    run(lambda http: exchange(login, ISSUER, RESOURCE, (), http))
    (asked,) = provider.seen
    assert asked.path == "/token"
    assert asked.form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
        "subject_token": login.id_token.reveal(),
        "audience": ISSUER,
        "resource": RESOURCE,
        "client_id": "app",
    }


def test_what_is_no_id_jag_is_not_taken_for_one(provider: AuthorizationServer) -> None:
    login = logged_in(provider)
    answer = {
        "access_token": "x",
        "token_type": "Bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    }
    body = json.dumps(answer).encode()
    provider.faults.answers["/token"] = 200, {"Content-Type": "application/json"}, body
    with pytest.raises(CredentialError, match="another kind of token") as caught:
        run(lambda http: exchange(login, ISSUER, RESOURCE, (), http))
    assert caught.value.id == "MCPX-C07"


def test_a_provider_that_no_longer_knows_the_login_says_so(provider: AuthorizationServer) -> None:
    stranger = logged_in(provider)._replace(id_token=jwt_of(CLAIMS))
    with pytest.raises(Refused) as caught:
        run(lambda http: exchange(stranger, ISSUER, RESOURCE, (), http))
    assert caught.value.is_invalid_grant
    assert stranger.id_token.reveal() not in str(caught.value)


def test_a_renewed_login_has_a_new_id_token_and_the_next_refresh_token(
    provider: AuthorizationServer,
) -> None:
    login = logged_in(provider)
    now_s = time.time()
    renewed = run(lambda http: renew_identity(login, http, now_s))
    assert renewed.id_token != login.id_token
    assert renewed.refresh != login.refresh
    assert renewed.expires_s is not None
    assert renewed.expires_s > now_s
    grant = run(lambda http: exchange(renewed, ISSUER, RESOURCE, (), http))
    assert claims_of(grant)["sub"] == "ada"
    assert provider.ledger.alarms == 0


def test_a_provider_that_does_not_rotate_leaves_the_refresh_token(
    provider: AuthorizationServer,
) -> None:
    login = logged_in(provider)
    provider.knobs.rotates = False
    renewed = run(lambda http: renew_identity(login, http, time.time()))
    assert renewed.refresh == login.refresh


def test_a_login_without_a_refresh_token_ends_in_a_new_login(provider: AuthorizationServer) -> None:
    login = logged_in(provider)._replace(refresh=None)
    with pytest.raises(CredentialError, match="has expired") as caught:
        run(lambda http: renew_identity(login, http, time.time()))
    assert caught.value.id == "MCPX-C05"
    assert provider.seen == []


def test_a_renewal_without_an_id_token_ends_in_a_new_login(provider: AuthorizationServer) -> None:
    login = logged_in(provider)
    provider.ledger.families["ada"].scopes = ("offline_access",)
    with pytest.raises(CredentialError, match="without an ID token") as caught:
        run(lambda http: renew_identity(login, http, time.time()))
    assert caught.value.id == "MCPX-C05"


def test_a_renewal_for_another_person_is_refused(provider: AuthorizationServer) -> None:
    ours = logged_in(provider)
    claims = {**claims_of(ours.id_token), "sub": "mallory"}
    with pytest.raises(CredentialError, match="another person") as caught:
        run(lambda http: renew_identity(ours._replace(id_token=jwt_of(claims)), http, time.time()))
    assert caught.value.id == "MCPX-C07"


@pytest.mark.parametrize("audience", ["app", ["app"], ["other", "app"]])
def test_an_id_token_of_ours_is_read(audience: Any) -> None:
    token = jwt_of({**CLAIMS, "aud": audience, "azp": "app"})
    assert read_id_token(token, IDP, "app") == ("ada", 2_000_000_000.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"iss": "https://idp.example.com/"}, "another identity provider's"),
        ({"iss": None}, "another identity provider's"),
        ({"aud": "other"}, "another client"),
        ({"aud": None}, "another client"),
        ({"aud": {"app": 1}}, "another client"),
        ({"azp": "other"}, "another client"),
        ({"sub": ""}, "of whom it speaks"),
        ({"sub": 7}, "of whom it speaks"),
        ({"exp": None}, "when it ends"),
        ({"exp": True}, "when it ends"),
        ({"exp": "soon"}, "when it ends"),
    ],
)
def test_an_id_token_of_others_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(CredentialError, match=words) as caught:
        read_id_token(jwt_of({**CLAIMS, **change}), IDP, "app")
    assert caught.value.id == "MCPX-C07"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "canary",
        "a.b",
        "a.canary!.c",
        "a..c",
        "a.W10.c",
        "a.\xe9.c",
        jwt_of(CLAIMS).reveal() + "\udcff",  # a variable's byte that is no text
        "a.eyJhIjoxLCJhIjoyfQ.c",
        "a.e30.c.d",
    ],
)
def test_what_is_no_id_token_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(CredentialError) as caught:
        read_id_token(Secret(text), IDP, "app")
    assert caught.value.id == "MCPX-C07"
    assert "canary" not in str(caught.value)


def test_a_login_is_renewed_before_the_provider_thinks_it_over() -> None:
    login = IdentityLogin(
        Server(IDP, IDP + "/token"), Client("app", "none"), Secret("t"), 1000.0, None
    )
    assert is_fresh(login, 1000.0 - MARGIN_S - 1)
    assert not is_fresh(login, 1000.0 - MARGIN_S)
    assert is_fresh(login._replace(expires_s=None), 5e9)
