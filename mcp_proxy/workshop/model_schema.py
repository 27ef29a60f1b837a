"""The schema a model sees, derived from the enforced one alone.

`$ref` inlined, `allOf` merged, the top always an object with properties; keywords that clients do
not understand are dropped. It may only be wider: whatever the enforced schema accepts, this one
accepts. So every step widens, and only where wider inside means wider outside: `oneOf` becomes
`anyOf`; `not`, `if` and `maxContains` go.
"""

from typing import Any

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.pointer import resolve_reference
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.keywords import MAPS_OF_SCHEMAS
from mcp_proxy.workshop.object_schema import as_object
from mcp_proxy.workshop.schema_merge import Plain, accepts_all, json_key, merge

# References inside references; deeper ones become {} with their description.
_DEPTH_MAX = 8
_COPIED = frozenset(
    {
        "type",
        "enum",
        "const",
        "format",
        "pattern",
        "multipleOf",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minContains",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "required",
        "title",
        "description",
        "default",
        "deprecated",
    }
)
_INNER = frozenset({"items", "contains", "propertyNames", "additionalProperties"})


def model_facing(enforced: dict[str, Any]) -> dict[str, Any]:
    """A tool's enforced schema as its model-facing one: `type: object` with `properties`.

    Raises:
        SourceError: MCPX-B02 inlined, it is beyond what a model-facing schema may hold.
    """
    return {"type": "object", "properties": {}, **_tidy(as_object(_Inliner(enforced).whole()))}


class _Inliner:
    """Inlines one schema's references into itself; counts what it makes."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._left = LIMITS.model_schema_bytes

    def whole(self) -> Plain:
        """The schema without references."""
        return self._plain(self._root, ())

    def _plain(self, schema: Any, path: tuple[str, ...]) -> Plain:
        if not isinstance(schema, dict):
            return {} if schema is not False else False
        self._left -= 1
        if self._left < 0:
            raise SourceError("MCPX-B02", "the schema is too large for a model once inlined")
        found: Plain = {}
        if "$ref" in schema:
            found = self._target(schema["$ref"], path)
        for part in schema.get("allOf", ()):
            found = merge(found, self._plain(part, path))
        for key in ("anyOf", "oneOf"):
            if key in schema:
                found = merge(found, _union([self._plain(part, path) for part in schema[key]]))
        return merge(found, self._own(schema, path))

    def _own(self, schema: dict[str, Any], path: tuple[str, ...]) -> Plain:
        row: dict[str, Any] = {}
        for key, value in schema.items():
            if key in _COPIED:
                row[key] = value
            elif key in _INNER:
                row[key] = self._plain(value, path)
            elif key == "prefixItems":
                row[key] = [self._plain(part, path) for part in value]
            elif key in MAPS_OF_SCHEMAS and key != "dependentSchemas":
                row[key] = {name: self._plain(part, path) for name, part in value.items()}
        return row

    def _target(self, reference: str, path: tuple[str, ...]) -> Plain:
        target = resolve_reference(self._root, reference)
        if reference not in path and len(path) < _DEPTH_MAX:
            return self._plain(target, (*path, reference))
        text = target.get("description") if isinstance(target, dict) else None
        return {"description": text} if text else {}


def _union(parts: list[Plain]) -> Plain:
    kept = {json_key(part): part for part in parts if isinstance(part, dict)}
    if any(map(accepts_all, kept.values())):
        return {}
    if len(kept) < 2:
        return next(iter(kept.values()), False)
    return {"anyOf": list(kept.values())}


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    """No boolean schemas but under `additionalProperties`; properties that nothing fits go."""
    row: dict[str, Any] = {}
    for key, value in schema.items():
        if key in MAPS_OF_SCHEMAS:
            fitting = {name: part for name, part in value.items() if part is not False}
            row[key] = {name: _tidy(part) for name, part in fitting.items()}
        elif key in ("anyOf", "allOf", "prefixItems"):
            row[key] = [_tidy(part) if isinstance(part, dict) else {} for part in value]
        elif key in _INNER and isinstance(value, dict):
            row[key] = _tidy(value)
        elif key not in _INNER or key == "additionalProperties":
            row[key] = value
    return row
