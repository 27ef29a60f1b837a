"""Which scopes a login asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.client.auth.utils import get_client_metadata_scopes, union_scopes
from mcp.shared.auth import OAuthMetadata, ProtectedResourceMetadata

from mcp_proxy.core.oauth_scopes import Scopes, choose, split_scopes, union

SCOPES = st.lists(st.sampled_from(["read", "write", "admin", "offline_access"]), unique=True).map(
    tuple
)


@given(SCOPES, SCOPES)
def test_a_union_is_that_of_the_sdk(first: Scopes, second: Scopes) -> None:
    theirs = union_scopes(" ".join(first) or None, " ".join(second) or None) or ""
    assert union(first, second) == split_scopes(theirs)


@given(st.none() | SCOPES.filter(bool), st.none() | SCOPES.filter(bool), st.none() | SCOPES)
def test_without_scopes_in_the_profile_the_choice_is_that_of_the_sdk(
    challenge: Scopes | None, resource: Scopes | None, server: Scopes | None
) -> None:
    if challenge is None and resource is None:
        # The SDK then asks for all that the server has; MCP says to name none.
        assert choose(None, None, (), server) == ()
        return
    metadata = ProtectedResourceMetadata(
        resource="https://a.example/mcp",
        authorization_servers=["https://b.example"],
        scopes_supported=None if resource is None else list(resource),
    )
    theirs = get_client_metadata_scopes(
        None if challenge is None else " ".join(challenge),
        metadata,
        OAuthMetadata(
            issuer="https://b.example",
            authorization_endpoint="https://b.example/a",
            token_endpoint="https://b.example/t",
            scopes_supported=None if server is None else list(server),
        ),
        ["authorization_code", "refresh_token"],
    )
    assert choose(challenge, resource, (), server) == split_scopes(theirs or "")


@pytest.mark.parametrize(
    ("challenge", "resource", "profile", "server", "chosen"),
    [
        (None, ("all", "more"), ("mine",), None, ("mine",)),
        (("asked",), ("all",), ("mine",), None, ("mine", "asked")),
        ((), ("all",), ("mine",), None, ("mine",)),
        ((), ("all",), (), None, ()),
        (None, None, ("mine",), ("offline_access",), ("mine", "offline_access")),
        (None, None, (), ("offline_access",), ()),
    ],
)
def test_the_profiles_scopes_come_beside_those_that_are_demanded(
    challenge: Scopes | None,
    resource: Scopes | None,
    profile: Scopes,
    server: Scopes | None,
    chosen: Scopes,
) -> None:
    assert choose(challenge, resource, profile, server) == chosen


def test_what_is_no_scope_is_left_out() -> None:
    assert split_scopes('a "b" c\\d \x1b[31m é e a') == ("a", "e")
    assert split_scopes("x" * 257 + " y") == ("y",)
