"""What calls take of their tools' limits, across processes and crashes (S18): SQL, and no more.

A call's amounts are reserved together or not at all, then marked as sent right before its first
byte, then settled. What was only reserved lapses, for a process may have ended; what was marked as
sent is taken, whether or not its answer ever came. A call counts in the window in which it was
marked as sent. Versions of a profile do not reset a count: it bears the names of the profile, its
trust root, the tool and the limit's rule.
"""

import hashlib
import hmac
import json
import os
from datetime import tzinfo
from functools import lru_cache
from typing import Any, NamedTuple

from mcp_proxy.core.budget import Reservation, Used
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Limit
from mcp_proxy.core.windows import Window, window
from mcp_proxy.edges.state_db import Transaction

_DAY_S = 86_400.0
# Longer than the ledger's time may fall back behind a window's end when a person sets the clock
# right; windows of a day or a month are few.
_KEPT_S = {"day": 62 * _DAY_S, "month": 62 * _DAY_S}
_KEPT_USUALLY_S = 2 * _DAY_S
# A hold that was sent is only there to be given back by its own process; the count stays.
_FORGOTTEN_S = _DAY_S


class Scope(NamedTuple):
    """Whose limits they are: the profile's name, its trust root's id, and the tool."""

    profile: str
    root: str
    tool: str


class Short(NamedTuple):
    """The limit that a call does not fit in any more; what is left of it until `ends_s`."""

    limit: Limit
    left: int
    ends_s: float


class Spent(NamedTuple):
    """What is taken of a limit in the window that ends at `ends_s`.

    Of a limit that is counted apart by an argument's values: of how many values, `values`, and what
    the one has taken that took most.
    """

    limit: Limit
    taken: int
    left: int
    ends_s: float
    values: int


class _Part(NamedTuple):
    name: bytes
    counted_by: bytes
    amount: int
    per: str
    at_most: int


def reserve(
    tx: Transaction, scope: Scope, reservations: tuple[Reservation, ...], zone: tzinfo
) -> str | Short:
    """Takes the amounts, all or none; the ticket to send and settle with, "" for nothing taken.

    Windows are those of `zone` at the ledger's time. Raises sqlite3.Error.
    """
    if not reservations:
        return ""
    parts = [_part(tx, scope, reservation) for reservation in reservations]
    taken = _take_all(tx, reservations, parts, zone)
    if isinstance(taken, Short) and lapse(tx):
        taken = _take_all(tx, reservations, parts, zone)
    return taken


def sending(tx: Transaction, ticket: str, zone: tzinfo) -> bool:
    """Marks the reservation as sent, once; whether the call may leave now.

    It may not where the reservation has lapsed, or where another window has begun since that has
    no room for it. Raises sqlite3.Error.
    """
    if ticket == "":
        return True
    held = tx.execute(
        "SELECT part, name, counted_by, label, amount, per, at_most, is_sent, lapses_s FROM holds"
        " WHERE ticket = ?",
        (ticket,),
    ).fetchall()
    if not held or any(row[7] or row[8] <= tx.now_s for row in held):
        return False
    for row in held:
        if not _move(tx, ticket, row, zone):
            _give_back(tx, ticket)
            return False
    tx.execute(
        "UPDATE holds SET is_sent = 1, lapses_s = ? WHERE ticket = ?",
        (tx.now_s + _FORGOTTEN_S, ticket),
    )
    return True


def settle(tx: Transaction, ticket: str, sent: str) -> None:
    """How it went: where nothing has left (`sent` is "no"), all is given back. sqlite3.Error."""
    if sent == "no":
        _give_back(tx, ticket)
    else:
        # A call that was never marked as sent counts all the same once a byte of it may have left.
        tx.execute("DELETE FROM holds WHERE ticket = ?", (ticket,))


def lapse(tx: Transaction) -> bool:
    """Gives back what was reserved long ago and never sent; whether there was any.

    Raises sqlite3.Error.
    """
    lapsed = tx.execute(
        "SELECT DISTINCT ticket, is_sent FROM holds WHERE lapses_s <= ?", (tx.now_s,)
    ).fetchall()
    for ticket, is_sent in lapsed:
        settle(tx, ticket, "maybe" if is_sent else "no")
    return bool(lapsed)


def spent(
    tx: Transaction, scope: Scope, limits: tuple[Limit, ...], zone: tzinfo
) -> tuple[Spent, ...]:
    """What is taken and left of each limit now, reservations included. Raises sqlite3.Error."""
    return tuple(_spent(tx, scope, limit, zone) for limit in limits)


def left_for(
    tx: Transaction, scope: Scope, reservations: tuple[Reservation, ...], zone: tzinfo
) -> tuple[Used, ...]:
    """What is taken and left of each limit now for the very values of a call. sqlite3.Error."""
    parts = [_part(tx, scope, reservation) for reservation in reservations]
    taken = [_taken(tx, part, window(part.per, tx.now_s, zone).label) for part in parts]
    return tuple(
        Used(reservation.limit.rule, counted, max(reservation.limit.at_most - counted, 0))
        for reservation, counted in zip(reservations, taken, strict=True)
    )


