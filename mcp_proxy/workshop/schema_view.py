"""Questions to a JSON Schema 2020-12 whose references are `#/$defs/NAME`; schemas in, facts out.

The answers are used to tell a publisher early and to place body members; what a call may hold is
decided by the compiled schema alone, so an answer may be incomplete but never loosens anything.
"""

from collections.abc import Iterator
from typing import Any

Defs = dict[str, Any]

ALL_TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
_REFERENCE = "#/$defs/"
_HOPS_MAX = 64
_UNIONS_MAX = 8


def definition(reference: Any, defs: Defs) -> Any:
    """What `#/$defs/NAME` names; True (no rule) where it names nothing."""
    if not isinstance(reference, str) or not reference.startswith(_REFERENCE):
        return True
    name = reference.removeprefix(_REFERENCE).replace("~1", "/").replace("~0", "~")
    return defs.get(name, True)


def conjuncts(schema: Any, defs: Defs) -> list[dict[str, Any]]:
    """All object schemas that surely apply: the schema, what it refers to, and `allOf` of each."""
    found: list[dict[str, Any]] = []
    waiting = [schema]
    while waiting and len(found) < _HOPS_MAX:
        item = waiting.pop(0)
        if not isinstance(item, dict) or any(item is other for other in found):
            continue
        found.append(item)
        if "$ref" in item:
            waiting.append(definition(item["$ref"], defs))
        waiting.extend(item.get("allOf", ()))
    return found


def possible_types(schema: Any, defs: Defs) -> frozenset[str]:
    """Types that a value may have; more than the truth where the schema is too deep to tell."""
    return _possible(schema, defs, _UNIONS_MAX, {})


def _possible(
    schema: Any, defs: Defs, hops: int, known: dict[tuple[int, int], frozenset[str]]
) -> frozenset[str]:
    """`known` holds what was found, so that unions which refer to each other do not multiply."""
    key = (id(schema), hops)
    if key not in known:
        types = ALL_TYPES
        for part in conjuncts(schema, defs):
            types &= _own_types(part)
            for keyword in ("anyOf", "oneOf"):
                if hops and part.get(keyword):
                    branches = [_possible(item, defs, hops - 1, known) for item in part[keyword]]
                    types &= frozenset().union(*branches)
        known[key] = types
    return known[key]


def type_of(value: Any) -> str:
    """The JSON Schema type of a value; a float without a fraction is an integer."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "integer" if float(value).is_integer() else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def member(schema: Any, key: str, defs: Defs) -> tuple[Any, bool] | None:
    """(schema, required) of an object's property `key`; None where the schema does not name it."""
    parts = conjuncts(schema, defs)
    named = [part["properties"][key] for part in parts if key in part.get("properties", {})]
    if not named:
        others = [part["additionalProperties"] for part in parts if "additionalProperties" in part]
        if not others or any(item is False for item in others):
            return None
        named = others
    return named[0] if len(named) == 1 else {"allOf": named}, key in required_of(schema, defs)


def required_of(schema: Any, defs: Defs) -> list[str]:
    """The properties that an object must have, in the order the schema tells them."""
    parts = conjuncts(schema, defs)
    return list(dict.fromkeys(name for part in parts for name in part.get("required", ())))


def reachable(schema: Any, defs: Defs) -> Defs:
    """The definitions that `schema` needs, directly or through others, sorted by name."""
    needed: Defs = {}
    waiting = [schema]
    while waiting:
        for reference in references(waiting.pop()):
            name = reference.removeprefix(_REFERENCE).replace("~1", "/").replace("~0", "~")
            if name in defs and name not in needed:
                needed[name] = defs[name]
                waiting.append(defs[name])
    return dict(sorted(needed.items()))


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a schema, depth first."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if isinstance(item.get("$ref"), str):
                yield item["$ref"]
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _own_types(part: dict[str, Any]) -> frozenset[str]:
    types = ALL_TYPES
    if "type" in part:
        named = part["type"] if isinstance(part["type"], list) else [part["type"]]
        types &= frozenset(named) | ({"integer"} if "number" in named else frozenset())
    if "enum" in part:
        types &= frozenset(map(type_of, part["enum"]))
    return types & {type_of(part["const"])} if "const" in part else types
