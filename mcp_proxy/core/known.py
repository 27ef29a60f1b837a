"""What a schema declares, and a value without what it does not declare (`validate: strip`).

A property is known where any part of the schema that applies names it, or allows all others by an
explicit `additionalProperties`. An object schema that names no property at all is an open map.
Recursion of the schema costs nothing, since each combination of parts is looked at once.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from mcp_proxy.core.pointer import resolve_reference
from mcp_proxy.core.schema import Schema, SchemaRefused, compile_pattern

APPLICATORS = ("allOf", "anyOf", "oneOf")
OTHERS = ("additionalProperties", "unevaluatedProperties")
_CONDITIONS = ("if", "then", "else")


class _View(NamedTuple):
    """The parts of a schema that bear on one value; `others` is None where none is allowed."""

    properties: dict[str, list[Any]]
    patterns: list[tuple[Schema, Any]]
    others: list[Any] | None
    items: list[Any]

    def known(self, name: str) -> list[Any] | None:
        """The schemas of a property; None where it is not known."""
        found = self.properties.get(name, [])
        found = found + [schema for pattern, schema in self.patterns if not pattern.violation(name)]
        return found or self.others


class Known:
    """The declared shape of one schema; views are made at first use and kept."""

    __slots__ = ("_root", "_views")

    def __init__(self, schema: Any) -> None:
        self._root = schema
        self._views: dict[tuple[int, ...], _View] = {}

    def strip(self, value: Any) -> Any:
        """A copy of a JSON value without unknown properties."""
        return self._strip(value, [self._root])

    def _strip(self, value: Any, schemas: list[Any]) -> Any:
        if isinstance(value, dict):
            view = self._view(schemas)
            return {
                name: self._strip(item, known)
                for name, item in value.items()
                if (known := view.known(name)) is not None
            }
        if isinstance(value, list):
            items = self._view(schemas).items
            return [self._strip(item, items) for item in value]
        return value

    def _view(self, schemas: list[Any]) -> _View:
        key = tuple(map(id, schemas))
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = _combine(leaves_of(self._root, schemas))
        return view


@lru_cache(maxsize=512)
def known(schema: Schema) -> Known:
    """What a compiled schema declares; kept, since a tool's schema serves many answers."""
    return Known(schema.source)


def leaves_of(root: Any, schemas: list[Any]) -> list[dict[str, Any]]:
    """The schemas and every part that applies beside them: references, branches, conditions."""
    leaves: dict[int, dict[str, Any]] = {}
    waiting = list(schemas)
    while waiting:
        schema = waiting.pop()
        if not isinstance(schema, dict) or id(schema) in leaves:
            continue
        leaves[id(schema)] = schema
        if "$ref" in schema:
            waiting.append(resolve_reference(root, schema["$ref"]))
        for keyword in APPLICATORS:
            waiting.extend(schema.get(keyword, ()))
        waiting.extend(schema[key] for key in _CONDITIONS if key in schema)
    return list(leaves.values())


def _combine(leaves: list[dict[str, Any]]) -> _View:
    view = _View({}, [], [], [])
    others: list[Any] = []
    for leaf in leaves:
        for name, schema in leaf.get("properties", {}).items():
            view.properties.setdefault(name, []).append(schema)
        view.patterns.extend(_patterns(leaf))
        others.extend(leaf[key] for key in OTHERS if key in leaf)
        view.items.extend(leaf[key] for key in ("items", "unevaluatedItems") if key in leaf)
        view.items.extend(leaf.get("prefixItems", ()))
    allowed = [schema for schema in others if schema is not False]
    is_map = not (view.properties or view.patterns or others)
    return view._replace(others=allowed if allowed or is_map else None)


def _patterns(leaf: dict[str, Any]) -> list[tuple[Schema, Any]]:
    found = []
    for pattern, schema in leaf.get("patternProperties", {}).items():
        try:
            found.append((compile_pattern(pattern), schema))
        except SchemaRefused:
            continue
    return found
