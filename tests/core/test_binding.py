"""Bindings: what a credential may be used for, and that nothing else passes."""

import pytest

from mcp_proxy.core.binding import (
    make_binding,
    make_client_binding,
    parse_binding,
    plain_binding,
)
from mcp_proxy.core.binding_use import ClientUse, Use, check_client_use, check_use
from mcp_proxy.core.origin import Origin
from mcp_proxy.errors import CredentialError

ORIGIN = Origin("https", "api.example.com", 443)
BINDING = make_binding("bearer", None, ["https://api.example.com"], "/v1", [("billing", "keys")])
USE = Use("billing-api", "billing", "keys", "bearer", "Authorization", ORIGIN, "/v1/invoices")


def test_a_use_within_the_binding_passes() -> None:
    check_use(BINDING, USE)
    check_use(BINDING, USE._replace(header="authorization", path="/v1"))


REFUSED = {
    "kind": (USE._replace(kind="basic"), "MCPX-C04", "of kind bearer"),
    "header": (USE._replace(kind="bearer", header="X-Key"), "MCPX-C04", "the header Authorization"),
    "host": (USE._replace(origin=Origin("https", "evil.example", 443)), "MCPX-C04", "bound to"),
    "subdomain": (
        USE._replace(origin=Origin("https", "a.api.example.com", 443)),
        "MCPX-C04",
        "bound to",
    ),
    "port": (USE._replace(origin=ORIGIN._replace(port=444)), "MCPX-C04", "bound to"),
    "scheme": (USE._replace(origin=ORIGIN._replace(scheme="http")), "MCPX-C04", "bound to"),
    "path": (USE._replace(path="/v10"), "MCPX-C04", "below /v1"),
    "profile": (USE._replace(profile="other"), "MCPX-C03", "not allowed to the profile other"),
    "root": (USE._replace(root="repository x"), "MCPX-C03", "another trust root"),
}


@pytest.mark.parametrize(("use", "error_id", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_s7_each_part_of_the_binding_is_checked(use: Use, error_id: str, why: str) -> None:
    with pytest.raises(CredentialError) as caught:
        check_use(BINDING, use)
    assert caught.value.id == error_id
    assert why in caught.value.why


def test_s7_another_profile_is_told_the_command_that_allows_it() -> None:
    with pytest.raises(CredentialError) as caught:
        check_use(BINDING, USE._replace(profile="support"))
    assert caught.value.next == "mcp-proxy credential allow billing-api --profile support"


def test_another_kind_is_told_the_command_that_sets_it() -> None:
    with pytest.raises(CredentialError) as caught:
        check_use(BINDING, USE._replace(kind="header", header="X-Key"))
    assert caught.value.next == (
        "mcp-proxy credential set billing-api --origin https://api.example.com "
        "--kind header --header X-Key"
    )


@pytest.mark.parametrize(
    ("kind", "header", "origins", "path", "profiles"),
    [
        ("env", "X_KEY", ["https://a.example"], "", []),
        ("client", None, ["https://a.example"], "", []),
        ("mtls", "X-Key", ["https://a.example"], "", []),
        ("query", None, ["https://a.example"], "", []),
        ("query", "a&b", ["https://a.example"], "", []),
        ("query", "a%62", ["https://a.example"], "", []),
        ("bearer", "X-Key", ["https://a.example"], "", []),
        ("header", None, ["https://a.example"], "", []),
        ("header", "X Key", ["https://a.example"], "", []),
        ("header", "X-Key\r\nHost: evil", ["https://a.example"], "", []),
        ("header", "Host", ["https://a.example"], "", []),
        ("header", "Content-Length", ["https://a.example"], "", []),
        ("header", "Transfer-Encoding", ["https://a.example"], "", []),
        ("header", "Proxy-Authorization", ["https://a.example"], "", []),
        ("header", "Mcp-Session-Id", ["https://a.example"], "", []),
        ("bearer", None, [], "", []),
        ("bearer", None, ["https://a.example/v1"], "", []),
        ("bearer", None, ["http://a.example"], "", []),
        ("bearer", None, ["https://a.example"], "v1", []),
        ("bearer", None, ["https://a.example"], "/../v1", []),
        ("bearer", None, ["https://a.example"], "", [("Not A Name", "keys")]),
        ("bearer", None, ["https://a.example"], "", [("billing", "")]),
    ],
)
def test_s7_a_binding_that_cannot_be_is_refused(
    kind: str, header: str | None, origins: list[str], path: str, profiles: list[tuple[str, str]]
) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        make_binding(kind, header, origins, path, profiles)


def test_a_binding_survives_its_stored_form() -> None:
    binding = make_binding(
        "header",
        "X-Key",
        ["https://a.example:444", "http://[::1]:80"],
        "/v1/",
        [("billing", "keys"), ("support", "keys")],
    )
    assert parse_binding(plain_binding(binding)) == binding


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"kind": 1},
        {"origins": "https://a.example"},
        {"origins": [1]},
        {"profiles": [["billing"]]},
        {"profiles": [["billing", "keys", "more"]]},
        {"profiles": "billing"},
        {"path": None},
    ],
)
def test_a_stored_form_of_another_shape_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        parse_binding({**plain_binding(BINDING), **change})


