"""Lint rules L501 to L515: names and schemas that clients choke on."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.schema import SchemaRefused, compile_schema
from mcp_proxy.workshop.lint_subject import (
    Hit,
    Subject,
    argument_place,
    branches,
    named,
    properties,
    subschemas,
)
from mcp_proxy.workshop.list_entry import schema_bytes

_NAME_CHARS = 40
# Clients put the profile's name and up to 7 characters before the tool's, and cut or refuse
# beyond 64.
_FULL_NAME_CHARS = 57
_DEPTH = 5
_VALUES = 200
_UNIONS = ("anyOf", "oneOf", "allOf")
_UNUSUAL = frozenset({"patternProperties", "propertyNames", "contains", "prefixItems", "not", "if"})
# JSON Schema 2020-12, then OpenAPI and its format registry.
_FORMATS_WORDS = """
date-time date time duration email idn-email hostname idn-hostname ipv4 ipv6 uri uri-reference iri
iri-reference uuid uri-template json-pointer relative-json-pointer regex int8 int16 int32 int64
uint8 uint16 uint32 uint64 single-int double-int float double decimal decimal128 byte binary
password char base64url html commonmark media-range http-date date-time-local time-local sf-string
unix-time unixtime url
"""
_FORMATS = frozenset(_FORMATS_WORDS.split())
_NOT_PORTABLE = re.compile(r"\(\?[^:]|\\[AZzGpPQEKhHX]|[*+?}]\+|\[\[:|\[[^\[\]]*&&")


def find(subject: Subject) -> Iterator[Hit]:
    """What is wrong with names and schemas."""
    for name, row in subject.contents.rows.items():
        yield from _name(subject.contents.header.profile, name)
        yield from _whole(name, row)
        rows = properties(row)
        for rule, test, words in _ARGUMENT_RULES:
            found = [one for one, schema in rows.items() if test(schema)]
            if found:
                place = argument_place(name, found[0])
                yield Hit(rule, place, f"{name}: {words}: {named(found)}")


def _name(profile: str, name: str) -> Iterator[Hit]:
    place = ("tools", name)
    if not re.fullmatch(r"[a-z0-9_]+", name):
        yield Hit("L501", place, f"{name} holds more than a-z, 0-9 and _; some clients refuse that")
    if len(profile) + len(name) > _FULL_NAME_CHARS:
        size = len(profile) + len(name)
        yield Hit("L503", place, f"{profile} and {name} have {size} characters together")
    elif len(name) > _NAME_CHARS:
        yield Hit("L502", place, f"{name} has {len(name)} characters; some clients cut long ones")


def _whole(name: str, row: dict[str, Any]) -> Iterator[Hit]:
    place, schema = ("tools", name), row.get("inputSchema")
    if not isinstance(schema, dict) or schema.get("type") != "object" or _union(schema):
        yield Hit("L505", place, f"{name}: its input schema is no plain object")
    for key in ("inputSchema", "outputSchema"):
        if any("$ref" in part for part in subschemas(row.get(key))):
            yield Hit("L504", place, f"{name}: its {key} holds a $ref")
    size = schema_bytes(row)
    if size > LIMITS.model_schema_lint_bytes:
        yield Hit("L508", ("tools", name, "arguments"), f"{name}: its schema has {size} bytes")
    if isinstance(schema, dict) and schema.get("additionalProperties") is not False:
        yield Hit("L509", place, f"{name}: its schema allows arguments without a name")


def _union(schema: dict[str, Any]) -> bool:
    return any(key in schema for key in _UNIONS)


def _has_type_list(schema: dict[str, Any]) -> bool:
    return any(isinstance(part.get("type"), list) for part in subschemas(schema))


def _is_deep(schema: dict[str, Any]) -> bool:
    """Whether objects and lists lie in each other more than `_DEPTH` deep."""
    level = [schema]
    for _ in range(_DEPTH + 1):
        level = [inner for part in level for inner in _inner(part)]
    return bool(level)


def _inner(schema: Any) -> list[Any]:
    if not isinstance(schema, dict):
        return []
    found = [inner for part in branches(schema, _UNIONS) for inner in _inner(part)]
    rows = schema.get("properties")
    found += rows.values() if isinstance(rows, dict) else []
    return found + [schema[key] for key in ("items",) if isinstance(schema.get(key), dict)]


def _has_long_enum(schema: dict[str, Any]) -> bool:
    values = [part.get("enum") for part in subschemas(schema)]
    return any(isinstance(item, list) and len(item) > _VALUES for item in values)


def _has_odd_pattern(schema: dict[str, Any]) -> bool:
    patterns = [part.get("pattern") for part in subschemas(schema)]
    return any(isinstance(item, str) and _NOT_PORTABLE.search(item) for item in patterns)


def _has_misfit(schema: dict[str, Any]) -> bool:
    return any("default" in part and not _fits(part) for part in subschemas(schema))


def _fits(schema: dict[str, Any]) -> bool:
    try:
        return compile_schema(schema).violation(schema["default"]) is None
    except SchemaRefused:
        # What cannot be compiled on its own is judged by other rules.
        return True


def _has_odd_format(schema: dict[str, Any]) -> bool:
    formats = [part.get("format") for part in subschemas(schema)]
    return any(isinstance(item, str) and item.lower() not in _FORMATS for item in formats)


def _has_unusual(schema: dict[str, Any]) -> bool:
    return any(not _UNUSUAL.isdisjoint(part) for part in subschemas(schema))


def _has_untagged_union(schema: dict[str, Any]) -> bool:
    return any(_is_untagged(part) for part in subschemas(schema))


def _is_untagged(schema: dict[str, Any]) -> bool:
    """Two objects or more, and no property that has fixed and different values in each."""
    rows = [
        part["properties"]
        for part in branches(schema, ("anyOf", "oneOf"))
        if isinstance(part, dict) and isinstance(part.get("properties"), dict)
    ]
    if len(rows) < 2:
        return False
    shared = set.intersection(*(set(row) for row in rows))
    return not any(_tells_apart([row[name] for row in rows]) for name in shared)


def _tells_apart(parts: list[Any]) -> bool:
    values = [_fixed(part) for part in parts]
    return all(values) and len(set(values)) == len(values)


def _fixed(part: Any) -> str:
    if not isinstance(part, dict) or not {"const", "enum"} & part.keys():
        return ""
    return json.dumps([part.get("const"), part.get("enum")], sort_keys=True)


_ARGUMENT_RULES: tuple[tuple[str, Callable[[dict[str, Any]], bool], str], ...] = (
    ("L506", _has_type_list, "of several types"),
    ("L507", _is_deep, f"nested deeper than {_DEPTH} levels"),
    ("L510", _has_long_enum, f"more than {_VALUES} fixed values"),
    ("L511", _has_odd_pattern, "a pattern that not every engine reads"),
    ("L512", _has_misfit, "a default that does not fit its own schema"),
    ("L513", _has_odd_format, "a format that clients do not know"),
    ("L514", _has_unusual, "keywords that some clients drop or refuse"),
    ("L515", _has_untagged_union, "a union of objects that nothing tells apart"),
)
