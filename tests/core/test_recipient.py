"""Recipients' lines, and what is sealed to them."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.recipient import (
    RANDOM_BYTES,
    open_with,
    parse_recipient,
    recipient_of,
    seal_to,
)

PRIVATE = hashlib.sha256(b"a recipient").digest()
ACME = recipient_of(PRIVATE, "acme")
INFO = b"a test 1"
RANDOM = bytes(range(RANDOM_BYTES))
# Fixed: what was sealed by an earlier version must open by every later one.
SEALED = (
    "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8gISIjJCUmJygpKiua"
    "E4idOBzfCLWbtL4SJ7TZqtj7Z+/8PFI4v1ZWhA=="
)


def test_a_line_is_read_back_as_it_was_written() -> None:
    assert parse_recipient(ACME.line) == ACME
    assert parse_recipient(f" {ACME.line}\n") == ACME
    assert ACME.id == hashlib.sha256(ACME.public).hexdigest()[:16]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "must read"),
        ("mcpx1:" + ACME.line.removeprefix("mcpxr1:"), "must read"),
        (ACME.line.removesuffix(":acme"), "must read"),
        (ACME.line + "/", "must read"),
        ("mcpxr1:" + "A" * 42 + "B=:acme", "canonical"),
        ("mcpxr1:" + base64.b64encode(bytes(32)).decode() + ":zero", "nothing can be sealed"),
        ("mcpxr1:" + base64.b64encode(b"\x01" + bytes(31)).decode() + ":one", "nothing can be"),
    ],
)
def test_what_is_no_recipient_is_refused(line: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_recipient(line)


def test_the_bytes_of_a_seal_are_fixed() -> None:
    assert seal_to(ACME.public, b'{"amount":12}', INFO, RANDOM) == SEALED
    assert open_with(PRIVATE, SEALED, INFO) == b'{"amount":12}'


def test_a_seal_opens_by_the_documented_construction_alone() -> None:
    data = base64.b64decode(SEALED)
    ephemeral, nonce, ciphertext = data[:32], data[32:44], data[44:]
    private = X25519PrivateKey.from_private_bytes(PRIVATE)
    shared = private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
    key = HKDF(SHA256(), 32, ephemeral + ACME.public, INFO).derive(shared)
    assert AESGCM(key).decrypt(nonce, ciphertext, INFO) == b'{"amount":12}'


@given(st.binary(max_size=2000), st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES))
def test_whatever_is_sealed_opens_for_its_recipient_alone(data: bytes, random: bytes) -> None:
    sealed = seal_to(ACME.public, data, INFO, random)
    assert open_with(PRIVATE, sealed, INFO) == data
    for private, info in ((hashlib.sha256(b"another").digest(), INFO), (PRIVATE, b"a test 2")):
        with pytest.raises(ValueError, match="another key, or is damaged"):
            open_with(private, sealed, info)


def test_every_bit_of_a_seal_counts() -> None:
    data = base64.b64decode(SEALED)
    for at in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[at // 8] ^= 1 << at % 8
        with pytest.raises(ValueError, match="damaged"):
            open_with(PRIVATE, base64.b64encode(damaged).decode(), INFO)


@pytest.mark.parametrize("sealed", ["", "AAAA", None, 7, "not base64!", SEALED[:40], SEALED + "="])
def test_what_is_no_seal_does_not_open(sealed: object) -> None:
    with pytest.raises(ValueError, match="damaged"):
        open_with(PRIVATE, sealed, INFO)