def test_a_stored_form_that_lacks_a_key_is_refused() -> None:
    for key in plain_binding(BINDING):
        row = plain_binding(BINDING)
        del row[key]
        with pytest.raises(ValueError):
            parse_binding(row)


def test_s7_a_parameter_is_compared_by_case_and_a_header_is_not() -> None:
    binding = make_binding("query", "api_key", ["https://api.example.com"], "", [("a", "keys")])
    use = Use("maps", "a", "keys", "query", "api_key", ORIGIN, "")
    check_use(binding, use)
    with pytest.raises(CredentialError) as caught:
        check_use(binding, use._replace(header="API_KEY"))
    assert "into the parameter api_key, no other" in caught.value.why
    assert caught.value.next.endswith("--kind query --parameter API_KEY")


ISSUER = "https://login.example.com/tenant"
CLIENT = make_client_binding(ISSUER, "our-id", "client_secret_basic", [("billing", "keys")])
CLIENT_USE = ClientUse("billing-api", "billing", "keys", ISSUER, "our-id")

CLIENT_REFUSED = {
    "issuer": (CLIENT_USE._replace(issuer="https://evil.example"), "MCPX-C04", "the issuer"),
    "slash": (CLIENT_USE._replace(issuer=f"{ISSUER}/"), "MCPX-C04", "the issuer"),
    "client": (CLIENT_USE._replace(client="other"), "MCPX-C04", "the client our-id"),
    "method": (CLIENT_USE._replace(method="private_key_jwt"), "MCPX-C04", "the login was made by"),
    "profile": (CLIENT_USE._replace(profile="other"), "MCPX-C03", "not allowed to the profile"),
    "root": (CLIENT_USE._replace(root="repository x"), "MCPX-C03", "another trust root"),
}


@pytest.mark.parametrize(
    ("use", "error_id", "why"), CLIENT_REFUSED.values(), ids=CLIENT_REFUSED.keys()
)
def test_s8_a_clients_secret_is_bound_to_its_issuer_and_client(
    use: ClientUse, error_id: str, why: str
) -> None:
    check_client_use(CLIENT, CLIENT_USE)
    check_client_use(CLIENT, CLIENT_USE._replace(method="client_secret_basic"))
    with pytest.raises(CredentialError) as caught:
        check_client_use(CLIENT, use)
    assert caught.value.id == error_id
    assert why in caught.value.why


def test_s8_a_clients_secret_goes_into_no_request_and_no_other_secret_to_a_token_endpoint() -> None:
    with pytest.raises(CredentialError, match="is of kind client"):
        check_use(CLIENT, USE)
    with pytest.raises(CredentialError, match="is of kind bearer"):
        check_client_use(BINDING, CLIENT_USE)


@pytest.mark.parametrize(
    ("issuer", "client", "method"),
    [
        ("", "our-id", "client_secret_basic"),
        ("http://login.example.com", "our-id", "client_secret_basic"),
        ("https://login.example.com?a=b", "our-id", "client_secret_basic"),
        ("https://login.example.com", "", "client_secret_basic"),
        ("https://login.example.com", "our\nid", "client_secret_basic"),
        ("https://login.example.com", "our-id", "none"),
    ],
)
def test_s8_a_clients_binding_that_cannot_be_is_refused(
    issuer: str, client: str, method: str
) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        make_client_binding(issuer, client, method, [])


@pytest.mark.parametrize("kind", ["bearer", "query", "mtls", "oauth", "sigv4"])
def test_every_kind_survives_its_stored_form(kind: str) -> None:
    header = "key" if kind == "query" else None
    binding = make_binding(kind, header, ["https://a.example"], "/v1", [("billing", "keys")])
    assert parse_binding(plain_binding(binding)) == binding
    assert parse_binding(plain_binding(CLIENT)) == CLIENT
