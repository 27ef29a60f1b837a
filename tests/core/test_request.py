"""Requests: the template decides where a call goes, whatever the arguments hold (S11)."""

import json
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from core.tool_samples import MCP, REST, mcp_tool, rest_tool, rule
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.profile import Auth, Aws
from mcp_proxy.core.request import McpRequest, Refusal, RestRequest, build_request

PATH = "/customers/{id}/invoices"
BY_PATH = rest_tool({"id": rule("path", "id")}, path=PATH, method="GET")


def rest(tool: Any, arguments: dict[str, Any]) -> RestRequest:
    request = build_request(tool, REST, arguments)
    assert isinstance(request, RestRequest), request
    return request


def refused(tool: Any, arguments: dict[str, Any]) -> Refusal:
    request = build_request(tool, REST, arguments)
    assert isinstance(request, Refusal), request
    return request


INJECTIONS = [
    "..",
    ".",
    "",
    "../admin",
    "a/b",
    "a\\b",
    "..\\admin",
    "%2e%2e",
    "%2F",
    "a%00",
    "..;",
    "..;/admin",
    ".;x=1",
    "a\nb",
    "a\r\nHost: evil",
    "\x00",
    "a\x85b",
    "https://evil.example/",
    "//evil.example",
]


@pytest.mark.parametrize("value", INJECTIONS)
def test_s11_path_injection_is_refused(value: str) -> None:
    refusal = refused(BY_PATH, {"id": value})
    assert refusal.argument == "id"
    assert value not in refusal.text or value in ("", ".", "..", "%2F")


@pytest.mark.parametrize("value", ["a?x=1", "a#frag", "a@b", "a:b", "a b", "ü", "a;b", "a..b", "…"])
def test_s11_separators_in_a_path_value_stay_one_segment(value: str) -> None:
    url = rest(BY_PATH, {"id": value}).url
    parts = urlsplit(url)
    assert parts.path.split("/")[3:] == [parts.path.split("/")[3], "invoices"]
    assert unquote(parts.path.split("/")[3]) == value
    assert not parts.query
    assert not parts.fragment


TEXTS = st.text() | st.text("./\\%;?#@:ab\r\n \u2024\uff0e\uff0f", max_size=6)
SCALARS = TEXTS | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.floats(allow_nan=False)


@given(TEXTS, TEXTS)
def test_s11_any_string_leaves_the_template_as_it_is(one: str, two: str) -> None:
    tool = rest_tool(
        {"a": rule("path", "a"), "b": rule("path", "b"), "q": rule("query", "q")},
        path="/x/{a}/y/{b}.json",
        method="GET",
    )
    request = build_request(tool, REST, {"a": one, "b": two, "q": one})
    if isinstance(request, Refusal):
        return
    parts = urlsplit(request.url)
    segments = parts.path.split("/")
    assert (parts.scheme, parts.netloc) == ("https", "api.example.com")
    assert [segments[i] for i in (0, 1, 2, 4)] == ["", "v1", "x", "y"]
    assert len(segments) == 6
    assert unquote(segments[3]) == one
    assert unquote(segments[5]) == two + ".json"
    assert unquote(parts.query) == f"q={one}"
    assert "#" not in request.url
    assert not {".", ".."} & set(segments)


@given(st.lists(TEXTS, max_size=3).map("/".join))
def test_s11_many_segments_never_leave_their_place(value: str) -> None:
    tool = rest_tool(
        {"file": rule("path", "file", segments="many")}, path="/files/{file}/raw", method="GET"
    )
    request = build_request(tool, REST, {"file": value})
    if isinstance(request, RestRequest):
        segments = urlsplit(request.url).path.split("/")
        assert segments[:3] == ["", "v1", "files"]
        assert segments[-1] == "raw"
        assert "/".join(map(unquote, segments[3:-1])) == value
        assert not {"", ".", ".."} & set(segments[3:])


