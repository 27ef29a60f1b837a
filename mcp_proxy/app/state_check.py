"""What `doctor` says of state.db and of the clock that limits go by, and what `--fix` mends (S18).

Both are mended only by a person at the controlling terminal: a new database has nothing counted,
and a clock that was set decides which day's budget counts.
"""

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from mcp_proxy.app import admin_log
from mcp_proxy.app.check import Check
from mcp_proxy.core.ledger_time import Step
from mcp_proxy.core.text import one_sentence
from mcp_proxy.core.windows import LAST_S
from mcp_proxy.edges import clock
from mcp_proxy.edges.grants import change_grants
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import bump_generation
from mcp_proxy.edges.state_db import StateDb, Transaction
from mcp_proxy.edges.state_file import inode_of, state_path
from mcp_proxy.edges.state_mark import read_mark
from mcp_proxy.edges.state_repair import replace_state
from mcp_proxy.errors import HomeError

_WHAT = "limits"
_FIX = "mcp-proxy doctor --fix"


class _Found(NamedTuple):
    """The state of a database that is in order: its time, and how the clock was set against it."""

    now_s: float
    step: Step
    problem: str | None


def check_state(home: Home) -> Iterator[Check]:
    """One finding; none where nothing was ever counted or asked for here."""
    try:
        found = _look(home)
    except HomeError as error:
        yield Check(_WHAT, False, str(error), error.next)
        return
    if found is None:
        return
    if found.step != "none":
        yield Check(_WHAT, False, _step_words(found), f"set the clock right, or {_FIX}")
        return
    yield Check(_WHAT, True, "state.db is whole; its time and this machine's agree")


def mend_state(home: Home, ask: Callable[[str], str]) -> Iterator[str]:
    """Mends what `check_state` finds, if the person says so; a sentence for each thing done.

    None where nothing needs mending.

    `ask` shows a question to the person and returns what was typed.

    Raises:
        UsageError: W01 nobody is there to be asked.
        AuditError: A01, and nothing is changed.
        HomeError: H02, H03 what cannot be mended here.
    """
    try:
        found = _look(home)
    except HomeError as error:
        if error.id != "MCPX-H04" or error.next != _FIX:
            raise
        yield from _replace(home, error.why, ask)
        return
    if found is not None and found.step != "none":
        yield from _confirm(home, found, ask)


def _replace(home: Home, why: str, ask: Callable[[str], str]) -> Iterator[str]:
    question = (
        f"{why} A new one begins with nothing counted: every limit is whole again, and what was "
        "approved or asked for is forgotten. Every grant is taken back, since it is not known how "
        "often it was used. Start a new one? [y/N]"
    )
    if not _is_yes(ask(question)):
        yield "Nothing was changed. Calls with limits or approvals stay denied."
        return
    admin_log.record(home, "doctor --fix", did="state.db replaced")
    aside = replace_state(home)
    # The new one voids them by itself; a file that cannot be read grants nothing either.
    with contextlib.suppress(HomeError):
        change_grants(home, lambda kept: kept._replace(rows=()))
    bump_generation(home)
    yield "A new state.db is in place; grants are to be given anew: mcp-proxy grant add"
    if aside is not None:
        yield f"The old file is kept: {aside}"


def _confirm(home: Home, found: _Found, ask: Callable[[str], str]) -> Iterator[str]:
    now = _time_words(clock.now_s())
    if not _is_yes(ask(f"{_step_words(found)} Is it {now} now? [y/N]")):
        yield "Nothing was changed. Set the clock right, then see: mcp-proxy doctor"
        return
    admin_log.record(home, "doctor --fix", did="clock confirmed", time=now)
    state = StateDb(home)
    try:
        state.confirm_clock()
    finally:
        state.close()
    yield f"Limits go by this machine's clock again: {now}."


def _look(home: Home) -> _Found | None:
    if read_mark(home) is None and inode_of(state_path(home)) is None:
        return None
    state = StateDb(home)
    try:
        found = state.run_now(_examine)
    finally:
        state.close()
    if found.problem is not None:
        raise HomeError("MCPX-H04", f"{state_path(home)} is damaged: {found.problem}.", _FIX)
    return found


def _examine(tx: Transaction) -> _Found:
    told = tx.execute("PRAGMA integrity_check(1)").fetchone()[0]
    return _Found(tx.now_s, tx.step, None if told == "ok" else one_sentence(told, 200))


def _step_words(found: _Found) -> str:
    now, counted = _time_words(clock.now_s()), _time_words(found.now_s)
    if found.step == "back":
        stops = "calls that change something are denied where limits or approvals count"
        return f"This machine's clock says {now}, but {counted} was recorded already: {stops}."
    goes = "limits go by the time since the machine was started, and begin no new day early"
    return f"This machine's clock says {now}, more than a day ahead of {counted}: {goes}."


def _is_yes(answer: str) -> bool:
    return answer.lower() in ("y", "yes")


def _time_words(at_s: float) -> str:
    return datetime.fromtimestamp(min(at_s, LAST_S), UTC).strftime("%Y-%m-%d %H:%M UTC")
