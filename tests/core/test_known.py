"""Stripping: what the schema does not declare goes, what it leaves open stays."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.known import known
from mcp_proxy.core.schema import compile_schema

INVOICE = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
        "meta": {"type": "object"},
        "tags": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Line"}},
        "parent": {"$ref": "#"},
    },
    "$defs": {"Line": {"type": "object", "properties": {"sku": {"type": "string"}}}},
}


@pytest.mark.parametrize(
    ("schema", "value", "stripped"),
    [
        (INVOICE, {"id": "a", "secret": 1}, {"id": "a"}),
        (INVOICE, {"lines": [{"sku": "a", "x": 1}, {"x": 1}]}, {"lines": [{"sku": "a"}, {}]}),
        (INVOICE, {"meta": {"any": {"thing": 1}}}, {"meta": {"any": {"thing": 1}}}),
        (INVOICE, {"tags": {"k": {"sku": "a", "x": 1}}}, {"tags": {"k": {"sku": "a"}}}),
        (INVOICE, {"parent": {"parent": {"id": "a", "x": 1}}}, {"parent": {"parent": {"id": "a"}}}),
        (
            {"allOf": [{"properties": {"id": {}}}, {"properties": {"x": {}}}]},
            {"x": 1, "y": 2},
            {"x": 1},
        ),
        (
            {"oneOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]},
            {"b": 1, "c": 2},
            {"b": 1},
        ),
        ({"properties": {"a": {}}, "additionalProperties": True}, {"b": 1}, {"b": 1}),
        ({"properties": {"a": {}}, "patternProperties": {"^x": {}}}, {"x1": 1, "y": 2}, {"x1": 1}),
        ({"additionalProperties": False}, {"a": 1}, {}),
        ({}, {"a": 1}, {"a": 1}),
        (True, [{"a": 1}], [{"a": 1}]),
        (
            {"type": "array", "prefixItems": [{"properties": {"a": {}}}]},
            [{"a": 1, "b": 2}],
            [{"a": 1}],
        ),
        (INVOICE, "text", "text"),
    ],
)
def test_stripping(schema: Any, value: Any, stripped: Any) -> None:
    assert known(compile_schema(schema)).strip(value) == stripped


def test_a_schema_serves_again_and_again() -> None:
    declared = known(compile_schema(INVOICE))
    for _ in range(3):
        assert declared.strip({"id": "a", "x": 1}) == {"id": "a"}
        assert declared.strip({"x": {"id": "a"}}) == {}


VALUES = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda deeper: (
        st.lists(deeper, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "lines", "tags", "parent", "sku", "x"]), deeper)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_stripping_twice_is_stripping_once_and_changes_no_input(value: Any) -> None:
    declared = known(compile_schema(INVOICE))
    before = repr(value)
    stripped = declared.strip(value)
    assert declared.strip(stripped) == stripped
    assert repr(value) == before
