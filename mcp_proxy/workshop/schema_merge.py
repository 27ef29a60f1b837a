"""Two reference-free JSON schemas as one that accepts what both accept, `allOf` taken apart.

Sound for JSON Schema 2020-12: nothing that both accept is refused by the result. What cannot be
said in one schema object (two patterns, two unions) stays in `allOf`. `False` is the schema that
accepts nothing, `{}` the one that accepts everything.
"""

import json
from collections.abc import Callable
from typing import Any

Plain = dict[str, Any] | bool

_SPEAKING = frozenset({"title", "description", "default", "deprecated"})
# Where two schemas differ in these, the second one speaks.
_REPLACED = _SPEAKING | {"format"}
_LISTED = ("prefixItems", "items")
_COUNTED = ("contains", "minContains")


def merge(first: Plain, second: Plain) -> Plain:
    """What accepts all that both accept; annotations of `second` go before those of `first`."""
    if isinstance(first, bool) or isinstance(second, bool):
        return second if first is True else first if second is True else False
    if not first or not second:
        return second or first
    merged = {**first}
    left: dict[str, Any] = {}
    _merge_objects(first, second, merged)
    _keep_apart(first, second, merged, left)
    for key, value in second.items():
        if key in _OBJECT or key in left:
            continue
        if key not in first or key in _REPLACED:
            merged[key] = value
        elif key in _PAIRS:
            merged[key] = _PAIRS[key](first[key], value)
        elif key not in _LISTED and not _same(first[key], value):
            left[key] = value
    if left:
        merged["allOf"] = [*merged.get("allOf", ()), left]
    return False if _is_empty(merged) else merged


def json_key(value: Any) -> str:
    """A text that two JSON values share exactly when they are equal."""
    return json.dumps(_integral(value), sort_keys=True)


def _same(one: Any, other: Any) -> bool:
    return json_key(one) == json_key(other)


def _integral(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_integral(item) for item in value]
    if isinstance(value, dict):
        return {key: _integral(item) for key, item in value.items()}
    return value


def accepts_all(schema: dict[str, Any]) -> bool:
    """Whether a schema only speaks about values and refuses none."""
    return all(key in _SPEAKING for key in schema)


def _merge_objects(first: dict[str, Any], second: dict[str, Any], out: dict[str, Any]) -> None:
    ours, theirs = first.get("properties", {}), second.get("properties", {})
    names = dict.fromkeys([*ours, *theirs])
    if names:
        out["properties"] = {
            name: merge(_property(first, name), _property(second, name)) for name in names
        }
    patterns = dict.fromkeys(
        [*first.get("patternProperties", ()), *second.get("patternProperties", ())]
    )
    if patterns:
        rows = (first.get("patternProperties", {}), second.get("patternProperties", {}))
        out["patternProperties"] = {
            name: merge(rows[0].get(name, {}), rows[1].get(name, {})) for name in patterns
        }
    rest = merge(first.get("additionalProperties", {}), second.get("additionalProperties", {}))
    if rest not in ({}, True):
        out["additionalProperties"] = rest


def _property(schema: dict[str, Any], name: str) -> Plain:
    """What a schema asks of a property, be it by `additionalProperties`."""
    listed: Plain | None = schema.get("properties", {}).get(name)
    if listed is not None:
        return listed
    if schema.get("patternProperties"):
        return {}
    rest: Plain = schema.get("additionalProperties", {})
    return rest


def _keep_apart(
    first: dict[str, Any], second: dict[str, Any], merged: dict[str, Any], left: dict[str, Any]
) -> None:
    """Keywords that speak together: merged where only one side has them, else kept in `left`."""
    if "prefixItems" in first or "prefixItems" in second:
        if any(key in first for key in _LISTED):
            left.update({key: second[key] for key in _LISTED if key in second})
    elif "items" in first and "items" in second:
        merged["items"] = merge(first["items"], second["items"])
    if "contains" in first and "contains" in second:
        left.update({key: second[key] for key in _COUNTED if key in second})


def _is_empty(schema: dict[str, Any]) -> bool:
    return schema.get("type") == [] or schema.get("enum") == []


def _type_set(named: Any) -> set[str]:
    return {named} if isinstance(named, str) else set(named)


def _both_types(one: Any, other: Any) -> Any:
    first, second = _type_set(one), _type_set(other)
    kept = first & second
    for ints, numbers in ((first, second), (second, first)):
        if "integer" in ints and "number" in numbers:
            kept.add("integer")
    return next(iter(kept)) if len(kept) == 1 else sorted(kept)


def _both_listed(one: list[Any], other: list[Any]) -> list[Any]:
    keys = {json_key(item) for item in other}
    return [item for item in one if json_key(item) in keys]


def _all_names(one: list[str], other: list[str]) -> list[str]:
    return list(dict.fromkeys([*one, *other]))


def _joined(one: list[Any], other: list[Any]) -> list[Any]:
    return [*one, *other]


def _either(one: Any, other: Any) -> bool:
    return bool(one or other)


_OBJECT = frozenset({"properties", "patternProperties", "additionalProperties"})
_SIZES = ("Length", "Items", "Properties")
_PAIRS: dict[str, Callable[[Any, Any], Any]] = {
    "type": _both_types,
    "enum": _both_listed,
    "required": _all_names,
    "allOf": _joined,
    "uniqueItems": _either,
    "propertyNames": merge,
    **dict.fromkeys(("minimum", "exclusiveMinimum", *(f"min{size}" for size in _SIZES)), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", *(f"max{size}" for size in _SIZES)), min),
}
