"""An organisation's key, to which parts of the log are sealed; and the sealing. Pure.

A recipient is an X25519 public key (RFC 7748), one line in a profile: `mcpxr1:BASE64:NAME`. What is
sealed is base64 of an ephemeral public key (32 bytes), a nonce (12) and AES-256-GCM under
HKDF-SHA256(shared secret, salt = both public keys, info), with `info` as associated data, so that
what was sealed for one purpose opens for no other.
"""

import binascii
import re
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.profile_audit import RECIPIENT_PATTERN

KEY_BYTES = 32
NONCE_BYTES = 12
RANDOM_BYTES = KEY_BYTES + NONCE_BYTES
_LINE = re.compile(RECIPIENT_PATTERN, re.ASCII)
_ID_DIGITS = 16
# Any private key finds the points that agree on zero with everybody.
_PROBE = b"\x01" * KEY_BYTES


class Recipient(NamedTuple):
    """32 public bytes, and the name that their owner gave them."""

    public: bytes
    name: str

    @property
    def id(self) -> str:
        """The first 8 bytes of SHA-256 of the public key, in hex."""
        return sha256_hex(self.public)[:_ID_DIGITS]

    @property
    def line(self) -> str:
        """The inverse of `parse_recipient`."""
        return f"mcpxr1:{_base64(self.public)}:{self.name}"


def parse_recipient(line: str) -> Recipient:
    """`mcpxr1:BASE64(public key):NAME`. Raises ValueError with a sentence's end that says why."""
    match = _LINE.fullmatch(line.strip())
    if match is None:
        raise ValueError("is no recipient's key: it must read mcpxr1:BASE64:NAME")
    public = binascii.a2b_base64(match[1])
    if _base64(public) != match[1]:
        raise ValueError("is no recipient's key: its base64 is not the canonical one")
    try:
        _exchange(_PROBE, public)
    except ValueError:
        raise ValueError("is a key to which nothing can be sealed") from None
    return Recipient(public, match[2])


def recipient_of(private: bytes, name: str) -> Recipient:
    """The recipient whose 32 private bytes these are."""
    return Recipient(_public(private), name)


def seal_to(public: bytes, data: bytes, info: bytes, random: bytes) -> str:
    """Base64 of `data`, sealed for the holder of the private key.

    `random` has `RANDOM_BYTES`, never used before: the ephemeral private key, then the nonce.
    Raises ValueError: nothing can be sealed to this key.
    """
    private, nonce = random[:KEY_BYTES], random[KEY_BYTES:]
    ephemeral = _public(private)
    key = _derive(_exchange(private, public), ephemeral + public, info)
    return _base64(ephemeral + nonce + AESGCM(key).encrypt(nonce, data, info))


def open_with(private: bytes, sealed: object, info: bytes) -> bytes:
    """What `seal_to` was given. Raises ValueError: it was sealed to another key, or is damaged."""
    try:
        data = binascii.a2b_base64(str(sealed), strict_mode=True)
        ephemeral, nonce = data[:KEY_BYTES], data[KEY_BYTES:RANDOM_BYTES]
        key = _derive(_exchange(private, ephemeral), ephemeral + _public(private), info)
        return AESGCM(key).decrypt(nonce, data[RANDOM_BYTES:], info)
    except (ValueError, InvalidTag):
        raise ValueError("it was sealed to another key, or is damaged") from None


def _exchange(private: bytes, public: bytes) -> bytes:
    key = X25519PrivateKey.from_private_bytes(private)
    return key.exchange(X25519PublicKey.from_public_bytes(public))


def _public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _derive(shared: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt, info).derive(shared)


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()
