"""Schemas: what is enforced, in which words, and what is not compiled at all."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.schema import SchemaRefused, compile_pattern, compile_schema

WORDS = [
    ({"maximum": 50}, 51, "maximum", "must be at most 50"),
    ({"minimum": 1}, 0, "minimum", "must be at least 1"),
    ({"exclusiveMaximum": 5}, 5, "exclusiveMaximum", "must be below 5"),
    ({"exclusiveMinimum": 5}, 5, "exclusiveMinimum", "must be above 5"),
    ({"multipleOf": 2}, 3, "multipleOf", "must be a multiple of 2"),
    ({"type": ["integer", "null"]}, "x", "type", "must be of type"),
    ({"enum": ["a", "b"]}, "x", "enum", 'must be one of ["a", "b"]'),
    ({"const": 1}, 2, "const", "must be 1"),
    ({"pattern": "^a+$"}, "b", "pattern", "must match the pattern ^a+$"),
    ({"format": "date"}, "tomorrow", "format", "must be a valid date"),
    ({"minLength": 2}, "x", "minLength", "must have at least 2 characters"),
    ({"maxItems": 1}, [1, 2], "maxItems", "must have at most 1 items"),
    ({"anyOf": [{"type": "string"}]}, 1, "anyOf", "has none of the allowed forms"),
    ({"oneOf": [True, True]}, 1, "oneOf", "must have exactly one of the allowed forms"),
    (False, 1, "falseSchema", "is not allowed here"),
    ({"additionalProperties": False}, {"a": 1}, "maxProperties", "must have at most 0 properties"),
    ({"dependentSchemas": {"a": {"minProperties": 2}}}, {"a": 1}, "minProperties", "at least 2"),
]


@pytest.mark.parametrize(("schema", "value", "keyword", "words"), WORDS)
def test_a_violation_names_the_rule(schema: Any, value: Any, keyword: str, words: str) -> None:
    violation = compile_schema(schema).violation(value)
    assert violation is not None
    assert violation.keyword == keyword
    assert words in violation.message


def test_a_violation_points_at_the_argument() -> None:
    schema = compile_schema(
        {
            "properties": {"a": {"items": {"required": ["id"]}}, "b": {"type": "object"}},
            "additionalProperties": False,
        }
    )
    missing = schema.violation({"a": [{"id": 1}, {}]})
    unknown = schema.violation({"x/y~z": 1})
    assert missing is not None
    assert (missing.pointer, missing.message) == ("/a/1/id", "is required")
    assert unknown is not None
    assert (unknown.pointer, unknown.message) == ("/x~1y~0z", "is not a known property")


SECRET = "canary-5f1c"  # not a secret, but what must not be told
TELLING = [
    {"type": "integer"},
    {"enum": ["a"]},
    {"const": "a"},
    {"pattern": "^a$"},
    {"format": "email"},
    {"maxLength": 1},
    {"not": {"type": "string"}},
    {"anyOf": [{"type": "null"}, {"pattern": "^a$"}]},
    {"oneOf": [{"type": "null"}]},
    {"if": True, "then": {"maxLength": 1}},
    False,
]


@pytest.mark.parametrize("schema", TELLING)
def test_s25_a_violation_never_holds_the_value(schema: Any) -> None:
    nested = compile_schema({"properties": {"a": schema}})
    for told in (compile_schema(schema).violation(SECRET), nested.violation({"a": SECRET})):
        assert told is not None
        assert SECRET not in "".join(told)


CLOSED = {"properties": {"b": {}}, "additionalProperties": False}


def test_s25_hidden_characters_of_a_name_do_not_reach_the_text() -> None:
    violation = compile_schema(CLOSED).violation({"a\x1b[2J\u202e": 1})
    assert violation is not None
    assert violation.pointer == "/a"


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://evil.example/schema"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "other.json#/a"},
        {"$ref": "#/$defs/missing"},
    ],
)
def test_references_beyond_the_schema_are_refused_and_not_fetched(schema: Any) -> None:
    with pytest.raises(SchemaRefused):
        compile_schema(schema)


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "(?<!a)b", "("])
def test_patterns_that_need_backtracking_are_refused(pattern: str) -> None:
    with pytest.raises(SchemaRefused):
        compile_pattern(pattern)


def test_a_redos_pattern_answers_at_once() -> None:
    began = time.perf_counter()
    assert compile_pattern("^(a+)+$").violation("a" * 50_000 + "!") is not None
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize("schema", [{"type": "nope"}, {"maximum": "x"}, [], "true", None, 1])
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    with pytest.raises(SchemaRefused):
        compile_schema(schema)


def test_half_characters_and_foreign_values_are_violations_not_breakdowns() -> None:
    schema = compile_schema({"properties": {"a": {"pattern": "."}}})
    for value in ({"a": "\ud800"}, {1: 2}):
        assert schema.violation(value) is not None


def test_integers_are_compared_exactly() -> None:
    schema = compile_schema({"maximum": 2**53})
    assert schema.violation(2**53) is None
    assert schema.violation(2**53 + 1) is not None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda deeper: st.lists(deeper) | st.dictionaries(st.text(), deeper),
    max_leaves=8,
)


@given(VALUES)
def test_every_value_gets_a_verdict(value: Any) -> None:
    schema = compile_schema({"type": "object", "properties": {"a": {"type": "string"}}})
    violation = schema.violation(value)
    assert (violation is None) == (
        isinstance(value, dict) and isinstance(value.get("a", ""), str)
    ), json.dumps(value)
