"""JSON Schema 2020-12, compiled: the one module that knows jsonschema_rs.

Patterns run on a linear engine, nothing is fetched, formats are asserted. A violation is told in
our own words, which hold the rule and never the value (security rule S25).
"""

import json
from functools import lru_cache
from typing import Any, NamedTuple

import jsonschema_rs

from mcp_proxy.core.text import one_sentence
from mcp_proxy.core.validation_cost import looks, refers_to_itself

_SHOWN_CHARS = 200
# Work beyond each part looked at once, of a schema that refers to itself. Telling what is wrong
# costs a hundred times more than finding that something is.
_FREE_LOOKS = 100_000
_LOOKS_PER_PART = 10
_TOLD_LOOKS = 1_000
_OTHERS = "additionalProperties"

# What each keyword says; {} is the bound or name that stands in the schema.
_WORDS = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be above {}",
    "exclusiveMaximum": "must be below {}",
    "multipleOf": "must be a multiple of {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "minProperties": "must have at least {} properties",
    "maxProperties": "must have at most {} properties",
    "pattern": "must match the pattern {}",
    "format": "must be a valid {}",
    "const": "must be {}",
    "required": "is required",
    "uniqueItems": "must not hold an item twice",
    "falseSchema": "is not allowed here",
    "not": "has a form that is not allowed",
    "anyOf": "has none of the allowed forms",
    "oneOf": "must have exactly one of the allowed forms",
    "contains": "lacks an item that must be there, or holds too many of them",
    "propertyNames": "holds a property whose name is not allowed",
    "additionalProperties": "is not a known property",
    "unevaluatedProperties": "is not a known property",
}


class SchemaRefused(ValueError):
    """The schema cannot be compiled; the message says why, for the publisher."""


class Violation(NamedTuple):
    """The first rule that a value breaks: where (JSON pointer), which keyword, in which words."""

    pointer: str
    keyword: str
    message: str


class Schema:
    """A compiled schema; `source` is what it was compiled from."""

    __slots__ = ("_refers_to_itself", "_validator", "source")

    def __init__(self, source: Any, validator: jsonschema_rs.Draft202012Validator) -> None:
        self.source = source
        self._validator = validator
        self._refers_to_itself = refers_to_itself(source)

    def violation(self, value: Any) -> Violation | None:
        """The first rule broken by a JSON value, or None. What cannot be checked is a violation."""
        times, different = looks(self.source, value) if self._refers_to_itself else (0, 0)
        if times > _FREE_LOOKS + _LOOKS_PER_PART * different:
            return Violation("", "depth", "is nested too deeply for a schema of nested choices")
        try:
            if self._validator.is_valid(value):
                return None
            if times > _TOLD_LOOKS + different:
                return Violation("", "choice", "does not fit a schema of nested choices")
            error = next(iter(self._validator.iter_errors(value)), None)
        except ValueError:
            return Violation("", "text", "holds something that is not JSON text")
        if error is None:
            return Violation("", "unknown", "breaks a rule of the schema")
        return _told(error)


def compile_schema(schema: Any) -> Schema:
    """A 2020-12 schema, ready to check with.

    Raises:
        SchemaRefused: not a schema, a reference outside itself, a pattern that backtracks.
    """
    if not isinstance(schema, (dict, bool)):
        raise SchemaRefused("a schema is an object, true or false")
    try:
        validator = jsonschema_rs.Draft202012Validator(
            schema,
            validate_formats=True,
            offline=True,
            pattern_options=jsonschema_rs.RegexOptions(),
            mask="the value",
        )
    except (ValueError, RecursionError, jsonschema_rs.ReferencingError) as error:
        raise SchemaRefused(_reason(error)) from None
    return Schema(schema, validator)


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Schema:
    """Strings in which a JSON Schema `pattern` is found. Raises SchemaRefused."""
    return compile_schema({"type": "string", "pattern": pattern})


def _reason(error: Exception) -> str:
    if isinstance(error, jsonschema_rs.ValidationError):
        where = _pointer(error.instance_path)
        return one_sentence(f"{where}: {error.message}" if where else error.message, _SHOWN_CHARS)
    return one_sentence(str(error), _SHOWN_CHARS)


def _told(error: jsonschema_rs.ValidationError) -> Violation:
    kind = error.kind
    facts: dict[str, Any] = kind.as_dict()
    path = list(error.instance_path)
    if kind.name == "required":
        path.append(facts["property"])
    elif kind.name in (_OTHERS, "unevaluatedProperties"):
        path.extend(facts["unexpected"][:1])
    # What the library calls a false schema where it is the schema of all additional properties.
    is_closed = kind.name == "falseSchema" and list(error.schema_path)[-1:] == [_OTHERS]
    keyword = "maxProperties" if is_closed else kind.name
    return Violation(
        _pointer(path), keyword, _message(keyword, {"limit": 0} if is_closed else facts)
    )


def _message(keyword: str, facts: dict[str, Any]) -> str:
    if keyword == "type":
        return f"must be of type {' or '.join(facts['types'])}"
    if keyword == "enum":
        return f"must be one of {_shown(facts['options'])}"
    words = _WORDS.get(keyword, "breaks the rule " + keyword)
    bound = next(iter(facts.values())) if facts and "{}" in words else ""
    return words.format(_shown(bound))


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return one_sentence(text, _SHOWN_CHARS)


def _pointer(path: list[str | int]) -> str:
    parts = (one_sentence(str(part), 64).replace("~", "~0").replace("/", "~1") for part in path)
    return "".join(f"/{part}" for part in parts)
