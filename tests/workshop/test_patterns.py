"""Patterns that need backtracking: taken out, told, and never at the price of refusing more."""

from typing import Any

import pytest
from workshop.spec_bench import answers, json_body, operation

from mcp_proxy.core.schema import compile_schema
from mcp_proxy.workshop.patterns import without_unreadable

BAD = {"pattern": "^(?!x)"}


def widened(schema: Any, **defs: Any) -> Any:
    schemas, _, warnings = without_unreadable({"it": schema}, defs, {})
    assert warnings
    return schemas["it"]


def test_readable_patterns_stay(tmp_path: Any) -> None:
    found = operation(tmp_path, answers({"type": "string", "pattern": "^[a-z]+$"}))
    assert found.response == {"type": "string", "pattern": "^[a-z]+$"}
    assert found.warnings == ()


def test_an_unreadable_pattern_is_taken_out_and_told(tmp_path: Any) -> None:
    schema = {"properties": {"name": {"type": "string", **BAD}}}
    entry = {**json_body(schema), **answers({"$ref": "#/components/schemas/Name"})}
    found = operation(tmp_path, entry, schemas={"Name": {"type": "string", **BAD}})
    assert found.slots[0].schema == {"type": "string"}
    assert found.defs == {"Name": {"type": "string"}}
    assert found.warnings == (
        "the pattern '^(?!x)' in argument name (body) needs backtracking: left to the upstream",
        "the pattern '^(?!x)' in $defs/Name needs backtracking: left to the upstream",
    )


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"not": BAD, "type": "string"}, {"type": "string"}),
        ({"if": BAD, "then": {"maxLength": 1}, "else": False}, {}),
        (
            {"if": {"type": "string"}, "then": BAD},
            {"if": {"type": "string"}, "then": {}},
        ),
        ({"oneOf": [BAD, {"maxLength": 3}]}, {"allOf": [{"anyOf": [{}, {"maxLength": 3}]}]}),
        ({"contains": BAD, "maxContains": 1}, {"contains": {}}),
        (
            {
                "patternProperties": {"^(?=a)": {"type": "null"}, "b": {}},
                "additionalProperties": False,
            },
            {"patternProperties": {"b": {}}},
        ),
        ({"properties": {"a": BAD}, "unevaluatedProperties": False}, {"properties": {"a": {}}}),
        ({"not": {"$ref": "#/$defs/bad"}}, {}),
        ({"not": {"$ref": "#/$defs/far"}}, {}),
        ({"not": {"$ref": "#/$defs/good"}, **BAD}, {"not": {"$ref": "#/$defs/good"}}),
        ({"items": {"allOf": [BAD]}}, {"items": {"allOf": [{}]}}),
    ],
)
def test_taking_a_pattern_out_only_widens(schema: Any, expected: Any) -> None:
    defs = {
        "bad": BAD,
        "far": {"items": {"$ref": "#/$defs/bad"}},
        "good": {"properties": {"x": {"$ref": "#/$defs/good"}}},
    }
    assert widened(schema, **defs) == expected


def test_what_is_left_compiles() -> None:
    schema = {"anyOf": [BAD, {"patternProperties": {"(?<=a)b": True}}]}
    compile_schema(widened(schema))
