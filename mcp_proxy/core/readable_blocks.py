"""Blocks of a gateway's result made fit for the model: pages as text, bytes as the profile lists.

A block of bytes that the profile does not let through becomes a text that says so; the rest of the
result stands.
"""

import base64
import binascii
from typing import Any, NamedTuple

from mcp_proxy.core.binary import is_as_declared, is_listed
from mcp_proxy.core.html_text import text_of_html
from mcp_proxy.core.http_results import media_type
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import ResultRules
from mcp_proxy.core.shape import Unfit
from mcp_proxy.core.text import clean

Block = dict[str, Any]


class Readable(NamedTuple):
    """The blocks, and the error id of one that was withheld, if one was."""

    blocks: list[Block]
    error: str | None


def readable(blocks: list[Block], rules: ResultRules) -> Readable:
    """Cleaned blocks as the profile lets them through. Raises Unfit: a page is too large."""
    made = [_readable(block, rules) for block in blocks]
    is_whole = all(
        new.get("type") == old.get("type") for new, old in zip(made, blocks, strict=True)
    )
    return Readable(made, None if is_whole else "MCPX-R03")


def _readable(block: Block, rules: ResultRules) -> Block:
    kind, resource = block["type"], block.get("resource")
    if kind in {"image", "audio"}:
        why = _why_withheld(block.get("data"), block.get("mimeType"), rules)
        return block if why is None else _withheld(f"{kind} block", why)
    if kind != "resource" or not isinstance(resource, dict):
        return block
    if "blob" in resource:
        why = _why_withheld(resource["blob"], resource.get("mimeType"), rules)
        return block if why is None else _withheld("file", why)
    if rules.html == "text" and _is_page(resource):
        return {**block, "resource": _as_text(resource)}
    return block


def _is_page(resource: Block) -> bool:
    # An app's page (`text/html;profile=mcp-app`) is shown to the person, not read by the model.
    is_app = str(resource.get("uri", "")).startswith("ui://")
    kind = str(resource.get("mimeType", ""))
    is_plain = media_type(kind) == "text/html" and "profile" not in kind
    return is_plain and not is_app and isinstance(resource.get("text"), str)


def _as_text(resource: Block) -> Block:
    if len(resource["text"]) > LIMITS.html_chars:
        raise Unfit("MCPX-R01", f"holds a page of more than {LIMITS.html_chars:,} characters")
    text = clean(text_of_html(resource["text"]))
    return {**resource, "mimeType": "text/plain", "text": text}


def _why_withheld(data: Any, kind: Any, rules: ResultRules) -> str | None:
    """Why the profile does not let the bytes through; without a list only their size counts."""
    if not (rules.types or rules.binary_bytes):
        return None
    try:
        body = base64.b64decode(data, validate=True)
    except (ValueError, TypeError, binascii.Error):
        return "its bytes are no base64"
    if rules.binary_bytes and len(body) > rules.binary_bytes:
        return f"its {len(body):,} bytes are above the profile's {rules.binary_bytes:,}"
    if not rules.types:
        return None
    declared = media_type(kind) if isinstance(kind, str) else ""
    if not is_listed(declared, rules.types):
        return f"the profile does not list the type {declared or 'unknown'}"
    return None if is_as_declared(declared, body) else f"it says it is {declared}, but is not"


def _withheld(what: str, why: str) -> Block:
    return {"type": "text", "text": f"[mcp-proxy withheld a {what} here: {why} (MCPX-R03)]"}
