"""Clean text: what steers a terminal or hides from a person goes; what a person reads stays."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.text import (
    clean,
    clean_value,
    hidden_character,
    is_clean_json,
    one_sentence,
)

SPITEFUL = st.text(
    st.one_of(
        st.sampled_from(
            "\x1b[]0;m\x07\x9b\x9d\x9c\\P^_X\r\n\t\x85 aH😀❤\ufe0f\u200d\u200b\U000e0041#\u20e3"
        ),
        st.characters(),
    ),
    max_size=60,
)

HIDDEN = {
    "colour": ("\x1b[31mred\x1b[0m", "red"),
    "cursor": ("a\x1b[2J\x1b[1;1Hb", "ab"),
    "clipboard": ("a\x1b]52;c;ZXZpbA==\x07b", "ab"),
    "clipboard ended by ST": ("a\x1b]52;c;ZXZpbA==\x1b\\b", "ab"),
    "hyperlink": ("\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\", "here"),
    "eight bit CSI": ("a\x9b31mb", "ab"),
    "eight bit OSC": ("a\x9d0;title\x9cb", "ab"),
    "device control string": ("a\x1bPq#0\x1b\\b", "ab"),
    "open control string keeps its text": ("a\x1b]0;title", "a0;title"),
    "two character escape": ("a\x1bcb", "ab"),
    "backspace": ("pay 1\x08 9", "pay 1 9"),
    "null": ("a\x00b", "ab"),
    "C1": ("a\x84b", "ab"),
    "zero width": ("in\u200bvis\u200cib\u2060le\ufeff", "invisible"),
    "right to left override": ("a\u202etxt.exe\u202c", "atxt.exe"),
    "isolates": ("\u2066a\u2069", "a"),
    "tag characters": ("ok\U000e0069\U000e0067\U000e006e", "ok"),
    "soft hyphen": ("pass\xadword", "password"),
    "variation selector bytes": ("a\U000e0100\U000e01ef\ufe00", "a"),
    "filler": ("a\u3164\u115fb", "ab"),
    "half a character": ("a\ud83d", "a�"),
    "windows line ends": ("a\r\nb\rc", "a\nb\nc"),
    "unicode line ends": ("a\u2028b\u2029c\x85d", "a\nb\nc\nd"),
    "joiner outside emoji": ("a\u200db", "ab"),
    "selector outside emoji": ("a\ufe0fb", "ab"),
}


@pytest.mark.parametrize(("text", "cleaned"), HIDDEN.values(), ids=HIDDEN)
def test_s25_what_is_hidden_is_removed(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned
    assert hidden_character(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "line\nline\ttab",
        "Größe 5 €",
        "日本語",
        "👩‍👩‍👧 ❤️ 👍🏽 🏳️‍🌈 1️⃣",
        "naïve — “quoted”",
    ],
)
def test_s25_what_is_read_is_kept(text: str) -> None:
    assert clean(text) == text


@given(SPITEFUL)
def test_s25_cleaned_text_holds_no_control_and_no_format_character(text: str) -> None:
    cleaned = clean(text)
    for character in cleaned.replace("\u200d", ""):
        category = unicodedata.category(character)
        assert character in "\n\t" or category not in ("Cc", "Cf", "Cs"), repr(character)
    assert clean(cleaned) == cleaned


@given(SPITEFUL)
def test_s25_a_text_without_hidden_characters_is_untouched(text: str) -> None:
    if hidden_character(text) is None:
        assert clean(text) == text


@given(st.recursive(SPITEFUL, lambda deeper: st.lists(deeper) | st.dictionaries(SPITEFUL, deeper)))
def test_the_fast_check_never_calls_dirty_json_clean(value: object) -> None:
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    if is_clean_json(data):
        assert clean_value(json.loads(data)) == json.loads(data)


def test_escapes_of_a_hostile_length_are_cleaned_in_linear_time() -> None:
    for piece in ("\x1b]", "\x9d", "\x1b[", "\x9b1;", "\x1b[" + "1" * 50, "❤\u200d"):
        assert len(clean(piece * 100_000)) <= len(piece) * 100_000


def test_s25_the_hidden_character_is_named() -> None:
    assert hidden_character("a\u200bb") == "U+200B"
    assert hidden_character("a\U000e0041") == "U+E0041"
    assert hidden_character("line\n\tline") is None


def test_s25_keys_are_cleaned_and_two_that_become_one_are_refused() -> None:
    assert clean_value({"a\u200b": ["\x1b[1mx"]}) == {"a": ["x"]}
    with pytest.raises(ValueError, match="invisible"):
        clean_value({"a": 1, "a\u200b": 2})


def test_a_sentence_is_one_clean_bounded_line() -> None:
    assert one_sentence("  two\n\n lines\x1b[0m ", 80) == "two lines"
    assert one_sentence("x" * 100, 10) == "x" * 9 + "…"
    assert len(one_sentence("word " * 1000, 300)) <= 300
