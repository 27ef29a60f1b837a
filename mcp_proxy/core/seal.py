"""Request state that a modern client carries back: sealed, bound and short-lived (S15).

A token is base64url, without padding, of a 12-byte nonce and AES-256-GCM (NIST SP 800-38D) over
compact JSON. A seal says which parked call a retry may claim; it never stands for an approval.
"""

import base64
import json
import re
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.request import Outgoing

KEY_BYTES = 32
NONCE_BYTES = 12
_PURPOSE = b"mcp-proxy request state 1"
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")


class Sealed(NamedTuple):
    """What a retry must agree with.

    `handle` names the parked call, `label` what was called, `state_digest` is of the upstream's own
    state, `keys` are of the questions still open, `leg` counts from 1, `expires_s` is epoch
    seconds.
    """

    handle: str
    profile_digest: str
    label: str
    request_digest: str
    upstream: str
    state_digest: str
    keys: tuple[str, ...]
    leg: int
    expires_s: int


def seal(key: bytes, nonce: bytes, it: Sealed) -> str:
    """The token; `key` has 32 bytes and `nonce` 12, never used before under this key."""
    data = json.dumps(it, ensure_ascii=False, separators=(",", ":")).encode()
    return _text(nonce + AESGCM(key).encrypt(nonce, data, _PURPOSE))


def unseal(key: bytes, text: object) -> Sealed | None:
    """What was sealed under this key; None for anything else, whatever is wrong with it."""
    data = _opened(key, text)
    if data is None:
        return None
    handle, profile, label, request, upstream, state, keys, leg, expires_s = json.loads(data)
    return Sealed(handle, profile, label, request, upstream, state, tuple(keys), leg, expires_s)


def request_digest(outgoing: Outgoing) -> str:
    """SHA-256 in hex of all that leaves for the upstream, its credential and id aside."""
    row = outgoing._asdict()
    if isinstance(row.get("body"), bytes):
        row["body"] = base64.b64encode(row["body"]).decode()
    kind = type(outgoing).__name__
    text = json.dumps([kind, row], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256_hex(text.encode(errors="surrogatepass"))


def _opened(key: bytes, text: object) -> bytes | None:
    if not isinstance(text, str) or len(text) > LIMITS.sealed_chars or not _TOKEN.fullmatch(text):
        return None
    try:
        token = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if _text(token) != text:
            return None
        return AESGCM(key).decrypt(token[:NONCE_BYTES], token[NONCE_BYTES:], _PURPOSE)
    except (ValueError, InvalidTag):
        return None


def _text(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).decode().rstrip("=")
