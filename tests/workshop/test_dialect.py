"""Schemas of OpenAPI 3.0 and 3.1 as JSON Schema 2020-12."""

from typing import Any

import pytest
from workshop.spec_bench import answers, json_body, operation

from mcp_proxy.core.schema import compile_schema
from mcp_proxy.errors import SourceError


def translated(folder: Any, schema: Any, version: str = "3.1.0", **schemas: Any) -> Any:
    found = operation(folder, answers(schema), version=version, schemas=schemas)
    whole = found.response if found.response is not None else {}
    compile_schema({**whole, "$defs": found.defs})
    return whole


def translated_body(folder: Any, schema: Any, version: str = "3.0.3", **schemas: Any) -> Any:
    found = operation(folder, json_body(schema), version=version, schemas=schemas)
    return {slot.name: slot.schema for slot in found.slots}, found


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        (
            {"type": "string", "nullable": True, "enum": ["a"]},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        (
            {"nullable": True, "title": "T", "allOf": [{"type": "string"}]},
            {"title": "T", "anyOf": [{"allOf": [{"type": "string"}]}, {"type": "null"}]},
        ),
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({"maximum": 9, "exclusiveMaximum": False}, {"maximum": 9}),
        ({"exclusiveMaximum": True, "type": "integer"}, {"type": "integer"}),
        ({"type": "integer", "format": "int64"}, {"type": "integer", "format": "int64"}),
        ({"maxLength": 5.0}, {"maxLength": 5}),
        ({"maximum": 2**64}, {"maximum": float(2**64)}),
        ({"required": ["a", "a"]}, {"required": ["a"]}),
        ({"type": "object", "required": []}, {"type": "object"}),
        (
            {
                "type": "string",
                "example": "x",
                "xml": {"name": "x"},
                "externalDocs": {"url": "x"},
                "discriminator": {"propertyName": "k"},
                "x-internal": True,
                "description": "a\r\nb",
            },
            {"type": "string", "description": "a\nb"},
        ),
    ],
)
def test_3_0_is_translated(tmp_path: Any, schema: Any, expected: Any) -> None:
    assert translated(tmp_path, schema, "3.0.3") == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": ["string", "null"], "const": None}, {"type": ["string", "null"], "const": None}),
        ({"type": "string", "nullable": True}, {"type": "string"}),
        ({"exclusiveMinimum": 1}, {"exclusiveMinimum": 1}),
        ({"prefixItems": [True], "items": False}, {"prefixItems": [True], "items": False}),
        (
            {"items": [{"type": "string"}], "additionalItems": False},
            {"prefixItems": [{"type": "string"}], "items": False},
        ),
        ({"$id": "https://x.example/s", "$schema": "x", "type": "null"}, {"type": "null"}),
        (
            {"if": {"type": "string"}, "then": {"minLength": 1}, "else": True},
            {"if": {"type": "string"}, "then": {"minLength": 1}, "else": True},
        ),
        (
            {"dependentRequired": {"a": ["b"]}, "patternProperties": {"^x": {"type": "null"}}},
            {"dependentRequired": {"a": ["b"]}, "patternProperties": {"^x": {"type": "null"}}},
        ),
        (True, {}),
    ],
)
def test_3_1_is_taken_over(tmp_path: Any, schema: Any, expected: Any) -> None:
    assert translated(tmp_path, schema) == expected


def test_a_cycle_stays_a_cycle_of_definitions(tmp_path: Any) -> None:
    tree = {
        "properties": {"kids": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}}
    }
    found = operation(
        tmp_path, answers({"$ref": "#/components/schemas/Tree"}), schemas={"Tree": tree}
    )
    assert found.response == {"$ref": "#/$defs/Tree"}
    kids = {"type": "array", "items": {"$ref": "#/$defs/Tree"}}
    assert found.defs == {"Tree": {"properties": {"kids": kids}}}


def test_what_stands_beside_a_reference_counts_in_3_1_only(tmp_path: Any) -> None:
    schema = {"$ref": "#/components/schemas/A", "maxLength": 3, "description": "d"}
    a = {"type": "string"}
    assert translated(tmp_path, schema, A=a) == {
        "$ref": "#/$defs/A",
        "maxLength": 3,
        "description": "d",
    }
    assert translated(tmp_path, schema, "3.0.0", A=a) == {"$ref": "#/$defs/A", "description": "d"}


def test_two_schemas_of_one_name_get_two_names(tmp_path: Any) -> None:
    (tmp_path / "other.json").write_text('{"A": {"type": "integer"}}')
    schema = {"oneOf": [{"$ref": "#/components/schemas/A"}, {"$ref": "other.json#/A"}]}
    found = operation(tmp_path, answers(schema), schemas={"A": {"type": "string"}})
    assert found.response == {"oneOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/A:c4fb1b7dd79c"}]}
    assert found.defs == {"A": {"type": "string"}, "A:c4fb1b7dd79c": {"type": "integer"}}


