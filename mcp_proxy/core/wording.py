"""How a result or an error, given in modern form, reads in a client's version of the protocol."""

from typing import Any

from mcp_proxy.core import eras
from mcp_proxy.core.eras import Asked
from mcp_proxy.core.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS

RESOURCE_NOT_FOUND = -32002  # until 2025-11-25; its number means nothing since
_LINK_REQUIRED = -32042  # 2025-11-25 alone

_OF_A_RESOURCE = ("resources/read", "resources/subscribe", "resources/unsubscribe")
_RESULT_TYPES = ("complete", "input_required", "task")
_MODERN_KEYS = ("resultType", "_meta")
_READ_KEYS = (*_MODERN_KEYS, "ttlMs", "cacheScope")


def worded(method: str, result: dict[str, Any], asked: Asked) -> dict[str, Any] | None:
    """The result of a method as the request's version words it; None if it has no such result."""
    result_type = result.get("resultType", "complete")
    meta = _meta(result)
    if eras.is_modern(asked.version):
        if result_type not in _RESULT_TYPES:
            return None
        body = {**result, **_caching(method, result, result_type), "resultType": result_type}
        return {**body, "_meta": {**meta, eras.SERVER_KEY: eras.SERVER_INFO}}
    if result_type != "complete":
        return None
    dropped = _READ_KEYS if method == "resources/read" else _MODERN_KEYS
    body = {key: item for key, item in result.items() if key not in dropped}
    if method == "tools/call":
        _drop_structure(body, asked.version)
    return {**body, "_meta": meta} if meta else body


def code_of(method: str, code: int, asked: Asked) -> int:
    """The error code that the request's version has for this."""
    if eras.is_modern(asked.version):
        renamed = {RESOURCE_NOT_FOUND: INVALID_PARAMS, _LINK_REQUIRED: INTERNAL_ERROR}
        return renamed.get(code, code)
    return RESOURCE_NOT_FOUND if is_missing_resource(method, code) else code


def is_missing_resource(method: str, code: int) -> bool:
    """Whether an error says, in either era, that there is no such resource.

    The session has checked the form of the params, so nothing else of them can be invalid.
    """
    return method in _OF_A_RESOURCE and code in (RESOURCE_NOT_FOUND, INVALID_PARAMS)


def _meta(result: dict[str, Any]) -> dict[str, Any]:
    """An upstream's `_meta`; who the server is, and which subscription, is ours to say."""
    given = result.get("_meta")
    ours = (eras.SERVER_KEY, eras.SUBSCRIPTION_KEY)
    return {k: v for k, v in given.items() if k not in ours} if isinstance(given, dict) else {}


def _caching(method: str, result: dict[str, Any], result_type: Any) -> dict[str, Any]:
    """What 2026-07-28 demands of a complete read ("Caching")."""
    if method != "resources/read" or result_type != "complete":
        return {}
    ttl_ms = result.get("ttlMs")
    is_ttl = isinstance(ttl_ms, int) and not isinstance(ttl_ms, bool) and ttl_ms > 0
    return {"ttlMs": ttl_ms if is_ttl else 0, "cacheScope": "private"}


def _drop_structure(body: dict[str, Any], version: str) -> None:
    """structuredContent exists since 2025-06-18 and was an object until 2025-11-25."""
    is_early = version in ("2025-03-26", "2024-11-05")
    if is_early or not isinstance(body.get("structuredContent"), dict):
        body.pop("structuredContent", None)
