"""New sources: buildable as they are, reading first, nothing taken silently."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from workshop.server_samples import WHOLE_LISTING
from workshop.source_samples import API, LISTING, NOW_S

from mcp_proxy.core.profile import Auth
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.build import build_payload
from mcp_proxy.workshop.draft import New, tool_name
from mcp_proxy.workshop.listing import parse_listing
from mcp_proxy.workshop.new_source import (
    source_from_document,
    source_from_listing,
    source_from_nothing,
)
from mcp_proxy.workshop.source import parse_source
from mcp_proxy.workshop.upstreams import gateway_spec


def from_document(folder: Path, api: Any, url: str | None = None) -> New:
    (folder / "api.json").write_text(json.dumps(api))
    return source_from_document("shop", "api.json", str(folder), url)


def header_of(folder: Path, text: str) -> Any:
    built = build_payload(parse_source(text.encode(), str(folder / "shop.yaml")), NOW_S)
    return parse_payload(built.payload, "", "").header


def plain_api() -> dict[str, Any]:
    """The API without the parameters that need a name of the publisher's."""
    api = copy.deepcopy(API)
    api["paths"]["/orders"]["get"]["parameters"].pop()
    del api["paths"]["/orders/{id}"]["get"]["parameters"][1]
    return api


def test_reading_tools_are_written_out_and_the_rest_stand_as_comments(tmp_path: Path) -> None:
    new = from_document(tmp_path, plain_api())
    assert (new.tools, new.commented) == (2, 1)
    header = header_of(tmp_path, new.text)
    assert header.tools == ("get_order", "list_orders")
    assert header.upstreams["shop"].auth == Auth("header", "shop", "X-Api-Key")
    assert '  # create_order: {upstream: shop, operation: "createOrder", effect: write}' in new.text


def test_a_commented_tool_builds_once_the_sign_is_taken_away(tmp_path: Path) -> None:
    text = from_document(tmp_path, plain_api()).text
    line = text.replace("  # create_order: {", "  create_order: {description: Makes an order., ")
    assert header_of(tmp_path, line).tools[-1] == "create_order"


def test_operations_that_do_not_build_are_not_written_out(tmp_path: Path) -> None:
    # Both reading operations have a parameter whose name the publisher must choose.
    new = from_document(tmp_path, API)
    assert header_of(tmp_path, new.text).tools == ("create_order",)
    assert "approval: always  # it changes something" in new.text


def test_at_most_ten_tools_are_written_out(tmp_path: Path) -> None:
    operation = {"summary": "Ping", "responses": {"200": {"description": "ok"}}}
    paths = {f"/p{n}": {"get": {**operation, "operationId": f"ping{n}"}} for n in range(14)}
    new = from_document(tmp_path, {**API, "paths": paths})
    assert (new.tools, new.commented) == (10, 4)


def test_s12_the_address_of_the_document_is_written_out_to_be_checked(tmp_path: Path) -> None:
    text = from_document(tmp_path, plain_api()).text
    assert re.search(r'url: "https://shop\.example\.com/api"  # .*CHECK', text)
    given = from_document(tmp_path, plain_api(), "https://other.example")
    assert 'url: "https://other.example"  # as given' in given.text


@pytest.mark.parametrize("server", ["/api", "http://shop.example.com", "https://{region}.x.y"])
def test_s12_an_address_that_cannot_be_used_must_be_given(tmp_path: Path, server: str) -> None:
    with pytest.raises(SourceError, match="No address of the API") as caught:
        from_document(tmp_path, {**plain_api(), "servers": [{"url": server}]})
    assert "--url" in caught.value.next


@pytest.mark.parametrize(
    ("scheme", "line"),
    [
        ({"type": "http", "scheme": "Bearer"}, "auth: {kind: bearer, credential: shop}"),
        ({"type": "http", "scheme": "basic"}, "auth: {kind: basic, credential: shop}"),
        ({"type": "oauth2", "flows": {}}, "auth: {kind: bearer, credential: shop}"),
        (
            {"type": "apiKey", "in": "query", "name": "k"},
            'auth: {kind: query, credential: shop, name: "k"}',
        ),
        ({"type": "apiKey", "in": "query", "name": "k[]"}, "# auth: {kind: bearer"),
        ({"type": "mutualTLS"}, "auth: {kind: mtls, credential: shop}"),
        ({"type": "apiKey", "in": "header", "name": "Host"}, "# auth: {kind: bearer"),
    ],
)
def test_authorization_is_what_the_document_says(
    tmp_path: Path, scheme: dict[str, Any], line: str
) -> None:
    api = plain_api()
    api["components"]["securitySchemes"] = {"own": scheme}
    assert f"\n    {line}" in from_document(tmp_path, api).text


