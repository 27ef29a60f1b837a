"""What the picker draws: rows that fit exactly, and no cut control sequence."""

import io
import re
from typing import Any

from mcp_proxy.cli.import_picker import Picker
from mcp_proxy.workshop.import_subject import Candidate
from mcp_proxy.workshop.import_trial import Trial

SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HEIGHT = 12


def candidate(number: int, summary: str) -> Candidate:
    name = f"tool_{number}"
    return Candidate(name, name, "GET", f"/{name}", name, summary, "", (), False, "read", (), "")


def drawn(width: int) -> list[str]:
    screen, keys = io.StringIO(), None
    rows = [candidate(number, "words " * number) for number in range(20)]
    idle: Any = keys
    picker = Picker(rows, lambda _one: Trial(None, 7, ""), idle, screen)
    picker._draw(width, HEIGHT)
    return screen.getvalue().split("\n")


def test_no_row_is_as_wide_as_the_terminal_and_no_sequence_is_cut() -> None:
    for width in range(30, 90):
        lines = drawn(width)
        assert len(lines) <= HEIGHT
        for line in lines:
            shown = SEQUENCE.sub("", line)
            assert "\x1b" not in shown
            assert len(shown) < width
            assert line.endswith(("\x1b[K", "\x1b[K\x1b[J"))
