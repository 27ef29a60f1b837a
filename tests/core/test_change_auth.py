"""A credential's terms, version against version: narrower only by fewer scopes (S5)."""

from typing import Any

import pytest

from mcp_proxy.core.change import NARROWER, WIDER, Change
from mcp_proxy.core.change_entries import upstream_changes
from mcp_proxy.core.profile import Auth, Aws, Identity, OAuth, UpstreamSpec

OLD = OAuth(
    *("oauth", "shop", "authorization_code", "https://login.example.com", "us", ""),
    scopes=("read", "write"),
    endpoints=(("token", "https://login.example.com/t"),),
)


def changes(old: Any, new: Any) -> list[Change]:
    old, new = (UpstreamSpec("rest", "https://a.example.com", auth, 1, ()) for auth in (old, new))
    return list(upstream_changes({"shop": old}, {"shop": new}))


def test_s5_fewer_scopes_are_narrower_and_the_way_back_is_wider() -> None:
    fewer = OLD._replace(scopes=("read",))
    (change,) = changes(OLD, fewer)
    assert change.kind == NARROWER
    assert "scopes=read,write" in change.words
    assert [one.kind for one in changes(fewer, OLD)] == [WIDER]


OTHERS = {
    "no scopes named": OLD._replace(scopes=()),
    "other scopes": OLD._replace(scopes=("admin",)),
    "reordered scopes": OLD._replace(scopes=("write", "read")),
    "issuer": OLD._replace(issuer="https://evil.example"),
    "fewer scopes at another issuer": OLD._replace(scopes=("read",), issuer="https://evil.example"),
    "client": OLD._replace(client_id="other"),
    "grant": OLD._replace(grant="client_credentials"),
    "endpoint": OLD._replace(endpoints=(("token", "https://evil.example/t"),)),
    "no endpoints": OLD._replace(endpoints=()),
    "credential": OLD._replace(credential="other"),
    "document": OLD._replace(client_metadata="https://us.example.com/c"),
    "identity": OLD._replace(identity=Identity("https://idp.example.com", "we")),
    "static": Auth("bearer", "shop", "Authorization"),
    "query": Auth("query", "shop", "key"),
    "aws": Aws("sigv4", "shop", "eu-central-1", "s3"),
    "none": None,
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_s5_any_other_change_of_a_credential_is_wider_both_ways(other: Any) -> None:
    for old, new in ((OLD, other), (other, OLD)):
        (change,) = changes(old, new)
        assert change.kind == WIDER
        assert change.words.count(" -> ") == 1
        before, after = change.words.split(" -> ")
        assert before.removeprefix("credential: ") != after


def test_s5_scopes_that_were_left_to_the_server_and_are_named_now_are_wider() -> None:
    assert [one.kind for one in changes(OLD._replace(scopes=()), OLD)] == [WIDER]
