"""A gateway's captured listing: the JSON file in, its tools as they were listed out.

`{"tools": [...]}`, each tool exactly as tools/list gave it, because its fingerprint covers it all.
"""

import json
import os
from typing import Any

from mcp_proxy.core import strict_json
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.errors import SourceError

Listing = dict[str, dict[str, Any]]


def read_listing(path: str, folder: str) -> Listing:
    """The tools at `path` (relative to `folder`, and within it) by name, in the listing's order.

    Raises:
        SourceError: MCPX-B02 not there, not below the folder (S12), or no listing.
    """
    full = listing_path(path, folder)
    try:
        with open(full, "rb") as file:
            data = file.read(LIMITS.document_bytes + 1)
    except OSError as error:
        why = f"The listing {path} cannot be read: {error.strerror}."
        next_step = "mcp-proxy profile build SOURCE.yaml --refresh"
        raise SourceError("MCPX-B02", why, next_step) from None
    if len(data) > LIMITS.document_bytes:
        raise SourceError("MCPX-B02", f"The listing {path} is larger than 64 MiB.")
    return parse_listing(data, path)


def listing_path(path: str, folder: str) -> str:
    """Where a listing stands once links are resolved. Raises SourceError MCPX-B02 (S12)."""
    full = os.path.realpath(os.path.join(folder, path))
    root = os.path.realpath(folder)
    if os.path.commonpath([full, root]) != root:
        raise SourceError("MCPX-B02", f"The listing {path} lies outside the source's folder.")
    return full


def parse_listing(data: bytes, path: str) -> Listing:
    """The same of a file's bytes; `path` is the name that errors bear."""
    try:
        value = strict_json.loads(data)
    except strict_json.Refused as error:
        raise _malformed(path, f"it is not strict JSON ({error})") from None
    tools = value.get("tools") if isinstance(value, dict) else None
    if not isinstance(tools, list):
        raise _malformed(path, 'it has no list under "tools"')
    listing: Listing = {}
    for tool in tools:
        name = tool.get("name") if isinstance(tool, dict) else None
        if not isinstance(name, str) or not name:
            raise _malformed(path, "one of its tools has no name")
        if name in listing:
            raise _malformed(path, f"it lists {name} twice")
        listing[name] = tool
    return listing


def dump_listing(tools: list[dict[str, Any]]) -> bytes:
    """The file's bytes for tools as they were listed: indented JSON, sorted by name."""
    ordered = sorted(tools, key=lambda tool: str(tool["name"]))
    return json.dumps({"tools": ordered}, ensure_ascii=False, indent=2).encode() + b"\n"


def _malformed(path: str, reason: str) -> SourceError:
    next_step = "mcp-proxy profile build SOURCE.yaml --refresh"
    return SourceError("MCPX-B02", f"The listing {path} is no listing: {reason}.", next_step)
