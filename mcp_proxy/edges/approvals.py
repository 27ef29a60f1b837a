"""Requests for a person's approval in state.db: asked, answered, spent (S17).

SQL over one transaction; who calls decides what else stands in it. A yes is for one digest, a count
of dispatches and a time; a no holds until its request expires, so that nobody is asked twice. What
the person saw is erased as soon as nobody has to decide by it; a line of it is kept for 30 days.
Times are ledger time, in seconds.
"""

import os
from typing import Any, NamedTuple

from mcp_proxy.core.approval_request import Wanted
from mcp_proxy.core.audit import timestamp
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.state_db import Transaction

# No letter or digit that is easily taken for another one.
_CODE = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_CODE_CHARS = 8
# How long a yes to one call holds, and the most for a destructive one.
ONCE_MINUTES = LIMITS.approval_open_s // 60
_INSERT = "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_BY_ID = "SELECT * FROM requests WHERE id = ?"
_BY_CODE = "SELECT * FROM requests WHERE code = ? AND state = 'asked'"
_BY_DIGEST = "SELECT * FROM requests WHERE digest = ? AND state = 'asked'"
_OPEN = "SELECT * FROM requests WHERE state = 'asked' AND expires_s > ? ORDER BY created_s, id"


class Request(NamedTuple):
    """One row. `state` is asked, approved, denied, spent or expired.

    `code` selects a request for a person, and confirms nothing. `view` is JSON text, "" once
    nobody decides by it. An approval is good for `uses_left` dispatches until `until_s`; `by` is
    its channel, `who` the account, `word` what the person said to the model.
    """

    id: str
    code: str
    digest: str
    profile: str
    root: str
    tool: str
    effect: str
    channels: tuple[str, ...]
    view: str
    summary: str
    created_s: float
    expires_s: float
    state: str = "asked"
    uses_left: int = 0
    until_s: float = 0.0
    by: str = ""
    who: str = ""
    word: str = ""
    decided_s: float = 0.0


class Denied(NamedTuple):
    """A person's no to this very call, which still holds."""

    id: str
    word: str


class Asked(NamedTuple):
    """A request, and whether it was made just now."""

    request: Request
    is_new: bool


def ask(tx: Transaction, wanted: Wanted) -> Asked | None:
    """The open request for this very call, made at need; None where too many are open."""
    sweep(tx)
    found = _one(tx, _BY_DIGEST, wanted.digest)
    if found is not None:
        return Asked(found, is_new=False)
    if len(open_requests(tx, wanted.subject.profile)) >= LIMITS.approvals_open:
        return None
    made = _made(wanted, tx.now_s)
    tx.execute(_INSERT, (*made[:7], ",".join(made.channels), *made[8:]))
    return Asked(made, is_new=True)


def find(tx: Transaction, name: str) -> Request | None:
    """The request of this id, or the open one of this code."""
    found = _one(tx, _BY_ID, name) or _one(tx, _BY_CODE, name.upper())
    if found is not None and found.state == "asked" and found.expires_s <= tx.now_s:
        return found._replace(state="expired")
    return found


def open_requests(tx: Transaction, profile: str | None = None) -> tuple[Request, ...]:
    """What waits for a person now, of one profile or of all, the oldest first."""
    found = map(_request, tx.execute(_OPEN, (tx.now_s,)).fetchall())
    return tuple(item for item in found if profile in (None, item.profile))


def approve(  # noqa: PLR0913, PLR0917 - what is recorded of a yes
    tx: Transaction, request: str, by: str, who: str, times: int = 1, minutes: int = 10
) -> bool:
    """Say yes to an open request by one of its channels; whether it was open and may be.

    A destructive call is approved once, and not for longer than it would be open, whatever is
    asked for.
    """
    found = _open(tx, request)
    if found is None or by not in found.channels or not _is_allowed(found, times, minutes):
        return False
    yes = (times, tx.now_s + minutes * 60, by, who, tx.now_s, request)
    tx.execute(
        "UPDATE requests SET state = 'approved', view = '', uses_left = ?, until_s = ?, by = ?,"
        " who = ?, decided_s = ? WHERE id = ?",
        yes,
    )
    return True


def deny(tx: Transaction, request: str, by: str, who: str, word: str) -> bool:
    """Say no to an open request, by any channel, with a clean word to the model."""
    if _open(tx, request) is None:
        return False
    tx.execute(
        "UPDATE requests SET state = 'denied', view = '', by = ?, who = ?, word = ?, decided_s = ?"
        " WHERE id = ?",
        (by, who, word, tx.now_s, request),
    )
    return True


