"""Gateways' tools: what comes from the listing, what never does, and which schemas can be used."""

import json
from pathlib import Path
from typing import Any

import pytest
from workshop.source_samples import (
    GATEWAY_TOOL,
    HEAD,
    LISTING,
    NOW_S,
    build_tools,
    entry_of,
    read_text,
    tool_of,
    write_files,
)

from mcp_proxy.core.fingerprint import fingerprint
from mcp_proxy.core.profile import ArgumentRule, McpTemplate
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.core.schema import compile_schema
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.build import Built, build_payload
from mcp_proxy.workshop.header_map import header_map
from mcp_proxy.workshop.listing import dump_listing, parse_listing
from mcp_proxy.workshop.listing_schema import Unreadable, read_schema

LOOK = LISTING["tools"][0]


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    write_files(tmp_path)


def refusal(folder: Path, tools: str, id: str = "MCPX-B01") -> str:  # noqa: A002
    with pytest.raises(SourceError) as caught:
        build_tools(folder, tools)
    assert caught.value.id == id, caught.value
    return caught.value.why


def build_listed(folder: Path, schema: Any, tools: str = GATEWAY_TOOL, **more: Any) -> Built:
    write_files(folder, listing={"tools": [{**LOOK, "inputSchema": schema, **more}]})
    return build_tools(folder, tools)


def test_what_the_source_is_silent_about_comes_from_the_listing(tmp_path: Path) -> None:
    built = build_tools(tmp_path, GATEWAY_TOOL)
    assert entry_of(built, "look") == {
        "name": "look",
        "title": "Look up",
        "description": "Looks something up.",
        "inputSchema": {
            "type": "object",
            "properties": {"what": {"type": "string"}},
            "required": ["what"],
            "additionalProperties": False,
        },
        "annotations": {"readOnlyHint": True},
        "icons": [{"src": "https://gw.example.com/i.png"}],
    }
    tool = tool_of(built, "look")
    assert tool.template == McpTemplate("look_up", fingerprint(LOOK), {"/what": "What"})
    assert tool.arguments == {"what": ArgumentRule("argument", "/what", "json", False, "one")}
    assert tool.retry == "never"


def test_s25_what_an_error_quotes_of_a_listing_is_one_bounded_line(tmp_path: Path) -> None:
    schema = {"properties": {"a": {"$ref": "#/a\nnext:  run this\x1b[2J" + "x" * 9_000}}}
    with pytest.raises(SourceError) as caught:
        build_listed(tmp_path, schema)
    assert "refers to #/a next: run this" in caught.value.why
    assert len(caught.value.why.splitlines()) == 1
    assert len(caught.value.why) < 3_000


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"title": "t" * 2049}, "title: has 2049 bytes"),
        ({"icons": [{"src": "https://a.example/" + "i" * 900}] * 100}, "its listed icons has more"),
    ],
)
def test_a_listed_title_and_icons_are_bounded(
    tmp_path: Path, more: dict[str, Any], told: str
) -> None:
    with pytest.raises(SourceError) as caught:
        build_listed(tmp_path, {"type": "object"}, **more)
    assert told in caught.value.why


def test_the_endpoint_keeps_its_trailing_slash(tmp_path: Path) -> None:
    header = parse_payload(build_tools(tmp_path, GATEWAY_TOOL).payload, "", "").header
    assert header.upstreams["gateway"].url == "https://gw.example.com/mcp/"


def test_a_star_allows_all_and_sets_effects_from_the_hints(tmp_path: Path) -> None:
    built = build_tools(tmp_path, GATEWAY_TOOL + '  "*": {upstream: gateway}\n')
    header = parse_payload(built.payload, "", "").header
    assert header.tools == ("look", "put_down", "wipe")
    assert tool_of(built, "put_down").effect == "write"
    assert tool_of(built, "wipe").effect == "destructive"
    assert entry_of(built, "wipe")["annotations"] == {
        "readOnlyHint": False,
        "destructiveHint": True,
    }


@pytest.mark.parametrize(
    ("tools", "told"),
    [
        ('  "*": {upstream: shop}\n', "is a REST API; only kinds mcp and stdio"),
        ('  "*": {upstream: nope}\n', "nope is not among the upstreams"),
        ("  look: {upstream: gateway}\n", "lacks operation and effect"),
        ('  "*": {upstream: gateway, operation: x, effect: read}\n', "stands for all of a server"),
        (GATEWAY_TOOL.replace("look_up", "x"), "the listing has no tool x; it has look_up"),
        (GATEWAY_TOOL.replace("look_up", "wipe"), "the server lists no readOnlyHint"),
        (
            GATEWAY_TOOL.replace("look:", "wipe:") + '  "*": {upstream: gateway}\n',
            "the gateway's wipe has the name of another tool here",
        ),
        (
            GATEWAY_TOOL.replace("read}", "read, arguments: {what: {from: query.what}}}"),
            "takes nothing there",
        ),
        (GATEWAY_TOOL.replace("read}", "read, result: {validate: strict}}"), "no outputSchema"),
    ],
)
def test_a_block_that_does_not_fit_the_listing_is_told(
    tmp_path: Path, tools: str, told: str
) -> None:
    assert told in refusal(tmp_path, tools)


