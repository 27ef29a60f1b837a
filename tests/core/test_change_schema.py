"""One schema accepts no more than another: proved only where it is true."""

import random
from typing import Any

import pytest
from core.schema_pairs import ROOTS, VALUES, edits
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_proxy.core.change_schema import accepts_no_more
from mcp_proxy.core.schema import Schema, SchemaRefused, compile_schema

PAIRS = ROOTS.flatmap(lambda root: st.tuples(st.just(root), edits(root)))


def compiled(schema: Any) -> Schema | None:
    try:
        return compile_schema(schema)
    except SchemaRefused:
        return None


def law(old: Any, new: Any) -> None:
    """Whatever the new schema accepts, the old one does, if that was called proved."""
    before, now = compiled(old), compiled(new)
    if before is not None and now is not None and accepts_no_more(old, new):
        wrong = [one for one in VALUES if not now.violation(one) and before.violation(one)]
        assert wrong == []


@settings(max_examples=100)
@given(PAIRS)
def test_s5_what_is_called_narrower_accepts_nothing_that_the_old_schema_refuses(
    pair: tuple[Any, Any],
) -> None:
    law(*pair)


@pytest.mark.slow
@pytest.mark.beside
@settings(max_examples=3_000)
@given(PAIRS)
def test_s5_the_same_law_over_many_more_schemas(pair: tuple[Any, Any]) -> None:
    law(*pair)


@pytest.mark.slow
@pytest.mark.beside
def test_narrower_schemas_are_mostly_found_to_be() -> None:
    """The law holds of something: edits that are narrower are proved more often than not."""
    found = []

    @settings(max_examples=1_000, database=None)
    @given(PAIRS)
    def count(pair: tuple[Any, Any]) -> None:
        old, new = pair
        if compiled(old) is not None and compiled(new) is not None and old != new:
            found.append(accepts_no_more(old, new))

    count()
    assert sum(found) > len(found) / 10


@given(ROOTS)
def test_a_schema_accepts_no_more_than_itself(root: Any) -> None:
    assert accepts_no_more(root, dict(reversed(root.items())))


OBJECT: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "integer", "maximum": 50}, "b": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


def with_a(**rules: Any) -> dict[str, Any]:
    return {**OBJECT, "properties": {**OBJECT["properties"], "a": rules}}


