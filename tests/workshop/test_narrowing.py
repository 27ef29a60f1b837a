"""A narrowing that widens, cannot match or binds nothing is told to its author."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.schema import compile_schema
from mcp_proxy.workshop.narrowing import narrowing_problems

NUMBER = {"type": "integer", "minimum": 1, "maximum": 100}
DEFS = {"Order": {"type": "object", "properties": {"n": {"type": "string", "maxLength": 5}}}}
ORDER = {"$ref": "#/$defs/Order"}


@pytest.mark.parametrize(
    ("original", "narrowing", "told"),
    [
        (NUMBER, {"maximum": 101}, "maximum: is wider"),
        (NUMBER, {"exclusiveMaximum": 101}, "maximum: is wider"),
        (NUMBER, {"minimum": 0}, "minimum: is wider"),
        ({"exclusiveMinimum": 1, "type": "number"}, {"minimum": 1}, "minimum: is wider"),
        (NUMBER, {"minimum": 60, "maximum": 50}, "no number can match"),
        (NUMBER, {"exclusiveMinimum": 100}, "no number can match"),
        ({"allOf": [NUMBER]}, {"maximum": 101}, "maximum: is wider"),
        (NUMBER, {"type": "string"}, "type: string cannot match"),
        ({"type": "string"}, {"type": ["string", "null"]}, "type: null cannot match"),
        (NUMBER, {"enum": [5, 500]}, "enum: value 2"),
        ({"enum": ["a", "b"]}, {"enum": ["a", "c"]}, "enum: value 2"),
        (NUMBER, {"const": 0}, "const: value 1"),
        (NUMBER, {"maxLength": 3}, "maxLength: binds nothing"),
        ({}, {"maximum": 3}, "add type: number"),
        ({"type": "string", "maxLength": 5}, {"maxLength": 6}, "maxLength: is wider"),
        ({"type": "string", "maxLength": 5}, {"minLength": 6}, "nothing can match"),
        ({"type": "number", "multipleOf": 10}, {"multipleOf": 5}, "multipleOf: is no multiple"),
        ({"type": "array", "uniqueItems": True}, {"uniqueItems": False}, "uniqueItems: is wider"),
        ({"type": "string"}, {"format": "iban"}, "format: iban checks nothing"),
        ({"type": "string"}, {"pattern": "("}, "cannot be compiled"),
        ({"type": "string"}, {"pattern": "(?=a)"}, "cannot be compiled"),
        ({"type": "string"}, {"not": {"maxlength": 3}}, "maxlength: no JSON Schema keyword"),
        (ORDER, {"properties": {"n": {"maxLength": 6}}}, "properties.n.maxLength: is wider"),
        (ORDER, {"properties": {"m": {}}}, "properties.m: the operation names no such"),
        ({"type": "array", "items": NUMBER}, {"items": {"maximum": 200}}, "items.maximum: is"),
        (
            {"type": "object", "additionalProperties": False},
            {"additionalProperties": True},
            "additionalProperties: is wider",
        ),
    ],
)
def test_a_narrowing_that_does_not_narrow_is_told(
    original: Any, narrowing: dict[str, Any], told: str
) -> None:
    assert any(told in text for text in narrowing_problems(original, narrowing, DEFS))


@pytest.mark.parametrize(
    ("original", "narrowing"),
    [
        (NUMBER, {"minimum": 1, "maximum": 50}),
        (NUMBER, {"exclusiveMaximum": 100, "multipleOf": 5}),
        (NUMBER, {"type": "number"}),
        ({"type": "number"}, {"type": "integer"}),
        ({"enum": ["a", "b", "c"]}, {"enum": ["b"]}),
        ({}, {"type": "number", "maximum": 3}),
        (ORDER, {"properties": {"n": {"pattern": "^x"}}, "required": ["n"]}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string", "format": "uuid"}),
    ],
)
def test_a_narrowing_that_narrows_is_fine(original: Any, narrowing: dict[str, Any]) -> None:
    assert narrowing_problems(original, narrowing, DEFS) == []


BOUNDS = st.dictionaries(
    st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]),
    st.integers(-5, 5),
)


@given(BOUNDS, BOUNDS, st.integers(-6, 6))
def test_bounds_that_pass_never_accept_what_the_operation_refuses(
    original: dict[str, int], narrowing: dict[str, int], value: int
) -> None:
    original_schema = {"type": "integer", **original}
    if narrowing_problems(original_schema, narrowing, {}):
        return
    own_bounds = (
        [key for key in narrowing if "inimum" in key],
        [key for key in narrowing if "aximum" in key],
    )
    accepts = compile_schema({"type": "integer", **narrowing}).violation(value) is None
    if accepts and all(own_bounds):
        assert compile_schema(original_schema).violation(value) is None
