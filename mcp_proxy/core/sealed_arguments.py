"""All arguments of a call, kept beside the log for the holder of one key. Pure.

What is sealed is the JSON that the entry's digest is made of, so that the digest proves it.
"""

import json
from typing import Any, NamedTuple

from mcp_proxy.core.audit import canonical, keyed
from mcp_proxy.core.recipient import open_with, seal_to

_INFO = b"mcp-proxy audit arguments 1"


class Known(NamedTuple):
    """What is known of a call's arguments, and of what: sealed, clear, part or digest.

    `sealed` and `clear` are all of them, `part` are those that the profile keeps readable. What
    `digest` knows of is nothing.
    """

    arguments: Any
    source: str

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return self.source in ("sealed", "clear")


NOTHING = Known({}, "digest")


def seal_arguments(public: bytes, arguments: Any, random: bytes) -> str:
    """What stands in the call's row; as `core.recipient.seal_to`, which see."""
    return seal_to(public, canonical(arguments), _INFO, random)


def known_arguments(
    entry: dict[str, Any], row: dict[str, Any] | None, privates: tuple[bytes, ...]
) -> Known:
    """A decided entry's arguments, by its row (None: erased), as far as `privates` open it.

    The row's clear values are proven already (core.audit_check.fits). What was sealed counts only
    if the entry's digest proves it.
    """
    if row is None:
        return NOTHING
    key = bytes.fromhex(row["key"])
    for private in privates if "sealed" in row else ():
        opened = _opened(private, row["sealed"])
        if opened is not None and keyed(key, opened[0]) == entry["args"]:
            return Known(opened[0], "sealed")
    clear = dict(row["clear"])
    if keyed(key, clear) == entry["args"]:
        return Known(clear, "clear")
    return Known(clear, "part") if clear else NOTHING


def _opened(private: bytes, sealed: object) -> tuple[Any] | None:
    try:
        return (json.loads(open_with(private, sealed, _INFO)),)
    except (ValueError, RecursionError):
        return None
