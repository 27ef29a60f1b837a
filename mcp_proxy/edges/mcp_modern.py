"""The modern era (2026-07-28 and later): no session, each request describes itself."""

from collections.abc import Iterator
from typing import Any

from mcp_proxy.core import eras
from mcp_proxy.core.mcp_headers import name_header
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.mcp_wire import UNSUPPORTED_VERSION, Ask, GatewayError, Wire, request_message
from mcp_proxy.edges.refusals import protocol_broken


class ModernEra:
    """Requests to a gateway that needs no handshake. Cancelling one closes its stream."""

    def __init__(self, wire: Wire, ids: Iterator[int]) -> None:
        """`ids` gives each request of the upstream a new one."""
        self._wire = wire
        self._ids = ids

    async def ask(self, ask: Ask, trip: Trip) -> dict[str, Any]:
        """The result of one request. Raises Broken."""
        request_id = next(self._ids)
        params = {**ask.params, "_meta": self._meta(ask, request_id)}
        message = request_message(request_id, ask.method, params)
        headers = [("MCP-Protocol-Version", eras.MODERN), ("Mcp-Method", ask.method)]
        if ask.name is not None:
            headers.append(name_header(ask.name))
        listener = _ModernListener(ask, request_id)
        sent = (*headers, *ask.headers)
        result, _ = await self._wire.request(message, sent, listener, trip)
        return result

    def is_over(self, broken: Broken) -> bool:
        """Whether a failure says that the gateway is of another era now."""
        if isinstance(broken, GatewayError):
            return broken.code == UNSUPPORTED_VERSION
        return broken.status in (400, 404, 405)

    async def close(self) -> None:
        """Nothing is held."""

    def _meta(self, ask: Ask, request_id: int) -> dict[str, Any]:
        features, wishes = self._wire.spec.features, ask.wishes
        meta: dict[str, Any] = {
            eras.VERSION_KEY: eras.MODERN,
            eras.CAPABILITIES_KEY: wishes.capabilities,
            eras.CLIENT_KEY: eras.SERVER_INFO,
        }
        if wishes.progress and "progress" in features:
            meta["progressToken"] = request_id
        if wishes.log_level is not None and "logging" in features:
            meta[eras.LOG_LEVEL_KEY] = wishes.log_level
        return meta


class _ModernListener:
    """Hands notifications on; a request of the server breaks the protocol of this era."""

    def __init__(self, ask: Ask, request_id: int) -> None:
        self._ask = ask
        self._id = request_id

    def notified(self, message: dict[str, Any]) -> None:
        self._ask.hear(message, self._id)

    async def asked(self, message: dict[str, Any]) -> None:
        raise protocol_broken("holds a request, which this protocol version forbids")
