"""Plots of the report as inline SVG: numbers in, markup out; every text that comes in is escaped.

Colours are classes of the page's style sheet, so that they hold in light and dark, and each bar
bears its number in words for whoever points at it or has the page read aloud.
"""

import html
from collections.abc import Mapping, Sequence

from mcp_proxy.core.visible import marked

_WIDE, _HIGH = 720, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 8, 12, 28
_LABEL_CHARS = 34


def stacked(
    name: str, columns: Sequence[tuple[str, Mapping[str, int]]], kinds: Mapping[str, str]
) -> str:
    """A bar for each column, in it a part for each kind; `kinds` gives each its word.

    `name` says what is plotted; a column is its label and its counts by kind.
    """
    top = ceiling(max((sum(counts.values()) for _, counts in columns), default=0))
    step = (_WIDE - _LEFT - _RIGHT) / max(len(columns), 1)
    every = -(-len(columns) // 10) or 1
    parts = [*_grid(top)]
    for index, (label, counts) in enumerate(columns):
        left = _LEFT + index * step
        parts += _column(label, counts, kinds, (left, min(step * 0.72, 64), top))
        if index % every == 0:
            parts.append(_text(left + min(step * 0.72, 64) / 2, _HIGH - 8, label, "middle"))
    return _svg(name, _WIDE, _HIGH, parts)


def bars(name: str, rows: Sequence[tuple[str, int, str]]) -> str:
    """A lying bar for each row: its label, its number, and that number in words."""
    top = max((number for _, number, _ in rows), default=0)
    parts = []
    for index, (label, number, words) in enumerate(rows):
        y = 6 + index * 26
        long = 330 * number / max(top, 1)
        parts.append(_text(252, y + 14, _short(label), "end"))
        parts.append(
            f'<rect class="bar" x="262" y="{y}" width="{long:.1f}" height="19" rx="2">'
            f"<title>{_escaped(label)}: {_escaped(words)}</title></rect>"
        )
        parts.append(_text(268 + long, y + 14, words, "start"))
    return _svg(name, _WIDE, len(rows) * 26 + 10, parts)


def meter(name: str, taken: int, at_most: int) -> str:
    """How much of a limit is taken; full where it is all."""
    share = 1.0 if at_most <= 0 else min(max(taken / at_most, 0), 1)
    kind = "deny" if share >= 1 else "ask" if share >= 0.8 else "allow"
    parts = [
        '<rect class="rail" x="0" y="2" width="200" height="12" rx="3"/>',
        f'<rect class="{kind}" x="0" y="2" width="{200 * share:.1f}" height="12" rx="3"/>',
    ]
    return _svg(name, 200, 16, parts, "meter")


def ceiling(number: int) -> int:
    """The next of 1, 2, 5, 10, 20, 50 ... that is not below the number."""
    unit = 1
    while True:
        for factor in (1, 2, 5):
            if number <= factor * unit:
                return factor * unit
        unit *= 10


def _column(
    label: str, counts: Mapping[str, int], kinds: Mapping[str, str], at: tuple[float, float, int]
) -> list[str]:
    left, wide, top = at
    parts, below = [], float(_HIGH - _BOTTOM)
    for kind, word in kinds.items():
        count = counts.get(kind, 0)
        if count <= 0:
            continue
        high = (_HIGH - _TOP - _BOTTOM) * count / top
        below -= high
        parts.append(
            f'<rect class="{kind}" x="{left:.1f}" y="{below:.1f}" width="{wide:.1f}" '
            f'height="{high:.1f}"><title>{_escaped(label)}: {count:,} {word}</title></rect>'
        )
    return parts


def _grid(top: int) -> list[str]:
    parts = []
    for share in (0, 0.5, 1):
        y = _HIGH - _BOTTOM - (_HIGH - _TOP - _BOTTOM) * share
        line = f'<line class="grid" x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        parts += [line, _text(_LEFT - 8, y + 4, f"{top * share:,.10g}", "end")]
    return parts


def _svg(name: str, wide: int, high: int, parts: Sequence[str], kind: str = "plot") -> str:
    drawn = (
        f'<svg class="{kind}" viewBox="0 0 {wide} {high}" role="img" '
        f'aria-label="{_escaped(name)}">{"".join(parts)}</svg>'
    )
    return drawn if kind == "meter" else f'<div class="wide">{drawn}</div>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_escaped(text)}</text>'


def _short(text: str) -> str:
    return text if len(text) <= _LABEL_CHARS else text[: _LABEL_CHARS - 1] + "…"


def _escaped(text: str) -> str:
    return html.escape(marked(text))
