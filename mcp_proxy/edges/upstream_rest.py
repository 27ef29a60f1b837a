"""A REST API: one decided request out, one answer back."""

from mcp_proxy.core.answer import Answer, Emit, HttpAnswer, Wishes
from mcp_proxy.core.limits import Limits
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.request import Outgoing, RestRequest
from mcp_proxy.core.trace_context import with_headers
from mcp_proxy.edges.attempts import Trip, persist, settle
from mcp_proxy.edges.http import Authorizer, Link
from mcp_proxy.edges.network import DIRECT, Network

_ACCEPT = ("Accept", "application/json, text/*;q=0.8, */*;q=0.5")


class RestUpstream:
    """Sends `RestRequest`s to one API."""

    def __init__(
        self,
        spec: UpstreamSpec,
        authorizer: Authorizer,
        limits: Limits,
        network: Network = DIRECT,
    ) -> None:
        """Opens nothing yet."""
        self._link = Link(spec, authorizer, limits, network)
        self._limits = limits

    async def call(
        self, request: Outgoing, wishes: Wishes, emit: Emit, deadline_s: float
    ) -> Answer:
        """One answer within `deadline_s`, whatever the upstream does; there are no events."""

        async def work(trip: Trip) -> Answer:
            if not isinstance(request, RestRequest):
                raise TypeError("a REST upstream takes REST requests")
            made = request._replace(headers=_all_headers(request, wishes))
            return await persist(
                lambda: self._once(made, trip), trip, self._limits, retry_safe=made.retry_safe
            )

        return await settle(work, deadline_s, wishes.stopped)

    async def close(self) -> None:
        """Close the connections."""
        await self._link.close()

    async def _once(self, request: RestRequest, trip: Trip) -> HttpAnswer:
        async with self._link.send(
            request.method, request.url, request.headers, request.body, trip
        ) as reply:
            if not 200 <= reply.status < 300:
                raise await self._link.refused(reply)
            return HttpAnswer(reply.status, reply.content_type, await reply.read())


def _all_headers(request: RestRequest, wishes: Wishes) -> tuple[tuple[str, str], ...]:
    headers = request.headers
    if not any(name.lower() == "accept" for name, _ in headers):
        headers = (_ACCEPT, *headers)
    return with_headers(headers, wishes.trace)
