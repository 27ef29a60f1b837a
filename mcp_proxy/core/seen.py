"""The version records (data/seen.json): per profile name the highest version ever installed here.

They outlive the profile, so that removing it does not open the way back to an older version. What
a repository said of the name, and a version that was pinned on purpose, stand beside it, so that
one atomic write changes all that a start is held against.
"""

import binascii
import json
import re
from typing import Any, NamedTuple

from mcp_proxy.core.digest import checked_body, with_checksum
from mcp_proxy.errors import HomeError

# A name's trust root: keys pinned in the local trust store, or one repository.
PINNED_KEYS = ("keys",)
REPOSITORY = "repository"

_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEY_BYTES = 32


def repository_root(repository: str) -> tuple[str, ...]:
    """The trust root of the names that a repository, by its id, answers for."""
    return (REPOSITORY, repository)


class Pin(NamedTuple):
    """The one version, and its payload's digest, that a person chose to stay at (S3)."""

    version: int
    digest: str


class Activation(NamedTuple):
    """What a repository's verified metadata said of a profile when they were looked at last (S4).

    `keys` are the raw public keys (Ed25519) that its delegation lists, `fresh_until_s` when its
    timestamp expires, `floor` the oldest version that may still be pinned. `withdrawn` says in a
    sentence that the repository lists what is installed no longer, "" where it does. `waiting` is a
    newer version that a person has to agree to, 0 for none. `listed` are the highest versions that
    it lists, so that a process which serves an older one still notices when that is revoked (S6).
    """

    keys: tuple[bytes, ...]
    fresh_until_s: int
    floor: int = 1
    withdrawn: str = ""
    waiting: int = 0
    listed: tuple[int, ...] = ()


def wait_for_publisher(name: str) -> str:
    """What is left to do where a repository lists no version of an installed profile."""
    return (
        f"wait until its publisher lists a version, then mcp-proxy profile update {name}; "
        f"or mcp-proxy profile remove {name}"
    )


class Seen(NamedTuple):
    """Highest version, SHA-256 of its payload in hex, its trust root, the ids of its signers.

    `activation` is there for a repository's names, and only for these.
    """

    version: int
    digest: str
    root: tuple[str, ...]
    signed_by: tuple[str, ...]
    pin: Pin | None = None
    activation: Activation | None = None


def parse_seen(data: bytes) -> dict[str, Seen]:
    """The file's bytes to records by profile name.

    Raises:
        HomeError: H03 damaged.
    """
    body = checked_body(data)
    if body is None:
        raise _damaged()
    try:
        return {name: _parse_record(row) for name, row in json.loads(body).items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _damaged() from None


def dump_seen(records: dict[str, Seen]) -> bytes:
    """The inverse of `parse_seen`, names in order."""
    rows = {name: _plain(record) for name, record in sorted(records.items())}
    return with_checksum(json.dumps(rows, indent=1).encode() + b"\n")


def _plain(record: Seen) -> dict[str, Any]:
    row = record._asdict()
    if record.pin is None:
        del row["pin"]
    else:
        row["pin"] = record.pin._asdict()
    if record.activation is None:
        del row["activation"]
    else:
        keys = [binascii.b2a_hex(key).decode() for key in record.activation.keys]
        row["activation"] = {**record.activation._asdict(), "keys": keys}
    return row


def _parse_record(row: Any) -> Seen:
    pin = None
    if "pin" in row:
        pin = Pin(*_parse_version(row["pin"]))
    activation = _parse_activation(row["activation"]) if "activation" in row else None
    version, digest = _parse_version(row)
    return Seen(version, digest, tuple(row["root"]), tuple(row["signed_by"]), pin, activation)


def _parse_version(row: Any) -> tuple[int, str]:
    version, digest = row["version"], row["digest"]
    if type(version) is not int or _DIGEST.fullmatch(digest) is None:
        raise ValueError
    return version, digest


def _parse_activation(row: Any) -> Activation:
    keys = tuple(binascii.a2b_hex(key) for key in row["keys"])
    numbers, listed = (row["fresh_until_s"], row["floor"], row["waiting"]), tuple(row["listed"])
    is_right = isinstance(row["withdrawn"], str) and all(
        type(item) is int for item in (*numbers, *listed)
    )
    if not is_right or any(len(key) != _KEY_BYTES for key in keys):
        raise ValueError
    return Activation(keys, numbers[0], numbers[1], row["withdrawn"], numbers[2], listed)


def _damaged() -> HomeError:
    return HomeError(
        "MCPX-H03",
        "The version records (data/seen.json) are damaged, so a rollback could not be noticed.",
        "move data/seen.json away, then mcp-proxy profile install FILE with the newest version",
    )