def test_arguments_are_renamed_and_fixed_inside_objects(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {
            "filter": {
                "type": "object",
                "required": ["kind"],
                "properties": {"kind": {"enum": ["a", "b"]}, "size": {"type": "integer"}},
            }
        },
    }
    block = "arguments: {kind: {from: filter#/kind, constant: a}, n: {from: filter#/size}}"
    built = build_listed(tmp_path, schema, GATEWAY_TOOL.replace("read}", f"read, {block}}}"))
    tool = tool_of(built, "look")
    assert tool.arguments["n"].target == "/filter/size"
    assert tool.constants == {"kind": "a"}
    assert list(tool.enforced["properties"]) == ["n"]


def test_references_to_any_place_of_the_schema_become_definitions(tmp_path: Path) -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "tree": {"$ref": "#/definitions/Node"},
            "same": {"$ref": "#/properties/tree"},
            "pair": {"type": "array", "items": [{"type": "string"}, {"type": "integer"}]},
        },
        "definitions": {
            "Node": {"type": "object", "properties": {"next": {"$ref": "#/definitions/Node"}}}
        },
    }
    enforced = compile_schema(tool_of(build_listed(tmp_path, schema), "look").enforced)
    assert enforced.violation({"tree": {"next": {}}, "same": {}, "pair": ["a", 1]}) is None
    assert enforced.violation({"same": {"next": {"next": 1}}}) is not None
    assert enforced.violation({"pair": [1, 1]}) is not None


def test_a_rule_on_all_arguments_is_kept(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    }
    enforced = compile_schema(tool_of(build_listed(tmp_path, schema), "look").enforced)
    assert enforced.violation({"a": "x"}) is None
    assert enforced.violation({}) is not None
    renamed = GATEWAY_TOOL.replace("read}", "read, arguments: {x: {from: a}, b: {}}}")
    assert "binds its arguments together by anyOf" in refusal(tmp_path, renamed)


def test_a_union_of_objects_keeps_the_properties_of_its_branches(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "oneOf": [
            {"properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
        ],
    }
    built = build_listed(tmp_path, schema)
    enforced = compile_schema(tool_of(built, "look").enforced)
    assert enforced.violation({"b": 1}) is None
    assert enforced.violation({"b": "1"}) is not None
    assert set(entry_of(built, "look")["inputSchema"]["properties"]) == {"a", "b"}


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (None, "is no object"),
        (
            {"type": "object", "properties": {"a": {"$ref": "https://x.example/s"}}},
            "outside itself",
        ),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/No"}}}, "is not there"),
        ({"type": "object", "properties": {"a": {"$dynamicRef": "#x"}}}, "a dynamic reference"),
        ({"type": "object", "properties": {"a": 1}}, "something that is no schema"),
        ({"type": "object", "dependencies": {}}, "`dependencies`"),
    ],
)
def test_s12_a_listed_schema_that_cannot_be_taken_over_is_refused(
    tmp_path: Path, schema: Any, told: str
) -> None:
    write_files(tmp_path, listing={"tools": [{**LOOK, "inputSchema": schema}]})
    assert told in refusal(tmp_path, GATEWAY_TOOL)


def test_s25_hidden_characters_of_a_listing_are_refused(tmp_path: Path) -> None:
    write_files(tmp_path, listing={"tools": [{**LOOK, "description": "Look\u200bs"}]})
    assert "hidden character U+200B" in refusal(tmp_path, GATEWAY_TOOL)


def test_an_output_schema_is_published_under_strict_alone(tmp_path: Path) -> None:
    output = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    strict = GATEWAY_TOOL.replace("read}", "read, result: {validate: strict}}")
    built = build_listed(tmp_path, {"type": "object"}, strict, outputSchema=output)
    assert entry_of(built, "look")["outputSchema"] == output
    assert tool_of(built, "look").result.schema == output
    silent = build_listed(tmp_path, {"type": "object"}, outputSchema=output)
    assert "outputSchema" not in entry_of(silent, "look")


