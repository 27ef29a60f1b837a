"""Arguments on their way out: a secret that tells itself is found, wherever it stands."""

import time
from typing import Any

import pytest
from core.secret_samples import CUT_KEY, KNOWN, LOOKALIKES
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.outward import secret_in
from mcp_proxy.core.secret_patterns import known_secrets

TOKEN = KNOWN["GitHub token"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", KNOWN)
def test_each_known_secret_is_found_whole_within_a_sentence(name: str) -> None:
    secret = KNOWN[name]
    text = f"please use {secret} for this"
    assert [text[start:end] for start, end in known_secrets(text)] == [secret]
    assert secret_in({"note": text}) == "/note"


@pytest.mark.parametrize("text", LOOKALIKES)
def test_ordinary_words_are_no_secret(text: str) -> None:
    assert known_secrets(text) == []
    assert secret_in({"note": text}) is None


@pytest.mark.parametrize(
    ("arguments", "pointer"),
    [
        ({"a": {"b/c": [1, {"d~": TOKEN}]}}, "/a/b~1c/1/d~0"),
        ({"a": {TOKEN: 1}}, "/a"),
        ({"a": TOKEN[:9] + "\u200b" + TOKEN[9:]}, "/a"),
        ({"a": TOKEN[:30]}, None),
        ({"a": ["", None, 5, True, 1.5]}, None),
        ([], None),
    ],
)
def test_its_place_is_told_as_a_pointer_and_never_the_secret(arguments: Any, pointer: str) -> None:
    assert secret_in(arguments) == pointer


@given(JSON, st.sampled_from(sorted(KNOWN)))
def test_a_secret_is_found_beside_anything(value: Any, name: str) -> None:
    assert secret_in({"other": value, "note": [value, KNOWN[name]]}) in {"/note/1", "/other"}


def test_a_key_block_that_was_cut_is_a_key() -> None:
    assert known_secrets(CUT_KEY) == [(0, len(CUT_KEY))]


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        *("eyJ" * 350_000, "sk-" * 350_000, "M" + "A" * 1_000_000, "a-" * 500_000),
        *("-----BEGIN PRIVATE KEY-----" * 40_000, "xoxb-" + "." * 1_000_000, "glc_" * 250_000),
        *("." * 1_000_000, "eyJ" + "a" * 4_000 + "." + "eyJaaaaaaaaaaaaaaaaaaa." * 40_000),
    ],
)
def test_no_text_of_a_mebibyte_takes_long(text: str) -> None:
    start = time.process_time()
    known_secrets(text)
    assert time.process_time() - start < 2
