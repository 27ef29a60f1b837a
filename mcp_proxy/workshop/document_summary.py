"""What a publisher is told when an operation has moved: its arguments and its answer, in brief."""

import json
from typing import Any

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.fingerprint import canonical
from mcp_proxy.workshop.argument_reference import reference_of
from mcp_proxy.workshop.operation import Operation
from mcp_proxy.workshop.schema_view import (
    ALL_TYPES,
    Defs,
    conjuncts,
    possible_types,
    references,
)

_BOUNDS = (
    *("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems", "format", "pattern", "default"),
)
_TOLD_CHARS = 200
_SILENT = frozenset({"title", "description", "deprecated"})
_TOLD = frozenset({"type", "enum", "$ref", *_BOUNDS, *_SILENT})


class Summaries:
    """Summaries of one document's operations; what two of them share is read once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, tuple[str, ...]]] = {}

    def describe(self, operation: Operation) -> dict[str, Any]:
        """{"arguments": {"query.limit": {"required", "schema"}}, "response", "summary"}.

        A schema is its types and bounds in words, and eight digits of its digest where it holds
        more; `response` is a digest, "" where the operation tells none. Words about a schema do
        not count.
        """
        defs, answer = operation.defs, operation.response
        return {
            "arguments": {
                reference_of(slot.rule): {
                    "required": slot.required,
                    "schema": self._schema_text(slot.schema, defs),
                }
                for slot in operation.slots
            },
            "response": "" if answer is None else self._digest(answer, defs),
            "summary": operation.summary or operation.description,
        }

    def _schema_text(self, schema: dict[str, Any], defs: Defs) -> str:
        words, parts = [_types_text(schema, defs)], conjuncts(schema, defs)
        for part in parts:
            if "enum" in part:
                words.append("one of " + ", ".join(map(str, part["enum"])))
            words.extend(f"{key} {part[key]}" for key in _BOUNDS if key in part)
        text = "; ".join(dict.fromkeys(words))
        if len(text) > _TOLD_CHARS or any(part.keys() - _TOLD for part in parts):
            text = f"{text[:_TOLD_CHARS]} ({self._digest(schema, defs)[:8]})"
        return text

    def _digest(self, schema: dict[str, Any], defs: Defs) -> str:
        own, waiting = _digested(schema)
        found: dict[str, str] = {}
        while waiting:
            name, waiting = waiting[0], waiting[1:]
            if name in found or name not in defs:
                continue
            if name not in self._known:
                self._known[name] = _digested(defs[name])
            found[name], names = self._known[name]
            waiting = (*waiting, *names)
        return sha256_hex(json.dumps([own, sorted(found.items())]).encode())


def _digested(schema: Any) -> tuple[str, tuple[str, ...]]:
    """A schema's own digest, and the definitions that it refers to itself."""
    names = tuple(dict.fromkeys(text.removeprefix("#/$defs/") for text in references(schema)))
    return sha256_hex(canonical(_wordless(schema))), names


def _types_text(schema: dict[str, Any], defs: Defs) -> str:
    types = possible_types(schema, defs) - {"null"}
    return (
        "any" if len(types) == len(ALL_TYPES) - 1 else " or ".join(sorted(types - _doubled(types)))
    )


def _doubled(types: frozenset[str]) -> frozenset[str]:
    return frozenset({"integer"}) if "number" in types else frozenset()


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
