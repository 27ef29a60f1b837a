"""Lint rules L201 to L204: arguments that say too little or take too much."""

import re
from collections.abc import Iterator
from typing import Any

from mcp_proxy.workshop.lint_subject import (
    Hit,
    Subject,
    argument_place,
    branches,
    named,
    properties,
)

# Names that every model knows.
_PLAIN_WORDS = """
page per_page page_size pagesize limit offset cursor query q search sort order order_by sort_by
direction since until before after start end from to name title email description body text
message url language locale currency country timezone state status type id
"""
_PLAIN = frozenset(_PLAIN_WORDS.split())
_AMOUNT = re.compile(r"amount|price|quantity|qty|\btotal|\bsum\b|percent|discount|budget|credits")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BOUNDS = {
    "string": ("maxLength", "pattern", "format"),
    "number": ("maximum", "exclusiveMaximum"),
    "integer": ("maximum", "exclusiveMaximum"),
    "array": ("maxItems",),
}
_LEAD = re.compile(
    r"(?i)(?:\b(?:can|must|may|should) be (?:one of|either|any of)\b|\bone of(?: the following)?\b"
    r"|\b(?:allowed|possible|valid|accepted|supported|permitted|available) (?:values|options)\b"
    r"(?: are| include)?|\b(?:is|are) either\b)(?: the following)?(?: values)?\s*:?\s*"
)
_QUOTED = r"(?:`[^`\n]{1,40}`|\"[^\"\n]{1,40}\"|'[^'\n]{1,40}')"
_BETWEEN = r"(?:\s*(?:,|\||/|\bor\b|\band\b))+\s*"
_QUOTED_LIST = re.compile(rf"{_QUOTED}(?:{_BETWEEN}{_QUOTED})+")
_BARE_LIST = re.compile(
    r"[\w.-]{1,40}(?:\s*[,|]\s*(?:or |and )?[\w.-]{1,40}){2,}(?=\s*(?:[.;()\n]|$))"
)


def find(subject: Subject) -> Iterator[Hit]:
    """What is wrong with arguments, at most one of each rule for a tool but for the last."""
    for tool, row in subject.contents.rows.items():
        rows = properties(row)
        yield from _undocumented(tool, rows, f"{tool} {row.get('description')}")
        loose = [name for name, schema in rows.items() if _is_unbounded(schema)]
        if loose:
            yield Hit("L202", ("tools", tool), f"{tool}: nothing bounds {named(loose)}")
        if subject.contents.tools[tool].effect != "read":
            yield from _amounts(tool, rows)
        for name, schema in rows.items():
            listed = _listed_values(schema)
            if listed:
                text = f"{tool}: {name} is described as one of {listed}, and takes any text"
                yield Hit("L204", argument_place(tool, name), text)


def _undocumented(tool: str, rows: dict[str, dict[str, Any]], about: str) -> Iterator[Hit]:
    said = _words(about) | {"id"}
    bare = [
        name
        for name, schema in rows.items()
        if not _says_enough(name, schema) and not _words(name) <= said
    ]
    if bare:
        place = argument_place(tool, bare[0])
        yield Hit("L201", place, f"{tool}: nothing describes {named(bare)}")


def _says_enough(name: str, schema: dict[str, Any]) -> bool:
    if any(_describes(part) for part in (schema, *branches(schema, ("anyOf", "oneOf")))):
        return True
    is_flag = schema.get("type") == "boolean" and len(name) > 3
    return is_flag or _CAMEL.sub("_", name).lower().strip("_[]") in _PLAIN


def _describes(schema: Any) -> bool:
    """In words, or by the values that it takes."""
    row = schema if isinstance(schema, dict) else {}
    return bool(str(row.get("description") or "").strip()) or "enum" in row or "const" in row


def _words(text: str) -> set[str]:
    """`customer_id` is told by a tool that is named after customers or speaks of one."""
    found = re.findall(r"[a-z0-9]+", _CAMEL.sub("_", text).lower())
    return {word.removesuffix("s") for word in found}


def _is_unbounded(schema: dict[str, Any]) -> bool:
    kinds = schema.get("type")
    bounds = [
        _BOUNDS[kind] for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind in _BOUNDS
    ]
    if "enum" in schema or "const" in schema or not bounds:
        return False
    return not all(any(key in schema for key in keys) for keys in bounds)


def _amounts(tool: str, rows: dict[str, dict[str, Any]]) -> Iterator[Hit]:
    for name, schema in rows.items():
        is_amount = _AMOUNT.search(_CAMEL.sub("_", name).lower().replace("_", " "))
        if is_amount and schema.get("type") in ("number", "integer") and _is_unbounded(schema):
            yield Hit("L203", argument_place(tool, name), f"{tool}: {name} may be any number")


def _listed_values(schema: dict[str, Any]) -> str:
    """The values that a text argument's description lists, "" where it lists none."""
    items = schema.get("items")
    one = items if schema.get("type") == "array" and isinstance(items, dict) else schema
    fixed = {"enum", "const", "pattern", "format", "anyOf", "oneOf"}
    text = schema.get("description")
    if one.get("type") != "string" or fixed & one.keys() or not isinstance(text, str):
        return ""
    for lead in _LEAD.finditer(text):
        found = _QUOTED_LIST.match(text, lead.end())
        if found is None and lead[0].rstrip().endswith(":"):
            found = _BARE_LIST.match(text, lead.end())
        if found is not None:
            return found[0].rstrip(".")
    return ""
