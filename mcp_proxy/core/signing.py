"""Signing a payload: the publisher's half of the envelope (Ed25519, RFC 8032)."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mcp_proxy.core.envelope import Envelope, Signature, dump_envelope, pae
from mcp_proxy.core.profile import PAYLOAD_TYPE
from mcp_proxy.core.trust_store import key_id


def public_key(seed: bytes) -> bytes:
    """The 32 public bytes of a 32-byte seed. Raises ValueError for another length."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def sign_payload(payload: bytes, seed: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Payload bytes to a canonical envelope. Raises ValueError unless the seed has 32 bytes."""
    sig = Ed25519PrivateKey.from_private_bytes(seed).sign(pae(payload_type, payload))
    signature = Signature(key_id(public_key(seed)), sig)
    return dump_envelope(Envelope(payload_type, payload, (signature,)))
