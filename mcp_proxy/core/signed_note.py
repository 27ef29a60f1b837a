"""Signed notes (C2SP signed-note): a text, and lines that sign it. Ed25519 alone. Pure.

A note is its text, which ends in a newline, an empty line, and for each signature one line
`— NAME BASE64(4 bytes of key id, signature)`. A verifier key is
`NAME+KEYID in hex+BASE64(0x01, public key)`; the key id is the start of SHA-256 over
`NAME`, a newline, 0x01 and the public key.
"""

import base64
import re
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mcp_proxy.core.digest import sha256_hex

_ED25519 = b"\x01"
_ID_BYTES = 4
_KEY_BYTES = 32
_NAME = r"[^\s+]{1,128}"
_VERIFIER_KEY = re.compile(rf"({_NAME})\+([0-9a-f]{{8}})\+([A-Za-z0-9+/=]{{44}})")
_SIGNATURE = re.compile(rf"— ({_NAME}) ([A-Za-z0-9+/=]{{92}})")


class VerifierKey(NamedTuple):
    """A name without spaces or plus signs, and 32 public bytes."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The 4 bytes that stand before each of its signatures."""
        text = self.name.encode() + b"\n" + _ED25519 + self.public
        return bytes.fromhex(sha256_hex(text))[:_ID_BYTES]

    @property
    def line(self) -> str:
        """The key as text, as it is handed to verifiers."""
        shown = base64.b64encode(_ED25519 + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{shown}"


def parse_key(line: str) -> VerifierKey:
    """The inverse of `VerifierKey.line`. Raises ValueError."""
    match = _VERIFIER_KEY.fullmatch(line.strip())
    if match is None:
        raise ValueError("a verifier key is NAME+KEYID+BASE64")
    data = base64.b64decode(match[3], validate=True)
    key = VerifierKey(match[1], data[1:])
    if data[:1] != _ED25519 or len(key.public) != _KEY_BYTES or key.id.hex() != match[2]:
        raise ValueError("the verifier key's id does not fit its bytes")
    return key


def sign_note(text: str, name: str, seed: bytes) -> str:
    """The whole note. `text` ends in a newline; `seed` has 32 bytes."""
    private = Ed25519PrivateKey.from_private_bytes(seed)
    key = VerifierKey(name, private.public_key().public_bytes_raw())
    signature = base64.b64encode(key.id + private.sign(text.encode())).decode()
    return f"{text}\n— {name} {signature}\n"


def verify_note(note: str, keys: tuple[VerifierKey, ...]) -> tuple[str, VerifierKey] | None:
    """The note's text and the key that signed it; None where none of the keys did.

    Raises ValueError: it is no note, or a signature that names one of the keys is wrong.
    """
    text, lines = _split(note)
    for line in lines:
        match = _SIGNATURE.fullmatch(line)
        data = b"" if match is None else base64.b64decode(match[2], validate=True)
        # Unused bits of the last digit are zero: no other line says the same.
        if match is None or base64.b64encode(data).decode() != match[2]:
            raise ValueError("a signature line is malformed")
        found = _signer(match[1], data, text, keys)
        if found is not None:
            return text, found
    return None


def _split(note: str) -> tuple[str, list[str]]:
    text, blank, signatures = note.rpartition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise ValueError("it is no signed note")
    return text + "\n", signatures[:-1].split("\n")


def _signer(name: str, data: bytes, text: str, keys: tuple[VerifierKey, ...]) -> VerifierKey | None:
    for key in keys:
        if key.name == name and key.id == data[:_ID_BYTES]:
            try:
                Ed25519PublicKey.from_public_bytes(key.public).verify(
                    data[_ID_BYTES:], text.encode()
                )
            except InvalidSignature:
                raise ValueError("a signature does not fit the note") from None
            return key
    return None
