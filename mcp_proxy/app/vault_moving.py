"""What a new vault takes along from the keychain: copies of the items that a home can know."""

from typing import NamedTuple

from mcp_proxy.app.audit_keys import KEY_ITEM as AUDIT_KEY
from mcp_proxy.app.keychain_store import system_keychain
from mcp_proxy.app.signing_keys import OWN_NAMES
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.credentials import item_name
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.edges.vault_items import VaultItems
from mcp_proxy.errors import CredentialError


class Copied(NamedTuple):
    """Items by name, and the credentials that the keychain did not give; `silent` is why, or ""."""

    items: dict[str, Secret]
    left: tuple[str, ...]
    silent: str


def read_known(home: Home, *, keys: bool = True) -> Copied:
    """The items of the settings' credentials; with `keys` the signing keys of our own names too,
    and the one of the audit log.

    A keychain that does not answer once is not asked again. Raises HomeError.
    """
    held = read_settings(home).credentials
    credentials = sorted(name for name, reference in held.items() if reference is None)
    signing = [f"signing:{name}" for name in OWN_NAMES] + [AUDIT_KEY] if keys else []
    wanted = [*map(item_name, credentials), *signing]
    found: dict[str, Secret] = {}
    silent = ""
    try:
        for name in wanted:
            if (text := system_keychain(home).get(name)) is not None:
                found[name] = Secret(text)
    except CredentialError as error:
        silent = error.why
    return Copied(found, tuple(c for c in credentials if item_name(c) not in found), silent)


def without(copied: Copied, items: VaultItems) -> Copied:
    """What the vault lacks of it. Raises CredentialError C09."""
    lacking = {name: item for name, item in copied.items.items() if items.get(name) is None}
    left = tuple(name for name in copied.left if items.get(item_name(name)) is None)
    return copied._replace(items=lacking, left=left)


def write_items(copied: Copied, items: VaultItems) -> None:
    """Puts them into the vault. Raises CredentialError C09, HomeError."""
    for name, secret in copied.items.items():
        items.set(name, secret.reveal())
