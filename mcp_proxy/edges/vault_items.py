"""A vault as a keychain: items by name, each a sealed entry `item:NAME`."""

from mcp_proxy.edges.vault import Vault

_PREFIX = "item:"


class VaultItems:
    """The store's `Keychain` over a vault; also raises C09 and HomeError."""

    def __init__(self, vault: Vault) -> None:
        """Opens nothing yet."""
        self._vault = vault

    def get(self, name: str) -> str | None:
        """The item's value, or None."""
        data = self._vault.read(_PREFIX + name)
        return None if data is None else data.decode(errors="surrogatepass")

    def set(self, name: str, value: str) -> None:
        """Create or replace the item; it is on disk when this returns."""
        self._vault.write(_PREFIX + name, {}, value.encode(errors="surrogatepass"))

    def delete(self, name: str) -> None:
        """Remove the item; one that is not there is no error."""
        self._vault.remove(_PREFIX + name)