def test_an_output_schema_that_cannot_be_read_matters_under_validation_alone(
    tmp_path: Path,
) -> None:
    bad = {"$ref": "https://x.example/s"}
    build_listed(tmp_path, {"type": "object"}, outputSchema=bad)
    strict = GATEWAY_TOOL.replace("read}", "read, result: {validate: strip}}")
    assert "outside itself" in refusal(tmp_path, strict)


def test_the_header_map_follows_chains_of_properties_alone() -> None:
    schema = {
        "properties": {
            "a/b": {"type": "integer", "x-mcp-header": "Region"},
            "deep": {"properties": {"c": {"type": "boolean", "x-mcp-header": "Flag"}}},
            "x-mcp-header": {"type": "string"},
        }
    }
    assert header_map(schema) == {"/a~1b": "Region", "/deep/c": "Flag"}


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": "number", "x-mcp-header": "A"}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": ""}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": "A B"}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": "A\r\nX"}}},
        {"properties": {"a": {"items": {"type": "string", "x-mcp-header": "A"}}}},
        {"$defs": {"a": {"type": "string", "x-mcp-header": "A"}}},
        {"x-mcp-header": "A"},
        {
            "properties": {
                "a": {"type": "string", "x-mcp-header": "A"},
                "b": {"type": "string", "x-mcp-header": "a"},
            }
        },
    ],
)
def test_an_invalid_header_annotation_fails_the_tool(tmp_path: Path, schema: Any) -> None:
    with pytest.raises(Unreadable):
        header_map(schema)
    write_files(tmp_path, listing={"tools": [{**LOOK, "inputSchema": schema}]})
    assert "the listed inputSchema has" in refusal(tmp_path, GATEWAY_TOOL)


def test_s12_a_star_leaves_out_the_tool_that_nobody_can_use_and_says_so(tmp_path: Path) -> None:
    remote = {"type": "object", "properties": {"a": {"$ref": "https://example.com/a.json"}}}
    built = build_listed(tmp_path, remote, '  "*": {upstream: gateway}\n')
    assert parse_payload(built.payload, "", "").header.tools == ()
    assert any("left out: the listed inputSchema refers to" in text for text in built.warnings)


@pytest.mark.parametrize(
    "data",
    [b"[]", b"{}", b'{"tools": [{}]}', b'{"tools": 1, "tools": []}', b"{", b'{"tools":[1]}'],
)
def test_a_file_that_is_no_listing_is_refused(data: bytes) -> None:
    with pytest.raises(SourceError, match="is no listing") as caught:
        parse_listing(data, "tools.json")
    assert "--refresh" in caught.value.next


def test_a_tool_listed_twice_is_refused() -> None:
    with pytest.raises(SourceError, match="its tools hold look_up twice"):
        parse_listing(json.dumps({"tools": [LOOK, LOOK]}).encode(), "tools.json")


def test_a_listing_is_kept_as_it_came_in_the_order_of_names() -> None:
    tools = LISTING["tools"]
    written = dump_listing({"tools": list(reversed(tools))})
    assert list(parse_listing(written, "t").tools.values()) == sorted(
        tools, key=lambda t: t["name"]
    )
    assert written == dump_listing({"tools": tools})


def test_a_missing_listing_names_the_command(tmp_path: Path) -> None:
    text = HEAD.replace("tools.json", "none.json") + "tools:\n" + GATEWAY_TOOL
    with pytest.raises(SourceError, match=r"none\.json cannot be read"):
        build_payload(read_text(tmp_path, text), NOW_S)


def test_a_name_that_no_client_takes_must_be_given(tmp_path: Path) -> None:
    write_files(tmp_path, listing={"tools": [{**LOOK, "name": "look.up/now"}]})
    assert "cannot be a tool's name here" in refusal(tmp_path, '  "*": {upstream: gateway}\n')


def test_schemas_without_references_are_kept_word_for_word() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "enum": ["$ref"]}}}
    assert read_schema(schema) == (schema, {})


def test_a_star_publishes_a_tool_without_a_description_and_says_so(tmp_path: Path) -> None:
    bare = {"name": "bare", "inputSchema": {"type": "object"}}
    write_files(tmp_path, listing={"tools": [bare]})
    built = build_tools(tmp_path, '  "*": {upstream: gateway}\n')
    assert any("bare" in line and "has no description" in line for line in built.warnings)
    (entry,) = json.loads(parse_payload(built.payload, "", "").tools_json)
    assert entry["name"] == "bare"
    assert "description" not in entry
    block = "  bare: {upstream: gateway, operation: bare, effect: write}\n"
    assert "description: is missing" in refusal(tmp_path, block)
