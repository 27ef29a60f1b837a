"""Keys of a terminal, one at a time: bytes or Windows key codes in, names of keys out."""

import os
import sys
import time
from types import TracebackType
from typing import Any, Protocol, Self

if sys.platform == "win32":
    import msvcrt
else:
    import select
    import termios
    import tty

# How long the rest of an escape sequence may take, over a slow line too.
_SEQUENCE_S = 0.05
_READ_BYTES = 1_024
_SEQUENCES = {
    "[A": "up",
    "OA": "up",
    "[B": "down",
    "OB": "down",
    "[5~": "page_up",
    "[6~": "page_down",
    "[H": "home",
    "OH": "home",
    "[1~": "home",
    "[F": "end",
    "OF": "end",
    "[4~": "end",
}
_CONTROLS = {
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x03": "escape",
    "\x04": "escape",
    "\x10": "up",
    "\x0e": "down",
}
_WINDOWS = {"H": "up", "P": "down", "I": "page_up", "Q": "page_down", "G": "home", "O": "end"}


class Keys(Protocol):
    """Where keys come from; a context in which they come unechoed."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...

    def wait(self, timeout_s: float) -> list[str]:
        """The keys pressed by then, [] for none."""


def parse_keys(text: str) -> list[str]:
    """What a terminal sent as keys: characters, and names; what is neither is left out."""
    keys = []
    while text:
        if text[0] == "\x1b":
            key, size = _sequence(text[1:])
            keys += [key] if key else []
            text = text[1 + size :]
            continue
        key = _CONTROLS.get(text[0], text[0])
        keys += [key] if len(key) > 1 or key.isprintable() else []
        text = text[1:]
    return keys


def _sequence(rest: str) -> tuple[str, int]:
    """The key that an escape and `rest` are, and how much of `rest` belongs to it."""
    if rest[:1] not in ("[", "O"):
        return "escape", 0
    size = 2 if rest[0] == "O" else 1 + _csi_chars(rest[1:])
    return _SEQUENCES.get(rest[:size], ""), size


def _csi_chars(rest: str) -> int:
    for index, char in enumerate(rest):
        if "@" <= char <= "~":
            return index + 1
    return len(rest)


if sys.platform == "win32":

    class TerminalKeys:
        """The console's keys."""

        def __init__(self, _descriptor: int) -> None:
            pass

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def wait(self, timeout_s: float) -> list[str]:
            """Looks every 20 ms: the console offers no wait with an end."""
            ends_s = time.monotonic() + timeout_s
            while not msvcrt.kbhit():
                if time.monotonic() >= ends_s:
                    return []
                time.sleep(0.02)
            char = msvcrt.getwch()
            if char in ("\x00", "\xe0"):
                key = _WINDOWS.get(msvcrt.getwch(), "")
                return [key] if key else []
            return parse_keys(char)

else:

    class TerminalKeys:
        """A terminal's keys, unechoed and as they come; it is put back as it was."""

        def __init__(self, descriptor: int) -> None:
            self._descriptor = descriptor
            self._before: list[Any] = []

        def __enter__(self) -> Self:
            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
            return self

        def __exit__(self, *_: object) -> None:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

        def wait(self, timeout_s: float) -> list[str]:
            """Raises EOFError where the terminal is gone."""
            if not self._is_ready(timeout_s):
                return []
            data = self._read()
            ends_s = time.monotonic() + _SEQUENCE_S
            while _is_unfinished(data) and self._is_ready(ends_s - time.monotonic()):
                data += self._read()
            return parse_keys(data.decode(errors="replace"))

        def _is_ready(self, timeout_s: float) -> bool:
            ready, _, _ = select.select([self._descriptor], [], [], max(0.0, timeout_s))
            return bool(ready)

        def _read(self) -> bytes:
            data = os.read(self._descriptor, _READ_BYTES)
            if not data:
                raise EOFError
            return data


def _is_unfinished(data: bytes) -> bool:
    """Whether more must follow: half an escape sequence, or half a character."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return error.end == len(data)
    start = text.rfind("\x1b")
    rest = text[start + 1 :]
    return start >= 0 and (rest in ("", "[", "O") or (rest[0] == "[" and not _ends(rest[1:])))


def _ends(rest: str) -> bool:
    return any("@" <= char <= "~" for char in rest)
