"""Text of others before a person who decides by it: what cannot be seen is shown as a mark.

`core.text` takes such characters out; here they stay, by their number, because what is approved is
what is shown (S17). A line end is a mark too: no text of others makes a line of its own.
"""

import re
from typing import NamedTuple

from mcp_proxy.core.text import HIDDEN

# Blanks that are not the space bar's, and the Braille pattern without a dot.
_BLANK = "\t\n\xa0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000"
# Without a shape that all fonts agree on: private use, noncharacters, the place of an object.
_SHAPELESS = "\ue000-\uf8ff\ufdd0-\ufdef\ufffc\ufffe\uffff\U000f0000-\U0010ffff" + "".join(
    f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(1, 15)
)
_UNSEEN = re.compile(f"[{HIDDEN}{_BLANK}{_SHAPELESS}]")


class Piece(NamedTuple):
    """A stretch of text that can be seen, or the mark of one character that cannot."""

    text: str
    is_mark: bool


def visible(text: str) -> tuple[Piece, ...]:
    """The text in order, each control, invisible or odd blank character as a mark ("U+200B")."""
    pieces, end = [], 0
    for found in _UNSEEN.finditer(text):
        if found.start() > end:
            pieces.append(Piece(text[end : found.start()], is_mark=False))
        pieces.append(Piece(f"U+{ord(found.group()):04X}", is_mark=True))
        end = found.end()
    if end < len(text):
        pieces.append(Piece(text[end:], is_mark=False))
    return tuple(pieces)


def marked(text: str) -> str:
    """The same as one line, each mark in brackets: for a place without colours."""
    return "".join(f"[{item.text}]" if item.is_mark else item.text for item in visible(text))
