"""A home's credentials over the system's keychain, whose library is loaded by the first need of it.

A profile without credentials, or with references alone, never pays for it.
"""

from mcp_proxy.app import warmup
from mcp_proxy.edges.credentials import CredentialStore, Keychain
from mcp_proxy.edges.places import Home


def credential_store(home: Home) -> CredentialStore:
    """The store of that home; opens nothing yet."""
    return CredentialStore(home, _open)


def _open(home_id: str) -> Keychain:
    keychain: Keychain = warmup.load(warmup.KEYCHAIN).open_keychain(home_id)
    return keychain
