"""The schema of picked answers: what `pick` leaves of a response schema, for `outputSchema`.

Law: an object or array that fits the schema, picked, fits the projected schema. Rules that picking
may break (counts, exclusive branches, conditions, positions) are therefore left out.
"""

from collections.abc import Iterator
from typing import Any

from mcp_proxy.core.known import APPLICATORS, OTHERS, leaves_of
from mcp_proxy.core.pick import Mask, Paths, below, mask_of
from mcp_proxy.core.pointer import resolve_reference
from mcp_proxy.core.schema import SchemaRefused, compile_pattern

_KEPT = ("title", "description", "deprecated", "maxItems")
_CONTAINERS = ("object", "array", "null")
_DEFINITIONS = ("$defs", "definitions")

Path = tuple[str, ...]


def project_schema(schema: Any, paths: Paths) -> Any:
    """A 2020-12 schema of what `apply_pick` leaves of a value that fits `schema`.

    Raises:
        ValueError: says which path the schema cannot contain.
    """
    if not paths:
        return schema
    for path in paths:
        if not _contains(schema, path):
            raise ValueError(f"the response has no field {_written(path)}")
    projected = _Projector(schema).project(schema, mask_of(paths))
    if isinstance(projected, dict) and isinstance(schema, dict):
        return {**projected, **_definitions(projected, schema)}
    return projected


class _Projector:
    """One walk over schema and mask together."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._active: set[tuple[int, int]] = set()

    def project(self, schema: Any, mask: Mask) -> Any:
        if not mask:
            return schema if _is_portable(schema) else {}
        step = (id(schema), id(mask))
        # A schema that comes back to itself without a step in the mask says nothing new.
        if not isinstance(schema, dict) or step in self._active:
            return schema is not False
        self._active.add(step)
        try:
            return self._project(schema, mask)
        finally:
            self._active.discard(step)

    def _project(self, schema: dict[str, Any], mask: Mask) -> Any:
        made = {key: schema[key] for key in _KEPT if key in schema}
        types = [name for name in _types(schema) if name in _CONTAINERS]
        if "type" in schema:
            if not types:
                return False
            made["type"] = types[0] if len(types) == 1 else types
        made.update(self._properties(schema, mask))
        if isinstance(schema.get("items"), dict) and "prefixItems" not in schema:
            made["items"] = self.project(schema["items"], mask)
        both = [*schema.get("allOf", ())]
        if "$ref" in schema:
            both.append(resolve_reference(self._root, schema["$ref"]))
        together = [self.project(part, mask) for part in both]
        together.extend(
            {"anyOf": [self.project(part, mask) for part in schema[keyword]]}
            for keyword in ("anyOf", "oneOf")
            if keyword in schema
        )
        return _joined(made, together)

    def _properties(self, schema: dict[str, Any], mask: Mask) -> dict[str, Any]:
        made: dict[str, Any] = {}
        properties = {
            name: self.project(part, deeper)
            for name, part in schema.get("properties", {}).items()
            if (deeper := below(mask, name)) is not None
        }
        if properties:
            made["properties"] = properties
        required = [name for name in schema.get("required", ()) if self._stays(schema, name, mask)]
        if required:
            made["required"] = required
        others = schema.get("additionalProperties")
        if "*" in mask and isinstance(others, dict) and "patternProperties" not in schema:
            made["additionalProperties"] = self.project(others, mask["*"])
        return made

    def _stays(self, schema: dict[str, Any], name: str, mask: Mask) -> bool:
        deeper = below(mask, name)
        if deeper is None:
            return False
        part = schema.get("properties", {}).get(name)
        if deeper and isinstance(part, dict) and "$ref" in part:
            part = resolve_reference(self._root, part["$ref"])
        # A scalar has nothing below it: picking deeper drops it.
        return not deeper or (isinstance(part, dict) and set(_types(part)) <= set(_CONTAINERS))


def _contains(root: Any, path: Path) -> bool:
    schemas = [root]
    for key in path:
        leaves = _with_items(root, schemas)
        schemas = [schema for leaf in leaves for schema in _below_leaf(leaf, key)]
        if not schemas and not any(_is_open(leaf) for leaf in leaves):
            return False
        if not schemas:
            return True
    return True


def _with_items(root: Any, schemas: list[Any]) -> list[dict[str, Any]]:
    leaves: list[dict[str, Any]] = []
    waiting = schemas
    while waiting:
        if any(schema is True for schema in waiting):
            leaves.append({})
        fresh = [leaf for leaf in leaves_of(root, waiting) if not _is_among(leaf, leaves)]
        leaves.extend(fresh)
        items = [leaf["items"] for leaf in fresh if "items" in leaf]
        waiting = [*items, *(part for leaf in fresh for part in leaf.get("prefixItems", ()))]
    return leaves


def _is_among(leaf: dict[str, Any], leaves: list[dict[str, Any]]) -> bool:
    return any(leaf is other for other in leaves)


def _below_leaf(leaf: dict[str, Any], key: str) -> list[Any]:
    properties = leaf.get("properties", {})
    others = [leaf[name] for name in OTHERS if leaf.get(name, False) is not False]
    patterns = leaf.get("patternProperties", {})
    if key == "*":
        return [*properties.values(), *patterns.values(), *others]
    if key in properties:
        return [properties[key]]
    return [part for pattern, part in patterns.items() if _matches(pattern, key)] or others


def _is_open(leaf: dict[str, Any]) -> bool:
    speaks = ("properties", "patternProperties", "items", "prefixItems", "$ref", "enum", "const")
    is_silent = not any(keyword in leaf for keyword in (*speaks, *OTHERS, *APPLICATORS))
    return is_silent and ("type" not in leaf or "object" in _types(leaf))


def _matches(pattern: str, name: str) -> bool:
    try:
        return compile_pattern(pattern).violation(name) is None
    except SchemaRefused:
        return False


def _types(schema: dict[str, Any]) -> list[str]:
    types = schema.get("type", "any")
    return types if isinstance(types, list) else [types]


def _joined(made: dict[str, Any], together: list[Any]) -> Any:
    together = [part for part in together if part not in (True, {})]
    if not together:
        return made
    if not made and len(together) == 1:
        return together[0]
    return {**made, "allOf": together}


def _definitions(projected: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The definitions that the projected schema still refers to, by way of others too."""
    found: dict[str, dict[str, Any]] = {}
    waiting = list(_references(projected))
    while waiting:
        keyword, name = _definition(waiting.pop())
        known = schema.get(keyword, {})
        if name in known and name not in found.get(keyword, {}):
            found.setdefault(keyword, {})[name] = known[name]
            waiting.extend(_references(known[name]))
    return found


def _definition(reference: str) -> tuple[str, str]:
    parts = reference.split("/")
    name = parts[2] if len(parts) > 2 else ""
    return parts[1] if len(parts) > 1 else "", name.replace("~1", "/").replace("~0", "~")


def _is_portable(schema: Any) -> bool:
    return all(_definition(reference)[0] in _DEFINITIONS for reference in _references(schema))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield reference
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _written(path: Path) -> str:
    return ".".join(f"`{key}`" if "." in key else key for key in path)
