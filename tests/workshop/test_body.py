"""Request bodies: one object becomes one slot for each property, everything else `body`."""

from typing import Any

import pytest
from workshop.spec_bench import json_body, operation

from mcp_proxy.core.profile import ArgumentRule
from mcp_proxy.errors import SourceError

A, B = {"type": "string"}, {"type": "integer", "description": "b"}


def shown(found: Any) -> list[tuple[str, str, bool]]:
    return [(slot.name, slot.rule.target, slot.required) for slot in found.slots]


def test_an_object_is_one_slot_for_each_property(tmp_path: Any) -> None:
    schema = {"type": "object", "required": ["a/b"], "properties": {"a/b": A, "c~d": B}}
    found = operation(tmp_path, json_body(schema, required=True))
    assert shown(found) == [("a/b", "/a~1b", True), ("c~d", "/c~0d", False)]
    assert (found.body_type, found.body_required) == ("application/json", True)
    assert found.slots[0].rule == ArgumentRule("body", "/a~1b", "json", False, "one")
    assert (found.slots[1].schema, found.slots[1].description) == (B, "b")


def test_parts_of_one_object_are_merged_through_references(tmp_path: Any) -> None:
    base = {"type": "object", "required": ["a"], "properties": {"a": A, "b": B}}
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Base"},
            {"required": ["c"], "properties": {"b": {"minimum": 1}, "c": A}},
        ],
        "properties": {"d": A},
    }
    found = operation(tmp_path, json_body(schema), schemas={"Base": base})
    assert sorted(shown(found)) == [
        ("a", "/a", True),
        ("b", "/b", False),
        ("c", "/c", True),
        ("d", "/d", False),
    ]
    (b,) = (slot for slot in found.slots if slot.name == "b")
    assert b.schema in ({"allOf": [B, {"minimum": 1}]}, {"allOf": [{"minimum": 1}, B]})
    assert b.description == "b"


def test_a_required_property_that_nothing_describes_is_an_argument_still(tmp_path: Any) -> None:
    schema = {"type": "object", "required": ["b", "a"], "properties": {"a": A}}
    found = operation(tmp_path, json_body(schema))
    assert shown(found) == [("a", "/a", True), ("b", "/b", True)]
    assert found.slots[1].schema == {}
    typed = operation(tmp_path, json_body({**schema, "additionalProperties": A}))
    assert typed.slots[1].schema == A
    closed = operation(tmp_path, json_body({**schema, "additionalProperties": False}))
    assert shown(closed) == [("a", "/a", True)]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": A},
        {"type": "string"},
        {"type": ["object", "array"], "properties": {"a": A}},
        {"type": "object", "additionalProperties": A},
        {"type": "object"},
        {"oneOf": [{"properties": {"a": A}}, {"properties": {"b": B}}]},
        {"type": "object", "properties": {"a": A}, "anyOf": [{"required": ["a"]}]},
        {"allOf": [{"properties": {"a": A}}, {"oneOf": [A, B]}]},
        {"properties": {"a": A}, "not": {"required": ["a"]}},
        {"enum": [{"a": 1}]},
    ],
)
def test_another_body_is_one_argument(tmp_path: Any, schema: Any) -> None:
    found = operation(tmp_path, json_body(schema, required=True, description="All of it."))
    assert shown(found) == [("body", "", True)]
    assert found.slots[0].schema == schema
    assert found.slots[0].description == "All of it."


def test_a_body_without_a_schema_is_anything(tmp_path: Any) -> None:
    found = operation(tmp_path, {"requestBody": {"content": {"application/json": {}}}})
    assert (shown(found), found.slots[0].schema) == ([("body", "", False)], {})


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_read_only_properties_are_no_arguments(tmp_path: Any, version: str) -> None:
    schema = {"required": ["id"], "properties": {"id": {**A, "readOnly": True}, "a": A}}
    assert shown(operation(tmp_path, json_body(schema), version=version)) == [("a", "/a", False)]


def test_rules_across_properties_are_told(tmp_path: Any) -> None:
    schema = {"properties": {"a": A}, "minProperties": 1}
    found = operation(tmp_path, json_body(schema))
    assert shown(found) == [("a", "/a", False)]
    assert "minProperties of the body is left to the upstream" in found.warnings[0]


@pytest.mark.parametrize(
    ("kinds", "chosen"),
    [
        (["text/plain", "application/json"], "application/json"),
        (["application/merge-patch+json"], "application/merge-patch+json"),
        (["application/x+json", "application/json; charset=utf-8"], "application/json"),
        (["*/*"], "application/json"),
    ],
)
def test_the_json_type_is_chosen(tmp_path: Any, kinds: list[str], chosen: str) -> None:
    content = {kind: {"schema": {"type": "array"}} for kind in kinds}
    found = operation(tmp_path, {"requestBody": {"content": content}})
    assert found.body_type == chosen


def test_a_body_in_no_type_of_json_is_refused_where_required(tmp_path: Any) -> None:
    body = {"content": {"multipart/form-data": {}, "text/json-ish": {}}}
    with pytest.raises(SourceError, match="JSON bodies only, not multipart/form-data") as caught:
        operation(tmp_path, {"requestBody": {**body, "required": True}})
    assert caught.value.id == "MCPX-B03"
    found = operation(tmp_path, {"requestBody": body})
    assert (found.slots, found.body_type) == ((), None)
    assert "the optional body is left out" in found.warnings[0]


def test_a_get_has_no_body(tmp_path: Any) -> None:
    found = operation(tmp_path, json_body({"properties": {"a": A}}), method="get")
    assert (found.slots, found.body_type) == ((), None)
    assert "the body of a GET request is left out" in found.warnings[0]


@pytest.mark.parametrize("body", [{}, {"content": []}, [], {"content": {"application/json": 1}}])
def test_a_malformed_body_is_refused(tmp_path: Any, body: Any) -> None:
    with pytest.raises(SourceError, match="MCPX-B02"):
        operation(tmp_path, {"requestBody": body})


def test_a_body_that_is_part_of_itself_is_refused(tmp_path: Any) -> None:
    loop = {"allOf": [{"$ref": "#/components/schemas/Loop"}], "properties": {"a": A}}
    with pytest.raises(SourceError, match="made of too many schemas"):
        operation(
            tmp_path, json_body({"$ref": "#/components/schemas/Loop"}), schemas={"Loop": loop}
        )


def test_a_body_of_a_malformed_type_is_told(tmp_path: Any) -> None:
    with pytest.raises(SourceError, match="schema/type/0: must be text"):
        operation(tmp_path, json_body({"type": [{}]}))
