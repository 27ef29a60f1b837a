"""Who authorizes for an upstream, found at a real authorization server and its resources."""

import asyncio
import json
from typing import Any

import pytest
from authorization_server import AuthorizationServer

from mcp_proxy.core.oauth_scopes import Scopes
from mcp_proxy.core.profile import OAuth, UpstreamSpec
from mcp_proxy.edges.network import DIRECT
from mcp_proxy.edges.oauth_discovery import Found, discover
from mcp_proxy.edges.oauth_http import OAuthHttp, Unanswered
from mcp_proxy.errors import CredentialError

KNOWN = frozenset({"127.0.0.1"})
GRANT = OAuth("oauth", "api", "authorization_code", "", "", "", (), ())
WELL_KNOWN = "/.well-known/oauth-protected-resource"
NOT_FOUND = (404, {}, b"")


def found(
    server: AuthorizationServer,
    oauth: OAuth = GRANT,
    kind: str = "mcp",
    known: frozenset[str] = KNOWN,
) -> Found:
    url = server.mcp if kind == "mcp" else server.rest
    spec = UpstreamSpec(kind, url, oauth, 5000, ())

    async def main() -> Found:
        http = OAuthHttp(DIRECT, known, localhost=False)
        try:
            return await discover(spec, oauth, http)
        finally:
            await http.close()

    return asyncio.run(main())


def refused(server: AuthorizationServer, oauth: OAuth = GRANT, kind: str = "mcp") -> str:
    with pytest.raises(CredentialError, match="MCPX-C07") as caught:
        found(server, oauth, kind)
    return caught.value.why


def asked(server: AuthorizationServer) -> list[str]:
    return [f"{seen.method} {seen.path}" for seen in server.seen]


def test_an_mcp_upstream_is_asked_who_authorizes_for_it() -> None:
    with AuthorizationServer() as server:
        metadata, resource, scopes = found(server)
        assert resource == server.mcp
        assert scopes == ("read", "write", "offline_access")
        assert (metadata.issuer, metadata.token) == (server.issuer, f"{server.issuer}/token")
        assert metadata.iss_sent
        assert metadata.client_metadata
        assert asked(server) == [
            "POST /mcp",
            f"GET {WELL_KNOWN}/mcp",
            "GET /.well-known/oauth-authorization-server",
        ]
        assert json.loads(server.seen[0].body)["method"] == "tools/list"
        assert not any("authorization" in seen.headers for seen in server.seen)


def test_an_issuer_with_a_path_is_found_by_either_kind_of_metadata() -> None:
    with AuthorizationServer(path="/tenant") as server:
        assert found(server).metadata.issuer == server.issuer
        server.faults.only_oidc = True
        assert found(server).metadata.issuer == server.issuer
        server.faults.answers["/.well-known/openid-configuration/tenant"] = NOT_FOUND
        assert found(server).metadata.issuer == server.issuer
        assert asked(server)[-1] == "GET /tenant/.well-known/openid-configuration"


@pytest.mark.parametrize("challenge", ["", "Bearer", 'Basic realm="x"', 'Bearer error="x'])
def test_without_a_word_on_its_metadata_they_are_sought_where_they_belong(challenge: str) -> None:
    with AuthorizationServer() as server:
        server.faults.challenge = challenge
        assert found(server).resource == server.mcp
        server.faults.resource_at_root = True
        assert found(server).resource == server.mcp
        assert asked(server)[-3:-1] == [f"GET {WELL_KNOWN}/mcp", f"GET {WELL_KNOWN}"]


def test_an_upstream_that_lists_its_tools_to_everybody_is_found_all_the_same() -> None:
    with AuthorizationServer() as server:
        server.resource.protects_listing = False
        assert found(server).resource == server.mcp


def test_a_page_of_html_in_the_place_of_metadata_is_passed_over() -> None:
    with AuthorizationServer() as server:
        page = (200, {"Content_Type": "text/html"}, b"<!doctype html>")
        server.faults.answers["/.well-known/oauth-authorization-server"] = page
        assert found(server).metadata.issuer == server.issuer


@pytest.mark.parametrize(
    ("demanded", "profile", "expected"),
    [
        ("admin", (), ("admin", "offline_access")),
        ("admin", ("read",), ("read", "admin", "offline_access")),
        ("", ("read",), ("read", "offline_access")),
    ],
)
def test_the_challenges_scopes_come_before_those_of_the_metadata(
    demanded: str, profile: Scopes, expected: Scopes
) -> None:
    with AuthorizationServer() as server:
        server.faults.challenge_scope = demanded
        assert found(server, GRANT._replace(scopes=profile)).scopes == expected


def test_no_scope_is_asked_for_where_nobody_names_one() -> None:
    with AuthorizationServer() as server:
        server.faults.resource_metadata = {"scopes_supported": None}
        assert found(server).scopes == ()


def test_a_machine_asks_for_no_offline_access() -> None:
    with AuthorizationServer() as server:
        oauth = GRANT._replace(grant="client_credentials", scopes=("read",))
        server.faults.metadata = {"code_challenge_methods_supported": None}
        assert found(server, oauth).scopes == ("read",)


