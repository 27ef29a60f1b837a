"""The model-facing schema: readable, and never narrower than the enforced one."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_proxy.core.schema import compile_schema
from mcp_proxy.workshop.model_schema import model_facing

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(0, 3), st.sampled_from([0.5, 1.0, "", "a", "ab"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=3)
TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
REFERENCES = st.sampled_from([{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/y"}, {"$ref": "#"}])


def keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(NAMES, inner, max_size=3)
    table: dict[str, st.SearchStrategy[Any]] = {
        "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
        "enum": st.lists(SCALARS, min_size=1, max_size=3),
        "const": SCALARS,
        "minimum": st.integers(0, 2),
        "maximum": st.integers(0, 2),
        "exclusiveMinimum": st.integers(0, 2),
        "multipleOf": st.sampled_from([1, 2, 0.5]),
        "minLength": st.integers(0, 2),
        "pattern": st.sampled_from(["^a", "b$"]),
        "items": inner | st.booleans(),
        "prefixItems": some,
        "contains": inner,
        "minContains": st.integers(0, 2),
        "maxContains": st.integers(0, 2),
        "uniqueItems": st.booleans(),
        "properties": named,
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "b"]), inner, max_size=2),
        "additionalProperties": inner | st.booleans(),
        "propertyNames": st.sampled_from([{"maxLength": 1}, {"enum": ["a", "b"]}]),
        "required": st.lists(NAMES, max_size=2, unique=True),
        "minProperties": st.integers(0, 2),
        "maxProperties": st.integers(0, 3),
        "allOf": some,
        "anyOf": some,
        "oneOf": some,
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=1), max_size=1),
        "unevaluatedProperties": st.booleans(),
        "description": st.just("d"),
    }
    return st.lists(st.sampled_from(sorted(table)), max_size=4, unique=True).flatmap(
        lambda keys: st.fixed_dictionaries({key: table[key] for key in keys})
    )


SCHEMAS = st.recursive(st.booleans() | REFERENCES | keywords(st.just({})), keywords, max_leaves=8)
DICTS = SCHEMAS.filter(lambda schema: isinstance(schema, dict))


@st.composite
def enforced(draw: st.DrawFn) -> dict[str, Any]:
    """What the build makes, and any other schema a listing may hold."""
    schema = draw(DICTS)
    if draw(st.booleans()):
        schema = {"type": "object", "allOf": [schema, draw(DICTS)], **draw(st.just({}))}
    return {**schema, "$defs": {"x": draw(SCHEMAS), "y": draw(SCHEMAS)}}


@settings(max_examples=150, deadline=None)
@given(schema=enforced(), values=st.lists(OBJECTS, min_size=1, max_size=20))
def test_whatever_the_enforced_schema_accepts_the_model_facing_one_accepts(
    schema: dict[str, Any], values: list[Any]
) -> None:
    strict = compile_schema(schema)
    shown = model_facing(schema)
    wide = compile_schema(shown)
    assert shown["type"] == "object"
    assert "$ref" not in json.dumps(shown)
    for value in values:
        if strict.violation(value) is None:
            assert wide.violation(value) is None, (schema, shown, value)
