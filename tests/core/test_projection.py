"""Projected schemas: what is picked of a fitting value fits them, and typos are found."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.pick import apply_pick, parse_picks
from mcp_proxy.core.projection import project_schema
from mcp_proxy.core.schema import compile_schema

INVOICE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "customer": {"$ref": "#/$defs/Customer"},
        "note": {"type": "string"},
        "parent": {"$ref": "#"},
    },
    "required": ["id", "note"],
    "additionalProperties": False,
    "minProperties": 2,
    "$defs": {
        "Customer": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "home": {"$ref": "#/$defs/Address"}},
        },
        "Address": {"type": "object", "properties": {"city": {"type": "string"}}},
        "Other": {"type": "string"},
    },
}


def projected(schema: Any, *picks: str) -> Any:
    made = project_schema(schema, parse_picks(picks))
    compile_schema(made)
    return made


def test_only_picked_fields_and_the_definitions_they_need_remain() -> None:
    assert projected(INVOICE, "id", "customer.home") == {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "customer": {"type": "object", "properties": {"home": {"$ref": "#/$defs/Address"}}},
        },
        "required": ["id"],
        "$defs": {"Address": INVOICE["$defs"]["Address"]},
    }


def test_no_pick_is_the_whole_schema() -> None:
    assert project_schema(INVOICE, ()) is INVOICE


@pytest.mark.parametrize(
    ("schema", "pick"),
    [
        (INVOICE, "idd"),
        (INVOICE, "customer.nam"),
        (INVOICE, "id.deeper"),
        (INVOICE, "parent.parent.idd"),
        ({"type": "array", "items": INVOICE}, "data.id"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "id"),
        ({"type": "array", "items": {"type": "string"}}, "id"),
        (False, "id"),
    ],
)
def test_a_path_that_the_schema_cannot_contain_is_named(schema: Any, pick: str) -> None:
    with pytest.raises(ValueError, match=pick):
        project_schema(schema, parse_picks((pick,)))


@pytest.mark.parametrize(
    ("schema", "pick"),
    [
        ({}, "anything.at.all"),
        (True, "id"),
        ({"type": "object"}, "id"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "key"),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": True}, "b"),
        ({"patternProperties": {"^x-": {"properties": {"a": {}}}}}, "x-y.a"),
        (
            {"type": "array", "items": {"type": "array", "items": INVOICE["$defs"]["Customer"]}},
            "name",
        ),
        ({"oneOf": [{"type": "null"}, {"allOf": [INVOICE["$defs"]["Customer"]]}]}, "name"),
        ({"type": "object", "properties": {"a": {}}}, "a.b.c"),
        (INVOICE, "*"),
        (INVOICE, "*.name"),
    ],
)
def test_a_path_that_the_schema_can_contain_is_projected(schema: Any, pick: str) -> None:
    compile_schema(project_schema(schema, parse_picks((pick,))))


def test_a_schema_that_holds_itself_is_projected() -> None:
    tree = {
        "type": "object",
        "properties": {"id": {"type": "string"}, "children": {"items": {"$ref": "#/$defs/T"}}},
        "$defs": {
            "T": {
                "anyOf": [{"type": "array", "items": {"$ref": "#/$defs/T"}}, {"$ref": "#/$defs/N"}]
            },
            "N": {"type": "object", "properties": {"id": {"type": "string"}}},
        },
    }
    schema = compile_schema(projected(tree, "children.id"))
    assert schema.violation({"children": [[[{"id": "a"}]]]}) is None
    assert schema.violation({"children": [{"id": 5}]}) is not None


NAMES = st.sampled_from("abc")
SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([{"type": "integer"}, {"type": ["integer", "null"]}, {}, {"type": "null"}]),
    lambda deeper: st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(NAMES, deeper, min_size=1)},
            optional={
                "required": st.lists(NAMES, unique=True),
                "additionalProperties": deeper | st.booleans(),
                "minProperties": st.just(1),
            },
        ),
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": deeper}, optional={"minItems": st.just(1)}
        ),
        st.fixed_dictionaries({"anyOf": st.lists(deeper, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"oneOf": st.lists(deeper, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"allOf": st.lists(deeper, min_size=1, max_size=2)}),
    ),
    max_leaves=6,
)


def value_for(data: st.DataObject, schema: Any) -> Any:
    """A value that mostly fits the schema."""
    branches = [part for key in ("anyOf", "oneOf", "allOf") for part in schema.get(key, ())]
    if branches:
        return value_for(data, data.draw(st.sampled_from(branches)))
    if schema.get("type") == "array":
        return [value_for(data, schema["items"]) for _ in range(data.draw(st.integers(1, 2)))]
    if schema.get("type") != "object":
        return data.draw(st.none() | st.integers(0, 3) | st.just({"a": {"b": 1}}))
    others = schema.get("additionalProperties", True)
    parts = {name: {} if others is True else others for name in "abc" if others}
    parts.update(schema["properties"])
    names = data.draw(st.sets(st.sampled_from(sorted(parts)))) | set(schema.get("required", ()))
    return {name: value_for(data, parts.get(name, {})) for name in sorted(names)}


PATHS = st.lists(
    st.lists(NAMES | st.just("*"), min_size=1, max_size=3).map(tuple), min_size=1, max_size=3
)


@given(SCHEMAS, PATHS, st.data())
def test_law_what_is_picked_of_a_fitting_value_fits_the_projection(
    schema: Any, picks: list[tuple[str, ...]], data: st.DataObject
) -> None:
    value = value_for(data, schema)
    paths = tuple(picks)
    try:
        projection = project_schema(schema, paths)
    except ValueError:
        return
    if isinstance(value, int) or compile_schema(schema).violation(value) is not None:
        return
    picked = apply_pick(value, paths)
    assert compile_schema(projection).violation(picked) is None, (projection, picked)
