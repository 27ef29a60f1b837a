"""The question that finds the era: server/discover, and what its answer or its absence says.

MCP 2026-07-28, "Backward compatibility" of streamable HTTP and of stdio.
"""

import asyncio
from typing import Any

from mcp_proxy.core import eras
from mcp_proxy.core.answer import Wishes
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.mcp_modern import DISCOVER, ModernEra
from mcp_proxy.edges.mcp_wire import (
    HEADER_MISMATCH,
    METHOD_NOT_FOUND,
    MISSING_CAPABILITY,
    UNSUPPORTED_VERSION,
    Ask,
    GatewayError,
    Halt,
    Wire,
    silent,
)
from mcp_proxy.edges.refusals import protocol_broken

# About the credential or the load: they say nothing about the era.
_NO_VERDICT = frozenset({401, 403, 407, 408, 425, 429})
_DISCOVER = Ask(DISCOVER, {}, None, (), Wishes({}), silent)


async def is_modern(era: ModernEra, wire: Wire, trip: Trip) -> bool:
    """Whether the upstream is modern. Raises Broken if its answer does not tell."""
    # Over one channel a server of the other era may stay silent; HTTP always has a status.
    patience_s = min(wire.limits.era_probe_ms, wire.spec.deadline_ms // 2) / 1000
    try:
        async with asyncio.timeout(patience_s if wire.duplex else None):
            result = await era.ask(_DISCOVER, trip)
    except TimeoutError:
        return False
    except GatewayError as error:
        return _verdict(error)
    except Broken as broken:
        status = broken.status
        # 202: a server that takes whatever is not its own for a notification.
        # Lost: a local server of the other era may end at a first message that it does not know.
        if broken.over and broken.again == "lost":
            return False
        if status == 202 or (status and 400 <= status < 500 and status not in _NO_VERDICT):
            return False
        raise
    if isinstance(result, Halt):
        raise protocol_broken("asks before it tells its protocol version")
    # A server that answers whatever it does not know with an empty result has not heard of this.
    return "supportedVersions" in result and _names_modern(result["supportedVersions"])


def _verdict(error: GatewayError) -> bool:
    if error.status is not None and error.status >= 500:
        raise error
    if error.code == UNSUPPORTED_VERSION:
        supported = error.data.get("supported") if isinstance(error.data, dict) else None
        return _names_modern(supported)
    if error.code in (HEADER_MISMATCH, MISSING_CAPABILITY):
        return True
    return error.code == METHOD_NOT_FOUND and error.status == 404


def _names_modern(versions: Any) -> bool:
    listed = versions if isinstance(versions, list) else []
    if eras.MODERN in listed:
        return True
    if any(version in listed for version in eras.LEGACY):
        return False
    raise protocol_broken("names no protocol version that is known here")
