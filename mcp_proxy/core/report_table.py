"""The report's tables and sections as markup; every text that comes in is escaped."""

import html
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mcp_proxy.core.visible import marked


class Markup(NamedTuple):
    """What is markup already, made here."""

    html: str


def table(heads: Sequence[str], rows: Iterable[Sequence[str | Markup]]) -> str:
    """A table; a head that begins with * is of a column of numbers."""
    kinds = [' class="number"' if head.startswith("*") else "" for head in heads]
    top = "".join(
        f"<th{kind}>{head.lstrip('*')}</th>" for head, kind in zip(heads, kinds, strict=True)
    )
    inner = "".join(f"<tr>{_cells(row, kinds)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{top}</tr>{inner}</table></div>'


def section(heading: str, content: str) -> str:
    """A card with a heading; `content` is markup."""
    return f"<section><h2>{heading}</h2>{content}</section>"


def escaped(text: str) -> str:
    """Anybody's text: escaped, unseen characters as marks, other scripts kept to themselves."""
    safe = html.escape(marked(text))
    return safe if text.isascii() else f"<bdi>{safe}</bdi>"


def _cells(row: Sequence[str | Markup], kinds: Sequence[str]) -> str:
    return "".join(
        f"<td{kind}>{cell.html if isinstance(cell, Markup) else escaped(cell)}</td>"
        for cell, kind in zip(row, kinds, strict=True)
    )
