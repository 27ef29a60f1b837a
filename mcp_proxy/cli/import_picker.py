"""The picker of `profile import`, drawn in the terminal: search, toggle, see effect and tokens."""

import os
import sys
from typing import TextIO

from rich.console import Console
from rich.text import Text

from mcp_proxy.app.importing import Try
from mcp_proxy.cli.terminal_keys import Keys, TerminalKeys
from mcp_proxy.core.text import one_sentence
from mcp_proxy.workshop.import_subject import Candidate
from mcp_proxy.workshop.import_trial import Trial
from mcp_proxy.workshop.import_words import plain_words
from mcp_proxy.workshop.picking import Picking, press, start_picking

_TERMINAL = "CONOUT$" if os.name == "nt" else "/dev/tty"
_HELP = "type to search · space chooses · enter writes · escape leaves"
_STYLES = {"read": "green", "write": "yellow", "destructive": "red"}
_OTHER_LINES = 5
_IDLE_S = 1.0
_CELL_CHARS = 300
# Into the alternate screen without a cursor, and back.
_BEGIN, _END = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


def can_pick() -> bool:
    """Whether there is a terminal that can be drawn on."""
    if not sys.stderr.isatty() or os.environ.get("TERM", "") == "dumb":
        return False
    try:
        with open(_TERMINAL, "r+b", buffering=0):
            return True
    except OSError:
        return False


def pick_in_terminal(candidates: list[Candidate], attempt: Try) -> list[Candidate] | None:
    """What the person chose; None where they left, also by ctrl-c."""
    with (
        open(_TERMINAL, "rb", buffering=0) as keyboard,
        open(_TERMINAL, "w", encoding="utf-8") as screen,
    ):
        picker = Picker(candidates, attempt, TerminalKeys(keyboard.fileno()), screen)
        return picker.run()


class Picker:
    """One picking: state, what has been counted, and where it is drawn."""

    def __init__(
        self, candidates: list[Candidate], attempt: Try, keys: Keys, screen: TextIO
    ) -> None:
        """Draws nothing yet; `attempt` builds a candidate and counts its tokens."""
        self._state = start_picking(candidates)
        self._attempt = attempt
        self._known: dict[str, Trial] = {}
        self._keys = keys
        self._screen = screen

    def run(self) -> list[Candidate] | None:
        """Waits for the person; the terminal is put back as it was, however it ends."""
        try:
            with self._keys:
                self._screen.write(_BEGIN)
                while not self._state.done:
                    self._turn()
        except (KeyboardInterrupt, EOFError):
            return None
        finally:
            self._screen.write(_END)
            self._screen.flush()
        return self._state.picked if self._state.done == "write" else None

    def _turn(self) -> None:
        size = _size(self._screen)
        self._draw(*size)
        todo = self._uncounted(size[1])
        keys = self._keys.wait(0.0 if todo is not None else _IDLE_S)
        if not keys and todo is not None:
            self._trial(todo)
        for key in keys:
            if not self._state.done:
                self._state = press(self._state, key, lambda one: self._trial(one).refusal)

    def _trial(self, candidate: Candidate) -> Trial:
        if candidate.selector not in self._known:
            self._known[candidate.selector] = self._attempt(candidate)
        return self._known[candidate.selector]

    def _uncounted(self, height: int) -> Candidate | None:
        """The next row in sight whose tokens are not known; counted while no key is pressed."""
        rows = (self._state.rows[index] for index in _visible(self._state, height))
        return next((one for one in rows if one.selector not in self._known), None)

    def _draw(self, width: int, height: int) -> None:
        lines = frame(self._state, self._known, height)
        # The last column stays free: what stands there waits to wrap, and would be erased.
        console = Console(file=self._screen, force_terminal=True, width=width - 1, highlight=False)
        drawn = (_drawn(console, line) for line in lines)
        self._screen.write("\x1b[H" + "\x1b[K\n".join(drawn) + "\x1b[K\x1b[J")
        self._screen.flush()


def _drawn(console: Console, line: Text) -> str:
    with console.capture() as captured:
        console.print(line, end="", no_wrap=True, overflow="ellipsis", crop=True)
    return captured.get()


def frame(state: Picking, known: dict[str, Trial], height: int) -> list[Text]:
    """The picture, at most `height` lines."""
    found = f"{len(state.shown):,} of {len(state.rows):,}"
    lines = [Text(_HELP, "dim"), Text(f"search: {state.query}▏  ({found})")]
    rows = _visible(state, height)
    lines += [_line(state, index, known.get(state.rows[index].selector)) for index in rows]
    return [*lines, Text(one_sentence(state.note, _CELL_CHARS), "bold red"), _total(state, known)]


def _line(state: Picking, index: int, trial: Trial | None) -> Text:
    row = state.rows[index]
    line = Text("› " if index == state.current else "  ")
    line.append("[x] " if index in state.chosen else "[ ] ")
    line.append(f"{row.effect:<12}", _STYLES[row.effect])
    tokens = "…" if trial is None else "none" if trial.refusal else f"{trial.tokens:,}"
    line.append(f"{tokens:>6}  ", "dim")
    if row.marks:
        line.append(f"[{' '.join(row.marks)}] ", "magenta")
    if row.deprecated:
        line.append("[deprecated] ", "magenta")
    line.append(one_sentence(f"{row.place} · {plain_words(row.summary or row.text)}", _CELL_CHARS))
    if index == state.current:
        line.stylize("reverse")
    return line


def _total(state: Picking, known: dict[str, Trial]) -> Text:
    tokens = sum(known[one.selector].tokens for one in state.picked if one.selector in known)
    return Text(f"chosen: {len(state.chosen)}, about {tokens:,} tokens of the model's list", "bold")


def _visible(state: Picking, height: int) -> tuple[int, ...]:
    """The shown rows that fit, the cursor's among them."""
    most = max(1, height - _OTHER_LINES)
    first = max(0, min(state.cursor - most // 2, len(state.shown) - most))
    return state.shown[first : first + most]


def _size(screen: TextIO) -> tuple[int, int]:
    try:
        size = os.get_terminal_size(screen.fileno())
    except (OSError, ValueError):
        return 80, 24
    return size.columns or 80, size.lines or 24
