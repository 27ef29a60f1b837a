"""The keywords of JSON Schema 2020-12 that are read, and the shape each value must have."""

from collections.abc import Callable
from typing import Any

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.workshop.references import Node

SCHEMAS = frozenset(
    (
        "not",
        "if",
        "then",
        "else",
        "contains",
        "propertyNames",
        "additionalProperties",
        "unevaluatedItems",
        "unevaluatedProperties",
    )
)
LISTS_OF_SCHEMAS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
MAPS_OF_SCHEMAS = frozenset({"properties", "patternProperties", "dependentSchemas"})
ANNOTATIONS = ("title", "description", "default", "deprecated")

_TYPES = frozenset({"null", "boolean", "object", "array", "number", "integer", "string"})


def plain_keywords(node: Node) -> dict[str, Any]:
    """The keywords of a schema that hold no schema, each checked, in the document's order.

    Raises:
        SourceError: MCPX-B02 naming the keyword whose value is malformed.
    """
    schema: dict[str, Any] = {}
    for key in node.mapping():
        if key in _NULLABLE or (key in _READERS and node.value[key] is not None):
            schema[key] = _READERS[key](node.child(key))
    _exclusive(schema, "minimum", "exclusiveMinimum")
    _exclusive(schema, "maximum", "exclusiveMaximum")
    return schema


def _exclusive(schema: dict[str, Any], bound: str, flag: str) -> None:
    """3.0's boolean flags: true moves the bound over, false says nothing."""
    if not isinstance(schema.get(flag), bool):
        return
    if schema.pop(flag) and bound in schema:
        schema[flag] = schema.pop(bound)


def _number(node: Node) -> int | float:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise node.error("must be a number")
    return float(value) if _is_wide(value) else value


def _factor(node: Node) -> int | float:
    if (value := _number(node)) <= 0:
        raise node.error("must be above 0")
    return value


def _bound(node: Node) -> int | float | bool:
    return node.value if isinstance(node.value, bool) else _number(node)


def _count(node: Node) -> int:
    value = _number(node)
    if value < 0 or value != int(value):
        raise node.error("must be a whole number, not below 0")
    return min(int(value), LIMITS.integer_max)


def _text(node: Node) -> str:
    if not isinstance(node.value, str):
        raise node.error("must be text")
    return node.value.replace("\r\n", "\n")


def _flag(node: Node) -> bool:
    if not isinstance(node.value, bool):
        raise node.error("must be true or false")
    return node.value


def _names(node: Node) -> list[str]:
    return list(dict.fromkeys(_text(part) for part in node.elements()))


def _name_lists(node: Node) -> dict[str, list[str]]:
    return {name: _names(part) for name, part in node.items()}


def _values(node: Node) -> list[Any]:
    return [_narrow(part.value) for part in node.elements()]


def _value(node: Node) -> Any:
    return _narrow(node.value)


def _narrow(value: Any) -> Any:
    """The value with doubles for integers beyond 2^63, which no argument is and no client reads."""
    if isinstance(value, dict):
        return {key: _narrow(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_narrow(item) for item in value]
    return float(value) if _is_wide(value) else value


def _is_wide(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > LIMITS.integer_max


def _type(node: Node) -> str | list[str]:
    names = _names(node) if isinstance(node.value, list) else [_text(node)]
    unknown = [name for name in names if name not in _TYPES]
    if unknown or not names:
        raise node.error(f"must be one of {', '.join(sorted(_TYPES))}, or a list of these")
    return names if isinstance(node.value, list) else names[0]


_COUNTED = tuple(
    f"{bound}{what}"
    for bound in ("min", "max")
    for what in ("Length", "Items", "Contains", "Properties")
)
_NULLABLE = frozenset({"const", "default"})
_READERS: dict[str, Callable[[Node], Any]] = {
    "type": _type,
    "enum": _values,
    "const": _value,
    "default": _value,
    "multipleOf": _factor,
    "minimum": _number,
    "maximum": _number,
    "exclusiveMinimum": _bound,
    "exclusiveMaximum": _bound,
    "required": _names,
    "dependentRequired": _name_lists,
    "uniqueItems": _flag,
    "deprecated": _flag,
    **dict.fromkeys(("pattern", "format", "title", "description"), _text),
    **dict.fromkeys(_COUNTED, _count),
}
