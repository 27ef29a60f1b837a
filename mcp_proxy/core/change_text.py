"""What a model reads of a schema, held against what it read before: nothing new may be in it.

A bound is no text; a title, a description, a default, a name, an allowed value is. What is left
out together with the argument or the choice that it belonged to is no change of it.
"""

from collections.abc import Iterator
from typing import Any

from mcp_proxy.core.change import same_json
from mcp_proxy.core.change_keywords import ANNOTATIONS, KNOWN

_ONE_SCHEMA = frozenset({"items", "additionalProperties"})
_CHOICES = frozenset({"anyOf", "oneOf"})
_WORDS = frozenset({"type", "format", "enum", "const", "required"})
_BOUNDS = frozenset(
    (
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
        "uniqueItems",
    )
)
# What every schema may say: it tells a model nothing that the language does not.
_VOCABULARY = KNOWN | frozenset(
    (
        *("null", "boolean", "integer", "number", "string", "array", "object"),
        *("date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6"),
        *("uri", "uri-reference", "uuid", "regex", "json-pointer", "uri-template"),
    )
)


def tells_no_more(old: Any, new: Any) -> bool:
    """Whether a listed schema holds, at each place, only text that the old one holds there."""
    if same_json(old, new):
        return True
    if "$ref" in all_strings(old) or "$ref" in all_strings(new):
        return False  # a listed schema has none, and where text stands would not be plain
    try:
        return _tells([old], [new])
    except (AttributeError, TypeError, RecursionError):
        return False  # it is no schema


def words_no_more(old: Any, new: Any) -> bool:
    """Whether an enforced schema can speak, by what it refuses, only in words of the old one."""
    return same_json(old, new) or _spoken(new) <= _spoken(old)


def _tells(olds: list[Any], news: list[Any]) -> bool:
    olds, news = _together(olds), _together(news)
    if _annotations(olds) != _annotations(news):
        return False
    return all(
        _is_told(key, value, olds)
        for one in news
        for key, value in one.items()
        if key not in ANNOTATIONS and key != "allOf"
    )


def _is_told(key: str, value: Any, olds: list[dict[str, Any]]) -> bool:
    held = [one[key] for one in olds if key in one]
    if key == "properties":
        named = {name: [one[name] for one in held if name in one] for name in value}
        return all(named[name] and _tells(named[name], [part]) for name, part in value.items())
    if key in _ONE_SCHEMA:
        parts = [one for one in held if isinstance(one, dict)]
        return isinstance(value, bool) or (bool(parts) and _tells(parts, [value]))
    if key in _CHOICES:
        choices = [choice for one in held for choice in one]
        return all(any(_tells([choice], [part]) for choice in choices) for part in value)
    if key in _BOUNDS and isinstance(value, (bool, int, float)):
        return True
    if key == "required":
        held += [list(one.get("properties", ())) for one in olds]
    if key in _WORDS:
        return all_strings(value) - _VOCABULARY <= all_strings(held)
    return any(same_json(value, one) for one in held)


def _together(schemas: list[Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for schema in schemas:
        if isinstance(schema, dict):
            found += [schema, *_together(schema.get("allOf", []))]
        elif not isinstance(schema, bool):
            raise TypeError
    return found


def _annotations(schemas: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Each annotation once, in the order in which it is read."""
    told = [(key, one[key]) for one in schemas for key in sorted(ANNOTATIONS & one.keys())]
    return list(dict.fromkeys((key, repr(value)) for key, value in told))


def all_strings(value: Any) -> set[str]:
    """Every string of a JSON value, its keys included."""
    return set(_each_string(value, is_value=True))


def _spoken(schema: Any) -> set[str]:
    """All text of a schema but its annotations, which no refusal repeats."""
    return set(_each_string(schema, is_value=False)) - _VOCABULARY


def _each_string(value: Any, *, is_value: bool) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _each_string(item, is_value=is_value)
    elif isinstance(value, dict):
        yield from value
        for key, item in value.items():
            # A property may have an annotation's name; its schema is an object.
            is_silent = key in ANNOTATIONS and not is_value and not isinstance(item, dict)
            if not is_silent:
                yield from _each_string(item, is_value=is_value or key in ("enum", "const"))
