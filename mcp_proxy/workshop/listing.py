"""An MCP server's captured listing: the JSON file in, its entries as they were listed out.

`{"tools": [...], "resources": [...], "resourceTemplates": [...], "prompts": [...], "ui": {...}}`,
each entry exactly as its list gave it, because a tool's fingerprint covers it all. `ui` maps each
`ui://` resource that a tool names to the SHA-256 of its content. A key may be absent: older
listings hold tools alone.
"""

import json
import os
import re
from typing import Any, NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.text import one_sentence
from mcp_proxy.errors import SourceError

Entries = dict[str, dict[str, Any]]

# Each list of the file, and what tells its entries apart.
_KEYS = {"tools": "name", "resources": "uri", "resourceTemplates": "uriTemplate", "prompts": "name"}
_REFRESH = "mcp-proxy profile build SOURCE.yaml --refresh"


class Listing(NamedTuple):
    """What an MCP server lists, by name or URI, in the file's order; `ui` as hex digests."""

    tools: Entries
    resources: Entries
    templates: Entries
    prompts: Entries
    ui: dict[str, str]


def read_listing(path: str, folder: str) -> Listing:
    """The listing at `path`, relative to `folder` and within it.

    Raises:
        SourceError: MCPX-B02 not there, not below the folder (S12), or no listing.
    """
    full = listing_path(path, folder)
    try:
        with open(full, "rb") as file:
            data = file.read(LIMITS.document_bytes + 1)
    except OSError as error:
        why = f"The listing {path} cannot be read: {error.strerror}."
        raise SourceError("MCPX-B02", why, _REFRESH) from None
    if len(data) > LIMITS.document_bytes:
        raise SourceError("MCPX-B02", f"The listing {path} is larger than 64 MiB.")
    return parse_listing(data, path)


def listing_path(path: str, folder: str) -> str:
    """Where a listing stands once links are resolved. Raises SourceError MCPX-B02 (S12).

    A capture writes there what a server sent, so never into a file that a shell or a tool may run.
    """
    full = os.path.realpath(os.path.join(folder, path))
    root = os.path.realpath(folder)
    if os.path.commonpath([full, root]) != root:
        raise SourceError("MCPX-B02", f"The listing {path} lies outside the source's folder.")
    if not full.endswith(".json"):
        raise SourceError("MCPX-B02", f"The listing {path} must end with .json.")
    return full


def parse_listing(data: bytes, path: str) -> Listing:
    """The same of a file's bytes; `path` is the name that errors bear."""
    try:
        value = strict_json.loads(data)
    except strict_json.Refused as error:
        raise _malformed(path, f"it is not strict JSON ({error})") from None
    if not isinstance(value, dict) or not isinstance(value.get("tools"), list):
        raise _malformed(path, 'it has no list under "tools"')
    unknown = sorted(value.keys() - _KEYS.keys() - {"ui"})
    if unknown:
        raise _malformed(path, f"it holds {one_sentence(unknown[0], 100)}, which no listing has")
    tools, resources, templates, prompts = (
        _entries(value.get(name, []), name, path) for name in _KEYS
    )
    return Listing(tools, resources, templates, prompts, _digests(value.get("ui", {}), path))


def dump_listing(listed: dict[str, Any]) -> bytes:
    """The file's bytes for what was listed: indented JSON, each list sorted by name or URI."""
    row: dict[str, Any] = {name: _ordered(listed.get(name, []), name) for name in _KEYS}
    row["ui"] = dict(sorted(listed.get("ui", {}).items()))
    return json.dumps(row, ensure_ascii=False, indent=2).encode() + b"\n"


def _ordered(items: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return sorted(items, key=lambda item: str(item.get(_KEYS[kind])))


def _entries(items: Any, kind: str, path: str) -> Entries:
    if not isinstance(items, list):
        raise _malformed(path, f'it has no list under "{kind}"')
    entries: Entries = {}
    for item in items:
        name = item.get(_KEYS[kind]) if isinstance(item, dict) else None
        if not isinstance(name, str) or not name:
            raise _malformed(path, f"one of its {kind} has no {_KEYS[kind]}")
        if name in entries:
            raise _malformed(path, f"its {kind} hold {one_sentence(name, 100)} twice")
        entries[name] = item
    return entries


def _digests(value: Any, path: str) -> dict[str, str]:
    rows = value.items() if isinstance(value, dict) else [("ui", value)]
    for uri, digest in rows:
        if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
            raise _malformed(path, f"{one_sentence(uri, 100)} has no SHA-256 as 64 hex digits")
    return dict(rows)


def _malformed(path: str, reason: str) -> SourceError:
    return SourceError("MCPX-B02", f"The listing {path} is no listing: {reason}.", _REFRESH)
