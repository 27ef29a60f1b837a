"""The payload of a profile written: values in, JSON Lines out; `core.profile_lines` reads it."""

import json
from collections.abc import Sequence
from typing import Any

from mcp_proxy.core.profile import Header, Prompt, Resource, Tool

Line = Tool | Resource | Prompt


def dump_lines(header: Header, tools_json: bytes, entries: Sequence[Line]) -> bytes:
    """The payload's bytes, `entries` in the header's order; the inverse of `core.profile_lines`."""
    rows = [_compact(plain(header)), tools_json, *(_compact(plain(entry)) for entry in entries)]
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
