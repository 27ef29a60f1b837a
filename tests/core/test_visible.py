"""What cannot be seen is shown as a mark (S17)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.text import hidden_character
from mcp_proxy.core.visible import Piece, marked, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Grüße 世界", "plain, Grüße 世界"),
        ("a\u200bb", "a[U+200B]b"),
        ("\u202e\x1b[2J", "[U+202E][U+001B][2J"),
        ("a\nb\tc", "a[U+000A]b[U+0009]c"),
        ("1\xa0000", "1[U+00A0]000"),
        ("\U000e0041", "[U+E0041]"),
        ("\ud800", "[U+D800]"),
        ("\ue000\ufffc\uffff", "[U+E000][U+FFFC][U+FFFF]"),
        ("\U0001ffff\U00100000", "[U+1FFFF][U+100000]"),
        ("", ""),
    ],
)
def test_s17_a_character_that_cannot_be_seen_is_marked(text: str, shown: str) -> None:
    assert marked(text) == shown


@given(st.text(st.characters()))
def test_s17_pieces_hold_all_of_the_text_and_nothing_unseen(text: str) -> None:
    pieces = visible(text)
    back = "".join(
        chr(int(item.text.removeprefix("U+"), 16)) if item.is_mark else item.text for item in pieces
    )
    assert back == text
    assert all(hidden_character(item.text) is None for item in pieces)
    assert not any("\n" in item.text for item in pieces)


def test_a_mark_that_stands_in_the_text_is_no_mark() -> None:
    assert visible("U+200B") == (Piece("U+200B", is_mark=False),)
