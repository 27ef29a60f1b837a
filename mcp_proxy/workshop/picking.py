"""The picker's state: keys in, what is shown, chosen and done out. Nothing here draws or waits."""

from collections.abc import Callable
from typing import NamedTuple

from mcp_proxy.errors import UsageError
from mcp_proxy.workshop.import_subject import Candidate
from mcp_proxy.workshop.selection import matches, parse_expression

_QUERY_CHARS = 100
_EFFECTS = ("read", "write", "destructive")
_MOVES = {"up": -1, "down": 1, "page_up": -10, "page_down": 10}


class Picking(NamedTuple):
    """`rows` are all, sorted; `shown` indexes those that the query takes, `cursor` indexes shown.

    `chosen` indexes rows. `note` is told below the list. `done` is "", "write" or "leave".
    """

    rows: tuple[Candidate, ...]
    query: str
    shown: tuple[int, ...]
    cursor: int
    chosen: frozenset[int]
    note: str
    done: str

    @property
    def current(self) -> int | None:
        """The row under the cursor; None where nothing is shown."""
        return self.shown[self.cursor] if self.shown else None

    @property
    def picked(self) -> list[Candidate]:
        """What is chosen, in the order of the rows."""
        return [row for index, row in enumerate(self.rows) if index in self.chosen]


def start_picking(candidates: list[Candidate]) -> Picking:
    """Reading ones first, unmarked before marked, deprecated last; nothing is chosen."""
    rows = tuple(
        sorted(candidates, key=lambda one: (one.deprecated, _EFFECTS.index(one.effect), one.marks))
    )
    return Picking(rows, "", tuple(range(len(rows))), 0, frozenset(), "", "")


def press(state: Picking, key: str, refusal: Callable[[Candidate], str]) -> Picking:
    """The state after `key`: one character, or up, down, page_up, page_down, home, end, backspace,
    enter, escape. Space toggles; `refusal` says why a tool cannot be chosen, "" where it can."""
    state = state._replace(note="")
    if key == "escape":
        return state._replace(done="leave")
    if key == "enter":
        return state._replace(done="write") if state.chosen else _told_empty(state)
    if key == " ":
        return _toggled(state, refusal)
    if key in _MOVES:
        return _at(state, state.cursor + _MOVES[key])
    if key in ("home", "end"):
        return _at(state, 0 if key == "home" else len(state.shown))
    if key == "backspace":
        return _searched(state, state.query[:-1])
    if len(key) == 1 and key.isprintable():
        return _searched(state, (state.query + key)[:_QUERY_CHARS])
    return state


def _told_empty(state: Picking) -> Picking:
    return state._replace(note="Nothing is chosen yet: space chooses, escape leaves.")


def _toggled(state: Picking, refusal: Callable[[Candidate], str]) -> Picking:
    index = state.current
    if index is None:
        return state
    if index in state.chosen:
        return state._replace(chosen=state.chosen - {index})
    why = refusal(state.rows[index])
    if why:
        return state._replace(note=f"No tool can be built of it: {why}")
    return state._replace(chosen=state.chosen | {index})


def _at(state: Picking, cursor: int) -> Picking:
    return state._replace(cursor=max(0, min(cursor, len(state.shown) - 1)))


def _searched(state: Picking, query: str) -> Picking:
    shown = tuple(index for index, row in enumerate(state.rows) if _is_found(row, query))
    return state._replace(query=query, shown=shown, cursor=0)


def _is_found(row: Candidate, query: str) -> bool:
    """As `--select` reads it, where it is a whole expression; else by its words alone."""
    if not query:
        return True
    try:
        return matches(parse_expression(query), row)
    except UsageError:
        texts = f"{row.id} {row.path} {row.summary} {row.name}".lower()
        return query.lower().rstrip(",:!") in texts
