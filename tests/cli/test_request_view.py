"""A request as it is shown: each kind of credential at its place, and masked."""

import pytest

from mcp_proxy.cli.request_view import plain_request, request_lines
from mcp_proxy.core.profile import Auth, Aws, OAuth, UpstreamSpec
from mcp_proxy.core.request import McpRequest, RestRequest

REST = RestRequest("GET", "https://a.example.com/v1?q=1", (("X-A", "b"),), None, retry_safe=True)
MASK = "********"


def shown(auth: Auth | OAuth | Aws | None) -> list[str]:
    spec = UpstreamSpec("rest", "https://a.example.com/v1", auth, 1, ())
    return request_lines(REST, spec)


@pytest.mark.parametrize(
    ("auth", "lines"),
    [
        (None, []),
        (Auth("bearer", "c", "Authorization"), [f"Authorization: {MASK}"]),
        (Auth("header", "c", "X-Key"), [f"X-Key: {MASK}"]),
        (OAuth("oauth", "c", "id_jag", "", "", "", (), ()), [f"Authorization: {MASK}"]),
        (Auth("mtls", "c", ""), []),
        (Aws("sigv4", "c", "eu", "s3"), [f"X-Amz-Date: {MASK}", f"Authorization: {MASK}"]),
    ],
)
def test_the_credential_stands_masked_in_its_headers(
    auth: Auth | OAuth | Aws | None, lines: list[str]
) -> None:
    assert shown(auth) == ["GET https://a.example.com/v1?q=1", *lines, "X-A: b"]


def test_a_key_in_the_query_stands_masked_at_its_end() -> None:
    auth = Auth("query", "c", "api_key")
    assert shown(auth) == [f"GET https://a.example.com/v1?q=1&api_key={MASK}", "X-A: b"]
    spec = UpstreamSpec("mcp", "https://a.example.com/mcp", auth, 1, ())
    call = McpRequest("tools/call", {"name": "t", "arguments": {}}, "t", (), retry_safe=False)
    told = plain_request(call, spec)
    assert told is not None
    assert told["url"] == f"https://a.example.com/mcp?api_key={MASK}"
    assert told["headers"] == []
