"""What a publisher adds to an argument's schema: original and narrowing in, problems out.

The enforced schema holds both, so a narrowing can never widen; but one that tries to, or that binds
nothing, is a mistake of its author, and a rule without effect is worse than none. So both are told.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from mcp_proxy.core.schema import SchemaRefused, compile_schema
from mcp_proxy.workshop.schema_view import (
    ALL_TYPES,
    Defs,
    conjuncts,
    member,
    possible_types,
    reachable,
)

_LOWER = ("minimum", "exclusiveMinimum")
_UPPER = ("maximum", "exclusiveMaximum")
_LEAST = ("minLength", "minItems", "minProperties", "minContains")
_MOST = ("maxLength", "maxItems", "maxProperties", "maxContains")
_BINDS = {
    "number": (*_LOWER, *_UPPER, "multipleOf"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "array": (
        *("items", "prefixItems", "contains", "minContains", "maxContains"),
        *("minItems", "maxItems", "uniqueItems"),
    ),
    "object": (
        *("properties", "patternProperties", "additionalProperties", "propertyNames"),
        *("minProperties", "maxProperties", "dependentRequired", "dependentSchemas"),
    ),
}
_ANY_TYPE = (
    *("type", "enum", "const", "title", "description", "allOf", "anyOf", "oneOf", "not"),
    *("if", "then", "else", "required"),
)
_BOUND_TYPE = {keyword: kind for kind, keywords in _BINDS.items() for keyword in keywords}
KEYWORDS = frozenset(_ANY_TYPE) | _BOUND_TYPE.keys()
# JSON Schema 2020-12, validation 7.3: another name would be an annotation that checks nothing.
_FORMATS = re.compile(
    "date|time|date-time|duration|(idn-)?email|(idn-)?hostname|ipv4|ipv6|[iu]ri(-reference)?"
    "|uri-template|uuid|(relative-)?json-pointer|regex"
)


class Bound(NamedTuple):
    """A numeric bound; `strict` excludes the value itself."""

    value: float
    strict: bool


def narrowing_problems(original: Any, narrowing: dict[str, Any], defs: Defs) -> list[str]:
    """What is wrong with `narrowing`, each as the rest of a sentence that begins with its key."""
    unknown = [f"{key}: no JSON Schema keyword; take it out" for key in unknown_keywords(narrowing)]
    if unknown:
        return unknown
    try:
        compile_schema(narrowing)
    except SchemaRefused as error:
        return [f"cannot be compiled: {error}"]
    problems = [
        *_type_problems(original, narrowing, defs),
        *_range_problems(original, narrowing, defs),
        *_count_problems(original, narrowing, defs),
        *_value_problems(original, narrowing, defs),
        *_other_problems(original, narrowing, defs),
    ]
    return problems + _member_problems(original, narrowing, defs)


def unknown_keywords(schema: Any) -> Iterator[str]:
    """Keys that are no keyword, wherever a schema stands in `schema`: each would bind nothing."""
    if not isinstance(schema, dict):
        return
    yield from (key for key in schema if key not in KEYWORDS)
    for key in ("items", "contains", "additionalProperties", "propertyNames", "not"):
        yield from unknown_keywords(schema.get(key))
    for key in ("if", "then", "else"):
        yield from unknown_keywords(schema.get(key))
    for key in ("allOf", "anyOf", "oneOf", "prefixItems"):
        for item in schema.get(key, ()):
            yield from unknown_keywords(item)
    for key in ("properties", "patternProperties", "dependentSchemas"):
        for item in schema.get(key, {}).values():
            yield from unknown_keywords(item)


def _type_problems(original: Any, narrowing: dict[str, Any], defs: Defs) -> Iterator[str]:
    types = possible_types(original, defs)
    told = ", ".join(sorted(types))
    own = narrowing.get("type", [])
    for name in [own] if isinstance(own, str) else own:
        matches = types & {name, "integer"} if name == "number" else types & {name}
        if not matches:
            yield f"type: {name} cannot match; the operation takes {told}"
    for keyword, kind in _BOUND_TYPE.items():
        if keyword not in narrowing:
            continue
        bound = {"number", "integer"} if kind == "number" else {kind}
        if not types & bound:
            yield f"{keyword}: binds nothing; the operation takes {told}"
        elif types == ALL_TYPES and "type" not in narrowing:
            yield f"{keyword}: binds {kind} values only, any may come; add type: {kind}"


def _range_problems(original: Any, narrowing: dict[str, Any], defs: Defs) -> Iterator[str]:
    parts = conjuncts(original, defs)
    low, high = _lowest(parts), _highest(parts)
    own_low, own_high = _lowest([narrowing]), _highest([narrowing])
    if low and own_low and own_low < low:
        yield f"minimum: is wider than the operation's {low.value:g}"
    if high and own_high and _tighter(high, own_high):
        yield f"maximum: is wider than the operation's {high.value:g}"
    low, high = max(filter(None, (low, own_low)), default=None), _least(high, own_high)
    if low and high and (low.value, low.strict or high.strict) > (high.value, False):
        yield f"no number can match: at least {low.value:g} and at most {high.value:g}"


def _lowest(parts: list[dict[str, Any]]) -> Bound | None:
    bounds = [Bound(part[key], key != "minimum") for part in parts for key in _LOWER if key in part]
    return max(bounds, default=None)


def _highest(parts: list[dict[str, Any]]) -> Bound | None:
    bounds = [Bound(part[key], key != "maximum") for part in parts for key in _UPPER if key in part]
    return min(bounds, key=_upper_rank, default=None)


def _least(*bounds: Bound | None) -> Bound | None:
    return min(filter(None, bounds), key=_upper_rank, default=None)


def _tighter(one: Bound, other: Bound) -> bool:
    return _upper_rank(one) < _upper_rank(other)


def _upper_rank(bound: Bound) -> tuple[float, bool]:
    return bound.value, not bound.strict


def _count_problems(original: Any, narrowing: dict[str, Any], defs: Defs) -> Iterator[str]:
    parts = conjuncts(original, defs)
    for least, most in zip(_LEAST, _MOST, strict=True):
        lows = [part[least] for part in parts if least in part]
        highs = [part[most] for part in parts if most in part]
        own_low, own_high = narrowing.get(least), narrowing.get(most)
        if own_low is not None and lows and own_low < max(lows):
            yield f"{least}: is wider than the operation's {max(lows)}"
        if own_high is not None and highs and own_high > min(highs):
            yield f"{most}: is wider than the operation's {min(highs)}"
        all_lows = lows if own_low is None else [*lows, own_low]
        all_highs = highs if own_high is None else [*highs, own_high]
        bounded = own_low is not None or own_high is not None
        if bounded and all_lows and all_highs and max(all_lows) > min(all_highs):
            yield f"{least}: nothing can match; it is above {most}"


def _value_problems(original: Any, narrowing: dict[str, Any], defs: Defs) -> Iterator[str]:
    values = [("enum", value) for value in narrowing.get("enum", ())]
    if "const" in narrowing:
        values.append(("const", narrowing["const"]))
    if not values:
        return
    schema = compile_schema({"allOf": [original], "$defs": reachable(original, defs)})
    for index, (keyword, value) in enumerate(values, start=1):
        violation = schema.violation(value)
        if violation is not None:
            yield f"{keyword}: value {index} is none the operation takes; it {violation.message}"


def _other_problems(original: Any, narrowing: dict[str, Any], defs: Defs) -> Iterator[str]:
    parts = conjuncts(original, defs)
    if not _FORMATS.fullmatch(narrowing.get("format", "date")):
        yield f"format: {narrowing['format']} checks nothing; use a pattern"
    for part in parts:
        own, theirs = narrowing.get("multipleOf"), part.get("multipleOf")
        if own is not None and theirs is not None and own % theirs:
            yield f"multipleOf: is no multiple of the operation's {theirs:g}"
    if narrowing.get("uniqueItems") is False and any(part.get("uniqueItems") for part in parts):
        yield "uniqueItems: is wider than the operation's true"
    closed = any(part.get("additionalProperties") is False for part in parts)
    if closed and narrowing.get("additionalProperties", False) is not False:
        yield "additionalProperties: is wider than the operation's false"


def _member_problems(original: Any, narrowing: dict[str, Any], defs: Defs) -> list[str]:
    problems: list[str] = []
    for name, own in narrowing.get("properties", {}).items():
        found = member(original, name, defs)
        if found is None:
            problems.append(f"properties.{name}: the operation names no such property")
            continue
        inner = narrowing_problems(found[0], own, defs)
        problems.extend(f"properties.{name}.{text}" for text in inner)
    if isinstance(narrowing.get("items"), dict):
        theirs = [part["items"] for part in conjuncts(original, defs) if "items" in part]
        inner = narrowing_problems({"allOf": theirs} if theirs else {}, narrowing["items"], defs)
        problems.extend(f"items.{text}" for text in inner)
    return problems