def test_a_key_in_the_query_is_taken_only_where_there_is_no_other_scheme(tmp_path: Path) -> None:
    api = plain_api()
    key = {"type": "apiKey", "in": "query", "name": "key"}
    api["components"]["securitySchemes"] = {"key": key, "own": {"type": "http", "scheme": "basic"}}
    api["security"] = [{"key": []}]
    assert "kind: basic" in from_document(tmp_path, api).text


LOGIN = {
    "authorizationUrl": "https://login.example.com/authorize",
    "tokenUrl": "https://login.example.com/token?v=2",
    "scopes": {"orders:read": "", "orders:write": "", "admin": ""},
}
OAUTH_SCHEMES = {
    "code": (
        {"type": "oauth2", "flows": {"implicit": {}, "authorizationCode": LOGIN}},
        (
            'issuer: "https://login.example.com", client_id: ID, scopes: ["orders:read"], '
            'endpoints: {authorization: "https://login.example.com/authorize", '
            'token: "https://login.example.com/token?v=2"}}'
        ),
    ),
    "machine": (
        {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": LOGIN["tokenUrl"]}}},
        'grant: client_credentials, issuer: "https://login.example.com", client_id: ID, ',
    ),
    "openid": (
        {
            "type": "openIdConnect",
            "openIdConnectUrl": "https://a.example.com/t/.well-known/openid-configuration",
        },
        'issuer: "https://a.example.com/t", client_id: ID, scopes: ["orders:read"]}',
    ),
}


@pytest.mark.parametrize(("scheme", "terms"), OAUTH_SCHEMES.values(), ids=OAUTH_SCHEMES.keys())
def test_a_document_that_names_oauth_proposes_a_login_as_a_comment(
    tmp_path: Path, scheme: dict[str, Any], terms: str
) -> None:
    api = plain_api()
    api["components"]["securitySchemes"] = {"own": scheme}
    api["security"] = [{"own": ["orders:read"]}]
    text = from_document(tmp_path, api).text
    assert "\n    auth: {kind: bearer, credential: shop}" in text
    line = next(line for line in text.splitlines() if "kind: oauth" in line)
    assert line.startswith("    # auth: {kind: oauth, credential: shop, ")
    assert terms in line
    auth = "auth:" + line.partition("auth:")[2].replace("client_id: ID", "client_id: us")
    active = text.replace("auth: {kind: bearer, credential: shop}", auth)
    assert parse_source(active.encode(), "x").profile.upstreams["shop"].auth.kind == "oauth"


@pytest.mark.parametrize("url", ["", "http://login.example.com/token", "javascript:alert(1)", "/t"])
def test_a_login_that_no_profile_may_name_is_not_proposed(tmp_path: Path, url: str) -> None:
    flows = {"authorizationCode": {**LOGIN, "tokenUrl": url}}
    api = plain_api()
    api["components"]["securitySchemes"] = {"own": {"type": "oauth2", "flows": flows}}
    assert "kind: oauth" not in from_document(tmp_path, api).text


def test_the_documents_own_choice_of_scheme_comes_first(tmp_path: Path) -> None:
    api = plain_api()
    api["components"]["securitySchemes"]["second"] = {"type": "http", "scheme": "basic"}
    api["security"] = [{"second": []}]
    assert "kind: basic" in from_document(tmp_path, api).text


def test_s25_hidden_characters_of_the_document_do_not_reach_the_source(tmp_path: Path) -> None:
    api = plain_api()
    api["info"]["title"] = 'Shop\u202e"\nprofile: evil'
    api["paths"]["/orders"]["get"]["summary"] = "List\u200b\n  evil: {upstream: shop}"
    header = header_of(tmp_path, from_document(tmp_path, api).text)
    assert header.title == 'Shop" profile: evil'
    assert header.tools == ("get_order", "list_orders")


def test_a_gateways_source_builds(tmp_path: Path) -> None:
    data = json.dumps(LISTING).encode()
    (tmp_path / "shop.tools.json").write_bytes(data)
    spec = gateway_spec("https://gw.example.com/mcp", Auth("bearer", "shop", "Authorization"))
    listing = parse_listing(data, "t")
    new = source_from_listing("shop", spec, "shop.tools.json", listing)
    assert (new.tools, new.commented) == (1, 2)
    header = header_of(tmp_path, new.text)
    assert header.tools == ("look_up",)
    assert header.upstreams["shop"] == spec


def from_listing(folder: Path, rows: dict[str, Any]) -> str:
    data = json.dumps(rows).encode()
    (folder / "shop.tools.json").write_bytes(data)
    spec = gateway_spec("https://gw.example.com/mcp", None)
    return source_from_listing("shop", spec, "shop.tools.json", parse_listing(data, "t")).text


def test_a_gateways_resources_and_prompts_are_written_out_and_its_features_as_a_comment(
    tmp_path: Path,
) -> None:
    text = from_listing(tmp_path, WHOLE_LISTING)
    assert "    # features: [progress, logging, completion, elicitation" in text
    header = header_of(tmp_path, text)
    assert header.resources == ("intro", "intro_2", "handbook")
    assert header.prompts == ("summarize_account", "greet")
    assert header.upstreams["shop"].features == ()


def test_above_ten_resources_the_others_stand_as_comments(tmp_path: Path) -> None:
    rows = [{"uri": f"docs://{number}", "name": f"n{number}"} for number in range(12)]
    text = from_listing(tmp_path, {**LISTING, "resources": rows})
    assert len(header_of(tmp_path, text).resources) == 10
    assert text.count("  # n") == 2


def test_a_gateway_may_have_no_tools_but_not_nothing(tmp_path: Path) -> None:
    text = from_listing(tmp_path, {"tools": [], "prompts": [{"name": "greet"}]})
    assert header_of(tmp_path, text).prompts == ("greet",)
    with pytest.raises(SourceError, match="No operation can be made a tool"):
        from_listing(tmp_path, {"tools": []})


@pytest.mark.parametrize("end", ["\n", "\r", "\x85", "\u2028", "\u2029"])
def test_s25_a_hostile_listing_cannot_write_keys_into_the_source(tmp_path: Path, end: str) -> None:
    evil = f'x"}}{end}  evil: {{upstream: shop, uri: "docs://evil"}}  #'
    rows = {
        "tools": [*LISTING["tools"], {**LISTING["tools"][1], "name": evil}],
        "resources": [{"uri": f"docs://{evil}", "name": evil, "description": evil}],
        "prompts": [{"name": evil, "description": evil}, {"name": "a", "description": "\u202e"}],
    }
    text = from_listing(tmp_path, rows)
    assert header_of(tmp_path, text).resources == ()
    header = header_of(tmp_path, text)
    assert header.tools == ("look_up",)
    assert set(header.prompts) <= {"x_evil_upstream_shop_uri_docs_evil"}
    assert "\u202e" not in text
    assert not [line for line in text.splitlines() if line.startswith("  evil")]


def test_s25_names_that_yaml_reads_as_something_else_stay_names(tmp_path: Path) -> None:
    names = ["null", "true", "12", "1e5", "0x1f", "\ufeff", "\U0001f600\u200b"]
    hint = {"annotations": {"readOnlyHint": True}}
    tools = [{"name": name, "inputSchema": {"type": "object"}, **hint} for name in names]
    rows = [{"name": name} for name in names]
    resources = [{"uri": "docs://" + str(at), "name": name} for at, name in enumerate(names)]
    text = from_listing(tmp_path, {"tools": tools, "prompts": rows, "resources": resources})
    header = header_of(tmp_path, text)
    assert header.tools == ("null", "true", "12", "1e5", "0x1f", "tool", "tool_2")
    assert header.resources == header.tools
    assert header.prompts == header.tools[:5]
    plain = parse_source(text.replace("\n  # tool", "\n  tool").encode(), "x").profile.prompts
    assert [plain[name].prompt for name in ("tool", "tool_2")] == names[5:]


@pytest.mark.parametrize("name", ["123", "true", "null", "-", "---", "2026-01-01", "0x1f"])
def test_a_profile_s_name_may_look_like_something_else(tmp_path: Path, name: str) -> None:
    text = source_from_nothing(name).text
    assert list(parse_source(text.encode(), "x").profile.upstreams) == [name]
    (tmp_path / "api.json").write_text(json.dumps(API))
    made = source_from_document(name, "api.json", str(tmp_path), None).text
    assert list(parse_source(made.encode(), "x").profile.upstreams) == [name]


def test_a_document_without_operations_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No operation can be made a tool"):
        from_document(tmp_path, {**API, "paths": {}})


def test_the_empty_form_is_a_source(tmp_path: Path) -> None:
    text = source_from_nothing("shop").text
    assert parse_source(text.encode(), "shop.yaml").profile.profile == "shop"


def test_names_are_made_of_words_and_never_twice() -> None:
    taken: set[str] = set()
    assert tool_name("listOrders", taken) == "list_orders"
    assert tool_name("list-orders", taken) == "list_orders_2"
    assert tool_name("GET /v1/{id}", taken) == "get_v1_id"
    assert tool_name("…", taken) == "tool"
    assert len(tool_name("x" * 90, taken)) == 40
    assert len(tool_name("x" * 90, taken)) <= 40
