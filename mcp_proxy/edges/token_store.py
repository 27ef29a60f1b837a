"""The token sets of OAuth logins, one entry `token:NAME` of the sealed file for each credential."""

import os

from mcp_proxy.core.token_set import TokenSet, about, dump_tokens, parse_tokens
from mcp_proxy.core.vault_file import damaged
from mcp_proxy.edges.files import FileLock, ensure_folder
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.vault import Vault

_PREFIX = "token:"


class TokenStore:
    """The logins of one home, by the credential's name."""

    def __init__(self, home: Home, vault: Vault) -> None:
        """Opens nothing yet."""
        self._home = home
        self._vault = vault

    def names(self) -> dict[str, dict[str, str]]:
        """Issuer, client and resource of each login; needs no key. Raises C09, HomeError."""
        return {
            name.removeprefix(_PREFIX): row
            for name, row in self._vault.names().items()
            if name.startswith(_PREFIX)
        }

    def open(self) -> None:
        """Ask for the key now, so that a login made next surely can be kept. Raises as `read`."""
        self._vault.open()

    def read(self, name: str) -> TokenSet | None:
        """The login of a credential, or None; blocks.

        Raises:
            CredentialError: C02 no answer from the keychain, C09 locked or damaged.
            HomeError: the file is not safe or not readable.
        """
        data = self._vault.read(_PREFIX + name)
        if data is None:
            return None
        try:
            return parse_tokens(data)
        except ValueError:
            why = f"The login of {name} was written by another version of mcp-proxy."
            raise damaged(why, "mcp-proxy login PROFILE") from None

    def write(self, name: str, tokens: TokenSet) -> None:
        """Create or replace; on disk when this returns. Raises as `read`."""
        self._vault.write(_PREFIX + name, about(tokens), dump_tokens(tokens))

    def reserve(self) -> int:
        """Room on disk for the next write, until `room.give_back`. Raises HomeError H03."""
        return self._vault.reserve()

    def remove(self, name: str) -> None:
        """Take the login away; one that is not there is no error. Raises C09, HomeError."""
        self._vault.remove(_PREFIX + name)

    def lock(self, name: str, *, wait: bool = True) -> FileLock:
        """The credential's one OS lock, for login, refresh and logout. Raises HomeError.

        Entering it blocks, or with `wait` off raises `files.Held` where another holds it.
        """
        folder = os.path.join(self._home.data, "logins")
        ensure_folder(folder)
        return FileLock(os.path.join(folder, f"{name}.lock"), wait=wait)
