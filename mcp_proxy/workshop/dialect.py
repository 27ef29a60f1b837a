"""Schema Objects of an API document as JSON Schema 2020-12, references kept as `$defs`.

Swagger 2.0; OpenAPI 3.0.4, 4.7.24 and 3.1.1, 4.8.24; JSON Schema 2020-12. An allow-list of keywords: what is
not listed (`xml`, `discriminator`, `example`, `$id`, extensions) has no say in what is valid.
Cycles stay cycles of `$defs`; each referenced schema is translated once for each direction.
"""

import re
from typing import Any, NamedTuple

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.workshop.keywords import (
    ANNOTATIONS,
    LISTS_OF_SCHEMAS,
    MAPS_OF_SCHEMAS,
    SCHEMAS,
    plain_keywords,
)
from mcp_proxy.workshop.references import Node, References, is_reference

REQUEST = "request"
RESPONSE = "response"

# What a property must not bear to be part of a message in that direction (3.1.1, 4.8.24).
_HIDING = {REQUEST: "readOnly", RESPONSE: "writeOnly"}
_COMBINERS = frozenset({"allOf", "anyOf", "oneOf", "not"})
_DYNAMIC = ("$dynamicRef", "$recursiveRef")
# Swagger 2.0 has none; its authors took to the first, and to 3.0's.
_NULLABLE = {"2.0": ("x-nullable", "nullable"), "3.0": ("nullable",)}
_SCHEMAS_MAX = 50_000
_LOOK_THROUGH = 8


class _Place(NamedTuple):
    """Which way a schema is read, how deep, and which names the schemas around it hide."""

    direction: str
    depth: int
    hidden: frozenset[str]


class Translator:
    """Translates the schemas of one operation; `defs` and `warnings` grow as it goes."""

    def __init__(self, references: References, version: str) -> None:
        """`version` is the document's: before 3.1, a keyword adds null to what is valid."""
        self.defs: dict[str, Any] = {}
        self.warnings: list[str] = []
        self.references = references
        self._nullable = _NULLABLE.get(version[:3], ())
        self._names: dict[tuple[str, str, str], str] = {}
        self._pending: list[tuple[str, Node, str]] = []
        self._spent = 0

    def schema(self, node: Node, direction: str) -> dict[str, Any]:
        """One schema, and into `defs` all it reaches.

        Raises:
            SourceError: MCPX-B02 malformed, too deep, too large, or a reference that leads nowhere.
        """
        found = self._schema(node, _Place(direction, 0, frozenset()))
        while self._pending:
            name, target, way = self._pending.pop()
            self.defs[name] = self._schema(target, _Place(way, 0, frozenset()))
        return found if isinstance(found, dict) else ({} if found else {"not": {}})

    def is_hidden(self, node: Node, direction: str, hops: int = _LOOK_THROUGH) -> bool:
        """Whether a property is no part of a message: readOnly in requests, writeOnly in answers.

        Looks through references and `allOf`, because 3.0 allows no keyword beside a `$ref`.
        """
        if not isinstance(node.value, dict) or hops == 0:
            return False
        if node.value.get(_HIDING[direction]) is True:
            return True
        if is_reference(node) and self.is_hidden(self.references.target(node), direction, hops - 1):
            return True
        parts = node.get("allOf")
        return parts is not None and any(
            self.is_hidden(part, direction, hops - 1) for part in parts.elements()
        )

    def _schema(self, node: Node, place: _Place) -> Any:
        if isinstance(node.value, bool):
            return node.value
        self._spend(node, place)
        value = node.mapping()
        place = place._replace(hidden=place.hidden | self._hidden_names(node, place.direction))
        if not is_reference(node):
            return self._keywords(node, place)
        reference = {"$ref": f"#/$defs/{self._def_name(node, place.direction)}"}
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
                self.warn(node, f"{key} is not followed; what it says is left to the upstream")
        if any(node.flag(key) for key in self._nullable):
            return _with_null(schema)
        return schema

    def _properties(self, node: Node, place: _Place) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        for name, part in self.references.properties(node).items():
            if not self.is_hidden(part, place.direction):
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

    def _hidden_names(self, node: Node, direction: str, hops: int = _LOOK_THROUGH) -> set[str]:
        if not isinstance(node.value, dict) or hops == 0:
            return set()
        properties = self.references.properties(node)
        names = {name for name, part in properties.items() if self.is_hidden(part, direction)}
        parts = node.get("allOf")
        for part in parts.elements() if parts is not None else ():
            target = self.references.follow(part)
            names |= self._hidden_names(target, direction, hops - 1)
        return names

    def _def_name(self, node: Node, direction: str) -> str:
        target = self.references.target(node)
        key = (target.file, target.pointer, direction)
        if key not in self._names:
            last = re.split(r"[\\/]", target.pointer or target.name)[-1]
            stem = re.sub(r"[^A-Za-z0-9_.-]", "_", last)[:64]
            name, number = stem, 1
            while name in self.defs:
                number += 1
                name = f"{stem}_{number}"
            self.defs[name] = {}
            self._names[key] = name
            self._pending.append((name, target, direction))
        return self._names[key]

    def _spend(self, node: Node, place: _Place) -> None:
        self._spent += 1
        if self._spent > _SCHEMAS_MAX:
            raise node.error(f"the operation's schemas are more than {_SCHEMAS_MAX}")
        if place.depth > LIMITS.json_depth:
            raise node.error(f"nested deeper than {LIMITS.json_depth} levels")

    def warn(self, node: Node, text: str) -> None:
        """Keeps a sentence about a place for the publisher."""
        self.warnings.append(node.told(text))


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
