"""The [vault] of the local settings: it is there where a passphrase stands in for the keychain."""

from typing import Any, NamedTuple


class VaultSettings(NamedTuple):
    """`passphrase` is the reference that gives it to processes which cannot ask, "" for none."""

    passphrase: str


def parse_vault(rows: dict[str, Any]) -> VaultSettings:
    """The table as values. Raises ValueError with a sentence that names the key."""
    extra = sorted(rows.keys() - {"passphrase"})
    if extra or not isinstance(rows.get("passphrase"), str):
        raise ValueError("[vault] holds `passphrase` alone: env:VAR, cmd:[argv] or an empty text.")
    return VaultSettings(rows["passphrase"])


def plain_vault(vault: VaultSettings) -> dict[str, Any]:
    """The inverse of `parse_vault`."""
    return {"passphrase": vault.passphrase}
