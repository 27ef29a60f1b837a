"""The live list of calls that wait for a person, drawn in the terminal; one is picked from it."""

import contextlib
import os
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from mcp_proxy.app.approving_here import Waiting
from mcp_proxy.cli.terminal_keys import Keys
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges.approvals import Request
from mcp_proxy.edges.controlling_terminal import ControllingTerminal

_HELP = "type a number or a code, then enter · escape leaves"
_STYLES = {"read": "green", "write": "yellow", "destructive": "red"}
_LOOK_S = 0.5
_CELL_CHARS = 300
_OTHER_LINES = 5
_TYPED_CHARS = 16
# Into the alternate screen without a cursor, and back.
_BEGIN, _END = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


def can_draw() -> bool:
    """Whether the terminal knows how to be drawn on."""
    return os.environ.get("TERM", "") not in ("", "dumb") or os.name == "nt"


def terminal_size(terminal: ControllingTerminal) -> tuple[int, int]:
    """Its columns and lines."""
    try:
        size = os.get_terminal_size(terminal.screen.fileno())
    except OSError:
        return 80, 24
    return size.columns or 80, size.lines or 24


class LiveList:
    """What waits, looked at twice a second. A request keeps its number for as long as we run."""

    def __init__(self, look: Callable[[], Waiting], terminal: ControllingTerminal) -> None:
        """Draws nothing yet."""
        self._look = look
        self._terminal = terminal
        self._numbers: dict[str, int] = {}
        self._typed = ""
        self._note = ""

    def pick(self, keys: Keys, note: str = "") -> Request | None:
        """The request that the person picks, None where they leave; `note` stands below the list.

        The terminal is put back as it was, however it ends. Raises as `look`, and OSError where the
        terminal is gone.
        """
        self._typed, self._note = "", note
        screen = self._terminal.screen
        try:
            with keys:
                screen.write(_BEGIN)
                while True:
                    waiting = self.look()
                    self._draw(waiting)
                    for key in keys.wait(_LOOK_S):
                        if key == "escape":
                            return None
                        found = self._press(key, waiting)
                        if found is not None:
                            return found
        except (KeyboardInterrupt, EOFError):
            return None
        finally:
            with contextlib.suppress(OSError):
                screen.write(_END)
                screen.flush()

    def look(self) -> Waiting:
        """What waits now, each request with its number."""
        waiting = self._look()
        for request in waiting.requests:
            self._numbers.setdefault(request.id, len(self._numbers) + 1)
        return waiting

    def find(self, typed: str, waiting: Waiting) -> Request | None:
        """The request of that number or code; the only one there is for ""."""
        if not typed and len(waiting.requests) == 1:
            return waiting.requests[0]
        for request in waiting.requests:
            if typed.upper() == request.code or typed == str(self._numbers[request.id]):
                return request
        return None

    def lines(self, waiting: Waiting) -> list[Text]:
        """One line for each request."""
        return [self._line(request, waiting.now_s) for request in waiting.requests]

    def _press(self, key: str, waiting: Waiting) -> Request | None:
        if key == "enter":
            found = self.find(self._typed, waiting)
            self._note = "" if found or not self._typed else f"nothing here is {self._typed}"
            self._typed = ""
            return found
        if key == "backspace":
            self._typed = self._typed[:-1]
        elif len(key) == 1 and key.isalnum() and len(self._typed) < _TYPED_CHARS:
            self._typed += key
        return None

    def _draw(self, waiting: Waiting) -> None:
        screen = self._terminal.screen
        width, height = terminal_size(self._terminal)
        rows = self.lines(waiting)
        fitting = rows[: max(1, height - _OTHER_LINES)]
        hidden = len(rows) - len(fitting)
        more = [Text(f"and {hidden} more", "dim")] if hidden else []
        nothing = [] if rows else [Text("Nothing waits for you.", "dim")]
        head = [Text("Calls that wait for your approval", "bold"), Text(_HELP, "dim")]
        foot = [Text(self._note, "bold"), Text(f"pick: {self._typed}▏")]
        # The last column stays free: what stands there waits to wrap, and would be erased.
        console = Console(file=screen, force_terminal=True, width=width - 1, highlight=False)
        drawn = (_drawn(console, line) for line in [*head, *nothing, *fitting, *more, *foot])
        screen.write("\x1b[H" + "\x1b[K\n".join(drawn) + "\x1b[K\x1b[J")
        screen.flush()

    def _line(self, request: Request, now_s: float) -> Text:
        left_s = max(0, int(request.expires_s - now_s))
        line = Text(f"{self._numbers[request.id]:>3}  {request.code}  ")
        line.append(f"{left_s // 60}:{left_s % 60:02}  ", "dim")
        line.append(f"{request.effect:<12}", _STYLES.get(request.effect, ""))
        line.append(one_sentence(f"{request.profile}  {request.summary}", _CELL_CHARS))
        return line


def _drawn(console: Console, line: Text) -> str:
    with console.capture() as captured:
        console.print(line, end="", no_wrap=True, overflow="ellipsis", crop=True)
    return captured.get()
