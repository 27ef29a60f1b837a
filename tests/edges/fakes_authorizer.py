"""An authorizer of profile `billing` over a store, for tests that need no login."""

import time

from mcp_proxy.edges.authorizer import Keeper, ProfileAuthorizer
from mcp_proxy.edges.credential_use import Grounds
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.uses import Uses


def no_keeper(_grounds: Grounds) -> Keeper:
    raise AssertionError("no upstream of the test is of kind oauth")


def static_authorizer(
    home: Home, store: CredentialStore, profile: str = "billing"
) -> ProfileAuthorizer:
    """Of pinned keys."""
    return ProfileAuthorizer(profile, ("keys",), store, Uses(home, time.time), no_keeper)
