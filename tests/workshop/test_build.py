"""Sources in, payloads out: what a REST tool may become, and what the build refuses."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from workshop.source_samples import (
    API,
    HEAD,
    NOW_S,
    build_tools,
    entry_of,
    read_text,
    tool_of,
    write_files,
)

from mcp_proxy.core.contents import parse_contents
from mcp_proxy.core.profile import ArgumentRule, RestTemplate
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.core.schema import compile_schema
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.build import build_payload
from mcp_proxy.workshop.source import read_source

ASSETS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "assets")
GET = (
    "  order: {upstream: shop, operation: getOrder, effect: read, description: d, arguments: %s}\n"
)
LIST = "  list: {upstream: shop, operation: listOrders, effect: read, description: d, %s}\n"
POST = "  make: {upstream: shop, operation: createOrder, effect: write, description: d, %s}\n"
LIMITED = LIST.replace("%s", "arguments: {limit: {}}, %s")
ID = "id: {from: path.id}"


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    write_files(tmp_path)


def refusal(folder: Path, tools: str, tail: str = "", id: str = "MCPX-B01") -> str:  # noqa: A002
    with pytest.raises(SourceError) as caught:
        build_tools(folder, tools, tail)
    assert caught.value.id == id, caught.value
    return caught.value.why


def test_a_built_payload_matches_its_vector() -> None:
    source = read_source(os.path.join(ASSETS, "vector.yaml"))
    source = source._replace(file="vector.yaml")
    with open(os.path.join(ASSETS, "vector.payload.jsonl"), "rb") as file:
        assert build_payload(source, NOW_S).payload == file.read()


def test_arguments_are_renamed_narrowed_fixed_and_defaulted(tmp_path: Path) -> None:
    block = "{" + ID + ", other: {from: query.id, maxLength: 3}, X-Tenant: {constant: acme}}"
    built = build_tools(tmp_path, GET % block)
    tool = tool_of(built, "order")
    assert tool.template == RestTemplate("GET", "/orders/{id}", None)
    assert tool.retry == "safe"
    assert tool.constants == {"X-Tenant": "acme"}
    assert tool.arguments["other"] == ArgumentRule("query", "id", "form", True, "one")
    assert tool.enforced == {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "other": {"allOf": [{"type": "string"}, {"maxLength": 3}]},
        },
        "required": ["id"],
        "additionalProperties": False,
    }
    assert entry_of(built, "order")["annotations"] == {"readOnlyHint": True}


def test_unknown_arguments_and_values_for_constants_do_not_fit_the_enforced_schema(
    tmp_path: Path,
) -> None:
    block = "{" + ID + ", X-Tenant: {constant: acme}}"
    schema = compile_schema(tool_of(build_tools(tmp_path, GET % block), "order").enforced)
    assert schema.violation({"id": "1"}) is None
    assert schema.violation({"id": "1", "X-Tenant": "other"}) is not None
    assert schema.violation({"id": "1", "nonsense": 1}) is not None


def test_a_block_takes_what_it_names_and_what_is_required(tmp_path: Path) -> None:
    built = build_tools(tmp_path, POST % "arguments: {count: {maximum: 5}}")
    assert list(tool_of(built, "make").arguments) == ["count", "sku", "buyer"]
    assert tool_of(built, "make").retry == "never"
    assert tool_of(built, "make").template.body_type == "application/json"


def test_a_star_adds_the_rest_and_no_block_takes_all(tmp_path: Path) -> None:
    star = build_tools(tmp_path, LIST % 'arguments: {s: {from: "query.filter[status]"}, "*": {}}')
    assert list(tool_of(star, "list").arguments) == ["s", "limit"]
    all_of_it = build_tools(tmp_path, POST % "title: Make")
    assert set(tool_of(all_of_it, "make").arguments) == {"sku", "count", "buyer"}


def test_a_default_of_the_source_is_sent_and_one_of_the_document_only_shown(tmp_path: Path) -> None:
    own = build_tools(tmp_path, LIST % "arguments: {limit: {default: 20}}")
    assert tool_of(own, "list").defaults == {"limit": 20}
    assert entry_of(own, "list")["inputSchema"]["properties"]["limit"]["default"] == 20
    shown = build_tools(tmp_path, LIST % "arguments: {limit: {}}")
    assert tool_of(shown, "list").defaults == {}
    assert entry_of(shown, "list")["inputSchema"]["properties"]["limit"]["default"] == 80
    unfit = build_tools(tmp_path, LIST % "arguments: {limit: {maximum: 50}}")
    assert "default" not in entry_of(unfit, "list")["inputSchema"]["properties"]["limit"]


def test_a_pointer_reaches_into_the_body(tmp_path: Path) -> None:
    built = build_tools(tmp_path, POST % "arguments: {mail: {from: body#/buyer/mail}}")
    tool = tool_of(built, "make")
    assert tool.arguments["mail"].target == "/buyer/mail"
    assert tool.enforced["required"] == ["mail", "sku"]
    assert "buyer" not in tool.arguments


def test_the_whole_body_can_be_one_argument(tmp_path: Path) -> None:
    tool = tool_of(build_tools(tmp_path, POST % "arguments: {order: {from: body}}"), "make")
    assert tool.arguments["order"].target == ""
    schema = compile_schema(tool.enforced)
    assert schema.violation({"order": {"sku": "ab", "buyer": {"mail": "m"}}}) is None
    assert schema.violation({"order": {"sku": "ab"}}) is not None


@pytest.mark.parametrize(
    ("tools", "told"),
    [
        (GET % "{}", "occurs twice in the operation; name it in the source"),
        (GET % "{id: {}}", "add from: path.id or from: query.id"),
        (GET % "{a: {from: path.nope}}", "no parameter of the operation; it takes path.id"),
        (GET % "{a: {from: cookie.x}}", "write path.NAME, query.NAME"),
        (GET % ("{" + ID + ", X-Tenan: {}}"), "did you mean X-Tenant?"),
        (GET % ("{" + ID + ", b: {from: path.id}}"), "goes where id goes"),
        (GET % ("{" + ID + ", X-Tenant: {constant: 5}}"), "does not fit the operation"),
        (GET % ("{" + ID + ', X-Tenant: {constant: "a\\nb"}}'), "printable ASCII only"),
        (GET % ("{" + ID + ", X-Tenant: {constant: a, maxLength: 3}}"), "stands alone"),
        (GET % "{id: {from: path.id, constant: ..}}", "cannot be sent: it must not be a dot"),
        (GET % "{id: {from: path.id, required: false}}", "the operation requires it"),
        (GET % ("{" + ID + ", q: {from: query.id, segments: many}}"), "only a path value"),
        (GET % ("{" + ID + ', "*": {maximum: 3}}'), "write {}"),
        (LIST % "arguments: {limit: {maximum: 200}}", "wider than the operation's 100"),
        (LIST % "arguments: {limit: {default: 200}}", "does not fit the argument"),
        (LIST % "arguments: {limit: {default: 2, required: true}}", "is never used"),
        (LIST % 'arguments: {"*": {}}', "'filter[status]' cannot be an argument's name"),
        (
            LIMITED % "approval: {when: {amount: {above: 3}}}",
            "is no argument of the tool",
        ),
        (LIMITED % "approval: {when: {limit: {}}}", "compares nothing"),
        (
            LIMITED % 'approval: {when: {limit: {matches: "("}}}',
            "is no pattern",
        ),
        (POST % "arguments: {n: {from: body#/buyer/name}}", "mail is required beside it"),
        (POST % "arguments: {n: {from: body#/buyer/nope}}", "describes no nope at /buyer"),
        (POST % "arguments: {sku: {constant: null}}", "does not fit the operation"),
        (POST % "result: {validate: strict}", "describes no JSON answer"),
        (POST % "result: {types: [PDF]}", "write it as application/pdf"),
    ],
)
def test_arguments_that_do_not_fit_the_operation_are_told_with_the_fix(
    tmp_path: Path, tools: str, told: str
) -> None:
    text = refusal(tmp_path, tools)
    assert told in text
    assert f"{tmp_path}/shop.yaml:8: tools." in text


def with_schema(folder: Path, schema: Any) -> None:
    """The list operation takes one argument `n` with this schema."""
    api = copy.deepcopy(API)
    api["paths"]["/orders"]["get"]["parameters"] = [{"name": "n", "in": "query", "schema": schema}]
    (folder / "api.json").write_text(json.dumps(api))


def test_integers_beyond_what_clients_read_are_listed_as_doubles(tmp_path: Path) -> None:
    wide = 9_223_372_036_854_776_000
    with_schema(tmp_path, {"enum": [1, wide, {"a": [-wide]}], "default": wide, "maximum": wide})
    built = build_tools(tmp_path, LIST % "approval: never")
    assert parse_contents(parse_payload(built.payload, "", "")).rows["list"]
    listed = entry_of(built, "list")["inputSchema"]["properties"]["n"]
    assert (listed["default"], listed["enum"][1]) == (float(wide), float(wide))


def test_what_the_list_could_not_be_read_back_with_is_refused(tmp_path: Path) -> None:
    def build(depth: int) -> None:
        deep: Any = 1
        for _ in range(depth):
            deep = [deep]
        with_schema(tmp_path, {"$ref": "deep.json#/a"})
        (tmp_path / "deep.json").write_text(json.dumps({"a": {"default": deep}}))

    build(59)
    build_tools(tmp_path, LIST % "approval: never")
    build(60)
    assert "cannot be read back: nested deeper" in refusal(tmp_path, LIST % "approval: never")


def test_thousands_of_arguments_are_refused_at_once_and_can_be_named(tmp_path: Path) -> None:
    api = copy.deepcopy(API)
    api["paths"]["/orders"]["get"]["parameters"] = [
        {"name": f"p{index}", "in": "query", "schema": {"type": "string"}} for index in range(1_001)
    ]
    (tmp_path / "api.json").write_text(json.dumps(api))
    assert "are more than 1,000; name" in refusal(tmp_path, LIST % "approval: never")
    tool = tool_of(build_tools(tmp_path, LIST % "arguments: {p7: {}}"), "list")
    assert list(tool.arguments) == ["p7"]


def test_null_may_be_fixed_in_a_body_that_allows_it(tmp_path: Path) -> None:
    tool = tool_of(build_tools(tmp_path, POST % "arguments: {count: {constant: null}}"), "make")
    assert tool.constants == {"count": None}


def test_s11_read_needs_get_or_a_reason(tmp_path: Path) -> None:
    block = POST.replace("effect: write", "effect: read")
    assert "read needs an effect_reason: the operation is a POST" in refusal(
        tmp_path, block % "title: t"
    )
    built = build_tools(tmp_path, block % "effect_reason: a search by POST")
    assert tool_of(built, "make").effect == "read"
    # Retry safety comes from the method, never from the effect.
    assert tool_of(built, "make").retry == "never"


@pytest.mark.parametrize("header", ["Authorization", "Host", "Cookie", "Connection", "Proxy-X"])
def test_s11_no_argument_becomes_a_header_that_is_ours(tmp_path: Path, header: str) -> None:
    api = json.loads(json.dumps(API).replace("X-Tenant", header))
    write_files(tmp_path, api)
    with pytest.raises(SourceError):
        build_tools(tmp_path, GET % ("{" + ID + f", h: {{from: header.{header}}}}}"))


def test_s12_the_address_is_the_sources_never_the_documents(tmp_path: Path) -> None:
    write_files(tmp_path, {**API, "servers": [{"url": "https://evil.example"}]})
    built = build_tools(tmp_path, LIST % "arguments: {limit: {}}")
    assert b"evil.example" not in built.payload
    spec = parse_payload(built.payload, "", "").header.upstreams["shop"]
    assert spec.url == "https://shop.example.com/api"


def test_s12_a_listing_outside_the_folder_is_refused(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    write_files(tmp_path)
    (inner / "tools.json").symlink_to(tmp_path / "tools.json")
    (inner / "api.json").write_text(json.dumps(API))
    tools = "  look: {upstream: gateway, operation: look_up, effect: read}\n"
    assert "outside the source's folder" in refusal(inner, tools, id="MCPX-B02")


def test_a_document_that_cannot_be_read_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "api.json").unlink()
    tools = GET % "{}" + LIST % "arguments: {limit: {}}"
    text = refusal(tmp_path, tools, id="MCPX-B02")
    assert "upstreams.shop.openapi: " in text
    assert text.count("cannot be opened") == 1


@pytest.mark.parametrize(
    ("tools", "where"),
    [
        (LIST.replace("description: d", 'description: "a\\u200Bb"'), "description"),
        (LIST.replace("description: d", 'description: d, title: "a\\u202Eb"'), "title"),
        (LIST % 'arguments: {limit: {description: "a\\eb"}}, result: {}', "inputSchema"),
    ],
)
def test_s25_hidden_characters_are_refused(tmp_path: Path, tools: str, where: str) -> None:
    text = refusal(tmp_path, tools % "arguments: {limit: {}}" if "%s" in tools else tools)
    assert "holds the hidden character U+" in text
    assert where in text


def test_s25_hidden_characters_of_the_document_are_refused(tmp_path: Path) -> None:
    write_files(tmp_path, json.loads(json.dumps(API).replace("List orders", "List\\u2066 orders")))
    tools = LIST.replace("description: d, ", "") % "arguments: {limit: {}}"
    assert "holds the hidden character U+2066" in refusal(tmp_path, tools)


def test_a_description_falls_back_to_the_document_with_a_warning(tmp_path: Path) -> None:
    built = build_tools(tmp_path, LIST.replace("description: d, ", "") % "arguments: {limit: {}}")
    assert entry_of(built, "list")["description"] == "List orders"
    assert any("copied from the API document" in text for text in built.warnings)


def test_long_texts_are_refused(tmp_path: Path) -> None:
    tools = LIST.replace("description: d", "description: " + "d" * 2049) % "arguments: {limit: {}}"
    assert "has 2049 bytes; write at most 2048" in refusal(tmp_path, tools)
    tail = "instructions: " + "i" * 2049 + "\n"
    assert "instructions: has 2049 bytes" in refusal(
        tmp_path, LIST % "arguments: {limit: {}}", tail
    )


@pytest.mark.parametrize("mark", ["\\n", "\\t"])
def test_s25_a_title_is_one_line(tmp_path: Path, mark: str) -> None:
    write_files(tmp_path)
    head = HEAD.replace("title: Shop", f'title: "Shop{mark}signed by another"')
    source = read_text(tmp_path, head + "tools:\n" + LIST % "arguments: {limit: {}}")
    with pytest.raises(SourceError, match="title: holds a line break or a tab"):
        build_payload(source, NOW_S)


def test_a_pick_that_the_answer_cannot_hold_is_refused(tmp_path: Path) -> None:
    tools = GET.replace("arguments", "result: {pick: [buyer.fax]}, arguments") % ("{" + ID + "}")
    assert "buyer.fax" in refusal(tmp_path, tools)


def test_validation_is_built_in_and_published_when_strict(tmp_path: Path) -> None:
    result = "result: {pick: [id, buyer.mail], validate: %s}, arguments"
    strict = build_tools(tmp_path, GET.replace("arguments", result % "strict") % ("{" + ID + "}"))
    shown = entry_of(strict, "order")["outputSchema"]
    assert shown["type"] == "object"
    assert set(shown["properties"]) == {"id", "buyer"}
    assert tool_of(strict, "order").result.schema is not None
    assert parse_payload(strict.payload, "", "").header.requires == ("response-validation",)
    strip = build_tools(tmp_path, GET.replace("arguments", result % "strip") % ("{" + ID + "}"))
    assert "outputSchema" not in entry_of(strip, "order")
    off = build_tools(tmp_path, GET.replace("arguments", result % "off") % ("{" + ID + "}"))
    assert tool_of(off, "order").result.schema is None
    assert parse_payload(off.payload, "", "").header.requires == ()


def test_approval_is_demanded_of_whoever_serves_it(tmp_path: Path) -> None:
    when = "[{limit: {above: 5, below: 9}}, {limit: {is: 1}}]"
    rule = f"arguments: {{limit: {{}}}}, approval: {{when: {when}}}"
    built = build_tools(tmp_path, LIST % rule)
    assert tool_of(built, "list").approval == [
        {"limit": {"above": 5, "below": 9}},
        {"limit": {"is": 1}},
    ]
    assert parse_payload(built.payload, "", "").header.requires == ("approval",)


def test_audit_names_what_a_model_sends(tmp_path: Path) -> None:
    tools = GET % ("{" + ID + ", X-Tenant: {constant: acme}}")
    built = build_tools(tmp_path, tools, "audit: {clear: [id, id]}\n")
    assert parse_payload(built.payload, "", "").header.audit.clear == ("id",)
    for name in ("nope", "X-Tenant"):
        text = refusal(tmp_path, tools, f"audit: {{clear: [{name}]}}\n")
        assert f"{name}: no tool has such an argument" in text


def test_a_recipient_is_a_key_to_which_can_be_sealed(tmp_path: Path) -> None:
    line = "mcpxr1:S70N3kbXhfU6no9T/+gIJVziilP3/T87GIJazyBhW3M=:acme"
    tail = f'audit: {{recipient: "{line}", arguments: sealed}}\n'
    rules = parse_payload(
        build_tools(tmp_path, LIST % "arguments: {limit: {}}", tail).payload, "", ""
    ).header.audit
    assert (rules.recipient, rules.arguments) == (line, "sealed")
    for wrong in ("acme", line.replace("mcpxr1", "mcpx1"), f"mcpxr1:{'A' * 43}=:acme"):
        text = refusal(
            tmp_path, LIST % "arguments: {limit: {}}", f'audit: {{recipient: "{wrong}"}}\n'
        )
        assert "audit.recipient" in text
        assert "mcp-proxy audit recipient NAME" in text


def test_arguments_are_kept_as_digests_or_sealed_and_not_otherwise(tmp_path: Path) -> None:
    assert "audit.arguments" in refusal(
        tmp_path, LIST % "arguments: {limit: {}}", "audit: {arguments: clear}\n"
    )


@pytest.mark.parametrize(
    ("tail", "told"),
    [
        ("expires: 2020-01-01\n", "expires: has passed"),
        ("timezone: Mars/Olympus\n", "is no zone"),
        ("title: x\n", "stands here again"),
    ],
)
def test_a_wrong_head_is_told(tmp_path: Path, tail: str, told: str) -> None:
    assert told in refusal(tmp_path, LIST % "arguments: {limit: {}}", tail)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("https://shop", "http://shop", "upstreams.shop.url: "),
        ("https://shop", "https://user:pw@shop", "upstreams.shop.url: "),
        ('api/"', 'api?x=1"', "upstreams.shop.url: "),
        ("openapi:", "auth: {kind: header, credential: c}, openapi:", "needs the header's name"),
        ("openapi:", "auth: {kind: bearer, credential: c, name: X}, openapi:", "its own header"),
        ("openapi:", "auth: {kind: header, credential: c, name: Host}, openapi:", "no credential"),
    ],
)
def test_an_upstream_that_cannot_be_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = HEAD.replace(old, new, 1) + "tools:\n" + LIST % "arguments: {limit: {}}"
    with pytest.raises(SourceError) as caught:
        build_payload(read_text(tmp_path, text), NOW_S)
    assert told in caught.value.why
    assert "pw" not in caught.value.why


def test_every_problem_of_a_source_is_told_at_once(tmp_path: Path) -> None:
    text = refusal(tmp_path, GET % "{}" + LIST % "arguments: {limit: {maximum: 200}}")
    assert len(text.splitlines()) == 2
    both = refusal(tmp_path, GET % "{}" + "  x: {upstream: shop, operation: no, effect: read}\n")
    assert "it has no operation 'no'" in both


def test_a_schema_too_large_for_a_model_is_refused(tmp_path: Path) -> None:
    def api_of(count: int) -> Any:
        row: dict[str, Any] = json.loads(json.dumps(API))
        values = [f"value-{number:06}" for number in range(count)]
        row["paths"]["/orders"]["get"]["parameters"][0]["schema"] = {"enum": values}
        return row

    line = LIST % "arguments: {limit: {}}"
    write_files(tmp_path, api_of(1_500))
    build_tools(tmp_path, line)
    write_files(tmp_path, api_of(6_000))
    assert "more than 65536; name fewer arguments" in refusal(tmp_path, line)


def test_an_unused_upstream_is_warned_of(tmp_path: Path) -> None:
    built = build_tools(tmp_path, LIST % "arguments: {limit: {}}")
    assert any("upstreams.gateway: nothing uses it" in text for text in built.warnings)


@pytest.mark.parametrize("key", ["tenant_id", "TENANT_ID", "tenant.id", "tenant_id[]", "tenant[id"])
def test_s11_a_free_query_object_cannot_bring_a_parameter_that_was_left_out(
    tmp_path: Path, key: str
) -> None:
    api = copy.deepcopy(API)
    api["paths"]["/orders"]["get"]["parameters"] = [
        {"name": "extra", "in": "query", "schema": {"additionalProperties": {"type": "string"}}},
        {"name": "tenant_id", "in": "query", "schema": {"type": "string"}},
    ]
    write_files(tmp_path, api=api)
    head = "{upstream: shop, operation: listOrders, effect: read, description: d"
    built = build_tools(tmp_path, f"  a: {head}, arguments: {{extra: {{}}}}}}\n  b: {head}}}\n")
    left_out = compile_schema(tool_of(built, "a").enforced)
    assert left_out.violation({"extra": {key: "evil"}}) is not None
    assert left_out.violation({"extra": {"tenant_idx": "x", "other": "y"}}) is None
    assert compile_schema(tool_of(built, "b").enforced).violation({"extra": {"x": "y"}}) is None
