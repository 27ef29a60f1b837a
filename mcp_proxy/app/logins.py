"""The keeper of one profile's logins, loaded by the first upstream that names OAuth."""

from mcp_proxy.app.keychain_store import token_store
from mcp_proxy.app.network import network_of
from mcp_proxy.edges import clock
from mcp_proxy.edges.credential_use import Grounds
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.token_keeper import TokenKeeper
from mcp_proxy.edges.token_renewal import Renewals


def open_keeper(home: Home, credentials: CredentialStore, grounds: Grounds) -> TokenKeeper:
    """Reads nothing yet."""
    store, network = token_store(home), network_of(home)
    renewals = Renewals(home, store, credentials, grounds, network, clock.now_s)
    return TokenKeeper(renewals, clock.now_s)
