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
_NESTED = (dict, list)


class Known:
    """What some schemas, taken together, declare of one value; deeper ones are made at need."""

    __slots__ = ("_children", "_items", "_parts", "_root", "_views")

    def __init__(
        self, root: Any, schemas: list[Any], views: dict[tuple[int, ...], "Known"]
    ) -> None:
        """`root` is what references refer to; `views` is shared by all of one root."""
        self._root = root
        self._views = views
        self._parts = _combine(leaves_of(root, schemas))
        self._children: dict[str, Known | None] = {}
        self._items: Known | None = None

    def strip(self, value: Any) -> Any:
        """A copy of a JSON value without unknown properties."""
        if isinstance(value, dict):
            stripped = {}
            for name, item in value.items():
                child = self._child(name)
                if child is not None:
                    stripped[name] = child.strip(item) if isinstance(item, _NESTED) else item
            return stripped
        if isinstance(value, list):
            if self._items is None:
                self._items = self._view(self._parts.items)
            strip = self._items.strip
            return [strip(item) if isinstance(item, _NESTED) else item for item in value]
        return value

    def _child(self, name: str) -> "Known | None":
        child = self._children.get(name, self)
        if child is not self:
            return child
        schemas = self._parts.known(name)
        child = None if schemas is None else self._view(schemas)
        # Names that an upstream makes up are not kept: only those that the schema spells out.
        if name in self._parts.properties:
            self._children[name] = child
        return child

    def _view(self, schemas: list[Any]) -> "Known":
        key = tuple(map(id, schemas))
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = Known(self._root, schemas, self._views)
        return view


class _Parts(NamedTuple):
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


@lru_cache(maxsize=512)
def known(schema: Schema) -> Known:
    """What a compiled schema declares; kept, since a tool's schema serves many answers."""
    return Known(schema.source, [schema.source], {})


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


def _combine(leaves: list[dict[str, Any]]) -> _Parts:
    parts = _Parts({}, [], [], [])
    others: list[Any] = []
    for leaf in leaves:
        for name, schema in leaf.get("properties", {}).items():
            parts.properties.setdefault(name, []).append(schema)
        parts.patterns.extend(_patterns(leaf))
        others.extend(leaf[key] for key in OTHERS if key in leaf)
        parts.items.extend(leaf[key] for key in ("items", "unevaluatedItems") if key in leaf)
        parts.items.extend(leaf.get("prefixItems", ()))
    allowed = [schema for schema in others if schema is not False]
    is_map = not (parts.properties or parts.patterns or others)
    return parts._replace(others=allowed if allowed or is_map else None)


def _patterns(leaf: dict[str, Any]) -> list[tuple[Schema, Any]]:
    found = []
    for pattern, schema in leaf.get("patternProperties", {}).items():
        try:
            found.append((compile_pattern(pattern), schema))
        except SchemaRefused:
            continue
    return found
