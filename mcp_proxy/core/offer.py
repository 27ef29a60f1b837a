"""What a verified profile lets a session say at once: the answers to handshake and lists.

Everything here is ready before the world is: no tool line is parsed, the list is spliced by bytes.
"""

from typing import Any, NamedTuple

from mcp_proxy.core import eras, jsonrpc
from mcp_proxy.core.eras import Asked

# Methods of MCP that a profile of this version never offers; clients ask for them out of habit.
NEVER_OFFERED = frozenset(
    (
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "resources/subscribe",
        "resources/unsubscribe",
        "prompts/list",
        "prompts/get",
        "completion/complete",
    )
)


class Offer(NamedTuple):
    """The parts of a profile that the handshake and the list need."""

    title: str
    instructions: str
    tools_json: bytes
    expires_s: int | None
    logs: bool


class Refusal(NamedTuple):
    """Why there is no profile: every request is answered with this."""

    id: str
    why: str
    next: str


def initialize_result(offer: Offer, version: str) -> dict[str, Any]:
    """The legacy handshake's answer (2025-11-25, "Lifecycle")."""
    return {
        "protocolVersion": version,
        "capabilities": {"tools": {}, "logging": {}} if offer.logs else {"tools": {}},
        "serverInfo": _server_info(offer),
        **_instructions(offer),
    }


def discover_result(offer: Offer, ttl_ms: int) -> dict[str, Any]:
    """The answer to server/discover (2026-07-28, "Discovery")."""
    return {
        "resultType": "complete",
        "supportedVersions": list(eras.SUPPORTED),
        "capabilities": {"tools": {}, "logging": {}} if offer.logs else {"tools": {}},
        "ttlMs": ttl_ms,
        "cacheScope": "private",
        "_meta": {eras.SERVER_KEY: _server_info(offer)},
        **_instructions(offer),
    }


def list_line(offer: Offer, asked: Asked, ttl_ms: int) -> bytes:
    """The answer to tools/list; a list filtered by policy is private to its user."""
    if not eras.is_modern(asked.version):
        return jsonrpc.spliced_result_line(asked.id, b'{"tools":', offer.tools_json, b"}")
    before = b'{"resultType":"complete","tools":'
    after = b',"ttlMs":%d,"cacheScope":"private","_meta":{"%s":%s}}'
    after %= (ttl_ms, eras.SERVER_KEY.encode(), _SERVER_JSON)
    return jsonrpc.spliced_result_line(asked.id, before, offer.tools_json, after)


def ttl_ms(offer: Offer, now_s: float) -> int:
    """How long a list may be cached: an hour, and never past the profile's expiry."""
    if offer.expires_s is None:
        return _LIST_TTL_MS
    return max(0, min(_LIST_TTL_MS, int((offer.expires_s - now_s) * 1000)))


def _server_info(offer: Offer) -> dict[str, str]:
    return {**eras.SERVER_INFO, "title": offer.title} if offer.title else eras.SERVER_INFO


def _instructions(offer: Offer) -> dict[str, str]:
    return {"instructions": offer.instructions} if offer.instructions else {}


_LIST_TTL_MS = 3_600_000
_SERVER_JSON = b'{"name":"%s","version":"%s"}' % (
    eras.SERVER_INFO["name"].encode(),
    eras.SERVER_INFO["version"].encode(),
)
