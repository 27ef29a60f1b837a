"""A schema that refers to itself: the work of a check is bounded before it begins."""

import time
from typing import Any

import pytest

from mcp_proxy.core.schema import compile_schema
from mcp_proxy.core.validation_cost import looks, refers_to_itself


def branch(word: str) -> dict[str, Any]:
    items = {"type": "array", "items": {"$ref": "#/$defs/Filter"}}
    properties = {"filters": items, "op": {"const": word}}
    return {"type": "object", "properties": properties, "required": ["filters"]}


LEAF = {"type": "object", "properties": {"leaf": {"type": "string"}}, "required": ["leaf"]}
CHOICES = {
    "type": "object",
    "properties": {"filter": {"$ref": "#/$defs/Filter"}},
    "$defs": {"Filter": {"oneOf": [branch("and"), branch("or"), LEAF]}},
}
TREE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "below": {"type": "array", "items": {"$ref": "#"}}},
}


def nested(depth: int, leaf: dict[str, Any]) -> dict[str, Any]:
    value = leaf
    for _ in range(depth):
        value = {"op": "and", "filters": [value]}
    return {"filter": value}


@pytest.mark.parametrize("leaf", [{"leaf": "x"}, {"leaf": 1}, {"other": 1}])
@pytest.mark.parametrize("depth", [8, 14, 30])
def test_no_value_keeps_a_check_busy(depth: int, leaf: dict[str, Any]) -> None:
    schema = compile_schema(CHOICES)
    began = time.perf_counter()
    found = schema.violation(nested(depth, leaf))
    assert time.perf_counter() - began < 2
    assert found is not None or depth == 8


def test_a_filter_of_ordinary_depth_is_checked() -> None:
    schema = compile_schema(CHOICES)
    assert schema.violation(nested(8, {"leaf": "x"})) is None
    wrong = schema.violation(nested(2, {"leaf": 1}))
    assert wrong is not None
    assert wrong.keyword == "oneOf"


def test_a_deep_and_wide_tree_without_choices_is_checked() -> None:
    value: dict[str, Any] = {"name": "leaf"}
    for _ in range(25):
        value = {"name": "x", "below": [value, *({"name": str(n)} for n in range(400))]}
    assert compile_schema(TREE).violation(value) is None


def test_the_count_doubles_with_each_level_and_the_parts_do_not() -> None:
    shallow, deep = (looks(CHOICES, nested(depth, {"leaf": "x"})) for depth in (6, 12))
    assert deep[0] > 30 * shallow[0]
    assert deep[1] < 3 * shallow[1]


def test_only_a_way_back_is_a_recursion() -> None:
    assert refers_to_itself(CHOICES)
    assert refers_to_itself(TREE)
    shared = {"a": {"$ref": "#/$defs/b"}, "b": {"type": "string"}}
    assert not refers_to_itself({"allOf": [{"$ref": "#/$defs/a"}], "$defs": shared})
    assert not refers_to_itself({"properties": {"$ref": {"type": "string"}}})
