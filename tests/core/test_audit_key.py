"""The key of the notes: what it signs verifies, what it shows is public."""

import base64
import hashlib
import hmac

from mcp_proxy.core.audit_key import Signer, seal_private
from mcp_proxy.core.recipient import open_with, recipient_of, seal_to
from mcp_proxy.core.signed_note import parse_key, verify_note

HOME_ID = "0123456789abcdef" * 2
SEED = b"the audit log's seed for tests 1"


def test_what_it_signs_verifies_with_its_line_alone() -> None:
    signer = Signer(HOME_ID, SEED)
    key = parse_key(signer.verifier.line)
    assert key.name == f"mcp-proxy-audit/{HOME_ID}"
    note = signer("a text\n")
    assert note is not None
    assert verify_note(note, (key,)) == ("a text\n", key)
    other = Signer(HOME_ID, SEED[::-1])
    assert verify_note(note, (other.verifier,)) is None


def test_what_is_sealed_to_its_public_half_opens_with_the_seed() -> None:
    public = base64.b64decode(Signer(HOME_ID, SEED).seal)
    sealed = seal_to(public, b"text", b"for a test", bytes(range(44)))
    assert open_with(seal_private(SEED), sealed, b"for a test") == b"text"
    assert recipient_of(seal_private(SEED), "x").public == public


def test_the_sealing_key_is_made_of_the_seed_in_the_one_way_that_others_can_follow() -> None:
    """By RFC 5869 written out: HMAC-SHA256 of a salt of zeros, then of the info and a one."""
    extracted = hmac.digest(bytes(32), SEED, hashlib.sha256)
    made = hmac.digest(extracted, b"mcp-proxy audit seal 1\x01", hashlib.sha256)
    assert seal_private(SEED) == made
    assert made != SEED


def test_s7_it_never_shows_its_seed() -> None:
    signer = Signer(HOME_ID, SEED)
    shown = f"{signer!r} {signer} {signer.verifier} {signer.seal}"
    for form in (SEED.decode(), SEED.hex(), base64.b64encode(SEED).decode(), repr(SEED)[2:-1]):
        assert form not in shown
