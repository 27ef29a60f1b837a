"""`pause` and `resume`: a person stops calls at once, in running processes too (S6)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from mcp_proxy.app import admin_log
from mcp_proxy.app.check import Check
from mcp_proxy.core.profile import NAME_PATTERN
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges import clock
from mcp_proxy.edges.installs import list_installed
from mcp_proxy.edges.pauses import (
    EVERYTHING,
    REASON_CHARS,
    TOOL_PATTERN,
    Paused,
    Pauses,
    change_pauses,
    read_pauses,
)
from mcp_proxy.edges.places import Home, ensure_home, find_home
from mcp_proxy.edges.profile_store import load_profile
from mcp_proxy.errors import McpProxyError, UsageError


class Resumable(NamedTuple):
    """What `resume` would end, and what would stay paused. `is_broken` as in `Pauses`."""

    rows: tuple[Paused, ...]
    others: tuple[Paused, ...]
    is_broken: bool


def pause(which: str | None, reason: str) -> tuple[Paused, ...]:
    """Pauses PROFILE, PROFILE/TOOL or TOOL (in every profile), all for None; what is paused by it.

    A name that is a profile's and a tool's pauses both: who is in a hurry is not asked which.

    Raises:
        UsageError: W01 nothing here has that name, or too much is paused.
        AuditError: A01, and nothing is changed.
        HomeError: H01 to H03.
    """
    home = ensure_home()
    added = _meant(home, which, one_sentence(reason, REASON_CHARS))
    for row in added:
        admin_log.record(home, "pause", profile=row.profile or "*", tool=row.tool or "*")
    change_pauses(home, lambda held: _with(held, added))
    return added


def find_paused(which: str | None) -> Resumable:
    """What `resume` of the same words would end; None stands for all.

    Raises:
        UsageError: W01 nothing of that name is paused.
        HomeError: H01 to H03.
    """
    home = find_home()
    held = read_pauses(home) if home.id else Pauses()
    rows = tuple(row for row in held.rows if which in (None, row.words))
    if not rows and not (held.is_broken and which is None):
        raise _not_paused(held, which)
    others = tuple(row for row in held.rows if row not in rows)
    return Resumable(rows, others, held.is_broken)


def resume(found: Resumable) -> None:
    """Ends those pauses.

    Raises:
        AuditError: A01, and nothing is changed.
        HomeError: H01 to H03.
    """
    home = find_home()
    for row in found.rows or (EVERYTHING,):
        admin_log.record(home, "resume", profile=row.profile or "*", tool=row.tool or "*")
    change_pauses(home, lambda held: _less(held, found))


def is_known(row: Paused) -> bool:
    """Whether an installed profile has what the row names. Raises HomeError."""
    home = find_home()
    if row.tool is None:
        return True
    return row.tool in _tools(home, row.profile)


def list_paused(home: Home) -> tuple[Paused, ...]:
    """All that is paused; everything, where that cannot be read."""
    if not home.id:
        return ()
    held = read_pauses(home)
    return (EVERYTHING,) if held.is_broken else held.rows


def check_pauses(home: Home) -> Iterator[Check]:
    """What `doctor` says of pauses: nothing where there is none; a record that is damaged."""
    is_broken = bool(home.id) and read_pauses(home).is_broken
    for row in list_paused(home):
        why = " The record of pauses is damaged." if is_broken else ""
        found = f"{paused_words(row)}{why}"
        yield Check("paused", not is_broken, found, f"mcp-proxy resume {row.words}")


def paused_words(row: Paused) -> str:
    """The pause as a sentence, with the reason that the person gave."""
    said = f': "{row.reason}"' if row.reason else "."
    return f"A person has paused {row.text}{said}"


def _with(held: Pauses, added: tuple[Paused, ...]) -> tuple[Paused, ...]:
    # What could not be read stays paused: everything.
    rows = (EVERYTHING,) if held.is_broken else held.rows
    places = {(row.profile, row.tool) for row in rows}
    return (*rows, *(row for row in added if (row.profile, row.tool) not in places))


def _less(held: Pauses, found: Resumable) -> tuple[Paused, ...]:
    if held.is_broken and not found.is_broken:
        # It broke while the person was asked, who did not say that everything may go on.
        return (EVERYTHING,)
    return tuple(row for row in held.rows if row not in found.rows)


def _meant(home: Home, which: str | None, reason: str) -> tuple[Paused, ...]:
    since_s = int(clock.now_s())
    if which is None:
        return (Paused(None, None, since_s, reason),)
    profile, slash, tool = which.partition("/")
    found: list[tuple[str | None, str | None]]
    if slash:
        found = [(profile, tool)] if _is_place(home, profile, tool) else []
    else:
        found = [(which, None)] if which in list_installed(home) else []
        found += [(None, which)] if which in _tools(home) else []
    if not found:
        why = f"Nothing here is called {which[:82]!r}: no profile, and no tool of one."
        raise UsageError("MCPX-W01", why, "mcp-proxy profile list")
    return tuple(Paused(*place, since_s, reason) for place in found)


def _is_place(home: Home, profile: str, tool: str) -> bool:
    """A tool need not be there: a running process may still serve an earlier version that has it.

    Its name may have been mistyped, though, so that `pause` says what it found.
    """
    is_named = re.fullmatch(NAME_PATTERN, profile) and re.fullmatch(TOOL_PATTERN, tool)
    return bool(is_named) and profile in list_installed(home)


def _tools(home: Home, profile: str | None = None) -> set[str]:
    """The tools of the installed profiles, or of one; one that is refused has none to be called."""
    found: set[str] = set()
    for name in list_installed(home) if profile is None else (profile,):
        try:
            found |= load_profile(home, name, clock.now_s()).tool_lines.keys()
        except McpProxyError:
            continue
    return found


def _not_paused(held: Pauses, which: str | None) -> UsageError:
    if held.is_broken:
        why = "What is paused cannot be read, so everything is; it can only be resumed as a whole."
        return UsageError("MCPX-W01", why, "mcp-proxy resume --all")
    what = "Nothing" if which is None else f"Nothing called {which[:82]!r}"
    others = ", ".join(row.words for row in held.rows)
    rest = f" Paused: {others}." if others else ""
    return UsageError("MCPX-W01", f"{what} is paused.{rest}", "mcp-proxy status")
