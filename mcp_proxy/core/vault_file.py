"""The sealed file data/vault.json: its format, and how one entry is sealed (S8).

    {"v":1,"home":HEX,"key":{"id":HEX},"entries":{NAME:{"about":{},"nonce":B64,"sealed":B64}}}

Each entry is AES-256-GCM (NIST SP 800-38D) under one random key of 32 bytes. Its associated data is
canonical JSON of this format's name, the home's id, the entry's name and `about`, so that an entry
opens only where and as what it was written. `about` itself is readable: names, no secrets.
`key.id` tells a wrong key from damage; `key.wrapped` is there where a passphrase keeps the key.
"""

import base64
import binascii
import json
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mcp_proxy.core import strict_json
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.errors import CredentialError

KEY_BYTES = 32
NONCE_BYTES = 12
_FORMAT = "mcp-proxy vault 1"


class Place(NamedTuple):
    """Where an entry belongs: the home's id, its name, and what is said of it in the clear."""

    home: str
    name: str
    about: dict[str, str]


class Entry(NamedTuple):
    """One sealed entry; `about` is bound to it."""

    about: dict[str, str]
    nonce: bytes
    sealed: bytes


class Wrapped(NamedTuple):
    """The vault's key, sealed under what scrypt (RFC 7914; `n` and `p`) makes of a passphrase."""

    n: int
    p: int
    salt: bytes
    nonce: bytes
    sealed: bytes


class VaultFile(NamedTuple):
    """The file as values; `wrapped` is None where the keychain holds the key."""

    home: str
    key_id: str
    wrapped: Wrapped | None
    entries: dict[str, Entry]


def key_id(key: bytes) -> str:
    """What names a key without telling it: the key is random, so its digest gives nothing away."""
    return sha256_hex(_FORMAT.encode() + b" key " + key)


def seal(key: bytes, nonce: bytes, place: Place, data: bytes) -> Entry:
    """The sealed data; `nonce` has 12 bytes, never used before under this key."""
    return Entry(place.about, nonce, AESGCM(key).encrypt(nonce, data, _bound(place)))


def unseal(key: bytes, home: str, name: str, entry: Entry) -> bytes:
    """The data of an entry. Raises CredentialError C09 where it is not as it was written."""
    place = Place(home, name, entry.about)
    try:
        return AESGCM(key).decrypt(entry.nonce, entry.sealed, _bound(place))
    except (InvalidTag, ValueError):
        raise damaged(f"The entry {name} of the vault is damaged, or was changed.") from None


def damaged(why: str, mend: str | None = None) -> CredentialError:
    """C09."""
    return CredentialError("MCPX-C09", why, mend)


def dump_vault(file: VaultFile) -> bytes:
    """The file's bytes; the inverse of `parse_vault`."""
    key: dict[str, Any] = {"id": file.key_id}
    if file.wrapped is not None:
        key["wrapped"] = _plain(file.wrapped)
    entries = {name: _plain(entry) for name, entry in sorted(file.entries.items())}
    return strict_json.dumps({"v": 1, "home": file.home, "key": key, "entries": entries}) + b"\n"


def parse_vault(data: bytes) -> VaultFile:
    """The inverse of `dump_vault`. Raises ValueError, which quotes nothing."""
    row = strict_json.loads(data)
    if not isinstance(row, dict) or row.get("v") != 1:
        raise ValueError("It is not version 1 of a vault.")
    try:
        key, entries = row["key"], row["entries"]
        wrapped = _parse_wrapped(key["wrapped"]) if "wrapped" in key else None
        parsed = {name: _parse_entry(entry) for name, entry in entries.items()}
        file = VaultFile(row["home"], key["id"], wrapped, parsed)
    except (KeyError, TypeError, AttributeError, binascii.Error):
        raise ValueError("A field of the vault is not right.") from None
    if not _are_texts([file.home, file.key_id]):
        raise ValueError("A field of the vault is not right.")
    return file


def canonical(value: dict[str, Any]) -> bytes:
    """JSON with sorted keys, ASCII and no spaces, as associated data."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _bound(place: Place) -> bytes:
    row = {"format": _FORMAT, "home": place.home, "entry": place.name, "about": place.about}
    return canonical(row)


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _plain(record: Entry | Wrapped) -> dict[str, Any]:
    return {
        key: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for key, value in record._asdict().items()
    }


def _parse_entry(row: dict[str, Any]) -> Entry:
    about = row["about"]
    if row.keys() != set(Entry._fields) or not _are_texts(list(about.values())):
        raise TypeError("not an entry")
    return Entry(about, _bytes(row["nonce"], NONCE_BYTES), _bytes(row["sealed"]))


def _parse_wrapped(row: dict[str, Any]) -> Wrapped:
    costs = row["n"], row["p"]
    if row.keys() != set(Wrapped._fields) or any(type(cost) is not int for cost in costs):
        raise TypeError("not a wrapped key")
    nonce = _bytes(row["nonce"], NONCE_BYTES)
    return Wrapped(*costs, _bytes(row["salt"], 16), nonce, _bytes(row["sealed"]))


def _bytes(text: str, length: int | None = None) -> bytes:
    value = base64.b64decode(text, validate=True)
    if length is not None and len(value) != length:
        raise TypeError("another length expected")
    return value
