"""The commands of the vault: a passphrase instead of a keychain, its change, and what is in it."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from mcp_proxy.app import admin_log
from mcp_proxy.app.keychain_store import system_keychain, token_store, vault_key
from mcp_proxy.app.vault_moving import Copied, read_known, without, write_items
from mcp_proxy.app.vault_passphrase import passphrase
from mcp_proxy.core.passphrase import SALT_BYTES, check_passphrase, unwrap, wrap
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.vault_file import KEY_BYTES, NONCE_BYTES, VaultFile
from mcp_proxy.edges.files import FileLock
from mcp_proxy.edges.places import Home, ensure_home, find_home
from mcp_proxy.edges.profile_store import bump_generation
from mcp_proxy.edges.reference_command import fix_source
from mcp_proxy.edges.settings import read_settings, write_settings
from mcp_proxy.edges.settings_credentials import parse_source
from mcp_proxy.edges.settings_vault import VaultSettings
from mcp_proxy.edges.vault import Vault, change_key, read_vault, vault_path
from mcp_proxy.edges.vault_items import VaultItems
from mcp_proxy.edges.vault_key import KEY_ITEM
from mcp_proxy.errors import UsageError


class Made(NamedTuple):
    """`taken` are the items that were copied from the keychain, such as `signing:default`.

    `left` are the credentials whose items it did not give; `silent` is why it gave none, or "".
    `was_there`: the vault was under the passphrase before.
    """

    path: str
    source: str
    taken: tuple[str, ...]
    left: tuple[str, ...]
    silent: str
    was_there: bool = False


class Shown(NamedTuple):
    """`key` is keychain, passphrase or none; `source` the reference of the passphrase, if any.

    `logins` and `items` are names of entries.
    """

    path: str
    key: str
    source: str
    logins: tuple[str, ...]
    items: tuple[str, ...]


def init(source: str, ask_new: Callable[[], str]) -> Made:
    """Keeps this home's secrets under a passphrase from now on, in the vault.

    `source` is a reference or "", and then `ask_new` asks the person. Logins so far are taken
    along, and copies of what the keychain holds. Where the vault is under a passphrase already,
    the source of it is recorded anew, and credentials that it lacks are copied.

    Raises:
        UsageError: W01 the reference or the passphrase is not right.
        CredentialError: C02, C09 the reference gives nothing, or the vault cannot be opened.
        AuditError: A01, and nothing was changed.
    """
    home = ensure_home()
    source = _fixed(source)
    file = read_vault(home)
    if file is not None and file.wrapped is not None:
        return _again(home, source, unwrap(passphrase(source), file.wrapped, home.id))
    secret = _new(source, ask_new)
    copied = read_known(home)
    # Read now, while the key is still the keychain's.
    old = None if file is None else vault_key(home)
    _log_init(home, source, copied, made=True)
    key = os.urandom(KEY_BYTES)
    with _without_renewals(home):
        _seal_under(home, secret, old, key)
        write_items(copied, _items(home, key))
        _record_source(home, source)
    if file is not None:
        system_keychain(home).delete(KEY_ITEM)
    return _made(home, source, copied)


def _again(home: Home, source: str, key: bytes) -> Made:
    copied = without(read_known(home, keys=False), _items(home, key))
    _log_init(home, source, copied, made=False)
    write_items(copied, _items(home, key))
    _record_source(home, source)
    return _made(home, source, copied)._replace(was_there=True)


def _log_init(home: Home, source: str, copied: Copied, *, made: bool) -> None:
    taken = " ".join(copied.items)
    admin_log.record(home, "vault init", source=source or "asked", made=made, taken=taken)


def _made(home: Home, source: str, copied: Copied) -> Made:
    silent = copied.silent
    return Made(vault_path(home), source, tuple(copied.items), copied.left, silent)


def _items(home: Home, key: bytes) -> VaultItems:
    return VaultItems(Vault(home, lambda: key))


def change_passphrase(source: str, ask_new: Callable[[], str]) -> str:
    """Puts the vault's key under another passphrase; the source that is recorded then.

    Its entries and running processes stay as they are. Without `source` the person is asked, and
    the source recorded before stays.

    Raises:
        UsageError: W01 the reference or the passphrase is not right, or there is no vault.
        CredentialError: C09 the present passphrase does not open the vault.
        AuditError: A01, and nothing was changed.
    """
    home = find_home()
    settings, file = read_settings(home).vault, read_vault(home)
    if settings is None or file is None or file.wrapped is None:
        why = "This home's vault is not under a passphrase."
        raise UsageError("MCPX-W01", why, "mcp-proxy vault init")
    source = _fixed(source)
    key = unwrap(passphrase(settings.passphrase), file.wrapped, home.id)
    secret = _new(source, ask_new)
    admin_log.record(home, "vault passphrase", source=source or "asked")
    _seal_under(home, secret, key, key)
    recorded = source or settings.passphrase
    _record_source(home, recorded)
    return recorded


def show() -> Shown:
    """What the vault of this home is, without opening it.

    Raises:
        CredentialError: C09 it is damaged.
        HomeError: it is not safe or not readable.
    """
    home = find_home()
    settings, file = read_settings(home).vault, read_vault(home)
    names = () if file is None else tuple(sorted(file.entries))
    return Shown(
        vault_path(home),
        _kind(file),
        "" if settings is None else settings.passphrase,
        tuple(name.removeprefix("token:") for name in names if name.startswith("token:")),
        tuple(name.removeprefix("item:") for name in names if name.startswith("item:")),
    )


def _kind(file: VaultFile | None) -> str:
    if file is None:
        return "none"
    return "keychain" if file.wrapped is None else "passphrase"


def _fixed(source: str) -> str:
    try:
        return fix_source(parse_source(source)).text if source else ""
    except ValueError as error:
        raise UsageError("MCPX-W01", str(error), "mcp-proxy vault init --help") from None


def _new(source: str, ask_new: Callable[[], str]) -> Secret:
    if source:
        return passphrase(source)
    try:
        return check_passphrase(ask_new())
    except ValueError as error:
        raise UsageError("MCPX-W01", str(error), "repeat the command with another one") from None


def _seal_under(home: Home, secret: Secret, old: bytes | None, new: bytes) -> None:
    wrapped = wrap(secret, new, home.id, os.urandom(SALT_BYTES + NONCE_BYTES))
    change_key(home, old, new, wrapped)


@contextlib.contextmanager
def _without_renewals(home: Home) -> Iterator[None]:
    """Waits for those under way: between file and settings no process could seal their result."""
    store = token_store(home)
    with contextlib.ExitStack() as held:
        for name in sorted(store.names()):
            held.enter_context(store.lock(name))
        yield


def _record_source(home: Home, source: str) -> None:
    with FileLock(os.path.join(home.config, "settings.lock")):
        settings = read_settings(home)
        write_settings(home, settings._replace(vault=VaultSettings(source)))
        bump_generation(home)
