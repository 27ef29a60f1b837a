"""The two protocol eras: versions, envelope keys, and what each request brings of its own.

Modern (2026-07-28 and later) requests describe themselves in `params._meta`; legacy ones
(2024-11-05 to 2025-11-25) follow the initialize handshake.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from mcp_proxy import __version__
from mcp_proxy.core.jsonrpc import Id

MODERN = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
SUPPORTED = (MODERN, *LEGACY)

PREFIX = "io.modelcontextprotocol/"
VERSION_KEY = PREFIX + "protocolVersion"
CAPABILITIES_KEY = PREFIX + "clientCapabilities"
CLIENT_KEY = PREFIX + "clientInfo"
SERVER_KEY = PREFIX + "serverInfo"
LOG_LEVEL_KEY = PREFIX + "logLevel"
SUBSCRIPTION_KEY = PREFIX + "subscriptionId"
TASKS = PREFIX + "tasks"
APPS = PREFIX + "ui"

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")

SERVER_INFO = {"name": "mcp-proxy", "version": __version__}


class Asked(NamedTuple):
    """What the answer to one request has to respect. `version` names its era.

    `capabilities` are the client's: of this request (modern), or of the handshake. `trace` is what
    the request's `_meta` says of its span, unchecked.
    """

    id: Id
    version: str
    progress_token: Id | None
    log_level: str | None
    capabilities: dict[str, Any]
    trace: Mapping[str, Any] = {}


def is_modern(version: str) -> bool:
    """Whether a protocol version belongs to the era without a handshake."""
    return version not in LEGACY
