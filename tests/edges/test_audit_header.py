"""The ledger's head goes along with requests to upstreams, by REST and by MCP, and nowhere else."""

import asyncio

from edges.fakes_http import FakeAuthorizer, Loopback, always, http

from mcp_proxy.core.answer import Answer, HttpAnswer, Wishes
from mcp_proxy.core.audit_anchor import HEADER
from mcp_proxy.core.authorization import Headers
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.request import RestRequest
from mcp_proxy.edges.network import Network
from mcp_proxy.edges.upstream_rest import RestUpstream

HEAD = "12 " + "ab" * 32
SENDER = FakeAuthorizer(("Authorization", "Bearer x"))


def heard(network: Network, *headers: tuple[str, str]) -> dict[str, str]:
    """The headers of one request over that network."""

    async def main() -> dict[str, str]:
        async with Loopback(always(http(200, b"ok"))) as server:
            upstream = RestUpstream(server.spec(), SENDER, LIMITS, network)
            request = RestRequest("GET", server.url + "/x", headers, None, retry_safe=True)
            answer: Answer = await upstream.call(request, Wishes({}), lambda _event: None, 5.0)
            await upstream.close()
            assert isinstance(answer, HttpAnswer)
            return server.heard[0].headers

    return asyncio.run(main())


def along(*rows: tuple[str, str]) -> Network:
    def given() -> Headers:
        return rows

    return Network(along=given)


def test_it_is_one_more_header_of_each_request() -> None:
    plain, told = heard(along()), heard(along((HEADER, HEAD)))
    assert told.pop(HEADER.lower()) == HEAD
    assert told.keys() == plain.keys()


def test_a_header_of_the_call_or_the_credential_is_not_doubled() -> None:
    assert heard(along((HEADER, HEAD)), (HEADER, "the call's"))[HEADER.lower()] == "the call's"
    assert heard(along(("authorization", "y")))["authorization"] == "Bearer x"


def test_s9_hosts_that_untrusted_metadata_names_are_not_told() -> None:
    guarded = along((HEADER, HEAD)).guarded(frozenset({"127.0.0.1"}))
    assert HEADER.lower() not in heard(guarded)