TREE = {
    "$defs": {
        "T": {
            "type": "object",
            "properties": {
                "size": {"maximum": 9},
                "kids": {"type": "array", "items": {"$ref": "#/$defs/T"}},
            },
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/T",
}
SMALLER_TREE = {
    "$defs": {
        "T": {
            "type": "object",
            "properties": {
                "size": {"maximum": 5},
                "kids": {"type": "array", "items": {"$ref": "#/$defs/T"}},
            },
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/T",
}

NARROWER = [
    pytest.param({}, {"type": "string"}, id="a rule where there was none"),
    pytest.param(True, {"minimum": 1}, id="a rule where all was allowed"),
    pytest.param({"maxLength": 3}, False, id="nothing at all"),
    pytest.param({"maximum": 50}, {"maximum": 20}, id="a lower maximum"),
    pytest.param({"maximum": 50}, {"exclusiveMaximum": 50}, id="a maximum that is excluded"),
    pytest.param({"exclusiveMaximum": 50}, {"maximum": 49}, id="a maximum below an excluded one"),
    pytest.param({"minimum": 1}, {"minimum": 2, "multipleOf": 3}, id="a higher minimum and more"),
    pytest.param({"multipleOf": 2}, {"multipleOf": 4}, id="a multiple of the multiple"),
    pytest.param({"type": ["string", "null"]}, {"type": "string"}, id="one type less"),
    pytest.param({"type": "number"}, {"type": "integer"}, id="integers of numbers"),
    pytest.param({"enum": ["x", "y"]}, {"enum": ["y"]}, id="a value less"),
    pytest.param({"enum": ["x", 1]}, {"const": 1}, id="one value"),
    pytest.param({"type": "string", "maxLength": 2}, {"enum": ["x", "yy"]}, id="listed values"),
    pytest.param({"type": "string"}, {"allOf": [{"type": "string"}, {"maxLength": 2}]}, id="allOf"),
    pytest.param(
        {"allOf": [{"type": "string"}, {"maxLength": 9}]},
        {"allOf": [{"type": "string"}, {"maxLength": 2}]},
        id="another narrowing",
    ),
    pytest.param({"uniqueItems": False}, {"uniqueItems": True}, id="unique items"),
    pytest.param({"items": {"maximum": 5}}, {"items": {"maximum": 4}}, id="closer items"),
    pytest.param(OBJECT, with_a(type="integer", maximum=20), id="a closer argument"),
    pytest.param(OBJECT, {**OBJECT, "required": ["a", "b"]}, id="an argument required"),
    pytest.param(OBJECT, {**OBJECT, "properties": {"a": OBJECT["properties"]["a"]}}, id="one gone"),
    pytest.param(
        {"anyOf": [{"type": "string"}, {"maximum": 1}]},
        {"anyOf": [{"maximum": 0}]},
        id="a choice less",
    ),
    pytest.param(
        {"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string"}, id="one choice"
    ),
    pytest.param(
        {"not": {"const": 1}, "maximum": 9}, {"maximum": 8, "not": {"const": 1}}, id="not"
    ),
    pytest.param(TREE, SMALLER_TREE, id="a schema that refers to itself"),
    pytest.param(
        {"$defs": {"A": {"type": "string"}}, "$ref": "#/$defs/A"},
        {"type": "string", "minLength": 1},
        id="a reference resolved",
    ),
]

WIDER = [
    pytest.param({"type": "string"}, {}, id="no rule any more"),
    pytest.param(False, {}, id="anything instead of nothing"),
    pytest.param({"maximum": 20}, {"maximum": 50}, id="a higher maximum"),
    pytest.param({"maximum": 20}, {"exclusiveMaximum": 21}, id="an excluded maximum above"),
    pytest.param({"exclusiveMaximum": 20}, {"maximum": 20}, id="the excluded value itself"),
    pytest.param({"exclusiveMaximum": 2**53 + 1}, {"maximum": 2**53}, id="beyond exact doubles"),
    pytest.param({"multipleOf": 4}, {"multipleOf": 2}, id="a factor of the multiple"),
    pytest.param({"type": "integer"}, {"type": "number"}, id="numbers of integers"),
    pytest.param({"enum": [1]}, {"enum": [True]}, id="true is not one"),
    pytest.param({"enum": ["x"], "const": "y"}, {"const": "y"}, id="a value that was impossible"),
    pytest.param({"pattern": "^a"}, {"pattern": "^ab"}, id="another pattern"),
    pytest.param(
        {"oneOf": [{"type": "string"}, {"type": "null"}]},
        {"oneOf": [{"type": "string"}]},
        id="oneOf counts",
    ),
    pytest.param(
        {"oneOf": [{"minimum": 1}, {"maximum": 3}]},
        {"oneOf": [{"minimum": 2}, {"maximum": 3}]},
        id="oneOf with closer branches",
    ),
    pytest.param({"not": {"minimum": 1}}, {"not": {"minimum": 2}}, id="less is forbidden"),
    pytest.param(
        {"contains": {"minimum": 1}},
        {"contains": {"minimum": 1}, "minContains": 0},
        id="contains nothing",
    ),
    pytest.param(
        {"properties": {"a": {"type": "string"}}}, {}, id="a property not held to anything"
    ),
    pytest.param(OBJECT, {**OBJECT, "additionalProperties": True}, id="an open object"),
    pytest.param(OBJECT, {**OBJECT, "required": []}, id="nothing required"),
    pytest.param(OBJECT, with_a(maximum=20), id="any type"),
    pytest.param(
        {"prefixItems": [{"type": "string"}], "items": False},
        {"items": False},
        id="fewer positions",
    ),
    pytest.param(
        {"patternProperties": {"^a": {"type": "string"}}, "additionalProperties": False},
        {"patternProperties": {"^": {"type": "string"}}, "additionalProperties": False},
        id="a wider pattern of names",
    ),
    pytest.param(SMALLER_TREE, TREE, id="a schema that refers to itself"),
    pytest.param(
        {"$defs": {"A": {"maximum": 1}}, "not": {"$ref": "#/$defs/A"}},
        {"$defs": {"A": {"maximum": 0}}, "not": {"$ref": "#/$defs/A"}},
        id="a closer definition that is forbidden",
    ),
    pytest.param(
        {
            "$defs": {"A": {"$ref": "#/$defs/A"}, "B": {"type": "string"}},
            "allOf": [{"$ref": "#/$defs/B"}],
        },
        {"$ref": "#/$defs/A", "$defs": {"A": {}}},
        id="a reference to all",
    ),
    pytest.param(
        {"$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}]}}, "$ref": "#/$defs/A"},
        {"$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}], "title": "x"}}, "$ref": "#/$defs/A"},
        id="a proof that would rest on itself",
    ),
    pytest.param(
        {
            "$defs": {"T": {"$dynamicAnchor": "T", "maximum": 5}},
            "properties": {"a": {"$dynamicRef": "#T"}},
        },
        {
            "$defs": {"T": {"$dynamicAnchor": "T", "maximum": 50}},
            "properties": {"a": {"$dynamicRef": "#T"}},
        },
        id="a definition found by its anchor",
    ),
    pytest.param({"x-rule": 1}, {"x-rule": 2}, id="a keyword that nobody knows"),
    pytest.param({"type": "string"}, {"type": "string", "x-rule": 2}, id="one more of those"),
    pytest.param(
        {"properties": {"a": {}}, "unevaluatedProperties": False},
        {"properties": {"a": {}, "b": {}}, "unevaluatedProperties": False},
        id="what is evaluated grows",
    ),
    pytest.param({"properties": 5}, {"properties": 6}, id="no schema"),
    pytest.param(
        {"$ref": "https://json-schema.org/draft/2020-12/schema", "maximum": 2},
        {"$ref": "https://json-schema.org/draft/2020-12/schema", "maximum": 1},
        id="a schema elsewhere",
    ),
]


@pytest.mark.parametrize(("old", "new"), NARROWER)
def test_what_is_narrower_by_construction_is_proved(old: Any, new: Any) -> None:
    assert accepts_no_more(old, new)
    assert new is False or not accepts_no_more(new, old)


@pytest.mark.parametrize(("old", "new"), WIDER)
def test_s5_what_accepts_more_or_cannot_be_judged_is_no_narrower_schema(old: Any, new: Any) -> None:
    assert not accepts_no_more(old, new)


def test_a_proof_that_would_take_too_long_is_none() -> None:
    rng = random.Random(7)

    def choice(depth: int, least: int) -> Any:
        if depth == 0:
            return {"maximum": rng.randrange(least, least + 999)}
        return {"anyOf": [choice(depth - 1, least) for _ in range(4)]}

    assert not accepts_no_more(choice(6, 0), choice(6, 1_000))


def test_a_proof_about_very_deep_schemas_is_none() -> None:
    old: Any = {"maximum": 2}
    new: Any = {"maximum": 1}
    for _ in range(2_000):
        old, new = {"items": old}, {"items": new}
    assert not accepts_no_more(old, new)
