"""The trust store (config/trust.json): which keys may sign which profiles; and the key line.

Beside the keys stand the repositories, each by the digest of the root metadata it was trusted with.
"""

import binascii
import json
import re
from typing import Any, NamedTuple

from mcp_proxy.core.digest import checked_body, sha256_hex, with_checksum
from mcp_proxy.core.freshness import GRACE_MAX_S
from mcp_proxy.errors import ProfileError, UsageError

_LINE = re.compile(r"mcpx1:([A-Za-z0-9+/]{43}=):([A-Za-z0-9._-]{1,64})", re.ASCII)
_ID = re.compile(r"[0-9a-f]{64}")
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


class Repository(NamedTuple):
    """A profile repository. `id` is the SHA-256 of its first root.json, hex; `url` ends with `/`.

    `profiles` are scopes as a key's, or `*` alone: whatever it delegates.
    """

    id: str
    url: str
    profiles: tuple[str, ...]


class TrustStore(NamedTuple):
    """Whose word counts on this machine: keys and repositories, each by its id.

    `grace_max_s` is no part of the file: what the machine allows of a profile's grace (S19).
    """

    keys: dict[str, TrustedKey]
    repositories: dict[str, Repository]
    grace_max_s: int = GRACE_MAX_S


EMPTY = TrustStore({}, {})


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
    return _is_in(name, key.profiles)


def may_serve(repository: Repository, name: str) -> bool:
    """Whether the repository may answer for this profile name here."""
    return _is_in(name, repository.profiles)


def _is_in(name: str, scopes: tuple[str, ...]) -> bool:
    return any(
        name.startswith(scope[:-1]) if scope.endswith("*") else name == scope for scope in scopes
    )


def parse_trust_store(data: bytes) -> TrustStore:
    """The file's bytes to keys and repositories.

    Raises:
        ProfileError: P15 damaged.
    """
    body = checked_body(data)
    if body is None:
        raise _damaged("its first line is not the digest of the rest")
    try:
        table = json.loads(body)
        keys = [_parse_key(row) for row in table["keys"]]
        repositories = [_parse_repository(row) for row in table.get("repositories", ())]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _damaged("it is not a list of keys and repositories") from None
    return TrustStore({key.keyid: key for key in keys}, {item.id: item for item in repositories})


def dump_trust_store(trust: TrustStore) -> bytes:
    """The inverse of `parse_trust_store`, in order of the ids."""
    keys = [
        {
            "keyid": key.keyid,
            "name": key.name,
            "public": binascii.b2a_base64(key.public, newline=False).decode(),
            "profiles": list(key.profiles),
        }
        for _, key in sorted(trust.keys.items())
    ]
    repositories = [
        {**item._asdict(), "profiles": list(item.profiles)}
        for _, item in sorted(trust.repositories.items())
    ]
    table = {"keys": keys, "repositories": repositories}
    return with_checksum(json.dumps(table, indent=1).encode() + b"\n")


def _parse_key(row: Any) -> TrustedKey:
    public = binascii.a2b_base64(row["public"], strict_mode=True)
    scopes = tuple(row["profiles"]) if isinstance(row["profiles"], list) else ("",)
    if len(public) != 32 or row["keyid"] != key_id(public) or not all(map(is_scope, scopes)):
        raise ValueError
    return TrustedKey(row["keyid"], str(row["name"]), public, scopes)


def _parse_repository(row: Any) -> Repository:
    scopes = tuple(row["profiles"]) if isinstance(row["profiles"], list) else ("",)
    if not _ID.fullmatch(row["id"]) or not (scopes == ("*",) or all(map(is_scope, scopes))):
        raise ValueError
    return Repository(row["id"], str(row["url"]), scopes)


def _damaged(reason: str) -> ProfileError:
    return ProfileError(
        "MCPX-P15",
        f"The trust store (config/trust.json) is damaged: {reason}. No profile can be verified.",
        "move config/trust.json away, then for each key: "
        "mcp-proxy trust add KEY-LINE --profiles NAMES, "
        "and for each repository: mcp-proxy trust add-repository URL --root root.json",
    )
