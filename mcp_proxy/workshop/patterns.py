"""Patterns that a linear regex engine cannot read (look-around, back references), taken out.

ECMA-262 allows them, the enforced schema does not: they could cost exponential time. Taking one
out may only widen what is valid, for the upstream checks it still; so where a schema stands under
`not`, `if`, `oneOf` or a count, that keyword gives way too.
"""

from collections.abc import Iterator
from typing import Any

from mcp_proxy.core.schema import SchemaRefused, compile_pattern
from mcp_proxy.workshop.keywords import LISTS_OF_SCHEMAS, MAPS_OF_SCHEMAS, SCHEMAS


def without_unreadable(
    schemas: dict[str, Any], defs: dict[str, Any], known: dict[str, list[str]]
) -> tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]:
    """`schemas` and `defs` without such patterns, and a sentence about each one.

    Both map names to translated schemas; `schemas` may reach `defs`. `known` keeps what was found
    in definitions, for another call with some of the same.
    """
    for name in defs.keys() - known.keys():
        known[name] = _unreadable(defs[name])
    found = {name: _unreadable(schema) for name, schema in schemas.items()}
    found.update({f"$defs/{name}": known[name] for name in defs})
    warnings = tuple(_told(name, pattern) for name in found for pattern in found[name])
    if not warnings:
        return schemas, defs, ()
    weak = _weak_names(defs)
    kept = {name: _widened(schema, weak)[0] for name, schema in schemas.items()}
    return kept, {name: _widened(schema, weak)[0] for name, schema in defs.items()}, warnings


def _told(name: str, pattern: str) -> str:
    return f"the pattern {pattern!r} in {name} needs backtracking: left to the upstream"


def _unreadable(schema: Any) -> list[str]:
    found: dict[str, None] = {}
    level = [schema]
    while level:
        item = level.pop()
        found.update(dict.fromkeys(_bad_patterns(item)))
        level.extend(_subschemas(item))
    return list(found)


def _bad_patterns(schema: Any) -> list[str]:
    if not isinstance(schema, dict):
        return []
    patterns = [schema["pattern"]] if "pattern" in schema else []
    return [item for item in [*patterns, *schema.get("patternProperties", ())] if not _reads(item)]


def _subschemas(schema: Any) -> Iterator[Any]:
    """The schemas directly inside a translated schema."""
    for key, value in schema.items() if isinstance(schema, dict) else ():
        if key in MAPS_OF_SCHEMAS:
            yield from value.values()
        elif key in LISTS_OF_SCHEMAS:
            yield from value
        elif key in SCHEMAS or key == "items":
            yield value


def _reads(pattern: str) -> bool:
    try:
        compile_pattern(pattern)
    except SchemaRefused:
        return False
    return True


def _weak_names(defs: dict[str, Any]) -> frozenset[str]:
    """The definitions that hold such a pattern, or reach one that does."""
    weak: frozenset[str] = frozenset()
    while True:
        more = frozenset(name for name, schema in defs.items() if _widened(schema, weak)[1])
        if more == weak:
            return weak
        weak = more


def _widened(schema: Any, weak: frozenset[str]) -> tuple[Any, bool]:
    """The schema without unreadable patterns, and whether it is wider than before."""
    if not isinstance(schema, dict):
        return schema, False
    lost: set[str] = set()
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        kept[key], wider = _keyword(key, value, weak)
        if wider:
            lost.add(key)
    if "pattern" in lost:
        del kept["pattern"]
    if "patternProperties" in lost:
        kept.pop("additionalProperties", None)
    return _give_way(kept, lost), bool(lost)


def _keyword(key: str, value: Any, weak: frozenset[str]) -> tuple[Any, bool]:
    if key == "$ref":
        return value, value.removeprefix("#/$defs/") in weak
    if key == "pattern":
        return value, not _reads(value)
    if key in MAPS_OF_SCHEMAS:
        names = [name for name in value if key != "patternProperties" or _reads(name)]
        rows = {name: _widened(value[name], weak) for name in names}
        wider = len(rows) < len(value) or any(row[1] for row in rows.values())
        return {name: row[0] for name, row in rows.items()}, wider
    if key in LISTS_OF_SCHEMAS:
        parts = [_widened(part, weak) for part in value]
        return [part[0] for part in parts], any(part[1] for part in parts)
    if key in SCHEMAS or key == "items":
        return _widened(value, weak)
    return value, False


def _give_way(schema: dict[str, Any], lost: set[str]) -> dict[str, Any]:
    """Keywords that a wider schema inside would make narrower."""
    if "oneOf" in lost:
        branches = {"anyOf": schema.pop("oneOf")}
        schema["allOf"] = [*schema.get("allOf", ()), branches]
    if "not" in lost:
        del schema["not"]
    if "if" in lost:
        for key in ("if", "then", "else"):
            schema.pop(key, None)
    if "contains" in lost:
        schema.pop("maxContains", None)
    if lost:
        # What these see depends on what the schemas beside them evaluate.
        schema.pop("unevaluatedProperties", None)
        schema.pop("unevaluatedItems", None)
    return schema
