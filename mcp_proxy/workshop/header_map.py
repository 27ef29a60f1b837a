"""Which arguments of a gateway's tool become `Mcp-Param-*` headers: its inputSchema in, a map out.

MCP 2026-07-28, streamable HTTP, `x-mcp-header`: a token, unique whatever its case, on a string,
integer or boolean that a chain of `properties` alone leads to.
"""

import re
from collections.abc import Iterator
from typing import Any

from mcp_proxy.workshop.listing_schema import Unreadable

_KEY = "x-mcp-header"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TYPES = frozenset({"string", "integer", "boolean"})
_MAPS = ("patternProperties", "dependentSchemas", "$defs", "definitions")


def header_map(schema: Any) -> dict[str, str]:
    """JSON pointers into the tool's arguments to what follows `Mcp-Param-`.

    Raises:
        Unreadable: an annotation that the protocol calls invalid; a client must drop such a tool.
    """
    headers: dict[str, str] = {}
    for pointer, part in _annotated(schema, ""):
        name = part[_KEY]
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise Unreadable(f"has an {_KEY} that is no header name")
        if not pointer:
            raise Unreadable(f"has {_KEY} {name} where no chain of properties leads")
        if not isinstance(part.get("type"), str) or part["type"] not in _TYPES:
            raise Unreadable(f"has {_KEY} {name} on what is no string, integer or boolean")
        if name.lower() in map(str.lower, headers.values()):
            raise Unreadable(f"has {_KEY} {name} twice")
        headers[pointer] = name
    return headers


def _annotated(schema: Any, pointer: str | None) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Every annotated schema; its pointer is None where something but `properties` leads there."""
    if isinstance(schema, list):
        for item in schema:
            yield from _annotated(item, None)
    if not isinstance(schema, dict):
        return
    if _KEY in schema:
        yield pointer, schema
    for key, value in schema.items():
        if key == "properties" and isinstance(value, dict):
            for name, item in value.items():
                yield from _annotated(item, _below(pointer, name))
        elif key in _MAPS and isinstance(value, dict):
            for item in value.values():
                yield from _annotated(item, None)
        elif key not in ("default", "const", "enum", "examples", _KEY):
            yield from _annotated(value, None)


def _below(pointer: str | None, name: str) -> str | None:
    escaped = name.replace("~", "~0").replace("/", "~1")
    return None if pointer is None else f"{pointer}/{escaped}"
