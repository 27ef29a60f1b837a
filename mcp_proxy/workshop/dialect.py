"""Schema Objects of an API document as JSON Schema 2020-12, references kept as `$defs`.

Swagger 2.0; OpenAPI 3.0.4, 4.7.24 and 3.1.1, 4.8.24; JSON Schema 2020-12. An allow-list of
keywords: what is not listed (`xml`, `discriminator`, `example`, `$id`, extensions) has no say in
what is valid.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.workshop.hiding import REQUEST, hidden_names, is_hidden
from mcp_proxy.workshop.keywords import (
    ANNOTATIONS,
    LISTS_OF_SCHEMAS,
    MAPS_OF_SCHEMAS,
    SCHEMAS,
    plain_keywords,
)
from mcp_proxy.workshop.references import Node, References, is_reference

_COMBINERS = frozenset({"allOf", "anyOf", "oneOf", "not"})
_DYNAMIC = ("$dynamicRef", "$recursiveRef")
# Swagger 2.0 has none; its authors took to the first, and to 3.0's.
_NULLABLE = {"2.0": ("x-nullable", "nullable"), "3.0": ("nullable",)}
# Of one operation, and of one schema alone.
SCHEMAS_MAX = 50_000

# A referenced schema and its direction in, its definition's name out.
Naming = Callable[[Node, str], str]


class _Place(NamedTuple):
    """Which way a schema is read, how deep, and which names the schemas around it hide."""

    direction: str
    depth: int
    hidden: frozenset[str]


class Walk:
    """Translates one schema; keeps which definitions it names, warnings, and how much it held."""

    def __init__(self, references: References, version: str, naming: Naming) -> None:
        """`version` is the document's: before 3.1, a keyword adds null to what is valid."""
        self.names: dict[str, None] = {}
        self.warnings: list[str] = []
        self.size = 0
        self._references = references
        self._nullable = _NULLABLE.get(version[:3], ())
        self._naming = naming

    def schema(self, node: Node, direction: str) -> Any:
        """The schema at `node`, a boolean where it is one.

        Raises:
            SourceError: MCPX-B02 malformed, too deep, too large, or a reference that leads nowhere.
        """
        return self._schema(node, _Place(direction, 0, frozenset()))

    def _schema(self, node: Node, place: _Place) -> Any:
        if isinstance(node.value, bool):
            return node.value
        self._spend(node, place)
        value = node.mapping()
        place = place._replace(
            hidden=place.hidden | hidden_names(node, place.direction, self._references)
        )
        if not is_reference(node):
            return self._keywords(node, place)
        name = self._naming(self._references.target(node), place.direction)
        self.names[name] = None
        reference = {"$ref": f"#/$defs/{name}"}
        if self._nullable:
            # 3.0.4, 4.7.23: what stands beside a `$ref` is ignored; a description does no harm.
            text = node.text("description") if "description" in value else ""
            return {**reference, "description": text} if text else reference
        return {**reference, **self._keywords(node, place)}

    def _keywords(self, node: Node, place: _Place) -> dict[str, Any]:
        schema = plain_keywords(node)
        if schema.get("required"):
            schema["required"] = [name for name in schema["required"] if name not in place.hidden]
        if not schema.get("required", True):
            del schema["required"]
        inner = place._replace(depth=place.depth + 1)
        apart = inner._replace(hidden=frozenset())
        for key in node.value:
            if key == "properties":
                schema[key] = self._properties(node, apart)
            elif key in MAPS_OF_SCHEMAS:
                schema[key] = {name: self._schema(n, apart) for name, n in node.child(key).items()}
            elif key in LISTS_OF_SCHEMAS:
                way = inner if key == "allOf" else apart
                schema[key] = [self._schema(part, way) for part in node.child(key).elements()]
            elif key in SCHEMAS:
                schema[key] = self._schema(node.child(key), apart)
            elif key == "items":
                self._items(node, apart, schema)
            elif key in _DYNAMIC:
                text = f"{key} is not followed; what it says is left to the upstream"
                self.warnings.append(node.told(text))
        if any(node.flag(key) for key in self._nullable):
            return _with_null(schema)
        return schema

    def _properties(self, node: Node, place: _Place) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        for name, part in self._references.properties(node).items():
            if not is_hidden(part, place.direction, self._references):
                properties[name] = self._schema(part, place)
            elif place.direction == REQUEST:
                properties[name] = False
        return properties

    def _items(self, node: Node, place: _Place, schema: dict[str, Any]) -> None:
        items = node.child("items")
        if not isinstance(items.value, list):
            schema["items"] = self._schema(items, place)
            return
        # Draft 7 and before: a list under `items` is what 2020-12 calls `prefixItems`.
        schema["prefixItems"] = [self._schema(part, place) for part in items.elements()]
        rest = node.value.get("additionalItems")
        if rest is not None:
            schema["items"] = self._schema(node.child("additionalItems"), place)

    def _spend(self, node: Node, place: _Place) -> None:
        self.size += 1
        if self.size > SCHEMAS_MAX:
            raise node.error(f"the operation's schemas are more than {SCHEMAS_MAX}")
        if place.depth > LIMITS.json_depth:
            raise node.error(f"nested deeper than {LIMITS.json_depth} levels")


def _with_null(schema: dict[str, Any]) -> dict[str, Any]:
    """3.0's `nullable: true`, as its authors mean it: null is one more valid value."""
    if _COMBINERS.isdisjoint(schema):
        if isinstance(schema.get("type"), str):
            schema["type"] = [schema["type"], "null"]
        if "enum" in schema and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        return schema
    about = {key: schema.pop(key) for key in ANNOTATIONS if key in schema}
    return {**about, "anyOf": [schema, {"type": "null"}]}