@given(
    st.dictionaries(TEXTS, SCALARS, max_size=3),
    st.sampled_from([("form", True), ("form", False), ("deepObject", True)]),
)
def test_s11_an_object_brings_no_parameter_that_the_profile_fixed(
    value: dict[str, Any], style: tuple[str, bool]
) -> None:
    tool = rest_tool(
        {
            "extra": rule("query", "extra", style=style[0], explode=style[1]),
            "tenant": rule("query", "ab"),
        },
        constants={"tenant": "acme"},
        method="GET",
    )
    request = build_request(tool, REST, {"extra": value, "tenant": "acme"})
    if isinstance(request, RestRequest):
        pairs = [pair.partition("=") for pair in urlsplit(request.url).query.split("&")]
        names = [unquote(name).casefold() for name, _, _ in pairs]
        assert names.count("ab") == 1


@pytest.mark.parametrize(
    "key", ["tenant", "TENANT", "tenant[]", "tenant[0]", " tenant", "tenant\x00"]
)
def test_s11_a_constant_cannot_be_repeated_by_an_object_of_the_model(key: str) -> None:
    tool = rest_tool(
        {"filter": rule("query", "filter"), "tenant": rule("query", "tenant")},
        constants={"tenant": "acme"},
    )
    assert refused(tool, {"filter": {key: "evil"}, "tenant": "acme"}).argument == "filter"


@pytest.mark.parametrize("key", ["tenant.id", "tenant[id", "TENANT.ID", "tenant.id[]", "tenant_id"])
def test_s11_a_constant_cannot_be_repeated_in_the_names_that_php_makes_of_it(key: str) -> None:
    tool = rest_tool(
        {"filter": rule("query", "filter"), "tenant": rule("query", "tenant_id")},
        constants={"tenant": "acme"},
    )
    assert refused(tool, {"filter": {key: "evil"}, "tenant": "acme"}).argument == "filter"


@pytest.mark.parametrize("key", ["tenant", "TENANT", "tenant[]"])
def test_s11_a_constant_object_cannot_be_repeated_by_an_object_of_the_model(key: str) -> None:
    rules = {"filter": rule("query", "filter"), "scope": rule("query", "scope")}
    tool = rest_tool(rules, constants={"scope": {"tenant": "acme"}})
    refused(tool, {"filter": {key: "evil"}, "scope": {"tenant": "acme"}})
    turned = tool._replace(arguments=dict(reversed(rules.items())))
    refused(turned, {"filter": {key: "evil"}, "scope": {"tenant": "acme"}})


def test_s11_a_fixed_field_of_a_deep_object_cannot_be_repeated() -> None:
    tool = rest_tool(
        {
            "filter": rule("query", "filter", style="deepObject"),
            "state": rule("query", "filter[state]"),
        },
        constants={"state": "open"},
    )
    refused(tool, {"filter": {"state": "all"}, "state": "open"})
    url = rest(tool, {"filter": {"kind": "x"}, "state": "open"}).url
    assert url.endswith("?filter%5Bkind%5D=x&filter%5Bstate%5D=open")


REFUSED_HEADERS = [
    "Authorization",
    "authorization",
    "Host",
    "Cookie",
    "Connection",
    "Transfer-Encoding",
    "Content-Length",
    "Content-Type",
    "Proxy-Authorization",
    "Mcp-Name",
    "Mcp-Param-X",
    "TE",
    "Upgrade",
    "X-HTTP-Method-Override",
    "X-Api-Key",
    "x-api-key",
    "Bad Name",
    "Bad:Name",
    "",
]


@pytest.mark.parametrize("name", REFUSED_HEADERS)
def test_s11_no_argument_reaches_a_header_of_ours(name: str) -> None:
    refusal = refused(rest_tool({"h": rule("header", name)}), {"h": "value"})
    assert refusal.argument == "h"


QUERY = REST._replace(auth=Auth("query", "maps", "api_key"))
AWS = REST._replace(auth=Aws("sigv4", "aws", "eu-central-1", "execute-api"))


