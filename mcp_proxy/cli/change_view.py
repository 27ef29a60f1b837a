"""How the differences of two versions are told: by place, each with its class."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from mcp_proxy.core.change import NARROWER, SAME, WIDER, Change

_INDENT = " " * 12


def change_lines(changes: Iterable[Change]) -> list[str]:
    """Each place on a line of its own, below it what changed there; none for no change."""
    lines = []
    for place, group in groupby(changes, key=lambda change: change.place):
        lines.append(place)
        for change in group:
            first, *more = change.words.split("\n")
            lines.append(f"  {change.kind:<10}{first}")
            lines += [_INDENT + line for line in more]
    return lines


def count_words(changes: Sequence[Change]) -> str:
    """How many there are of each class, in one line."""
    counts = Counter(change.kind for change in changes)
    told = [f"{counts[kind]} {kind}" for kind in (WIDER, NARROWER, SAME) if counts[kind]]
    return ", ".join(told) or "nothing differs but version and time of issue"
