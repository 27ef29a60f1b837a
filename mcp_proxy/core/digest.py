"""SHA-256 (FIPS 180-4), by the library that verifies signatures.

`hashlib` would load a second OpenSSL: 5 ms of the start for the same digest.
"""

from cryptography.hazmat.primitives.hashes import SHA256, Hash


def sha256_hex(data: bytes) -> str:
    """The digest as 64 lower-case hex digits."""
    digest = Hash(SHA256())
    digest.update(data)
    return digest.finalize().hex()


def with_checksum(body: bytes) -> bytes:
    """`body` behind a first line that is its digest: finds damage, not an attacker."""
    return sha256_hex(body).encode() + b"\n" + body


def checked_body(data: bytes) -> bytes | None:
    """What stands behind the first line, or None where the digest does not fit."""
    body = data[65:]
    return body if data[:65] == sha256_hex(body).encode() + b"\n" else None