@pytest.mark.parametrize("name", ["api_key", "API_KEY", "api_key[]", "api.key", "api_key[x]"])
def test_s11_no_argument_becomes_the_parameter_of_the_credential(name: str) -> None:
    tool = rest_tool({"q": rule("query", name)})
    request = build_request(tool, QUERY, {"q": "mine"})
    assert isinstance(request, Refusal)
    assert "mine" not in request.text


def test_s11_no_object_brings_the_parameter_of_the_credential() -> None:
    tool = rest_tool({"q": rule("query", "q"), "r": rule("query", "r")})
    assert isinstance(build_request(tool, QUERY, {"q": {"api_key": "mine"}}), Refusal)
    passed = build_request(tool, QUERY, {"q": "a", "r": "b"})
    assert isinstance(passed, RestRequest)
    assert passed.url.endswith("?q=a&r=b")


@pytest.mark.parametrize("name", ["X-Amz-Date", "x-amz-security-token", "X-AMZ-CONTENT-SHA256"])
def test_s11_no_argument_becomes_a_header_of_the_signature(name: str) -> None:
    tool = rest_tool({"h": rule("header", name)})
    assert isinstance(build_request(tool, AWS, {"h": "value"}), Refusal)
    assert isinstance(build_request(tool, REST, {"h": "value"}), RestRequest)


@pytest.mark.parametrize(
    "value", ["a\r\nX: y", "a\nb", "a\rb", "a\x00b", "ü", " a", "a ", "\ta", "a\x7f", "\ud800"]
)
def test_s11_header_injection_is_refused(value: str) -> None:
    assert refused(rest_tool({"h": rule("header", "X-Tag")}), {"h": value}).argument == "h"


def test_headers_have_the_simple_style() -> None:
    tool = rest_tool(
        {
            "one": rule("header", "X-One"),
            "list": rule("header", "X-List"),
            "map": rule("header", "X-Map"),
            "open": rule("header", "X-Open", explode=True),
            "json": rule("header", "X-Json", style="json"),
            "none": rule("header", "X-None"),
        }
    )
    values = {"one": True, "list": [1, 2], "map": {"a": 1}, "open": {"a": 1, "b": 2}}
    headers = rest(tool, {**values, "json": {"k": "ü"}, "none": []}).headers
    assert headers == (
        ("X-One", "true"),
        ("X-List", "1,2"),
        ("X-Map", "a,1"),
        ("X-Open", "a=1,b=2"),
        ("X-Json", '{"k":"\\u00fc"}'),
    )


@pytest.mark.parametrize("value", [["a,b"], {"a": "1,b=2"}])
def test_s11_a_comma_does_not_turn_one_item_of_a_header_into_two(value: Any) -> None:
    tool = rest_tool({"ids": rule("header", "X-Ids", explode=True)})
    assert refused(tool, {"ids": value}).argument == "ids"
    assert rest(tool, {"ids": "a,b"}).headers == (("X-Ids", "a,b"),)


def test_a_path_takes_arrays_and_objects_in_the_simple_style() -> None:
    tool = rest_tool({"p": rule("path", "p")}, path="/x/{p}", method="GET")
    assert rest(tool, {"p": ["a,b", 1]}).url.endswith("/x/a%2Cb,1")
    assert rest(tool, {"p": {"k": "v"}}).url.endswith("/x/k,v")
    for value in ([], {}, ["a", ".."], {"..": 1}, [None]):
        refused(tool, {"p": value})


@pytest.mark.parametrize("place", ["path", "query", "header"])
def test_null_outside_a_body_is_refused(place: str) -> None:
    tool = rest_tool({"id": rule(place, "id")}, path="/{id}" if place == "path" else "/x")
    assert refused(tool, {"id": None}) == Refusal("id", "must not be null")


def test_a_missing_path_value_is_refused() -> None:
    assert refused(BY_PATH, {}) == Refusal("id", "is required")


