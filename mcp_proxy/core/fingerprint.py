"""The fingerprint of a gateway's tool: SHA-256 of the whole tool object as it was listed.

Canonical JSON: UTF-8, keys sorted by code point, no spaces, no ASCII escaping, integral floats as
integers, each `required` list sorted; so that a gateway which reorders or respells the same
declaration keeps its fingerprint, and one that changes a word does not.
"""

import json
from typing import Any

from mcp_proxy.core.arguments import whole_numbers
from mcp_proxy.core.digest import sha256_hex


def fingerprint(tool: dict[str, Any]) -> str:
    """64 lower-case hex digits of a tool as tools/list gave it."""
    return sha256_hex(canonical(tool))


def canonical(value: Any) -> bytes:
    """The canonical JSON bytes that a fingerprint is taken of; raises ValueError for NaN."""
    ordered = _ordered(value)
    text = json.dumps(
        ordered, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    return text.encode()


def _ordered(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    if not isinstance(value, dict):
        return whole_numbers(value)
    row = {key: _ordered(item) for key, item in value.items()}
    names = row.get("required")
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        row["required"] = sorted(names)
    return row