def usable(tx: Transaction, digest: str) -> str | Denied | None:
    """The id of an approval that this call may spend now; or the no that holds against it."""
    yes = tx.execute(
        "SELECT id, decided_s FROM requests WHERE digest = ? AND state = 'approved'"
        " AND uses_left > 0 AND until_s > ? ORDER BY until_s LIMIT 1",
        (digest, tx.now_s),
    ).fetchone()
    no = tx.execute(
        "SELECT id, word, decided_s FROM requests WHERE digest = ? AND state = 'denied'"
        " AND expires_s > ? ORDER BY decided_s DESC LIMIT 1",
        (digest, tx.now_s),
    ).fetchone()
    # A no may be the later word: to a call made anew while one that was approved had not ended.
    if no is not None and (yes is None or no[2] >= yes[1]):
        return Denied(*no[:2])
    return None if yes is None else str(yes[0])


def spend(tx: Transaction, digest: str) -> str | Denied | None:
    """As `usable`, and takes one dispatch of the approval: one row's update (S17)."""
    found = usable(tx, digest)
    if isinstance(found, str):
        tx.execute(
            "UPDATE requests SET uses_left = uses_left - 1,"
            " state = CASE WHEN uses_left = 1 THEN 'spent' ELSE state END WHERE id = ?",
            (found,),
        )
    return found


def give_back(tx: Transaction, request: str) -> None:
    """Undo one `spend` of a call that never left; the approval's time goes on running."""
    tx.execute(
        "UPDATE requests SET uses_left = uses_left + 1, state = 'approved'"
        " WHERE id = ? AND state IN ('approved', 'spent')",
        (request,),
    )


def holds(tx: Transaction, request: str) -> bool:
    """Whether the time of a yes is not over yet, spent or not; True for what is no request."""
    found = _one(tx, _BY_ID, request)
    return found is None or found.until_s > tx.now_s


def before(tx: Transaction, profile: str, tool: str) -> tuple[str, ...]:
    """The last five approvals of a tool, newest first, each as one line with its day and time."""
    rows = tx.execute(
        "SELECT decided_s, by, summary FROM requests WHERE profile = ? AND tool = ?"
        " AND state IN ('approved', 'spent') ORDER BY decided_s DESC LIMIT 5",
        (profile, tool),
    )
    return tuple(
        f"{timestamp(int(at_s) * 10**9)[:16].replace('T', ' ')} UTC, by {by}: {summary}"
        for at_s, by, summary in rows.fetchall()
    )


def knows(tx: Transaction, request: str) -> bool:
    """Whether the request was made in this database, and not longer ago than rows are kept."""
    return _one(tx, _BY_ID, request) is not None


def keeps(tx: Transaction, request: str) -> bool:
    """Whether there is something of the call that `forget` would take away."""
    found = _one(tx, _BY_ID, request)
    return found is not None and bool(found.digest)


def forget(tx: Transaction, request: str) -> None:
    """Nothing of the call is kept of this request any more, nor a digest to test a guess by.

    A yes that was not spent is thereby void, and what still waits for a person is withdrawn.
    """
    tx.execute(
        "UPDATE requests SET digest = '', view = '', summary = tool, word = '',"
        " state = CASE state WHEN 'asked' THEN 'expired' ELSE state END WHERE id = ?",
        (request,),
    )


def sweep(tx: Transaction) -> None:
    """End what has expired, and drop rows older than 30 days."""
    tx.execute(
        "UPDATE requests SET state = 'expired', view = '' WHERE state = 'asked' AND expires_s <= ?",
        (tx.now_s,),
    )
    kept_s = LIMITS.approval_kept_days * 86_400
    tx.execute("DELETE FROM requests WHERE created_s < ?", (tx.now_s - kept_s,))


def _made(wanted: Wanted, now_s: float) -> Request:
    subject = wanted.subject
    return Request(
        id=os.urandom(16).hex(),
        code="".join(_CODE[byte % len(_CODE)] for byte in os.urandom(_CODE_CHARS)),
        digest=wanted.digest,
        profile=subject.profile,
        root=subject.root,
        tool=wanted.tool,
        effect=wanted.effect,
        channels=wanted.channels,
        view=wanted.view,
        summary=wanted.summary,
        created_s=now_s,
        expires_s=now_s + LIMITS.approval_open_s,
    )


def _is_allowed(found: Request, times: int, minutes: int) -> bool:
    if not 1 <= minutes <= LIMITS.approval_minutes or not 1 <= times <= LIMITS.approval_uses:
        return False
    return found.effect != "destructive" or (times == 1 and minutes <= ONCE_MINUTES)


def _open(tx: Transaction, request: str) -> Request | None:
    sweep(tx)
    found = _one(tx, _BY_ID, request)
    return found if found is not None and found.state == "asked" else None


def _one(tx: Transaction, query: str, value: str) -> Request | None:
    row = tx.execute(query, (value,)).fetchone()
    return None if row is None else _request(row)


def _request(row: tuple[Any, ...]) -> Request:
    found = Request(*row)
    return found._replace(channels=tuple(row[7].split(",")))