def test_s8_the_profiles_issuer_has_to_be_one_that_the_upstream_relies_on() -> None:
    with AuthorizationServer() as server:
        listed = ["https://first.example", server.issuer]
        server.faults.resource_metadata = {"authorization_servers": listed}
        assert found(server, GRANT._replace(issuer=server.issuer)).metadata.issuer == server.issuer
        server.faults.resource_metadata = {"authorization_servers": ["https://evil.example"]}
        why = refused(server, GRANT._replace(issuer=server.issuer))
        assert why == (
            f"The upstream relies on https://evil.example, but its profile names {server.issuer}."
        )
        assert server.heard("/.well-known/oauth-authorization-server") == server.seen[2:3]


def test_a_slash_that_an_upstream_adds_to_its_server_is_mended_by_the_profiles_issuer() -> None:
    with AuthorizationServer() as server:
        server.faults.resource_metadata = {"authorization_servers": [server.issuer + "/"]}
        assert "says it is" in refused(server)
        assert found(server, GRANT._replace(issuer=server.issuer)).metadata.issuer == server.issuer


def test_an_upstream_without_metadata_needs_an_issuer_in_its_profile() -> None:
    with AuthorizationServer() as server:
        server.faults.answers[WELL_KNOWN + "/mcp"] = NOT_FOUND
        assert "the profile can name its `issuer`" in refused(server)
        result = found(server, GRANT._replace(issuer=server.issuer, scopes=("read",)))
        assert (result.resource, result.metadata.issuer) == (server.mcp, server.issuer)


def test_a_rest_api_is_not_asked_and_no_resource_is_named_to_its_issuer() -> None:
    with AuthorizationServer() as server:
        oauth = GRANT._replace(issuer=server.issuer, scopes=("read",))
        assert found(server, oauth, "rest")[1:] == ("", ("read", "offline_access"))
        assert asked(server) == ["GET /.well-known/oauth-authorization-server"]


def test_the_resource_that_a_rest_apis_profile_names_is_named_to_its_issuer() -> None:
    with AuthorizationServer() as server:
        oauth = GRANT._replace(issuer=server.issuer, resource="https://api.example.com/v1")
        assert found(server, oauth, "rest").resource == "https://api.example.com/v1"


@pytest.mark.parametrize("issuer", ["", "login.example", "http://login.example"])
def test_s8_a_profiles_issuer_that_is_no_https_url_is_not_asked(issuer: str) -> None:
    with AuthorizationServer() as server:
        assert "cannot be used" in refused(server, GRANT._replace(issuer=issuer), "rest")
        assert server.seen == []


def test_the_profiles_endpoints_stand_for_metadata() -> None:
    with AuthorizationServer() as server:
        pinned = (("authorization", f"{server.issuer}/a"), ("token", "https://t.example/token"))
        oauth = GRANT._replace(issuer=server.issuer, endpoints=pinned)
        assert found(server, oauth, "rest").metadata.token == "https://t.example/token"
        assert server.seen == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"resource": "https://evil.example/mcp"}, "is for https://evil.example/mcp, not for"),
        ({"authorization_servers": []}, "name no authorization server"),
        ({"authorization_servers": ["file:///etc/passwd"]}, "The issuer file:///etc/passwd cannot"),
        ({"authorization_servers": ["http://169.254.169.254"]}, "cannot be used"),
        ({"authorization_servers": ["https://a.example?x"]}, "cannot be used"),
    ],
)
def test_s8_a_resource_that_cannot_be_relied_on_ends_the_login(
    fault: dict[str, Any], words: str
) -> None:
    with AuthorizationServer() as server:
        server.faults.resource_metadata = fault
        assert words in refused(server)
        assert asked(server)[-1] == f"GET {WELL_KNOWN}/mcp"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"issuer": "https://evil.example"}, "says it is https://evil.example"),
        ({"code_challenge_methods_supported": None}, "PKCE"),
        ({"token_endpoint": "https://evil.example/token"}, "token at https://evil.example"),
        ({"authorization_endpoint": "file:///bin/sh"}, "cannot be used"),
    ],
)
def test_s8_metadata_that_cannot_be_relied_on_end_the_login(
    fault: dict[str, Any], words: str
) -> None:
    with AuthorizationServer() as server:
        server.faults.metadata = fault
        assert words in refused(server)


def test_s9_metadata_that_stand_elsewhere_are_not_followed() -> None:
    with AuthorizationServer() as server:
        moved = (302, {"Location": "https://evil.example/metadata"}, b"")
        server.faults.answers["/.well-known/oauth-authorization-server"] = moved
        assert "redirects to https://evil.example" in refused(server)


def test_s9_an_upstream_cannot_lead_to_a_private_address() -> None:
    with AuthorizationServer() as server:
        inner = "https://10.0.0.1"
        server.faults.resource_metadata = {"authorization_servers": [inner]}
        with pytest.raises(Unanswered, match="is at an address that is not public"):
            found(server)
        server.faults.challenge = f'Bearer resource_metadata="{inner}/metadata"'
        with pytest.raises(Unanswered, match="is at an address that is not public"):
            found(server)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_out_of_order_is_not_taken_for_one_without_metadata(status: int) -> None:
    with AuthorizationServer() as server:
        server.faults.answers["/.well-known/oauth-authorization-server"] = (status, {}, b"")
        with pytest.raises(Unanswered, match=f"answered {status}"):
            found(server)


def test_a_server_without_metadata_is_told_from_one_that_lies() -> None:
    with AuthorizationServer() as server:
        for place in ("oauth-authorization-server", "openid-configuration"):
            server.faults.answers[f"/.well-known/{place}"] = NOT_FOUND
        assert "the profile can name its `endpoints`" in refused(server)
