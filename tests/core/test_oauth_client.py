"""A client's registration: what is asked for, and which answers make a client."""

from typing import Any

import pytest

from mcp_proxy.core.oauth_answer import Refused
from mcp_proxy.core.oauth_client import parse_registration, registration
from mcp_proxy.core.oauth_metadata import Metadata
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client
from mcp_proxy.errors import CredentialError

REDIRECT = "http://127.0.0.1:9999/callback"
METADATA = Metadata(
    *("https://as.example", "https://as.example/a", "https://as.example/t", "", ""),
    *("https://as.example/r", ("client_secret_basic",), None),
    iss_sent=False,
    client_metadata=False,
)


def test_a_native_client_is_registered_for_its_redirect_and_refresh() -> None:
    assert registration(METADATA, REDIRECT, ("read", "write")) == {
        "client_name": "mcp-proxy",
        "application_type": "native",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "read write",
    }


def test_a_device_alone_needs_no_redirect() -> None:
    metadata = METADATA._replace(device_authorization="https://as.example/d")
    asked = registration(metadata, "", ())
    assert (asked["redirect_uris"], asked["response_types"]) == ([], [])
    device = "urn:ietf:params:oauth:grant-type:device_code"
    assert asked["grant_types"] == ["refresh_token", device]
    assert "scope" not in asked


@pytest.mark.parametrize(
    ("offered", "method"),
    [
        (("client_secret_post", "none"), "none"),
        (("private_key_jwt", "client_secret_post"), "client_secret_post"),
        ((), "none"),
    ],
)
def test_a_client_without_a_secret_is_preferred(offered: tuple[str, ...], method: str) -> None:
    asked = registration(METADATA._replace(auth_methods=offered), REDIRECT, ())
    assert asked["token_endpoint_auth_method"] == method


def test_a_server_that_takes_no_new_clients_way_is_refused() -> None:
    with pytest.raises(CredentialError, match="knows beforehand"):
        registration(METADATA._replace(auth_methods=("private_key_jwt",)), REDIRECT, ())


@pytest.mark.parametrize(
    ("doc", "asked", "client"),
    [
        ({"client_id": "a"}, "none", Client("a", "none")),
        ({"client_id": "a", "client_secret": "s"}, "none", Client("a", "none")),
        (
            {"client_id": "a", "client_secret": "s"},
            "client_secret_post",
            Client("a", "client_secret_post", Secret("s")),
        ),
        (
            {"client_id": "a", "client_secret": "s"}
            | {"token_endpoint_auth_method": "client_secret_basic"},
            "none",
            Client("a", "client_secret_basic", Secret("s")),
        ),
    ],
)
def test_what_the_server_says_counts_before_what_was_asked(
    doc: dict[str, Any], asked: str, client: Client
) -> None:
    assert parse_registration(201, doc, asked) == client


@pytest.mark.parametrize(
    "doc",
    [
        {},
        {"client_id": ""},
        {"client_id": 7},
        {"client_id": "a\nb"},
        {"client_id": "x" * 3000},
        {"client_id": "a", "token_endpoint_auth_method": "tls_client_auth"},
        {"client_id": "a", "token_endpoint_auth_method": ["none"]},
        {"client_id": "a", "token_endpoint_auth_method": "client_secret_basic"},
    ],
)
def test_a_client_that_cannot_be_used_is_refused(doc: dict[str, Any]) -> None:
    with pytest.raises(CredentialError, match="MCPX-C07"):
        parse_registration(201, doc, "none")


@pytest.mark.parametrize(
    ("status", "doc"),
    [(400, {"error": "invalid_redirect_uri"}), (403, None), (200, {"error": "x"})],
)
def test_a_server_may_say_no(status: int, doc: dict[str, Any] | None) -> None:
    with pytest.raises(Refused):
        parse_registration(status, doc, "none")
