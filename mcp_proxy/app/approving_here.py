"""Requests for approval of all profiles of this home, answered at its terminal (S17)."""

from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from mcp_proxy.app import admin_log
from mcp_proxy.app.audit_keys import signer_at_once
from mcp_proxy.core.approval_request import View, parse_view
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges import approvals
from mcp_proxy.edges.account import account_name
from mcp_proxy.edges.admin_policy import read_policy
from mcp_proxy.edges.approvals import Request
from mcp_proxy.edges.places import Home, find_home
from mcp_proxy.edges.state_db import StateDb, Transaction
from mcp_proxy.edges.state_mark import read_mark
from mcp_proxy.errors import HomeError, UsageError

BY = "terminal"


class Waiting(NamedTuple):
    """The open requests, oldest first, and the ledger time in seconds when they were looked at."""

    requests: tuple[Request, ...]
    now_s: float


class Case(NamedTuple):
    """One open request with all that a person sees of it.

    `before` are the last approvals of its tool, a line each. `is_here` says that the terminal may
    approve it; it may always deny.
    """

    request: Request
    view: View
    before: tuple[str, ...]
    now_s: float
    is_here: bool


class Desk:
    """A context in which requests are read and answered; makes no state.db where there is none."""

    def __init__(self) -> None:
        """Raises HomeError H01 to H03."""
        self._home: Home = find_home()
        self._state = StateDb(self._home)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._state.close()

    def waiting(self) -> Waiting:
        """What waits for a person now. Raises HomeError."""
        if not self._is_there():
            return Waiting((), 0.0)
        return self._state.look_now(lambda tx: Waiting(approvals.open_requests(tx), tx.now_s))

    def case(self, name: str) -> Case | None:
        """The open request of that id or code, None where there is none. Raises HomeError."""
        return self._state.look_now(lambda tx: _case(tx, name)) if self._is_there() else None

    def approve(self, case: Case, times: int = 1, minutes: int = 10) -> bool:
        """Log the yes, then let it take effect; False where the request is not open any more.

        Raises:
            UsageError: W01 more times or minutes than may be, P29 not by the terminal.
            AuditError: A01, and nothing is changed.
            HomeError: as `StateDb.run`.
        """
        check_yes(case, times, minutes)
        self._record("approval given", case, count=times, minutes=minutes)
        request, who = case.request.id, account_name()
        return self._effect(
            case, lambda tx: approvals.approve(tx, request, BY, who, times, minutes)
        )

    def deny(self, case: Case, word: str) -> bool:
        """Log the no, then let it take effect, with a word to the model; as `approve`."""
        said = one_sentence(word, LIMITS.approval_word_chars)
        self._record("approval denied", case)
        request, who = case.request.id, account_name()
        return self._effect(case, lambda tx: approvals.deny(tx, request, BY, who, said))

    def _effect(self, case: Case, work: Callable[[Transaction], bool]) -> bool:
        """An answer that another one came before stands in the log, so that is told there too."""
        done = self._state.run_now(work)
        if not done:
            self._record("approval answer void", case)
        return done

    def _record(self, what: str, case: Case, **facts: int) -> None:
        request = case.request
        told = {"approval": request.id, "profile": request.profile, "tool": request.tool}
        by = {"by": BY, "who": account_name()}
        signer = signer_at_once(self._home)
        admin_log.record_signed(self._home, signer, what, {**told, **by, **facts})

    def _is_there(self) -> bool:
        return bool(self._home.id) and read_mark(self._home) is not None


def check_yes(case: Case, times: int, minutes: int) -> None:
    """Raises UsageError W01 more times or minutes than may be, P29 not by the terminal."""
    if not case.is_here:
        raise UsageError("MCPX-P29", "This call may not be approved at a terminal.", "deny it")
    most, longest = LIMITS.approval_uses, LIMITS.approval_minutes
    if not 1 <= times <= most or not 1 <= minutes <= longest:
        why = f"The number of times is 1 to {most}, that of minutes 1 to {longest}."
        raise UsageError("MCPX-W01", why, "answer again")
    is_more = times > 1 or minutes > approvals.ONCE_MINUTES
    if is_more and case.request.effect == "destructive":
        why = (
            f"A destructive call is approved once at a time, for {approvals.ONCE_MINUTES} minutes."
        )
        raise UsageError("MCPX-W01", why, "answer again")


def _case(tx: Transaction, name: str) -> Case | None:
    found = approvals.find(tx, name)
    if found is None or found.state != "asked":
        return None
    before = approvals.before(tx, found.profile, found.tool)
    is_here = BY in found.channels and BY in read_policy().channels
    try:
        view = parse_view(found.view)
    except (ValueError, KeyError, TypeError):
        raise HomeError("MCPX-H04", "What state.db holds of that call is damaged.") from None
    return Case(found, view, before, tx.now_s, is_here)
