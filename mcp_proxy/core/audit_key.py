"""The key of a home's audit notes, and the sealing key that is made of it. Pure.

The seed is Ed25519's. Arguments are sealed to an X25519 key that comes of the same seed by
HKDF-SHA256, so that whoever may sign a home's notes may also open what was sealed to the home.
"""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mcp_proxy.core.audit_ledger import origin
from mcp_proxy.core.signed_note import VerifierKey, sign_note

SEED_BYTES = 32
_SEAL_INFO = b"mcp-proxy audit seal 1"


class Signer:
    """Signs the notes of one home. It shows nothing of its seed."""

    def __init__(self, home_id: str, seed: bytes) -> None:
        """`home_id` is the home's; `seed` has 32 bytes."""
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        self.verifier = VerifierKey(origin(home_id), public)
        self.seal = seal_public(seed)
        self._seed = seed

    def __call__(self, text: str) -> str | None:
        """The whole signed note of a text that ends in a newline."""
        return sign_note(text, self.verifier.name, self._seed)

    def __repr__(self) -> str:
        return f"Signer({self.verifier.line!r})"


def seal_private(seed: bytes) -> bytes:
    """The 32 private bytes of the home's X25519 key."""
    return HKDF(SHA256(), SEED_BYTES, None, _SEAL_INFO).derive(seed)


def seal_public(seed: bytes) -> str:
    """The public half in base64, as the ledger's `key` entry names it."""
    private = X25519PrivateKey.from_private_bytes(seal_private(seed))
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()
