"""Schemas, edits of schemas, and values for them: strategies for laws about two schemas."""

import copy
from typing import Any

from hypothesis import strategies as st

Draw = Any

_NAMES = ("a", "b", "c")
_SMALL = st.integers(-3, 5)
_COUNTS = st.integers(0, 3)
_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
SCALARS = st.one_of(
    st.none(), st.booleans(), _SMALL, st.sampled_from([0.5, 2.0, -1.5]), st.sampled_from("aby")
)
_PLAIN = (None, True, False, -3, -1, 0, 1, 2, 3, 4, 0.5, 2.0, "", "a", "b", "ab", "yyy")
_LISTS = ([], [1], ["a"], [1, 1], [None, 2], ["a", "b", 3], [[1]], [{"a": 1}], [{"b": "a"}, 0])
_INNER = (*_PLAIN[:9], "a", "ab", [], [1, 2], {}, {"a": 1}, {"a": {"b": 2}}, {"c": "a"})
# Enough of all shapes to tell most schemas of these strategies apart.
VALUES = (
    *_PLAIN,
    *_LISTS,
    {},
    *({name: one} for name in _NAMES for one in _INNER),
    *({"a": one, "b": other} for one in _INNER[::2] for other in _INNER[1::3]),
    *({"a": 1, "b": one, "c": "a"} for one in _INNER[::3]),
)
_LEAVES = st.one_of(
    st.sampled_from([{}, True, False, {"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]),
    st.fixed_dictionaries({"type": st.sampled_from(_TYPES)}),
    st.fixed_dictionaries({"enum": st.lists(SCALARS, min_size=1, max_size=3)}),
)


def _composed(inner: Any) -> Any:
    some = st.lists(inner, min_size=1, max_size=2)
    named = st.dictionaries(st.sampled_from(_NAMES), inner, max_size=2)
    keywords = {
        "type": st.sampled_from(_TYPES)
        | st.lists(st.sampled_from(_TYPES), min_size=1, unique=True),
        "enum": st.lists(SCALARS, min_size=1, max_size=3),
        "const": SCALARS,
        **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _SMALL),
        "multipleOf": st.integers(1, 4),
        **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _COUNTS),
        **dict.fromkeys(("minProperties", "maxProperties", "minContains", "maxContains"), _COUNTS),
        "pattern": st.sampled_from(["^a", "b$"]),
        "format": st.sampled_from(["date", "email"]),
        "uniqueItems": st.booleans(),
        "required": st.lists(st.sampled_from(_NAMES), max_size=2, unique=True),
        "dependentRequired": st.just({"a": ["b"]}),
        "properties": named,
        "patternProperties": st.dictionaries(st.just("^[ab]"), inner, max_size=1),
        **dict.fromkeys(("additionalProperties", "items", "contains", "not", "if", "then"), inner),
        "propertyNames": inner,
        "unevaluatedProperties": inner,
        **dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), some),
        "title": st.just("T"),
    }
    picked = st.lists(st.sampled_from(sorted(keywords)), min_size=1, max_size=3, unique=True)
    return picked.flatmap(lambda keys: st.fixed_dictionaries({key: keywords[key] for key in keys}))


_SCHEMAS = st.recursive(_LEAVES, _composed, max_leaves=5)
ROOTS = st.builds(
    lambda root, one, other: {"$defs": {"A": one, "B": other}, "allOf": [root]},
    _SCHEMAS,
    _SCHEMAS,
    _SCHEMAS,
)


@st.composite
def edits(draw: Draw, schema: Any) -> Any:
    """The schema with an edit or two, each as often closer as wider."""
    made = copy.deepcopy(schema)
    for _ in range(draw(st.integers(1, 2))):
        made = _edited(draw, made)
    return made


def _edited(draw: Draw, schema: Any) -> Any:
    if not isinstance(schema, dict) or draw(st.integers(0, 5)) == 0:
        return draw(_SCHEMAS)
    inner = [key for key in schema if isinstance(schema[key], (dict, list)) and key != "enum"]
    if inner and draw(st.booleans()):
        return _edited_below(draw, schema, draw(st.sampled_from(sorted(inner))))
    if draw(st.booleans()):
        extra = draw(_SCHEMAS.filter(lambda one: isinstance(one, dict)))
        return {**schema, **extra} if draw(st.booleans()) else {**schema, "allOf": [schema, extra]}
    return _moved(draw, schema)


def _edited_below(draw: Draw, schema: dict[str, Any], key: str) -> Any:
    value = schema[key]
    if isinstance(value, list) and value and not isinstance(value[0], str):
        index = draw(st.integers(0, len(value) - 1))
        return {**schema, key: [*value[:index], _edited(draw, value[index]), *value[index + 1 :]]}
    if isinstance(value, list):
        return {**schema, key: value[1:] if draw(st.booleans()) else [*value, "c"]}
    if key in ("properties", "patternProperties", "$defs") and value:
        name = draw(st.sampled_from(sorted(value)))
        return {**schema, key: {**value, name: _edited(draw, value[name])}}
    return {**schema, key: value if key in ("dependentRequired",) else _edited(draw, value)}


def _moved(draw: Draw, schema: dict[str, Any]) -> Any:
    """A bound moved, a value taken out, a keyword dropped."""
    if not schema:
        return {"type": draw(st.sampled_from(_TYPES))}
    key = draw(st.sampled_from(sorted(schema)))
    value = schema[key]
    if isinstance(value, int) and not isinstance(value, bool):
        return {**schema, key: max(1, value + draw(st.sampled_from([-1, 1])))}
    if key == "enum" and len(value) > 1:
        return {**schema, key: value[1:]}
    return {other: item for other, item in schema.items() if other != key or key == "$defs"}
