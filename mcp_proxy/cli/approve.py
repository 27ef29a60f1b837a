"""`mcp-proxy approve`: a person answers, at the terminal, for calls that wait (S1, S17).

The answer is read from the controlling terminal alone, and all that it is about is shown there: no
stream that somebody redirected comes in between. A code selects a call; it confirms nothing.
"""

import argparse
import re
from typing import Any, NamedTuple

from rich.console import Console

from mcp_proxy.app.approving_here import Case, Desk, check_yes
from mcp_proxy.cli.approval_list import LiveList, can_draw, terminal_size
from mcp_proxy.cli.approval_view import case_lines
from mcp_proxy.cli.terminal_keys import TerminalKeys
from mcp_proxy.core.visible import marked
from mcp_proxy.edges.controlling_terminal import ControllingTerminal
from mcp_proxy.errors import UsageError

_ANSWER = re.compile(r"a(?:\s+([0-9]{1,4})\s+([0-9]{1,4}))?")
_GONE = "It was answered elsewhere, or has expired; nothing was recorded."
_LEFT = "Left as it is."
_ESCAPE = "\x1b"


class _Outcome(NamedTuple):
    """What came of a question, in words, and whether an answer was recorded."""

    words: str
    is_answered: bool = False


def add_commands(subparsers: Any) -> None:
    """Registers `approve`."""
    parser = subparsers.add_parser("approve", help="answer for calls that wait for a person")
    parser.add_argument("code", metavar="CODE", nargs="?", help="without it, a live list")
    parser.set_defaults(run=run_approve)


def run_approve(options: argparse.Namespace) -> int:
    """`approve`; neither stdin nor an option can answer. 1 where a code's call got no answer."""
    is_answered = True
    with ControllingTerminal() as terminal, Desk() as desk:
        try:
            if options.code is not None:
                is_answered = _answer_by_code(terminal, desk, options.code)
            elif can_draw():
                _pick_in_list(terminal, desk)
            else:
                is_answered = _pick_by_line(terminal, desk)
        except OSError:
            why = "The terminal is gone; what was answered before that stands."
            raise UsageError("MCPX-W01", why, "mcp-proxy approve") from None
    return 0 if is_answered else 1


def _answer_by_code(terminal: ControllingTerminal, desk: Desk, code: str) -> bool:
    case = desk.case(code)
    if case is None:
        why = (
            f"No call that waits has the code {code[:32]!r}; it may have expired, or have been "
            "answered."
        )
        raise UsageError("MCPX-W01", why, "mcp-proxy approve")
    outcome = _answer(terminal, desk, case)
    _say(terminal, outcome.words)
    return outcome.is_answered


def _pick_in_list(terminal: ControllingTerminal, desk: Desk) -> None:
    live, note = LiveList(desk.waiting, terminal), ""
    while True:
        picked = live.pick(TerminalKeys(terminal.keyboard), note)
        if picked is None:
            return
        case = desk.case(picked.id)
        note = _GONE if case is None else _answered(terminal, desk, case)
        _say(terminal, note)


def _pick_by_line(terminal: ControllingTerminal, desk: Desk) -> bool:
    """True where there was nothing to answer, too."""
    live = LiveList(desk.waiting, terminal)
    waiting = live.look()
    for line in live.lines(waiting):
        _say(terminal, line.plain)
    if not waiting.requests:
        _say(terminal, "Nothing waits for you.")
        return True
    picked = live.find(terminal.ask("Number or code:"), waiting)
    case = None if picked is None else desk.case(picked.id)
    outcome = _Outcome(_LEFT) if case is None else _answer(terminal, desk, case)
    _say(terminal, outcome.words)
    return outcome.is_answered


def _answered(terminal: ControllingTerminal, desk: Desk, case: Case) -> str:
    """As `_answer`; what is wrong with an answer is told, and the list goes on."""
    try:
        return _answer(terminal, desk, case).words
    except UsageError as error:
        return error.why


def _answer(terminal: ControllingTerminal, desk: Desk, case: Case) -> _Outcome:
    """Shows the call, reads the answer, and records it; what came of it."""
    _show(terminal, case)
    answer = terminal.ask("Answer:")
    word = answer.lower()
    if _ESCAPE in word:
        # A line with it, and whatever the person typed before, is meant as no answer.
        return _Outcome(_LEFT)
    if word == "d" or word.startswith("d "):
        is_done = desk.deny(case, answer[1:].strip())
        return _Outcome("Denied; the model is told so.", True) if is_done else _Outcome(_GONE)
    found = _ANSWER.fullmatch(word)
    if found is None or not case.is_here:
        return _Outcome(_LEFT)
    times, minutes = (int(found[1]), int(found[2])) if found[1] else (1, 10)
    check_yes(case, times, minutes)
    if case.view.confirm_value and not _is_typed(terminal, case):
        return _Outcome("Nothing was approved: what was typed is not what stands there.")
    if not desk.approve(case, times, minutes):
        return _Outcome(_GONE)
    return _Outcome("Approved; the call goes on, or goes through when it is made again.", True)


def _is_typed(terminal: ControllingTerminal, case: Case) -> bool:
    label, value = marked(case.view.confirm_label), case.view.confirm_value
    return terminal.ask(f"To approve, type the {label}: {marked(value)}\n>") == value


def _show(terminal: ControllingTerminal, case: Case) -> None:
    width, _ = terminal_size(terminal)
    console = Console(file=terminal.screen, force_terminal=can_draw(), width=width, highlight=False)
    for line in case_lines(case, width - 1):
        console.print(line, no_wrap=True, overflow="ignore", crop=False)
    for words in _choices(case):
        _say(terminal, words)


def _choices(case: Case) -> list[str]:
    deny = ["  d WORDS  deny it; the model reads the words, which may be left out"]
    leave = ["  enter    leave it open"]
    if not case.is_here:
        return ["It may not be approved at a terminal.", *deny, *leave]
    once = ["  a        approve this one call, within ten minutes"]
    often = ["  a 3 30   approve this exact call 3 times within 30 minutes"]
    is_single = case.view.effect == "destructive"
    return [*once, *([] if is_single else often), *deny, *leave]


def _say(terminal: ControllingTerminal, text: str) -> None:
    terminal.screen.write(f"{text}\n")
    terminal.screen.flush()