def test_a_body_is_put_together_from_pointers() -> None:
    tool = rest_tool(
        {
            "amount": rule("body", "/refund/amount"),
            "note": rule("body", "/refund/note"),
            "odd": rule("body", "/a~1b/~0"),
            "gone": rule("body", "/gone"),
        }
    )
    request = rest(tool, {"amount": 5, "note": None, "odd": "ü"})
    assert json.loads(request.body or b"") == {
        "refund": {"amount": 5, "note": None},
        "a/b": {"~": "ü"},
    }
    assert request.headers == (("Content-Type", "application/json"),)


@pytest.mark.parametrize("value", [[1, 2], "text", 7, None, {}])
def test_a_whole_body_is_sent_as_it_is(value: Any) -> None:
    assert json.loads(rest(rest_tool({"body": rule("body", "")}), {"body": value}).body or b"") == (
        value
    )


def test_a_body_without_values_is_not_sent() -> None:
    request = rest(rest_tool({"note": rule("body", "/note")}), {})
    assert request.body is None
    assert request.headers == ()


def test_a_constant_overrules_what_the_model_puts_around_or_within_it() -> None:
    around = rest_tool(
        {"refund": rule("body", "/refund"), "fixed": rule("body", "/refund/tenant")},
        constants={"fixed": "acme"},
    )
    within = rest_tool(
        {"inner": rule("body", "/refund/tenant"), "fixed": rule("body", "/refund")},
        constants={"fixed": {"tenant": "acme"}},
    )
    model = {"tenant": "evil", "x": 1}
    body = json.loads(rest(around, {"refund": model, "fixed": "acme"}).body or b"")
    assert body == {"refund": {"tenant": "acme", "x": 1}}
    assert model == {"tenant": "evil", "x": 1}
    body = json.loads(rest(within, {"inner": "evil", "fixed": {"tenant": "acme"}}).body or b"")
    assert body == {"refund": {"tenant": "acme"}}
    for value in ("text", None, [1]):
        assert refused(around, {"refund": value, "fixed": "acme"}).argument == "fixed"


def test_an_address_beyond_the_bound_is_refused() -> None:
    assert "characters" in refused(rest_tool({"q": rule("query", "q")}), {"q": "x" * 70_000}).text


def test_a_gateway_call_has_its_arguments_in_place_and_its_headers() -> None:
    tool = mcp_tool(
        {
            "name": rule("argument", "/name"),
            "city": rule("argument", "/where/city"),
            "deep": rule("argument", "/where/deep"),
            "none": rule("argument", "/none"),
        },
        {"/name": "Name", "/where/city": "City", "/where/deep": "Deep", "/none": "None"},
        retry="safe",
    )
    request = build_request(tool, MCP, {"name": "Zoë", "city": "Rom", "deep": True, "none": None})
    arguments = {"name": "Zoë", "where": {"city": "Rom", "deep": True}, "none": None}
    assert request == McpRequest(
        "tools/call",
        {"name": "upstream_tool", "arguments": arguments},
        "upstream_tool",
        (
            ("Mcp-Param-Name", "=?base64?Wm/Dqw==?="),
            ("Mcp-Param-City", "Rom"),
            ("Mcp-Param-Deep", "true"),
        ),
        retry_safe=True,
    )


def test_a_gateway_call_without_arguments_sends_an_empty_object() -> None:
    request = build_request(mcp_tool({}), MCP, {})
    assert request == McpRequest(
        "tools/call", {"name": "upstream_tool", "arguments": {}}, "upstream_tool", (), False
    )


@pytest.mark.parametrize("value", [1.5, [1], {"a": 1}, 2**53])
def test_what_no_parameter_header_can_carry_is_refused(value: Any) -> None:
    tool = mcp_tool({"a": rule("argument", "/a")}, {"/a": "A"})
    assert isinstance(build_request(tool, MCP, {"a": value}), Refusal)


@pytest.mark.parametrize(("required", "sent"), [(True, b"{}"), (False, None)])
def test_a_required_body_without_values_is_an_empty_object(
    required: bool, sent: bytes | None
) -> None:
    tool = rest_tool({"note": rule("body", "/note")})
    template = tool.template._replace(body_required=required)
    request = build_request(tool._replace(template=template), REST, {})
    assert isinstance(request, RestRequest)
    assert request.body == sent
