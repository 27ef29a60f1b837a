"""Reading a resource: which one a URI names, the decision, and what the client gets of it."""

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.fingerprint import canonical
from mcp_proxy.core.http_results import clean_message
from mcp_proxy.core.policy import Allow, Deny
from mcp_proxy.core.profile import Resource, UpstreamSpec
from mcp_proxy.core.request import McpRequest
from mcp_proxy.core.results import Admitted, Rejected
from mcp_proxy.core.shape import Unfit
from mcp_proxy.core.text import hidden_character
from mcp_proxy.core.uri_template import compile_template, matches

APP_SCHEME = "ui://"


def find_resource(resources: Iterable[Resource], uri: str) -> Resource | None:
    """The resource that a URI names: a fixed one first, then the first template that matches."""
    rows = tuple(resources)
    fixed = next((item for item in rows if not item.is_template and item.uri == uri), None)
    templates = (item for item in rows if item.is_template)
    return fixed or next((item for item in templates if _covers(item, uri)), None)


def decide_read(
    resource: Resource, spec: UpstreamSpec, uri: str, expires_s: int | None, now_s: float
) -> Allow | Deny:
    """Whether the resource may be read at `uri`, one that `find_resource` has found it for."""
    denied = expiry(expires_s, now_s)
    if denied is not None:
        return denied
    if uri.startswith(APP_SCHEME) and ("apps" not in spec.features or resource.digest is None):
        text = "The profile lets no app of this upstream be shown."
        return Deny("MCPX-D02", "apps", text)
    request = McpRequest("resources/read", {"uri": uri}, uri, (), retry_safe=True)
    return Allow("allow", request, {"uri": uri})


def expiry(expires_s: int | None, now_s: float) -> Deny | None:
    """The refusal of everything that an expired profile names."""
    if expires_s is None or now_s < expires_s + 1:
        return None
    text = "The profile has expired; a newer one must be installed."
    return Deny("MCPX-P06", "expired", text)


def admit_read(
    result: dict[str, Any], resource: Resource, expires_s: int | None, now_s: float
) -> Admitted | Rejected:
    """A resources/read result in modern form, cleaned and bounded; times are epoch seconds."""
    try:
        _check_contents(result)
        _check_pin(result, resource.digest)
        hints = {"ttlMs": _ttl_ms(result, expires_s, now_s), "cacheScope": "private"}
        value, data = clean_message({**result, **hints})
    except Unfit as unfit:
        return Rejected(unfit.id, f"The resource was read, but its content {unfit.why}.")
    return bounded(value, len(data), resource.max_bytes, "The resource was read, but its content")


def bounded(
    value: dict[str, Any], size_bytes: int, max_bytes: int, subject: str
) -> Admitted | Rejected:
    """The value, unless it is above the profile's bound; `subject` begins the sentence."""
    if size_bytes <= max_bytes:
        return Admitted(value, size_bytes)
    text = f"{subject} of {size_bytes:,} bytes is above the profile's limit of {max_bytes:,} bytes."
    return Rejected("MCPX-R01", text)


def contents_digest(result: dict[str, Any]) -> str:
    """What pins a `ui://` resource: SHA-256 in hex of the canonical JSON of its contents.

    Each content with its text or blob, its media type, and `_meta.ui`, which says what the app may
    connect to; `uri` and other metadata left out. Raises ValueError where it has no such JSON.
    """
    rows = [_pinned(content) for content in result["contents"]]
    return sha256_hex(canonical(rows))


def _pinned(content: dict[str, Any]) -> dict[str, Any]:
    meta = content.get("_meta")
    row = {"ui": meta.get("ui") if isinstance(meta, dict) else None}
    return row | {key: content[key] for key in ("text", "blob", "mimeType") if key in content}


def _covers(resource: Resource, uri: str) -> bool:
    try:
        return matches(compile_template(resource.uri), uri)
    except ValueError:
        return False  # a template that no build of ours made


def _check_contents(result: dict[str, Any]) -> None:
    if result.get("resultType", "complete") != "complete":
        raise Unfit("MCPX-U05", "asks for more than the profile lets an upstream ask")
    contents = result.get("contents")
    if not isinstance(contents, list) or not all(isinstance(item, dict) for item in contents):
        raise Unfit("MCPX-U05", "is no list of contents")
    for content in contents:
        check_content(content)


def _check_pin(result: dict[str, Any], digest: str | None) -> None:
    try:
        changed = digest is not None and contents_digest(result) != digest
    except ValueError:
        changed = True
    if changed:
        raise Unfit("MCPX-R02", "has changed since the profile was signed")


def check_content(content: dict[str, Any]) -> None:
    """A content has a URI and either text or valid base64. Raises Unfit."""
    uri, text, blob = (content.get(key) for key in ("uri", "text", "blob"))
    if not isinstance(uri, str) or hidden_character(uri):
        raise Unfit("MCPX-U05", "has no URI that can be shown")
    if isinstance(text, str) is isinstance(blob, str):
        raise Unfit("MCPX-U05", "is neither text nor a blob")
    if isinstance(blob, str) and not is_base64(blob):
        raise Unfit("MCPX-U05", "holds a blob that is not base64")


def is_base64(text: str) -> bool:
    """Whether it is base64 as RFC 4648 section 4 writes it."""
    try:
        base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return False
    return True


def _ttl_ms(result: dict[str, Any], expires_s: int | None, now_s: float) -> int:
    given = result.get("ttlMs")
    told = given if isinstance(given, int) and not isinstance(given, bool) and given > 0 else 0
    return told if expires_s is None else max(0, min(told, int((expires_s - now_s) * 1000)))
