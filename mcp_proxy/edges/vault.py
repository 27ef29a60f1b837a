"""The sealed file of one home: entries by name, changed under an OS lock, replaced in one step."""

import os
from collections.abc import Callable

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.vault_file import (
    NONCE_BYTES,
    Entry,
    Place,
    VaultFile,
    Wrapped,
    damaged,
    dump_vault,
    key_id,
    parse_vault,
    seal,
    unseal,
)
from mcp_proxy.edges.files import FileLock, broken, ensure_folder, read_file, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.room import reserve

# Two tokens at their longest, in base64.
_GROWTH_BYTES = 3 * LIMITS.oauth_token_chars


class Vault:
    """Sealed entries, such as `token:billing-api`; a file that cannot be read is never replaced."""

    def __init__(self, home: Home, key: Callable[[], bytes]) -> None:
        """`key` gives the 32 bytes that seal; it is asked when an entry is opened or sealed."""
        self._home = home
        self._key = key

    def names(self) -> dict[str, dict[str, str]]:
        """What is said of each entry in the clear, by name; needs no key. Raises C09, HomeError."""
        file = read_vault(self._home)
        return {} if file is None else {name: item.about for name, item in file.entries.items()}

    def open(self) -> None:
        """Ask for the key now, so that what comes later surely can be sealed. Raises as `read`."""
        file = read_vault(self._home)
        if file is None:
            self._key()
        else:
            self._fitting(file)

    def read(self, name: str) -> bytes | None:
        """An entry's data, or None where there is none.

        Raises:
            CredentialError: C09 damaged, or sealed with another key; C02 no answer from a keychain.
            HomeError: H02, H03 the file is not safe or not readable.
        """
        file = read_vault(self._home)
        if file is None or name not in file.entries:
            return None
        return unseal(self._fitting(file), file.home, name, file.entries[name])

    def write(self, name: str, about: dict[str, str], data: bytes) -> None:
        """Create or replace an entry; it is on disk when this returns. Raises as `read`."""
        self._key()  # before the lock, for a keychain may make us wait
        with vault_lock(self._home):
            file = read_vault(self._home)
            if file is None:
                file = VaultFile(self._home.id, key_id(self._key()), None, {})
            place = Place(file.home, name, about)
            entry = seal(self._fitting(file), os.urandom(NONCE_BYTES), place, data)
            # Nobody's new entry takes the place that another's next token may need.
            spare = 0 if name in file.entries else _GROWTH_BYTES
            _replace(self._home, file._replace(entries={**file.entries, name: entry}), spare)

    def remove(self, name: str) -> None:
        """Take an entry away; one that is not there is no error. Raises C09, HomeError."""
        if name not in self.names():
            return
        with vault_lock(self._home):
            file = read_vault(self._home)
            if file is not None and name in file.entries:
                rest = {key: entry for key, entry in file.entries.items() if key != name}
                _replace(self._home, file._replace(entries=rest))

    def reserve(self) -> int:
        """Room for one more write, until `room.give_back`. Raises HomeError H03."""
        path = vault_path(self._home)
        try:
            size = os.stat(path).st_size + _GROWTH_BYTES
            return reserve(f"{path}.{os.urandom(8).hex()}.room", size)
        except OSError as error:
            raise broken(path, error) from None

    def _fitting(self, file: VaultFile) -> bytes:
        key = self._key()
        if key_id(key) != file.key_id:
            raise damaged("The vault was sealed with another key than the one that is held here.")
        return key


def read_vault(home: Home) -> VaultFile | None:
    """The file as values; None where there is none yet.

    Raises:
        CredentialError: C09 damaged, or of another home.
        HomeError: H02, H03 not safe or not readable.
    """
    path = vault_path(home)
    data = read_file(path, LIMITS.small_file_bytes, secret=True)
    if data is None:
        return None
    mend = f"move {path} away, then log in and set the credentials in it again"
    try:
        file = parse_vault(data)
    except ValueError:
        raise damaged(f"{path} is damaged, so it is not used and not replaced.", mend) from None
    if file.home != home.id:
        raise damaged(f"{path} was made by another home.", mend)
    return file


def change_key(home: Home, old: bytes | None, new: bytes, wrapped: Wrapped) -> None:
    """Seals every entry under `new`, which a passphrase keeps as `wrapped`; `old` opens them.

    Where `old` is `new` only the wrapping changes. None stands for no file so far.

    Raises:
        CredentialError: C09, and nothing was changed.
        HomeError: H02, H03.
    """
    with vault_lock(home):
        file = read_vault(home)
        if (file is None) != (old is None) or (file and old and file.key_id != key_id(old)):
            raise damaged("Another command changed the vault meanwhile.", "repeat the command")
        entries = {} if file is None or old is None else _resealed(file, old, new)
        _replace(home, VaultFile(home.id, key_id(new), wrapped, entries))


def vault_path(home: Home) -> str:
    """Where the file is or will be."""
    return os.path.join(home.data, "vault.json")


def vault_lock(home: Home) -> FileLock:
    """Whose holder alone changes the file. Raises CredentialError C09 for a home not made yet."""
    if not home.id:
        raise damaged("This home has no id yet, so it keeps no vault.")
    ensure_folder(home.data)
    return FileLock(os.path.join(home.data, "vault.lock"))


def _resealed(file: VaultFile, old: bytes, new: bytes) -> dict[str, Entry]:
    if old == new:
        return file.entries
    return {
        name: seal(
            new,
            os.urandom(NONCE_BYTES),
            Place(file.home, name, entry.about),
            unseal(old, file.home, name, entry),
        )
        for name, entry in file.entries.items()
    }


def _replace(home: Home, file: VaultFile, spare_bytes: int = 0) -> None:
    data = dump_vault(file)
    if len(data) + spare_bytes > LIMITS.small_file_bytes:
        raise damaged(
            f"The vault would be larger than {LIMITS.small_file_bytes >> 20} MiB.",
            "mcp-proxy logout PROFILE, or mcp-proxy credential remove NAME",
        )
    write_file(vault_path(home), data)
