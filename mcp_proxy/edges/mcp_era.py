"""Which era a gateway speaks: found by its first answer, kept for as long as it holds."""

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

from mcp_proxy.core import eras
from mcp_proxy.core.answer import Wishes
from mcp_proxy.core.limits import Limits
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.http import Authorizer, Link
from mcp_proxy.edges.mcp_http import HttpWire
from mcp_proxy.edges.mcp_legacy import LegacyEra
from mcp_proxy.edges.mcp_modern import ModernEra
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
from mcp_proxy.edges.single_flight import SingleFlight

Era = ModernEra | LegacyEra

# About the credential or the load: they say nothing about the era.
_NO_VERDICT = frozenset({401, 403, 407, 408, 425, 429})


class Gateway:
    """One MCP upstream over streamable HTTP, whichever era it speaks."""

    def __init__(self, spec: UpstreamSpec, authorizer: Authorizer, limits: Limits) -> None:
        """Opens nothing yet."""
        self._wire: Wire = HttpWire(Link(spec, authorizer, limits))
        self._ids = itertools.count(1)
        self._era: SingleFlight[Era] = SingleFlight(self._find)

    async def ask(self, ask: Ask, trip: Trip) -> dict[str, Any] | Halt:
        """The result of one request, or its questions. Raises Broken, CredentialError."""
        era = await self._era.get()
        try:
            return await era.ask(ask, trip)
        except Broken as broken:
            if era.is_over(broken):
                self._era.forget(era)
            raise

    async def close(self) -> None:
        """End a legacy session and close the connections."""
        era = self._era.found()
        await self._era.close()
        if era is not None:
            await era.close()
        await self._wire.close()

    async def _find(self) -> Era:
        deadline_s = self._wire.spec.deadline_ms / 1000
        try:
            async with asyncio.timeout(deadline_s):
                modern = await probe(self._wire, self._ids, Trip(deadline_s))
        except TimeoutError:
            text = (
                f"The upstream did not tell its protocol version within {deadline_s:.3g} seconds."
            )
            raise Broken("MCPX-U02", text) from None
        return ModernEra(self._wire, self._ids) if modern else LegacyEra(self._wire, self._ids)


async def probe(wire: Wire, ids: Iterator[int], trip: Trip) -> bool:
    """Whether the gateway is modern, by its answer to server/discover. Raises Broken if unknown."""
    discover = Ask("server/discover", {}, None, (), Wishes({}), silent)
    try:
        result = await ModernEra(wire, ids).ask(discover, trip)
    except GatewayError as error:
        return _verdict(error)
    except Broken as broken:
        status = broken.status
        # 202: a server that takes whatever is not its own for a notification.
        if status == 202 or (status and 400 <= status < 500 and status not in _NO_VERDICT):
            return False
        raise
    return _is_modern(result.get("supportedVersions", [eras.MODERN]))


def _verdict(error: GatewayError) -> bool:
    """MCP 2026-07-28, Streamable HTTP, backward compatibility."""
    if error.status is not None and error.status >= 500:
        raise error
    if error.code == UNSUPPORTED_VERSION:
        supported = error.data.get("supported") if isinstance(error.data, dict) else None
        return _is_modern(supported)
    if error.code in (HEADER_MISMATCH, MISSING_CAPABILITY):
        return True
    return error.code == METHOD_NOT_FOUND and error.status == 404


def _is_modern(versions: Any) -> bool:
    listed = versions if isinstance(versions, list) else []
    if eras.MODERN in listed:
        return True
    if any(version in listed for version in eras.LEGACY):
        return False
    raise protocol_broken("names no protocol version that is known here")
