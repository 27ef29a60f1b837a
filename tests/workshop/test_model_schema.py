"""The model-facing schema: readable, and never narrower than the enforced one."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_proxy.core.schema import compile_schema
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.model_schema import model_facing

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(0, 3), st.sampled_from([0.5, 1.0, "", "a", "ab"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
)
OBJECTS = st.fixed_dictionaries({}, optional={"a": VALUES, "b": VALUES, "c": VALUES})
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
    """What the build makes of an operation, and any other schema that a listing may hold."""
    schema = draw(DICTS)
    if draw(st.booleans()):
        built = {"type": "object", "properties": {"a": draw(SCHEMAS), "b": draw(SCHEMAS)}}
        narrowed = [built, {"properties": {"a": schema}}]
        names = {"a": True, "b": True}
        schema = {"allOf": narrowed, "properties": names, "additionalProperties": False}
    return {**schema, "$defs": {"x": draw(SCHEMAS), "y": draw(SCHEMAS)}}


def check_law(schema: dict[str, Any], values: list[Any]) -> int:
    """How many of `values` the enforced schema accepts; the model-facing one must accept those."""
    shown = model_facing(schema)
    assert shown["type"] == "object"
    assert "$ref" not in json.dumps(shown)
    strict, wide = compile_schema(schema), compile_schema(shown)
    accepted = [value for value in values if strict.violation(value) is None]
    for value in accepted:
        assert wide.violation(value) is None, (schema, shown, value)
    return len(accepted)


@settings(max_examples=150, deadline=None)
@given(schema=enforced(), values=st.lists(OBJECTS, min_size=1, max_size=20))
def test_whatever_the_enforced_schema_accepts_the_model_facing_one_accepts(
    schema: dict[str, Any], values: list[Any]
) -> None:
    check_law(schema, values)


TEXT = {"type": "string"}
SHORT = {"if": TEXT, "then": {"maxLength": 1}}
RECURSIVE = {"properties": {"b": {"$ref": "#/$defs/x"}}, "required": ["c"]}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"not": SHORT}, "ab"),
        ({"not": {"not": TEXT}}, "ab"),
        ({"not": {"oneOf": [TEXT, {"minLength": 2}]}}, "ab"),
        ({"oneOf": [{"not": TEXT}, TEXT]}, "a"),
        ({"oneOf": [SHORT, TEXT]}, "ab"),
        ({"oneOf": [{"unevaluatedProperties": False}, {"minProperties": 1}]}, {"b": 1}),
        ({"contains": {"not": TEXT}, "maxContains": 1}, [1, "a", "b"]),
        ({"contains": SHORT, "minContains": 0, "maxContains": 0}, ["ab"]),
        ({"if": SHORT, "then": False}, "ab"),
        ({"dependentSchemas": {"b": {"not": {"required": ["c"]}}}}, {"b": 1}),
        ({"not": {"$ref": "#/$defs/x"}}, {"c": 1, "b": {"b": {}}}),
        ({"$ref": "#/$defs/x"}, {"c": 1, "b": {"c": 1, "b": {"c": 1}}}),
        (
            {"allOf": [{"properties": {"b": TEXT}}, {"additionalProperties": {"minLength": 2}}]},
            {"b": "ab", "c": "ab"},
        ),
        (
            {
                "allOf": [
                    {"patternProperties": {"^b": {}}, "additionalProperties": False},
                    {"properties": {"b": TEXT}},
                ]
            },
            {"b": "a"},
        ),
        ({"allOf": [{"prefixItems": [TEXT]}, {"items": {"maxLength": 3}}]}, ["ab", "c"]),
        ({"allOf": [{"prefixItems": [TEXT], "items": False}, {"prefixItems": [{}, TEXT]}]}, ["a"]),
        (
            {"allOf": [{"contains": TEXT, "minContains": 2}, {"contains": {"const": 1}}]},
            ["a", "b", 1],
        ),
        ({"allOf": [{"multipleOf": 2}, {"multipleOf": 3}]}, 6),
        ({"allOf": [{"anyOf": [TEXT, {"const": 1}]}, {"anyOf": [TEXT, {"const": 2}]}]}, "a"),
        ({"allOf": [{"type": ["integer", "null"]}, {"type": "number"}]}, 1.0),
        ({"allOf": [{"enum": [1, True]}, {"enum": [1.0]}]}, 1),
        ({"allOf": [{"const": 1}, {"const": 1.0}]}, 1),
        ({"properties": {"b": False}, "additionalProperties": TEXT}, {"c": "a"}),
        ({"prefixItems": [False], "type": "array"}, []),
        ({"anyOf": [False, {"anyOf": [TEXT, False]}]}, "a"),
    ],
)
def test_where_wider_inside_is_narrower_outside_the_keyword_gives_way(
    schema: dict[str, Any], value: Any
) -> None:
    nested = {"properties": {"a": schema}, "$defs": {"x": RECURSIVE}}
    assert check_law(nested, [{"a": value}]) == 1


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (
            {"anyOf": [{"properties": {"a": TEXT}, "required": ["a"]}, {"required": ["b"]}]},
            {"a": 1, "b": 1},
        ),
        ({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"a": 1}),
        (
            {"allOf": [{"anyOf": [{"required": ["a"]}, {}]}, {"anyOf": [{"required": ["b"]}]}]},
            {"b": 1},
        ),
        (
            {
                "anyOf": [
                    {"properties": {"a": TEXT}, "additionalProperties": False},
                    {"patternProperties": {"^b": TEXT}, "additionalProperties": False},
                ]
            },
            {"b": "x"},
        ),
        ({"enum": [{"a": 1}]}, {"a": 1}),
        ({"minProperties": 1, "maxProperties": 1, "propertyNames": {"enum": ["a"]}}, {"a": 1}),
        ({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"b": 1}),
        ({"dependentRequired": {"a": ["b"]}, "unevaluatedProperties": TEXT}, {"c": "x"}),
    ],
)
def test_a_union_at_the_top_refuses_no_object_that_a_branch_accepts(
    schema: dict[str, Any], value: Any
) -> None:
    assert check_law(schema, [value]) == 1


def shown(schema: dict[str, Any]) -> dict[str, Any]:
    return model_facing({"type": "object", "properties": {"a": schema}, **DEFS})["properties"]["a"]


DEFS: dict[str, Any] = {
    "$defs": {
        "Money": {"type": "integer", "minimum": 0, "description": "Cents."},
        "Tree": {
            "type": "object",
            "description": "A tree.",
            "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
        },
        **{
            f"Deep{n}": {
                "properties": {"d": {"$ref": f"#/$defs/Deep{n + 1}"}},
                "description": f"{n}",
            }
            for n in range(9)
        },
        "Deep9": {"type": "string", "description": "9"},
    }
}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"$ref": "#/$defs/Money"}, {"type": "integer", "minimum": 0, "description": "Cents."}),
        (
            {"$ref": "#/$defs/Money", "description": "Total."},
            {"type": "integer", "minimum": 0, "description": "Total."},
        ),
        (
            {"allOf": [{"$ref": "#/$defs/Money"}, {"minimum": 1, "maximum": 9}]},
            {"type": "integer", "minimum": 1, "maximum": 9, "description": "Cents."},
        ),
        (
            {"$ref": "#/$defs/Tree"},
            {
                "type": "object",
                "description": "A tree.",
                "properties": {"kids": {"type": "array", "items": {"description": "A tree."}}},
            },
        ),
        (
            {"oneOf": [{"type": "string"}, False, {"type": "null"}]},
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
        ),
        ({"anyOf": [{"type": "string"}, {}]}, {}),
        (
            {
                "type": "string",
                "not": {"const": "x"},
                "if": {},
                "then": {},
                "else": {},
                "examples": ["x"],
                "$comment": "c",
                "xml": {},
                "discriminator": {},
                "x-y": 1,
            },
            {"type": "string"},
        ),
        (
            {
                "type": "object",
                "properties": {"no": False, "yes": True},
                "additionalProperties": False,
            },
            {"type": "object", "properties": {"yes": {}}, "additionalProperties": False},
        ),
        (
            {"allOf": [{"type": ["string", "integer"]}, {"type": ["number", "null"]}]},
            {"type": "integer"},
        ),
        (
            {"allOf": [{"enum": [1, "a", True]}, {"enum": [1.0, "a", "b"]}]},
            {"enum": [1, "a"]},
        ),
        (
            {"allOf": [{"pattern": "^a"}, {"pattern": "b$"}]},
            {"pattern": "^a", "allOf": [{"pattern": "b$"}]},
        ),
    ],
)
def test_a_schema_reads_plainly(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    assert shown(schema) == expected


def test_references_below_the_eighth_become_their_description() -> None:
    found = shown({"$ref": "#/$defs/Deep0"})
    for _ in range(8):
        found = found["properties"]["d"]
    assert found == {"description": "8"}


def test_a_narrowed_operation_is_one_object_with_properties() -> None:
    enforced = {
        "allOf": [
            {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "description": "Id."},
                    "n": {"type": "integer"},
                },
                "required": ["id"],
            },
            {"properties": {"n": {"minimum": 1, "maximum": 5, "default": 2}}, "required": ["n"]},
        ],
        "properties": {"id": True, "n": True},
        "additionalProperties": False,
    }
    assert model_facing(enforced) == {
        "type": "object",
        "properties": {
            "id": {"type": "string", "description": "Id."},
            "n": {"type": "integer", "minimum": 1, "maximum": 5, "default": 2},
        },
        "required": ["id", "n"],
        "additionalProperties": False,
    }


def test_a_union_at_the_top_is_one_object_of_what_is_common() -> None:
    card = {
        "properties": {"kind": {"const": "card"}, "number": {"type": "string"}},
        "required": ["kind", "number"],
        "additionalProperties": False,
    }
    cash = {
        "properties": {"kind": {"const": "cash"}},
        "required": ["kind"],
        "additionalProperties": False,
    }
    assert model_facing({"oneOf": [card, cash, {"type": "string"}]}) == {
        "type": "object",
        "properties": {
            "kind": {"anyOf": [{"const": "card"}, {"const": "cash"}]},
            "number": {"type": "string"},
        },
        "required": ["kind"],
        "additionalProperties": False,
    }


def test_a_union_of_open_objects_keeps_names_and_descriptions() -> None:
    one = {"properties": {"a": {"type": "string", "description": "A."}}, "required": ["a"]}
    two = {"properties": {"b": {"type": "integer"}}, "required": ["b"]}
    assert model_facing({"anyOf": [one, two]}) == {
        "type": "object",
        "properties": {"a": {"description": "A."}, "b": {}},
    }


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"not": {}}, {"type": "string"}])
def test_the_top_is_always_an_object_with_properties(schema: dict[str, Any]) -> None:
    found = model_facing(schema)
    assert (found["type"], found["properties"]) == ("object", {})


def test_a_schema_that_explodes_when_inlined_is_refused() -> None:
    defs: dict[str, Any] = {"D0": {"type": "string"}}
    for n in range(1, 8):
        part = {"$ref": f"#/$defs/D{n - 1}"}
        defs[f"D{n}"] = {"properties": {f"p{k}": part for k in range(10)}}
    with pytest.raises(SourceError, match="too large for a model once inlined"):
        model_facing({"type": "object", "properties": {"a": {"$ref": "#/$defs/D7"}}, "$defs": defs})
