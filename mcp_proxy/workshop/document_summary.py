"""What a publisher is told when an operation has moved: its arguments and its answer, in brief."""

from typing import Any

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.fingerprint import canonical
from mcp_proxy.workshop.argument_reference import reference_of
from mcp_proxy.workshop.operation import Operation
from mcp_proxy.workshop.schema_view import Defs, conjuncts, possible_types, reachable

_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_BOUNDS = (
    *("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems", "format", "pattern", "default"),
)
_TOLD_CHARS = 200
_SILENT = frozenset({"title", "description", "deprecated"})


def describe(operation: Operation) -> dict[str, Any]:
    """{"arguments": {"query.limit": {"required", "schema"}}, "response", "summary"}.

    A schema is its types and bounds in words, and eight digits of its digest where it holds more;
    `response` is a digest, "" where the operation tells none. Words about a schema do not count.
    """
    defs = operation.defs
    return {
        "arguments": {
            reference_of(slot.rule): {
                "required": slot.required,
                "schema": _schema_text(slot.schema, defs),
            }
            for slot in operation.slots
        },
        "response": "" if operation.response is None else _digest(operation.response, defs),
        "summary": operation.summary or operation.description,
    }


def _schema_text(schema: dict[str, Any], defs: Defs) -> str:
    types = possible_types(schema, defs) - {"null"}
    words = [
        "any" if len(types) == len(_TYPES) - 1 else " or ".join(sorted(types - _doubled(types)))
    ]
    told = {"type", "enum", *_BOUNDS, *_SILENT, "$ref"}
    parts = conjuncts(schema, defs)
    for part in parts:
        if "enum" in part:
            words.append("one of " + ", ".join(map(str, part["enum"])))
        words.extend(f"{key} {part[key]}" for key in _BOUNDS if key in part)
    text = "; ".join(dict.fromkeys(words))
    if len(text) > _TOLD_CHARS or any(part.keys() - told for part in parts):
        text = f"{text[:_TOLD_CHARS]} ({_digest(schema, defs)[:8]})"
    return text


def _doubled(types: frozenset[str]) -> frozenset[str]:
    return frozenset({"integer"}) if "number" in types else frozenset()


def _digest(schema: dict[str, Any], defs: Defs) -> str:
    return sha256_hex(canonical(_wordless([schema, reachable(schema, defs)])))


def _wordless(value: Any, *, named: bool = False) -> Any:
    """A schema without its words: a property may be called `title`."""
    if isinstance(value, list):
        return [_wordless(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _wordless(item, named=not named and key in ("properties", "patternProperties"))
        for key, item in value.items()
        if named or key not in _SILENT
    }
