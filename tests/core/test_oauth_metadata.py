"""Metadata of resources and authorization servers: what they may say, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.client.auth.utils import (
    build_oauth_authorization_server_metadata_discovery_urls,
    build_protected_resource_metadata_discovery_urls,
)
from mcp.shared.auth_utils import check_resource_allowed

from mcp_proxy.core.oauth_metadata import (
    Metadata,
    Resource,
    canonical_resource,
    parse_resource,
    parse_server,
    pinned_server,
    resource_urls,
    server_urls,
)
from mcp_proxy.core.text import is_visible_line
from mcp_proxy.errors import CredentialError

ISSUER = "https://login.example/tenant"
UPSTREAM = "https://api.example/v1/mcp"
SERVER: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://login.example/authorize?flow=1",
    "token_endpoint": "https://login.example/token",
    "code_challenge_methods_supported": ["plain", "S256"],
}
PATHS = st.lists(st.text("abc-1", min_size=1, max_size=5), max_size=3).map(
    lambda parts: "".join(f"/{part}" for part in parts)
)


def refused(doc: dict[str, Any], pinned: dict[str, str] | None = None, **options: Any) -> str:
    with pytest.raises(CredentialError) as caught:
        parse_server(doc, ISSUER, pinned or {}, **options)
    assert caught.value.id == "MCPX-C07"
    assert is_visible_line(caught.value.why)
    return caught.value.why


@given(PATHS)
def test_metadata_are_sought_where_the_sdk_seeks_them(path: str) -> None:
    url = "https://a.example:8443" + path
    assert resource_urls(url) == build_protected_resource_metadata_discovery_urls(None, url)
    theirs = build_oauth_authorization_server_metadata_discovery_urls(url, url)
    assert server_urls(url) == theirs


@given(PATHS, PATHS, st.sampled_from(["https://a.example", "https://b.example"]))
def test_s8_a_resource_speaks_for_its_own_origin_and_the_paths_below_it(
    upstream: str, named: str, origin: str
) -> None:
    url, resource = "https://a.example" + upstream, origin + named
    try:
        found = parse_resource({"resource": resource}, url).resource == resource
    except CredentialError:
        found = False
    assert found == check_resource_allowed(url, resource)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (None, "names no resource"),
        (7, "names no resource"),
        ("https://evil.example/v1/mcp", "is for https://evil.example/v1/mcp, not for"),
        ("https://api.example/v1/mc", "not for"),
        ("https://api.example/v1/mcp/deeper", "not for"),
        ("http://api.example/v1/mcp", "not for"),
        ("https://api.example:444/v1/mcp", "not for"),
        ("https://api.example/v1/mcp?x=1", "not for"),
        ("https://api.example/v1/mcp#x", "not for"),
        ("https://user@api.example/v1/mcp", "not for"),
        ("https://api.example\\@evil.example/", "not for"),
        ("\x1b[2Jhttps://evil.example", "is for https://evil.example, not for"),
    ],
)
def test_s8_a_resource_that_is_not_the_upstream_is_refused(named: Any, words: str) -> None:
    with pytest.raises(CredentialError, match="MCPX-C07") as caught:
        parse_resource({} if named is None else {"resource": named}, UPSTREAM)
    assert words in caught.value.why
    assert "\x1b" not in caught.value.why


def test_a_resource_names_its_servers_and_scopes_within_bounds() -> None:
    doc = {
        "resource": "https://API.example:443/",
        "authorization_servers": ["https://a.example", 7, "https://a.example", "https://b.example"],
        "scopes_supported": ["read", "not one", "write"],
    }
    expected = ("https://a.example", "https://b.example")
    assert parse_resource(doc, UPSTREAM) == Resource(doc["resource"], expected, ("read", "write"))
    many = {**doc, "authorization_servers": [f"https://{n}.example" for n in range(99)]}
    assert len(parse_resource(many, UPSTREAM).servers) == 16


def test_a_resource_indicator_has_no_slash_at_its_end() -> None:
    assert canonical_resource("https://API.example:443/v1/") == "https://api.example/v1"
    assert canonical_resource("https://api.example/") == "https://api.example"


def test_a_servers_metadata_give_its_endpoints() -> None:
    doc = SERVER | {
        "device_authorization_endpoint": "https://login.example:443/device",
        "scopes_supported": ["a", "b"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_post"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
    }
    assert parse_server(doc, ISSUER, {}) == Metadata(
        ISSUER,
        "https://login.example/authorize?flow=1",
        "https://login.example/token",
        "https://login.example/device",
        "",
        "",
        ("none", "client_secret_post"),
        ("a", "b"),
        iss_sent=True,
        client_metadata=True,
    )
    assert parse_server(SERVER, ISSUER, {}).auth_methods == ("client_secret_basic",)
    odd = SERVER | {"authorization_response_iss_parameter_supported": "true"}
    assert not parse_server(odd, ISSUER, {}).iss_sent


@pytest.mark.parametrize(
    "issuer",
    [
        *("https://login.example/tenant/", "https://LOGIN.example/tenant", "https://evil.example"),
        *("https://login.example:443/tenant", "https://login.example/%74enant", None, 7),
    ],
)
def test_s8_another_issuer_in_the_metadata_is_refused_without_normalization(issuer: Any) -> None:
    assert "authorization server https://login.example/tenant" in refused(
        SERVER | {"issuer": issuer}
    )


@pytest.mark.parametrize("methods", [None, [], ["plain"], "S256", {"S256": 1}])
def test_a_server_that_does_not_check_pkce_is_refused(methods: Any) -> None:
    assert "PKCE" in refused(SERVER | {"code_challenge_methods_supported": methods})
    doc = SERVER | {"code_challenge_methods_supported": methods}
    assert parse_server(doc, ISSUER, {}, needs_code=False).token == SERVER["token_endpoint"]


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("authorization_endpoint", "file:///etc/passwd"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("authorization_endpoint", "https://login.example/a;$(touch x)\n"),
        ("authorization_endpoint", "http://login.example/authorize"),
        ("authorization_endpoint", "http://localhost/authorize"),
        ("token_endpoint", "https://user:pass@login.example/token"),
        ("token_endpoint", "https://login.example/token#part"),
        ("token_endpoint", "https://login.example/" + "x" * 3000),
        ("token_endpoint", "/token"),
        ("revocation_endpoint", ["https://login.example/revoke"]),
        ("registration_endpoint", "https://2130706433/register"),
    ],
)
def test_s9_an_endpoint_that_is_no_https_url_is_refused(key: str, url: Any) -> None:
    why = refused(SERVER | {key: url})
    assert key.removesuffix("_endpoint") in why


@pytest.mark.parametrize(
    "name", ["authorization", "token", "device_authorization", "revocation", "registration"]
)
def test_s8_an_endpoint_on_another_host_counts_only_if_the_profile_pins_it(name: str) -> None:
    other = f"https://other.example/{name}"
    doc = SERVER | {f"{name}_endpoint": other}
    assert f"({name} at https://other.example)" in refused(doc)
    found = parse_server(doc, ISSUER, {name: f"https://pinned.example/{name}"})
    assert getattr(found, name) == f"https://pinned.example/{name}"


def test_a_server_without_a_token_endpoint_or_a_way_to_log_in_is_refused() -> None:
    assert "no token endpoint" in refused({**SERVER, "token_endpoint": None})
    bare = {**SERVER, "authorization_endpoint": None}
    assert "no endpoint to log in at" in refused(bare)
    device = bare | {"device_authorization_endpoint": "https://login.example/device"}
    assert parse_server(device, ISSUER, {}).authorization == ""


def test_plain_http_goes_to_this_machine_alone() -> None:
    issuer = "http://localhost:9000"
    doc = {**SERVER, "issuer": issuer, "authorization_endpoint": f"{issuer}/a"}
    doc["token_endpoint"] = f"{issuer}/t"
    assert parse_server(doc, issuer, {}, localhost=True).token == "http://localhost:9000/t"
    with pytest.raises(CredentialError, match="localhost is not allowed"):
        parse_server(doc, issuer, {})


def test_an_upstream_on_localhost_is_one_where_the_settings_admit_it() -> None:
    url = "http://localhost:9000/mcp"
    assert canonical_resource(url) == url
    assert resource_urls(url)[0] == (
        "http://localhost:9000/.well-known/oauth-protected-resource/mcp"
    )
    assert len(server_urls(url)) == 3
    assert parse_resource({"resource": url}, url).resource == url


@pytest.mark.parametrize("issuer", ["", "login.example", "http://localhost", "https://a.example?x"])
def test_s8_an_issuer_is_an_https_url(issuer: str) -> None:
    with pytest.raises(CredentialError, match="cannot be used"):
        parse_server({**SERVER, "issuer": issuer}, issuer, {})
    with pytest.raises(CredentialError, match="cannot be used"):
        pinned_server(issuer, {"token": "https://b.example/t"}, needs_code=False)


def test_the_profiles_endpoints_stand_for_metadata_where_they_suffice_for_the_grant() -> None:
    pinned = {"authorization": "https://a.example/a", "token": "https://b.example/t"}
    found = pinned_server(ISSUER, pinned)
    assert found is not None
    assert (found.authorization, found.token) == tuple(pinned.values())
    assert (found.iss_sent, found.client_metadata) == (False, False)
    with pytest.raises(CredentialError, match="localhost is not allowed"):
        pinned_server(ISSUER, {**pinned, "token": "http://localhost/t"})
    token = {"token": "https://b.example/t"}
    assert pinned_server(ISSUER, token) is None
    assert pinned_server(ISSUER, token, needs_code=False) is not None
    assert pinned_server(ISSUER, {"revocation": "https://b.example/r"}, needs_code=False) is None


def said_of(doc: dict[str, Any]) -> Metadata | str:
    try:
        return parse_server(doc, ISSUER, {})
    except CredentialError as error:
        return error.why


@given(st.dictionaries(st.sampled_from(sorted(SERVER)), st.none() | st.integers() | st.text()))
def test_whatever_a_server_says_is_metadata_or_one_clean_sentence(changes: dict[str, Any]) -> None:
    said = said_of({**SERVER, **changes})
    if isinstance(said, str):
        assert is_visible_line(said)
    else:
        assert said.issuer == ISSUER
        assert said.token.startswith("https://login.example")
