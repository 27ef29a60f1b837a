"""What the rules of lint look at, and what they find."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from mcp_proxy.core.contents import Contents
from mcp_proxy.workshop.source import Source
from mcp_proxy.workshop.yaml_reader import Path

# Whoever hides something behind so much text has other findings; patterns stay quick.
_READ_CHARS = 16_384


class Subject(NamedTuple):
    """A profile under lint. `text` is the source's whole text, "" where there is only a payload.

    `now_s` is seconds since the epoch, UTC.
    """

    contents: Contents
    source: Source | None
    text: str
    now_s: int


class Hit(NamedTuple):
    """A rule of the catalog that holds at a place, and in one sentence what is there."""

    rule: str
    place: Path
    text: str


class Text(NamedTuple):
    """The first `_READ_CHARS` of one string that a client or model gets."""

    place: Path
    text: str


def texts(contents: Contents) -> Iterator[Text]:
    """Every string that a client or model gets, keys of objects too."""
    header = contents.header
    yield Text(("title",), header.title[:_READ_CHARS])
    yield Text(("instructions",), header.instructions[:_READ_CHARS])
    for name, row in contents.rows.items():
        for path, text in _strings(row, ()):
            yield Text(_place(name, path), text[:_READ_CHARS])
    for kind, entries in listed(contents).items():
        for name, entry in entries.items():
            for path, text in _strings(entry, ()):
                yield Text((kind, name, *path[:1]), text[:_READ_CHARS])


def listed(contents: Contents) -> dict[str, dict[str, dict[str, Any]]]:
    """What resources and prompts show of themselves: their entries, by kind, by name."""
    resources = {name: item.entry for name, item in contents.resources.items()}
    return {"resources": resources, "prompts": {n: i.entry for n, i in contents.prompts.items()}}


def properties(row: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The arguments of a listed tool with their schemas; what is none is left out."""
    schema = row.get("inputSchema")
    found = schema.get("properties") if isinstance(schema, dict) else None
    rows = found if isinstance(found, dict) else {}
    return {name: part for name, part in rows.items() if isinstance(part, dict)}


def subschemas(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and every schema inside it."""
    level = [schema]
    while level:
        item = level.pop()
        if not isinstance(item, dict):
            continue
        yield item
        for key, value in item.items():
            if key in ("properties", "patternProperties", "$defs") and isinstance(value, dict):
                level += value.values()
            elif key in ("anyOf", "oneOf", "allOf", "prefixItems") and isinstance(value, list):
                level += value
            elif key in ("items", "additionalProperties", "contains", "propertyNames", "not"):
                level.append(value)


def branches(schema: dict[str, Any], keys: tuple[str, ...]) -> list[Any]:
    """What stands in a schema's lists under these keys; nothing where there is no list."""
    lists = [schema.get(key) for key in keys]
    return [part for found in lists if isinstance(found, list) for part in found]


def bits_per_character(text: str) -> float:
    """Shannon's entropy of the characters: 4 at most for hex, near 6 for base64 of anything."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def argument_place(tool: str, name: str) -> Path:
    """Where the source would speak of an argument."""
    return ("tools", tool, "arguments", name)


def named(names: list[str]) -> str:
    """A few of the names, in words."""
    few = ", ".join(names[:8])
    return few if len(names) <= 8 else f"{few} and {len(names) - 8} more"


def _place(tool: str, path: tuple[str, ...]) -> Path:
    if path[:2] == ("inputSchema", "properties") and len(path) > 2:
        return argument_place(tool, path[2])
    return ("tools", tool, *path[:1])


def _strings(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key), key
            yield from _strings(item, (*path, key))
