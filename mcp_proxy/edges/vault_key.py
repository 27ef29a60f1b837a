"""The key of a home's vault: an item of the keychain, or under a passphrase in the file itself."""

import binascii
import os
import threading
from collections.abc import Callable

from mcp_proxy.core.passphrase import unwrap
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.vault_file import KEY_BYTES, VaultFile, damaged, key_id
from mcp_proxy.edges.credentials import Keychain
from mcp_proxy.edges.files import FileLock, ensure_folder
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.edges.vault import read_vault, vault_path

KEY_ITEM = "vault:key"


class VaultKey:
    """Gives the key; asks keychain or passphrase once, and again where the file names another."""

    def __init__(
        self,
        home: Home,
        opener: Callable[[str], Keychain],
        passphrase: Callable[[str], Secret],
    ) -> None:
        """`opener` makes the keychain of a home's id; `passphrase` reads the settings' reference.

        Each is called at the first need.
        """
        self._home = home
        self._opener = opener
        self._passphrase = passphrase
        self._held: bytes | None = None
        self._free = threading.Lock()

    def __call__(self) -> bytes:
        """The key's 32 bytes.

        Raises:
            CredentialError: C02 the keychain does not answer, C09 the key is not to be had.
            HomeError: settings or vault are not safe or not readable.
        """
        with self._free:
            file = read_vault(self._home)
            if self._held is None or file is None or file.key_id != key_id(self._held):
                self._held = self._find(file)
            return self._held

    def _find(self, file: VaultFile | None) -> bytes:
        vault = read_settings(self._home).vault
        if vault is None:
            return self._in_keychain(file)
        if file is None or file.wrapped is None:
            why = "The settings have a [vault], but no vault was made under a passphrase."
            raise damaged(why, "mcp-proxy vault init")
        return unwrap(self._passphrase(vault.passphrase), file.wrapped, file.home)

    def _in_keychain(self, file: VaultFile | None) -> bytes:
        if file is not None and file.wrapped is not None:
            why = "The vault is under a passphrase, but the settings have no [vault]."
            raise damaged(why, "mcp-proxy vault init")
        keychain = self._opener(self._home.id)
        text = keychain.get(KEY_ITEM)
        if text is None and file is not None:
            path = vault_path(self._home)
            raise damaged(
                f"The keychain holds no key for the vault {path}, so it cannot be opened.",
                f"move {path} away, then log in again",
            )
        return _parse_key(text) if text is not None else self._make(keychain)

    def _make(self, keychain: Keychain) -> bytes:
        ensure_folder(self._home.data)
        with FileLock(os.path.join(self._home.data, "vault-key.lock")):
            # Another process may have made it meanwhile; what the keychain gives back counts.
            if keychain.get(KEY_ITEM) is None:
                made = binascii.b2a_base64(os.urandom(KEY_BYTES), newline=False).decode()
                keychain.set(KEY_ITEM, made)
            return _parse_key(keychain.get(KEY_ITEM) or "")


def _parse_key(text: str) -> bytes:
    try:
        key = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise damaged(f"The keychain's item {KEY_ITEM} does not hold a vault's key.")
    return key
