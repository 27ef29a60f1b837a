"""What is sent to an authorization server, read back as a server would."""

import base64
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.oauth_request import (
    ID_JAG,
    Attempt,
    Form,
    assertion_form,
    authenticate,
    authorization_url,
    challenge_of,
    client_form,
    code_form,
    device_form,
    device_token_form,
    exchange_form,
    refresh_form,
    revocation_form,
)
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client
from mcp_proxy.errors import CredentialError

RESOURCE = "https://api.example/mcp"
# RFC 7636, appendix B.
VERIFIER = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
ATTEMPT = Attempt(
    "app & co",
    "http://127.0.0.1:8765/callback",
    ("files:read", "mail"),
    RESOURCE,
    Secret("state-" + "s" * 40),
    VERIFIER,
)
FORM: Form = [("grant_type", "refresh_token")]
VISIBLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1)


def asked(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query, keep_blank_values=True, strict_parsing=True)


def test_the_challenge_is_the_one_of_the_rfc() -> None:
    assert challenge_of(VERIFIER) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize(
    ("endpoint", "more"),
    [
        ("https://login.example/authorize", {}),
        ("https://login.example/authorize?", {}),
        ("https://login.example/authorize?flow=a%20b&x=", {"flow": ["a b"], "x": [""]}),
    ],
)
def test_the_browser_is_sent_with_pkce_state_and_resource(
    endpoint: str, more: dict[str, list[str]]
) -> None:
    url = authorization_url(endpoint, ATTEMPT)
    assert url.startswith("https://login.example/authorize?")
    assert asked(url) == more | {
        "response_type": ["code"],
        "client_id": ["app & co"],
        "redirect_uri": ["http://127.0.0.1:8765/callback"],
        "state": [ATTEMPT.state.reveal()],
        "code_challenge": [challenge_of(VERIFIER)],
        "code_challenge_method": ["S256"],
        "scope": ["files:read mail"],
        "resource": [RESOURCE],
    }
    assert VERIFIER.reveal() not in url


def test_what_is_not_wanted_is_not_named() -> None:
    found = asked(authorization_url("https://a.example", ATTEMPT._replace(scopes=(), resource="")))
    assert not {"scope", "resource", "prompt"} & set(found)


def test_offline_access_asks_for_the_consent_that_it_needs() -> None:
    url = authorization_url("https://a.example", ATTEMPT._replace(scopes=("offline_access",)))
    assert asked(url)["prompt"] == ["consent"]


@pytest.mark.parametrize("name", ["redirect_uri", "state", "resource", "request_uri", "%73cope"])
@pytest.mark.parametrize("value", ["x", ""])
def test_s8_an_endpoint_that_sets_a_parameter_of_ours_is_refused(name: str, value: str) -> None:
    with pytest.raises(CredentialError, match="which is ours to set"):
        authorization_url(
            f"https://a.example/?{name}={value}", ATTEMPT._replace(scopes=(), resource="")
        )


def test_every_request_for_tokens_names_the_resource() -> None:
    forms = [
        code_form(Secret("code"), ATTEMPT),
        refresh_form(Secret("refresh"), RESOURCE),
        client_form(("a", "b"), RESOURCE),
        device_form(("a", "b"), RESOURCE),
        device_token_form(Secret("device"), RESOURCE),
        assertion_form(Secret("jwt"), ("a", "b"), RESOURCE),
        exchange_form(Secret("id"), "https://as.example", ("a", "b"), RESOURCE),
    ]
    assert all(dict(form)["resource"] == RESOURCE for form in forms)
    assert not any("scope" in dict(form) for form in forms[:2])
    assert dict(forms[0])["code_verifier"] == VERIFIER.reveal()
    assert dict(forms[0])["redirect_uri"] == ATTEMPT.redirect_uri
    assert dict(forms[2])["scope"] == "a b"
    assert dict(forms[6])["requested_token_type"] == ID_JAG
    assert revocation_form(Secret("t"), "refresh_token") == [
        ("token", "t"),
        ("token_type_hint", "refresh_token"),
    ]


@given(VISIBLE, VISIBLE)
def test_basic_authentication_survives_any_id_and_secret(name: str, secret: str) -> None:
    client = Client(name, "client_secret_basic")
    form, ((header, value),) = authenticate(client, Secret(secret), FORM)
    user, _, password = base64.b64decode(value.removeprefix("Basic ")).decode().partition(":")
    assert (header, unquote(user), unquote(password)) == ("Authorization", name, secret)
    assert form == FORM


def test_the_other_ways_to_prove_who_one_is_stand_in_the_form() -> None:
    secret = Secret("s3cret")
    public = authenticate(Client("app", "none"), secret, FORM)
    assert public == ([*FORM, ("client_id", "app")], [])
    post = authenticate(Client("app", "client_secret_post"), secret, FORM)
    assert post == ([*public[0], ("client_secret", "s3cret")], [])
    form, headers = authenticate(Client("app", "private_key_jwt"), secret, FORM)
    assert dict(form)["client_assertion"] == "s3cret"
    assert dict(form)["client_assertion_type"].endswith(":jwt-bearer")
    assert headers == []


def test_a_secret_that_is_lacking_or_a_method_that_is_unknown_is_an_error() -> None:
    with pytest.raises(CredentialError, match="MCPX-C01"):
        authenticate(Client("app", "client_secret_post"), None, FORM)
    with pytest.raises(CredentialError, match="MCPX-C07"):
        authenticate(Client("app", "tls_client_auth"), Secret("x"), FORM)
