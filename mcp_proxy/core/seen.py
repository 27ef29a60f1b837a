"""The version records (data/seen.json): per profile name the highest version ever installed here.

They outlive the profile, so that removing it does not open the way back to an older version.
"""

import json
import re
from typing import Any, NamedTuple

from mcp_proxy.core.digest import checked_body, with_checksum
from mcp_proxy.errors import HomeError

# The one trust root of this version: keys pinned in the local trust store.
PINNED_KEYS = ("keys",)

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Seen(NamedTuple):
    """Highest version, SHA-256 of its payload in hex, its trust root, the ids of its signers."""

    version: int
    digest: str
    root: tuple[str, ...]
    signed_by: tuple[str, ...]


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
    rows = {name: record._asdict() for name, record in sorted(records.items())}
    return with_checksum(json.dumps(rows, indent=1).encode() + b"\n")


def _parse_record(row: Any) -> Seen:
    version, digest = row["version"], row["digest"]
    if type(version) is not int or _DIGEST.fullmatch(digest) is None:
        raise ValueError
    return Seen(version, digest, tuple(row["root"]), tuple(row["signed_by"]))


def _damaged() -> HomeError:
    return HomeError(
        "MCPX-H03",
        "The version records (data/seen.json) are damaged, so a rollback could not be noticed.",
        "move data/seen.json away, then mcp-proxy profile install FILE with the newest version",
    )
