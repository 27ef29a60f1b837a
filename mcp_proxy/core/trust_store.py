"""The trust store (config/trust.json): which keys may sign which profiles; and the key line."""

import binascii
import json
import re
from typing import Any, NamedTuple

from mcp_proxy.core.digest import checked_body, sha256_hex, with_checksum
from mcp_proxy.errors import ProfileError, UsageError

_LINE = re.compile(r"mcpx1:([A-Za-z0-9+/]{43}=):([A-Za-z0-9._-]{1,64})", re.ASCII)
_SCOPE = re.compile(r"[a-z0-9-]{1,16}|[a-z0-9-]{3,16}\*")


class KeyLine(NamedTuple):
    """A public key (32 bytes, Ed25519, RFC 8032) and the name its owner gave it."""

    public: bytes
    name: str


class TrustedKey(NamedTuple):
    """A pinned key; `profiles` are exact names, or at least three characters and a trailing `*`."""

    keyid: str
    name: str
    public: bytes
    profiles: tuple[str, ...]


def key_id(public: bytes) -> str:
    """The fingerprint: SHA-256 of the 32 public bytes, hex."""
    return sha256_hex(public)


def parse_key_line(text: str) -> KeyLine:
    """`mcpx1:BASE64(public key):KEYNAME`, the line that `profile sign` prints last.

    Raises:
        UsageError: W01, it is not such a line.
    """
    match = _LINE.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            "MCPX-W01",
            "This is not a key line: it must read mcpx1:BASE64:NAME.",
            "mcp-proxy profile sign SOURCE.yaml (its last line is the key line)",
        )
    return KeyLine(binascii.a2b_base64(match[1]), match[2])


def format_key_line(public: bytes, name: str) -> str:
    """The inverse of `parse_key_line`."""
    return f"mcpx1:{binascii.b2a_base64(public, newline=False).decode()}:{name}"


def is_scope(text: str) -> bool:
    """Whether `text` may stand in a key's scope."""
    return _SCOPE.fullmatch(text) is not None


def may_sign(key: TrustedKey, name: str) -> bool:
    """Whether the key's scope holds this profile name."""
    return any(
        name.startswith(scope[:-1]) if scope.endswith("*") else name == scope
        for scope in key.profiles
    )


def parse_trust_store(data: bytes) -> dict[str, TrustedKey]:
    """The file's bytes to keys by key id.

    Raises:
        ProfileError: P15 damaged.
    """
    body = checked_body(data)
    if body is None:
        raise _damaged("its first line is not the digest of the rest")
    try:
        rows = json.loads(body)["keys"]
        keys = [_parse_key(row) for row in rows]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _damaged("it is not a list of keys") from None
    return {key.keyid: key for key in keys}


def dump_trust_store(keys: dict[str, TrustedKey]) -> bytes:
    """The inverse of `parse_trust_store`, keys in order of their ids."""
    rows = [
        {
            "keyid": key.keyid,
            "name": key.name,
            "public": binascii.b2a_base64(key.public, newline=False).decode(),
            "profiles": list(key.profiles),
        }
        for _, key in sorted(keys.items())
    ]
    return with_checksum(json.dumps({"keys": rows}, indent=1).encode() + b"\n")


def _parse_key(row: Any) -> TrustedKey:
    public = binascii.a2b_base64(row["public"], strict_mode=True)
    scopes = tuple(row["profiles"]) if isinstance(row["profiles"], list) else ("",)
    if len(public) != 32 or row["keyid"] != key_id(public) or not all(map(is_scope, scopes)):
        raise ValueError
    return TrustedKey(row["keyid"], str(row["name"]), public, scopes)


def _damaged(reason: str) -> ProfileError:
    return ProfileError(
        "MCPX-P15",
        f"The trust store (config/trust.json) is damaged: {reason}. No profile can be verified.",
        "move config/trust.json away, then for each key: "
        "mcp-proxy trust add KEY-LINE --profiles NAMES",
    )
