"""The payload of a profile written: frozen values in, JSON Lines out; `core.profile` reads it."""

import json
from typing import Any

from mcp_proxy.core.profile import Header, Tool


def dump_lines(header: Header, tools_json: bytes, tools: list[Tool]) -> bytes:
    """The payload's bytes; the inverse of `parse_payload` and `parse_tool`."""
    rows = [_compact(plain(header)), tools_json, *(_compact(plain(tool)) for tool in tools)]
    return b"\n".join(rows) + b"\n"


def plain(value: Any) -> Any:
    """NamedTuples as objects, tuples as lists: what stands in the payload."""
    if isinstance(value, tuple):
        if hasattr(value, "_fields"):
            return {key: plain(item) for key, item in zip(value._fields, value, strict=True)}
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def _compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
