"""The controlling terminal, where a person answers what no pipe, option or variable may (S1).

It is opened by its own name, so that stdin and stdout can be anything. What was typed before a
question stood there is no answer to it, and is thrown away.
"""

import os
import sys
from types import TracebackType
from typing import Self, TextIO

from mcp_proxy.errors import UsageError

if sys.platform == "win32":
    import msvcrt
else:
    import termios

KEYBOARD = "CONIN$" if os.name == "nt" else "/dev/tty"
SCREEN = "CONOUT$" if os.name == "nt" else "/dev/tty"
_LINE_CHARS = 4_096
_AGAIN = "repeat the command in a terminal window, and answer there"


class ControllingTerminal:
    """A context in which a person can be shown things and asked."""

    screen: TextIO
    _keyboard: TextIO

    def __enter__(self) -> Self:
        """Raises UsageError W01 where there is none."""
        try:
            self._keyboard = open(KEYBOARD, encoding="utf-8", errors="replace")
        except OSError:
            raise no_terminal() from None
        try:
            self.screen = open(SCREEN, "w", encoding="utf-8", errors="replace")
        except OSError:
            self._keyboard.close()
            raise no_terminal() from None
        if self._keyboard.isatty() and self.screen.isatty():
            return self
        self._close()
        raise no_terminal()

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._close()

    @property
    def keyboard(self) -> int:
        """The descriptor that keys come from."""
        return self._keyboard.fileno()

    def ask(self, question: str) -> str:
        """The line that the person types, without the space around it.

        Raises UsageError W01 where the terminal is gone, or it was ended by ctrl-d.
        """
        try:
            self._drop_typed_ahead()
            self.screen.write(question + " ")
            self.screen.flush()
            line = self._keyboard.readline(_LINE_CHARS)
        except OSError:
            raise no_terminal() from None
        if not line:
            raise UsageError("MCPX-W01", "No answer was given; nothing was changed.", _AGAIN)
        return line.strip()

    def _drop_typed_ahead(self) -> None:
        if sys.platform == "win32":
            while msvcrt.kbhit():
                msvcrt.getwch()
        else:
            try:
                termios.tcflush(self.keyboard, termios.TCIFLUSH)
            except termios.error as error:
                raise OSError(*error.args) from None

    def _close(self) -> None:
        self._keyboard.close()
        try:
            self.screen.close()
        except OSError:  # what was not yet shown, to a terminal that is gone
            return


def no_terminal() -> UsageError:
    """W01: nobody can be asked, and nothing stands in for a person."""
    why = (
        "This needs a person at a terminal, and there is none here. No pipe, option or variable "
        "stands in for one; nothing was changed."
    )
    return UsageError("MCPX-W01", why, _AGAIN)
