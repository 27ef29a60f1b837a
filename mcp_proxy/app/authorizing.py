"""The authorizer of one profile, over this home's credentials and logins."""

from mcp_proxy.app import warmup
from mcp_proxy.app.keychain_store import credential_store
from mcp_proxy.edges import clock
from mcp_proxy.edges.authorizer import Keeper, ProfileAuthorizer
from mcp_proxy.edges.credential_use import Grounds
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.uses import Uses


def profile_authorizer(home: Home, profile: str, root: tuple[str, ...]) -> ProfileAuthorizer:
    """Reads nothing yet; `root` is the trust root that answers for the profile."""
    credentials = credential_store(home)

    def open_keeper(grounds: Grounds) -> Keeper:
        keeper: Keeper = warmup.load(warmup.LOGINS).open_keeper(home, credentials, grounds)
        return keeper

    return ProfileAuthorizer(profile, root, credentials, Uses(home, clock.now_s), open_keeper)
