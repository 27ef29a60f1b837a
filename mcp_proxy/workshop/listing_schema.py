"""A gateway's schema as JSON Schema 2020-12 with `#/$defs/NAME` references alone.

Gateways send what their frameworks make: draft-07 `definitions` and item tuples, references to any
place of the same schema. References elsewhere are refused: a build fetches nothing (S12).
"""

from typing import Any

from mcp_proxy.core.pointer import parse_pointer, resolve_reference
from mcp_proxy.workshop.schema_view import Defs

# Annotations of no use to a check, and identifiers that would change what a reference means.
_DROPPED = frozenset(
    {"$schema", "$id", "$comment", "$anchor", "$vocabulary", "$defs", "definitions", "x-mcp-header"}
)
_DYNAMIC = ("$dynamicRef", "$recursiveRef", "$dynamicAnchor", "$recursiveAnchor")
_MAPS = frozenset({"properties", "patternProperties", "dependentSchemas"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SCHEMAS = frozenset(
    (
        *("items", "contains", "additionalProperties", "propertyNames", "not", "if", "then"),
        *("else", "unevaluatedItems", "unevaluatedProperties"),
    )
)


class Unreadable(ValueError):
    """A listed schema that cannot be taken over; the message says why."""


def read_schema(raw: Any) -> tuple[dict[str, Any], Defs]:
    """A listed schema, and the definitions that it and they refer to.

    Raises:
        Unreadable: no object, or a reference that leads out of it or nowhere.
    """
    if not isinstance(raw, dict):
        raise Unreadable("is no object")
    reader = _Reader(raw)
    schema = reader.schema(raw)
    return (schema if isinstance(schema, dict) else {}), reader.finish()


class _Reader:
    """Translates one schema; definitions are named as they are met, and translated once."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._names: dict[str, str] = {}
        self._waiting: list[str] = []

    def finish(self) -> Defs:
        """Every definition that has been referred to."""
        defs: Defs = {}
        while self._waiting:
            reference = self._waiting.pop()
            defs[self._names[reference]] = self.schema(resolve_reference(self._root, reference))
        return defs

    def schema(self, raw: Any) -> Any:
        """One schema, translated."""
        if isinstance(raw, bool):
            return raw
        if not isinstance(raw, dict):
            raise Unreadable("holds something that is no schema")
        if any(key in raw for key in _DYNAMIC):
            raise Unreadable("holds a dynamic reference, which this version does not follow")
        row: dict[str, Any] = {}
        for key, value in raw.items():
            if key not in _DROPPED:
                row.update(self._keyword(key, value, raw))
        return row

    def _keyword(self, key: str, value: Any, raw: dict[str, Any]) -> dict[str, Any]:
        if key == "$ref":
            return {"$ref": self._reference(value)}
        if key == "items" and isinstance(value, list):
            rest = raw.get("additionalItems", True)
            return {"prefixItems": self._list(value), "items": self.schema(rest)}
        if key == "additionalItems":
            return {}
        if key == "dependencies":
            raise Unreadable("holds `dependencies`, which 2020-12 no longer has")
        if key in _MAPS and isinstance(value, dict):
            return {key: {name: self.schema(item) for name, item in value.items()}}
        if key in _LISTS and isinstance(value, list):
            return {key: self._list(value)}
        return {key: self.schema(value)} if key in _SCHEMAS else {key: value}

    def _list(self, items: list[Any]) -> list[Any]:
        return [self.schema(item) for item in items]

    def _reference(self, reference: Any) -> str:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise Unreadable(f"refers to {reference!r}, outside itself")
        if reference not in self._names:
            if reference != "#" and not self._leads_somewhere(reference):
                raise Unreadable(f"refers to {reference}, which is not there")
            self._names[reference] = self._new_name(reference)
            self._waiting.append(reference)
        return f"#/$defs/{self._names[reference]}"

    def _leads_somewhere(self, reference: str) -> bool:
        value: Any = self._root
        try:
            keys = parse_pointer(reference[1:])
        except ValueError:
            return False
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                return False
            value = value[key]
        return True

    def _new_name(self, reference: str) -> str:
        last = reference.rsplit("/", 1)[-1].strip("#") or "root"
        name = "".join(char if char.isascii() and char.isalnum() else "_" for char in last)
        taken = set(self._names.values())
        count = 2
        candidate = name
        while candidate in taken:
            candidate = f"{name}_{count}"
            count += 1
        return candidate