USER = {
    "type": "object",
    "required": ["id", "name", "password"],
    "properties": {
        "id": {"type": "string", "readOnly": True},
        "name": {"type": "string"},
        "password": {"$ref": "#/components/schemas/Password"},
    },
}
PASSWORD = {"type": "string", "writeOnly": True}


def test_read_only_properties_are_no_arguments_at_any_depth(tmp_path: Any) -> None:
    schema = {"type": "object", "properties": {"user": {"$ref": "#/components/schemas/User"}}}
    slots, found = translated_body(tmp_path, schema, User=USER, Password=PASSWORD)
    assert slots == {"user": {"$ref": "#/$defs/User:request"}}
    assert found.defs["User:request"] == {
        "type": "object",
        "required": ["name", "password"],
        "properties": {
            "id": False,
            "name": {"type": "string"},
            "password": {"$ref": "#/$defs/Password:request"},
        },
    }


def test_write_only_properties_are_no_part_of_an_answer(tmp_path: Any) -> None:
    found = operation(
        tmp_path,
        answers({"$ref": "#/components/schemas/User"}),
        schemas={"User": USER, "Password": PASSWORD},
    )
    assert found.defs["User"]["required"] == ["id", "name"]
    assert set(found.defs["User"]["properties"]) == {"id", "name"}


def test_a_schema_of_both_ways_is_translated_for_each(tmp_path: Any) -> None:
    reference = {"$ref": "#/components/schemas/User"}
    entry = {
        **json_body({"type": "object", "properties": {"user": reference}}),
        **answers(reference),
    }
    found = operation(tmp_path, entry, schemas={"User": USER, "Password": PASSWORD})
    assert found.slots[0].schema == {"$ref": "#/$defs/User:request"}
    assert found.response == {"$ref": "#/$defs/User"}
    assert found.defs["User:request"]["required"] != found.defs["User"]["required"]


def test_a_read_only_name_required_by_another_part_is_not_required(tmp_path: Any) -> None:
    part = {"properties": {"id": {"allOf": [{"type": "string"}, {"readOnly": True}]}}}
    whole = {"allOf": [{"$ref": "#/components/schemas/Part"}, {"required": ["id", "name"]}]}
    slots, _ = translated_body(tmp_path, {"type": "array", "items": whole}, Part=part)
    assert slots["body"]["items"]["allOf"][1] == {"required": ["name"]}


@pytest.mark.parametrize(
    ("schema", "place", "sentence"),
    [
        ({"type": "file"}, "/type", "must be one of array, boolean"),
        ({"type": []}, "/type", "must be one of"),
        ({"minLength": -1}, "/minLength", "must be a whole number"),
        ({"minLength": 1.5}, "/minLength", "must be a whole number"),
        ({"maximum": "9"}, "/maximum", "must be a number"),
        ({"maximum": True, "minimum": True}, "imum", "must be a number"),
        ({"multipleOf": 0}, "/multipleOf", "must be above 0"),
        ({"required": True}, "/required", "must be a list"),
        ({"required": [1]}, "/required/0", "must be text"),
        ({"properties": {"a": 1}}, "/properties/a", "must be an object"),
        ({"properties": []}, "/properties", "must be an object"),
        ({"items": "x"}, "/items", "must be an object"),
        ({"allOf": {}}, "/allOf", "must be a list"),
        ({"enum": "x"}, "/enum", "must be a list"),
        ({"pattern": 1}, "/pattern", "must be text"),
        ({"uniqueItems": "yes"}, "/uniqueItems", "must be true or false"),
    ],
)
def test_a_malformed_keyword_is_told_with_its_place(
    tmp_path: Any, schema: Any, place: str, sentence: str
) -> None:
    with pytest.raises(SourceError) as caught:
        translated(tmp_path, schema)
    assert caught.value.id == "MCPX-B02"
    assert f"{place}: {sentence}" in str(caught.value)
    assert "#/paths/~1things/post/responses/200/content/application~1json/schema" in str(
        caught.value
    )


def test_a_schema_nested_too_deeply_is_refused(tmp_path: Any) -> None:
    schema: dict[str, Any] = {}
    for _ in range(70):
        schema = {"items": schema}
    with pytest.raises(SourceError, match="nested deeper than 64 levels"):
        translated(tmp_path, schema)


def test_an_operation_of_too_many_schemas_is_refused(tmp_path: Any) -> None:
    wide = {"anyOf": [{"minLength": n} for n in range(400)]}
    with pytest.raises(SourceError, match="schemas are more than"):
        translated(tmp_path, {"anyOf": [wide] * 200})


def test_a_dynamic_reference_is_told(tmp_path: Any) -> None:
    found = operation(tmp_path, answers({"type": "object", "$dynamicRef": "#node"}))
    assert found.response == {"type": "object"}
    assert "$dynamicRef is not followed" in found.warnings[0]
