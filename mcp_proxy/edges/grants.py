"""The grants of a home (config/grants.json), and how often each was used (state.db).

The file holds the public key that signs them beside the signed envelopes: damage is found here, and
whether the key is this machine's is for the caller to say. A grant that is taken back is used up as
well, so that an older copy of the file does not bring it back.
"""

import binascii
import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.grant import Grant, verify_grant
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.files import FileLock, read_file, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import bump_generation
from mcp_proxy.edges.state_db import Transaction
from mcp_proxy.errors import HomeError, UsageError

_KEY_BYTES = 32
_TAKE = (
    "INSERT INTO grants_used SELECT ?, 1"
    " WHERE NOT EXISTS (SELECT 1 FROM meta WHERE key = 'grants_from_s' AND value > ?)"
    " ON CONFLICT (id) DO UPDATE SET used = used + 1 WHERE used < ?"
)

_HAS = (
    "SELECT NOT EXISTS (SELECT 1 FROM meta WHERE key = 'grants_from_s' AND value > ?)"
    " AND NOT EXISTS (SELECT 1 FROM grants_used WHERE id = ? AND used >= ?)"
)


class Signed(NamedTuple):
    """One grant and the envelope that proves it."""

    grant: Grant
    envelope: bytes


class Kept(NamedTuple):
    """What the file holds: the public key, b"" for none yet, and the grants that it signed.

    `bad` counts envelopes that are not right: they grant nothing.
    """

    key: bytes = b""
    rows: tuple[Signed, ...] = ()
    bad: int = 0

    @property
    def grants(self) -> tuple[Grant, ...]:
        """What was granted, in the file's order."""
        return tuple(row.grant for row in self.rows)


def read_grants(home: Home) -> Kept:
    """The file, as one that grants nothing where it cannot be read."""
    try:
        return read_kept(home)
    except HomeError:
        return Kept()


def read_kept(home: Home) -> Kept:
    """The file. Raises HomeError H02 not safe, H03 not readable or damaged."""
    path = _path(home)
    data = read_file(path, LIMITS.small_file_bytes) if home.id else None
    if data is None:
        return Kept()
    try:
        return _parse(home, strict_json.loads(data))
    except (ValueError, TypeError, KeyError):
        mend = f"move {path} away, then mcp-proxy grant add"
        raise HomeError("MCPX-H03", f"{path} is damaged; no grant counts.", mend) from None


def change_grants(home: Home, change: Callable[[Kept], Kept]) -> None:
    """Replaces the file by what `change` makes of it; running processes hear of it.

    Raises:
        HomeError: H02, H03.
        UsageError: W01 more than are kept.
    """
    with FileLock(os.path.join(home.config, "grants.lock")):
        kept = change(read_kept(home))
        if len(kept.rows) > LIMITS.grants:
            why = f"At most {LIMITS.grants} grants are kept at once."
            raise UsageError("MCPX-W01", why, "mcp-proxy grant revoke ID")
        write_file(_path(home), _dump(kept))
        bump_generation(home)


def take_grant(tx: Transaction, grant: Grant) -> bool:
    """Takes one use of it; whether one was left. One from before a lost state.db has none."""
    return tx.execute(_TAKE, (grant.id, grant.issued, grant.uses)).rowcount == 1


def has_use_left(tx: Transaction, grant: Grant) -> bool:
    """Whether `take_grant` would find a use left; takes none."""
    found = tx.execute(_HAS, (grant.issued, grant.id, grant.uses)).fetchone()
    return bool(found[0])


def grant_holds(tx: Transaction, grant: Grant) -> bool:
    """Whether a use that was taken may still be made: it has not ended, nobody took it back."""
    row = tx.execute("SELECT used FROM grants_used WHERE id = ?", (grant.id,)).fetchone()
    return row is not None and row[0] <= LIMITS.grant_uses and tx.now_s < grant.expires


def give_grant_back(tx: Transaction, grant_id: str) -> None:
    """Undoes one `take_grant` of a call that never left."""
    tx.execute(
        "UPDATE grants_used SET used = used - 1 WHERE id = ? AND used BETWEEN 1 AND ?",
        (grant_id, LIMITS.grant_uses),
    )


def use_up_grant(tx: Transaction, grant_id: str) -> None:
    """No use of it is left, whatever its file says."""
    tx.execute(
        "INSERT INTO grants_used VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET used = excluded.used",
        (grant_id, LIMITS.grant_uses + 1),
    )


def grants_used(tx: Transaction, ids: Iterable[str]) -> dict[str, int]:
    """How often each of these grants was used."""
    known = dict(tx.execute("SELECT id, used FROM grants_used").fetchall())
    return {grant_id: known.get(grant_id, 0) for grant_id in ids}


def _path(home: Home) -> str:
    return os.path.join(home.config, "grants.json")


def _dump(kept: Kept) -> bytes:
    envelopes = [strict_json.loads(row.envelope) for row in kept.rows]
    key = binascii.b2a_hex(kept.key).decode()
    return strict_json.dumps({"key": key, "grants": envelopes}) + b"\n"


def _parse(home: Home, row: Any) -> Kept:
    key = binascii.a2b_hex(row["key"])
    if len(key) != _KEY_BYTES or not isinstance(row["grants"], list):
        raise ValueError
    rows = [_signed(home, strict_json.dumps(item), key) for item in row["grants"]]
    good = tuple(item for item in rows if item is not None)
    return Kept(key, good, len(rows) - len(good))


def _signed(home: Home, envelope: bytes, key: bytes) -> Signed | None:
    try:
        grant = verify_grant(envelope, key)
    except ValueError:
        return None
    return Signed(grant, envelope) if grant.home == home.id else None
