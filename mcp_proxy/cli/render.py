"""How the commands speak: data on stdout, talk on stderr, and foreign text never as markup."""

import json
import os
import re
import select
import shlex
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mcp_proxy.core.text import clean, hidden_character
from mcp_proxy.edges.admin_policy import read_policy
from mcp_proxy.errors import McpProxyError, UsageError

_TERMINAL = "CONIN$" if os.name == "nt" else "/dev/tty"


# Streams of talk that nobody reads any more (`2>&1 | head`).
_UNHEARD: list[TextIO] = []


def data(text: str, end: str = "\n") -> None:
    """One line or more of data, on stdout."""
    _write(sys.stdout, clean(text) + end)


def json_out(value: Any) -> None:
    """A value as indented JSON, on stdout; all but ASCII escaped where something cannot be seen."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    is_seen = hidden_character(text) is None
    _write(sys.stdout, (text if is_seen else json.dumps(value, indent=2)) + "\n")


def styled(text: Text) -> None:
    """One line of data, on stdout, in colours where that is a terminal; its text is cleaned."""
    if not sys.stdout.isatty():
        data(text.plain)
        return
    console = Console(highlight=False, soft_wrap=True)
    with console.capture() as captured:
        console.print(text)
    _write(sys.stdout, captured.get())


def flush_data() -> None:
    """What was written so far is seen now, by whoever follows it."""
    if is_read():
        _write(sys.stdout, "", flush=True)


def is_read() -> bool:
    """Whether nobody is known to have stopped reading the data (`| head`)."""
    return sys.stdout not in _UNHEARD


def has_reader() -> bool:
    """Whether anybody can still read the data: tells of an end that nothing was written to yet."""
    if not hasattr(select, "poll") or not is_read():
        return is_read()
    poll = select.poll()
    try:
        poll.register(sys.stdout, 0)
        gone = poll.poll(0)
    except (OSError, ValueError):
        return True
    return not any(event & (select.POLLERR | select.POLLHUP) for _, event in gone)


def open_streams() -> None:
    """Stands in for a stream that was closed before we began (`>&-`)."""
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()


def end_data() -> None:
    """Nothing is left in a buffer; call it when the command is done.

    Raises UsageError where what was written does not fit there.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop(1)
    except OSError as error:
        _drop(1)
        raise _unwritten(error) from None


def say(text: str, style: str = "", end: str = "\n") -> None:
    """Talk, on stderr; what is under way goes on where nobody listens."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    with console.capture() as captured:  # rich itself would end the process on a closed pipe
        console.print(Text(clean(text), style), end=end)
    _write(sys.stderr, captured.get())


def fail(error: McpProxyError, about: str = "") -> None:
    """What happened, why, and the next command, on stderr; `about` begins the sentence."""
    say(f"error: {about}{error.why} ({error.id})", "bold red")
    say(f"next:  {error.next}")


def quoted(word: str) -> str:
    """A word as a shell takes it; space that could pass for a line's end or be overlooked as ␣."""
    return re.sub(r"\s{2,}|[^\S ]", lambda run: "␣" * len(run[0]), shlex.quote(word))


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], none: str = ""
) -> None:
    """A table of data, on stdout, or `none` as talk; whole words are kept if it is no terminal."""
    rows = list(rows)
    if not rows and none:
        say(none)
        return
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 240)
    drawn = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold", no_wrap=column == "time")
    for row in rows:
        drawn.add_row(*(Text(clean(str(cell))) for cell in row))
    flush_data()  # rich would, and ends the process where nobody reads
    with console.capture() as captured:
        console.print(drawn)
    lines = captured.get().splitlines()
    _write(sys.stdout, "".join(f"{line.rstrip()}\n" for line in lines))


def confirm(question: str, yes: bool) -> bool:
    """A yes from the person at the controlling terminal; stdin and argv cannot give it (S1).

    Raises UsageError where there is neither a terminal nor `--yes`, where what is to be confirmed
    was not read, or the administrator does not allow `--yes`.
    """
    if yes and not read_policy().yes:
        raise UsageError(
            "MCPX-P29",
            "The machine's administrator does not allow --yes.",
            "repeat the command without --yes, at a terminal",
        )
    if yes:
        return True
    try:
        with open(_TERMINAL, encoding="utf-8") as terminal:
            say(f"{question} [y/N]", end=" ")
            if sys.stderr in _UNHEARD:
                raise _unheard()
            return terminal.readline().strip().lower() in ("y", "yes")
    except KeyboardInterrupt:
        say("")
        return False
    except OSError:
        raise UsageError(
            "MCPX-W01", "There is no terminal to confirm on.", "repeat the command with --yes"
        ) from None


def has_terminal() -> bool:
    """Whether a person can be asked at a controlling terminal."""
    try:
        os.close(os.open(_TERMINAL, os.O_RDWR))
    except OSError:
        return False
    return True


def _unheard() -> UsageError:
    why = "What is to be confirmed was written to where nobody reads it."
    return UsageError("MCPX-W01", why, "repeat the command without a pipe")


def _write(stream: TextIO, text: str, *, flush: bool = False) -> None:
    try:
        stream.write(text)
        if flush or stream is sys.stderr:
            stream.flush()
    except BrokenPipeError:
        _UNHEARD.append(stream)
        _drop(stream.fileno())
    except OSError as error:
        _UNHEARD.append(stream)
        _drop(stream.fileno())
        if stream is sys.stdout:
            raise _unwritten(error) from None


def _unwritten(error: OSError) -> UsageError:
    why = f"What the command found cannot be written there: {error.strerror}."
    return UsageError("MCPX-W01", why, "repeat the command with its output elsewhere")


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _drop(descriptor: int) -> None:
    """Nobody reads on (`| head`): the rest goes nowhere, and the exit code still says the truth."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)
