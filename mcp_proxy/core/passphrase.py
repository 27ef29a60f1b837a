"""A vault's key under a passphrase: scrypt (RFC 7914) makes the key that seals it (S8)."""

import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from mcp_proxy.core.secret import Secret
from mcp_proxy.core.vault_file import KEY_BYTES, NONCE_BYTES, Wrapped, canonical, damaged

SALT_BYTES = 16
# RFC 7914's N, r and p: 128 MiB for each guess.
COST = 1 << 17
_COSTS = tuple(1 << power for power in range(14, 19))
_R = 8
_P = 1
_FORMAT = "mcp-proxy vault key 1"
_LEAST_CHARS = 8
_MOST_CHARS = 1_024


def check_passphrase(text: str) -> Secret:
    """A passphrase of 8 to 1,024 characters, as one form of Unicode.

    Raises:
        ValueError: a whole sentence without any of it.
    """
    text = unicodedata.normalize("NFC", text)
    if not _LEAST_CHARS <= len(text) <= _MOST_CHARS:
        raise ValueError(f"A passphrase has {_LEAST_CHARS} to {_MOST_CHARS} characters.")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise ValueError("The passphrase holds a control character, such as a line break.")
    return Secret(text)


def wrap(passphrase: Secret, key: bytes, home: str, fresh: bytes) -> Wrapped:
    """`key` (32 bytes) sealed under the passphrase for the home of that id.

    `fresh` is 28 random bytes: the salt, then the nonce.
    """
    salt, nonce = fresh[:SALT_BYTES], fresh[SALT_BYTES : SALT_BYTES + NONCE_BYTES]
    sealed = AESGCM(_stretch(passphrase, salt, COST)).encrypt(nonce, key, _bound(home, COST))
    return Wrapped(COST, salt, nonce, sealed)


def unwrap(passphrase: Secret, wrapped: Wrapped, home: str) -> bytes:
    """The key (32 bytes). Raises CredentialError C09 where the passphrase is not the one."""
    if wrapped.n not in _COSTS:
        raise damaged("The vault's passphrase is stretched in a way that is not known here.")
    stretched = _stretch(passphrase, wrapped.salt, wrapped.n)
    try:
        return AESGCM(stretched).decrypt(wrapped.nonce, wrapped.sealed, _bound(home, wrapped.n))
    except (InvalidTag, ValueError):
        why = "That is not the passphrase of the vault, or the vault's key is damaged."
        raise damaged(why, "repeat the command with the right passphrase") from None


def _stretch(passphrase: Secret, salt: bytes, n: int) -> bytes:
    return Scrypt(salt, KEY_BYTES, n, _R, _P).derive(passphrase.reveal().encode())


def _bound(home: str, n: int) -> bytes:
    return canonical({"format": _FORMAT, "home": home, "n": n, "r": _R, "p": _P})
