"""Header values of MCP's streamable HTTP, revision 2026-07-28 (section "Request headers").

A value is plain where it is printable ASCII (or tab) with no blank at either end and does not look
encoded; otherwise it is `=?base64?...?=` of its UTF-8.
"""

import base64
import re
from typing import Any

from mcp_proxy.core.pointer import find, parse_pointer

_PLAIN = re.compile(r"(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?")
_PREFIX, _SUFFIX = "=?base64?", "?="
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SAFE_INTEGER = 2**53 - 1


def encode_header_value(text: str) -> str:
    """A string as a header value. Raises ValueError for half characters (lone surrogates)."""
    looks_encoded = text.lower().startswith(_PREFIX) and text.endswith(_SUFFIX)
    if _PLAIN.fullmatch(text) and not looks_encoded:
        return text
    return _PREFIX + base64.b64encode(text.encode()).decode() + _SUFFIX


def name_header(name: str) -> tuple[str, str]:
    """The `Mcp-Name` pair of a tools/call."""
    return "Mcp-Name", encode_header_value(name)


def parameter_headers(
    arguments: dict[str, Any], headers: dict[str, str]
) -> tuple[tuple[str, str], ...]:
    """The `Mcp-Param-*` pairs: `headers` maps a JSON pointer into `arguments` to the name's rest.

    Absent and null arguments have none. Raises ValueError for a value or name no header can carry.
    """
    pairs = []
    for pointer, name in headers.items():
        _, value = find(arguments, parse_pointer(pointer))
        if value is not None:
            if not _TOKEN.fullmatch(name):
                raise ValueError(f"{name!r} is no header name")
            pairs.append((f"Mcp-Param-{name}", _encoded(value)))
    return tuple(pairs)


def _encoded(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) <= _SAFE_INTEGER:
        return str(value)
    if isinstance(value, str):
        return encode_header_value(value)
    raise ValueError("only text, whole numbers up to 2^53-1 and booleans go into a header")
