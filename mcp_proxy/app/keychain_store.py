"""Where a home's secrets lie: in the system's keychain, or in its vault under a passphrase.

Libraries are loaded by the first need of them: a profile without credentials, or with references
alone, never pays for a keychain. Settings are read at each use, so that a vault that is made
meanwhile counts for running processes too.
"""

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from mcp_proxy.app import warmup
from mcp_proxy.core.keychain_words import key_mend
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.credentials import CredentialStore, Keychain
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.edges.token_store import TokenStore
from mcp_proxy.edges.vault import Vault
from mcp_proxy.edges.vault_items import VaultItems
from mcp_proxy.errors import CredentialError


class _System(Keychain, Protocol):
    """The system's own, which may be locked."""

    def is_open(self) -> bool:
        """Whether a read would ask nobody to unlock it."""


def credential_store(home: Home) -> CredentialStore:
    """The store of that home; opens nothing yet."""
    return CredentialStore(home, lambda _home_id: home_keychain(home))


def token_store(home: Home) -> TokenStore:
    """The logins of that home; opens nothing yet."""
    return TokenStore(home, _vault(home))


def home_keychain(home: Home) -> Keychain:
    """The items of that home, wherever they lie; opens nothing yet."""
    return _HomeKeychain(home)


def store_name(home: Home) -> str:
    """What holds the items of that home, in a word: keychain or vault."""
    return "keychain" if read_settings(home).vault is None else "vault"


@contextmanager
def kept_key(instead: str = "") -> Iterator[None]:
    """Whatever a keychain refuses here is about a key: the next command is as `key_mend` says."""
    try:
        yield
    except CredentialError as error:
        raise CredentialError(error.id, error.why, key_mend(error.next, instead)) from None


def asks_nobody(home: Home) -> bool:
    """Whether `home_keychain` can be read now without a person being asked for anything.

    On macOS that cannot be told: there the answer is yes. Raises HomeError.
    """
    vault = read_settings(home).vault
    if vault is not None:
        return bool(vault.passphrase)
    if sys.platform == "linux" and not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return False  # known without loading the keychain's library
    try:
        return _open(home.id).is_open()
    except CredentialError:
        return False


def system_keychain(home: Home) -> Keychain:
    """The items of that home in the system's own keychain. Raises CredentialError C02."""
    return _open(home.id)


def vault_key(home: Home) -> bytes:
    """The key that seals the home's vault; asked for once in a process. Raises C02, C09."""
    return bytes(_key(home)())


class _HomeKeychain:
    """The system's keychain, or the vault where the settings have one."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._system: Keychain | None = None

    def get(self, name: str) -> str | None:
        """As `Keychain`."""
        return self._used().get(name)

    def set(self, name: str, value: str) -> None:
        """As `Keychain`."""
        self._used().set(name, value)

    def delete(self, name: str) -> None:
        """As `Keychain`."""
        self._used().delete(name)

    def _used(self) -> Keychain:
        if read_settings(self._home).vault is not None:
            return VaultItems(_vault(self._home))
        if self._system is None:
            self._system = system_keychain(self._home)
        return self._system


def _vault(home: Home) -> Vault:
    return Vault(home, lambda: vault_key(home))


@functools.cache
def _key(home: Home) -> Any:
    """One for each process and home, so that keychain or passphrase are asked once."""
    return warmup.load(warmup.VAULT_KEY).VaultKey(home, _open, _passphrase)


def _passphrase(reference: str) -> Secret:
    secret: Secret = warmup.load(warmup.VAULT_WORDS).passphrase(reference)
    return secret


def _open(home_id: str) -> _System:
    keychain: _System = warmup.load(warmup.KEYCHAIN).open_keychain(home_id)
    return keychain