def _spent(tx: Transaction, scope: Scope, limit: Limit, zone: tzinfo) -> Spent:
    now = window(limit.per, tx.now_s, zone)
    # Reads alone: what has lapsed is still counted there, until the next reservation.
    values, most = tx.execute(
        """SELECT count(*), max(taken) FROM (
            SELECT taken - coalesce((
                SELECT sum(amount) FROM holds
                WHERE holds.name = counters.name AND holds.counted_by = counters.counted_by
                AND holds.label = counters.label AND NOT is_sent AND lapses_s <= ?
            ), 0) AS taken FROM counters WHERE name = ? AND label = ?
        ) WHERE taken > 0""",
        (tx.now_s, _name(scope, limit.rule), now.label),
    ).fetchone()
    taken = most or 0
    return Spent(limit, taken, max(limit.at_most - taken, 0), now.ends_s, values)


def _take_all(
    tx: Transaction, reservations: tuple[Reservation, ...], parts: list[_Part], zone: tzinfo
) -> str | Short:
    ticket = os.urandom(16).hex()
    for number, part in enumerate(parts):
        now = window(part.per, tx.now_s, zone)
        if not _take(tx, part, now):
            left = part.at_most - _taken(tx, part, now.label)
            _give_back(tx, ticket)
            return Short(reservations[number].limit, max(left, 0), now.ends_s)
        _hold(tx, ticket, number, part, now.label)
    return ticket


def _part(tx: Transaction, scope: Scope, reservation: Reservation) -> _Part:
    limit = reservation.limit
    by = _keyed(tx.salt, reservation.by) if limit.by else b""
    return _Part(_name(scope, limit.rule), by, reservation.amount, limit.per, limit.at_most)


@lru_cache(maxsize=256)
def _name(scope: Scope, rule: str) -> bytes:
    return hashlib.sha256(json.dumps([*scope, rule]).encode()).digest()


def _keyed(salt: bytes, value: Any) -> bytes:
    """The value as it counts: the table never tells it. Only texts, integers and booleans come."""
    return hmac.digest(salt, json.dumps(value).encode(), "sha256")


def _taken(tx: Transaction, part: _Part, label: str) -> int:
    row = tx.execute(
        "SELECT taken FROM counters WHERE name = ? AND counted_by = ? AND label = ?",
        (part.name, part.counted_by, label),
    ).fetchone()
    return 0 if row is None else int(row[0])


def _take(tx: Transaction, part: _Part, now: Window) -> bool:
    """Whether the window had room for the amount, which is counted in it then."""
    if part.amount > part.at_most:
        return False
    counted = tx.execute(
        "UPDATE counters SET taken = taken + ?"
        " WHERE name = ? AND counted_by = ? AND label = ? AND taken <= ?",
        (part.amount, part.name, part.counted_by, now.label, part.at_most - part.amount),
    )
    return counted.rowcount == 1 or _first_take(tx, part, now)


def _first_take(tx: Transaction, part: _Part, now: Window) -> bool:
    """Begins the window's count, unless there is one that has no room."""
    forget_s = now.ends_s + _KEPT_S.get(part.per, _KEPT_USUALLY_S)
    begun = tx.execute(
        "INSERT INTO counters VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (part.name, part.counted_by, now.label, part.amount, forget_s),
    )
    if begun.rowcount == 1:
        # What is old is looked for where a window begins, and where room is short: each time would
        # cost every call.
        tx.execute("DELETE FROM counters WHERE forget_s <= ?", (tx.now_s,))
        lapse(tx)
    return begun.rowcount == 1


def _hold(tx: Transaction, ticket: str, number: int, part: _Part, label: str) -> None:
    lapses_s = tx.now_s + LIMITS.reservation_ms / 1000
    tx.execute(
        "INSERT INTO holds VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
        (ticket, number, *part[:2], label, *part[2:], lapses_s),
    )


def _move(tx: Transaction, ticket: str, row: tuple[Any, ...], zone: tzinfo) -> bool:
    """Whether the amount stands in the window of now, into which it is taken if it was not."""
    number, *held = row
    part, label = _Part(*held[:2], *held[3:6]), held[2]
    now = window(part.per, tx.now_s, zone)
    if now.label == label:
        return True
    if not _take(tx, part, now):
        return False
    _drop(tx, part, label)
    tx.execute(
        "UPDATE holds SET label = ? WHERE ticket = ? AND part = ?", (now.label, ticket, number)
    )
    return True


def _give_back(tx: Transaction, ticket: str) -> None:
    rows = tx.execute(
        "SELECT name, counted_by, amount, per, at_most, label FROM holds WHERE ticket = ?",
        (ticket,),
    ).fetchall()
    for *held, label in rows:
        _drop(tx, _Part(*held), label)
    tx.execute("DELETE FROM holds WHERE ticket = ?", (ticket,))


def _drop(tx: Transaction, part: _Part, label: str) -> None:
    tx.execute(
        "UPDATE counters SET taken = max(taken - ?, 0)"
        " WHERE name = ? AND counted_by = ? AND label = ?",
        (part.amount, part.name, part.counted_by, label),
    )
