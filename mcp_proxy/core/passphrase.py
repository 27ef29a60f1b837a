"""A vault's key under a passphrase: scrypt (RFC 7914) makes the key that seals it (S8)."""

import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from mcp_proxy.core.secret import Secret
from mcp_proxy.core.vault_file import KEY_BYTES, NONCE_BYTES, Wrapped, canonical, damaged

SALT_BYTES = 16
# RFC 7914's N and p. 8 MiB, ten times over, is as dear to who guesses as 128 MiB once
# (OWASP's table for scrypt), and a serving process, which stretches too, stays small.
COST = (1 << 13, 10)
_R = 8
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
    sealed = AESGCM(_stretch(passphrase, salt)).encrypt(nonce, key, _bound(home))
    return Wrapped(*COST, salt, nonce, sealed)


def unwrap(passphrase: Secret, wrapped: Wrapped, home: str) -> bytes:
    """The key (32 bytes). Raises CredentialError C09 where the passphrase is not the one."""
    # Checked before it is paid: what a file asks for could be any amount of memory and time.
    if (wrapped.n, wrapped.p) != COST:
        raise damaged("The vault's passphrase is stretched in a way that is not known here.")
    stretched = _stretch(passphrase, wrapped.salt)
    try:
        return AESGCM(stretched).decrypt(wrapped.nonce, wrapped.sealed, _bound(home))
    except (InvalidTag, ValueError):
        why = "That is not the passphrase of the vault, or the vault's key is damaged."
        mend = "mcp-proxy vault init --from env:VAR, with the right one in VAR; or repeat with it"
        raise damaged(why, mend) from None


def _stretch(passphrase: Secret, salt: bytes) -> bytes:
    n, p = COST
    return Scrypt(salt, KEY_BYTES, n, _R, p).derive(passphrase.reveal().encode())


def _bound(home: str) -> bytes:
    n, p = COST
    return canonical({"format": _FORMAT, "home": home, "n": n, "r": _R, "p": p})
