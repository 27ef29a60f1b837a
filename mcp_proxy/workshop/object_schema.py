"""A reference-free schema as one plain object schema: no union at its top.

Model clients want `type: object` with `properties` there. A union becomes one object with all
properties of its branches and the requirements common to all; wider, never narrower.
"""

from typing import Any

from mcp_proxy.workshop.schema_merge import Plain, accepts_all, json_key, merge

_KEPT = frozenset(
    {
        "type",
        "title",
        "description",
        "default",
        "properties",
        "patternProperties",
        "additionalProperties",
        "propertyNames",
        "required",
        "minProperties",
        "maxProperties",
    }
)


def as_object(schema: Plain) -> dict[str, Any]:
    """What accepts every object that `schema` accepts; where it accepts none, the empty object."""
    return _object(schema) or {"type": "object", "additionalProperties": False}


def _object(schema: Plain) -> dict[str, Any] | None:
    whole = merge(schema, {"type": "object"})
    if isinstance(whole, bool):
        return None
    base: Plain = {key: value for key, value in whole.items() if key in _KEPT}
    unions = [part["anyOf"] for part in [whole, *whole.get("allOf", ())] if "anyOf" in part]
    for union in unions:
        branches = [row for row in map(_object, union) if row is not None]
        if not branches:
            return None
        base = merge(base, _common(branches))
    return base if isinstance(base, dict) else None


def _common(branches: list[dict[str, Any]]) -> dict[str, Any]:
    """One object schema for a union of them."""
    names = dict.fromkeys(name for row in branches for name in row.get("properties", ()))
    row: dict[str, Any] = {
        "properties": {name: _any([_property(part, name) for part in branches]) for name in names}
    }
    shared = set.intersection(*(set(part.get("required", ())) for part in branches))
    if shared:
        row["required"] = [name for name in branches[0]["required"] if name in shared]
    rest = _any([_property(part, None) for part in branches])
    return row if rest == {} else {**row, "additionalProperties": rest}


def _property(schema: dict[str, Any], name: str | None) -> Plain:
    """What a branch asks of a property; None: of one that no branch lists."""
    listed: Plain | None = schema.get("properties", {}).get(name)
    if listed is not None:
        return listed
    if schema.get("patternProperties"):
        return {}
    rest: Plain = schema.get("additionalProperties", {})
    return {} if rest is True else rest


def _any(schemas: list[Plain]) -> Plain:
    kept = {json_key(part): part for part in schemas if isinstance(part, dict)}
    if len(kept) < 2:
        return next(iter(kept.values()), False)
    if any(map(accepts_all, kept.values())):
        texts = [part["description"] for part in kept.values() if "description" in part]
        return {"description": texts[0]} if texts else {}
    return {"anyOf": list(kept.values())}
