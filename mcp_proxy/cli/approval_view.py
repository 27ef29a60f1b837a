"""A call that waits for a person, drawn for a terminal: all of it, and what cannot be seen, too.

Texts of others are broken into lines here, each behind a bar of ours, so that none of them can
stand where our own words stand (S17, S25).
"""

from collections.abc import Iterator
from itertools import groupby

from rich.cells import cell_len
from rich.text import Text

from mcp_proxy.app.approving_here import Case
from mcp_proxy.core.visible import visible

_STYLES = {"read": "green", "write": "yellow", "destructive": "bold red"}
_MARK = "black on yellow"
_BAR = "  │ "
_NARROWEST = 20


def case_lines(case: Case, width: int) -> Iterator[Text]:
    """The call, line by line, none wider than `width` cells."""
    view, request = case.view, case.request
    left_s = max(0, int(request.expires_s - case.now_s))
    yield Text("A call waits for your approval", "bold")
    yield from foreign(f"{view.tool} of profile {view.profile}", width)
    if view.title:
        yield from foreign(view.title, width)
    yield Text(
        f"Code {request.code}, open for another {left_s // 60} min {left_s % 60:02} s", "dim"
    )
    yield from _part("What it does", view.words[:1], width, _STYLES.get(view.effect, ""))
    yield from _part("In words", view.words[1:], width)
    yield from _part("Why it is asked", view.rule_words, width)
    yield from _part("Limits", view.limits, width)
    yield from _part("Approved before", case.before or ("Nothing yet.",), width)
    yield from _part("What is sent, to the byte, and hashed", view.request_lines, width)


def foreign(text: str, width: int, style: str = "") -> Iterator[Text]:
    """One text of others behind our bar, marks for what cannot be seen, in as many lines as needed.

    A line end in it is a mark, too: "U+000A".
    """
    line: list[tuple[str, str]] = []
    used = cell_len(_BAR)
    for unit, unit_style in _units(text, style):
        size = cell_len(unit)
        if used + size > max(width, _NARROWEST):
            yield _line(line)
            line, used = [], cell_len(_BAR)
        line.append((unit, unit_style))
        used += size
    yield _line(line)


def _line(units: list[tuple[str, str]]) -> Text:
    line = Text.assemble((_BAR, "dim"))
    for style, run in groupby(units, key=lambda unit: unit[1]):
        line.append("".join(text for text, _ in run), style)
    return line


def _units(text: str, style: str) -> Iterator[tuple[str, str]]:
    """Characters, and whole marks, each with its style."""
    for piece in visible(text):
        if piece.is_mark:
            yield f"[{piece.text}]", _MARK
        else:
            yield from ((character, style) for character in piece.text)


def _part(heading: str, texts: tuple[str, ...], width: int, style: str = "") -> Iterator[Text]:
    if texts:
        yield Text(heading, "bold")
    for text in texts:
        yield from foreign(text, width, style)
