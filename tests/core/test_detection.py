"""Detectors: what they find on the corpora, how little else they take for it, and their cost."""

import re
import time

import pytest
from core.detector_score import GROUPS, ORDINARY, Score, samples, scores
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core import detection, detector_contact, secret_patterns
from mcp_proxy.core.detection import detect, folded
from mcp_proxy.core.detector_money import IBAN_LENGTHS, luhn
from mcp_proxy.core.detectors import LOCALES, NAMES, NATIONAL_ID
from mcp_proxy.core.word_before import stands_behind

ALL = frozenset(NAMES)
ANYTHING = re.compile("")
NOTHING = re.compile("(?!)")
# At most so many missed of those held, false alarms, and hits of 8,000 random numbers.
BOUNDS = {
    "email": (4, 0, 0),
    "phone": (4, 0, 0),
    "card": (2, 0, 60),
    "iban": (1, 0, 0),
    NATIONAL_ID: (5, 0, 60),
    "secret": (3, 0, 0),
}


@pytest.fixture(scope="module", name="score")
def _score() -> dict[str, Score]:
    return scores()


@pytest.mark.parametrize("group", GROUPS)
def test_a_detector_is_as_good_as_the_readme_says(score: dict[str, Score], group: str) -> None:
    missed, alarms, chance = BOUNDS[group]
    made = score[group]
    assert made.held >= 15
    assert len(made.missed) <= missed, made.missed
    assert len(made.alarms) <= alarms, made.alarms
    assert made.random <= chance


def test_every_country_stands_in_the_corpora_and_is_found() -> None:
    held = {name for sample in samples() for name, _text in sample.holds}
    assert {f"{NATIONAL_ID}.{locale}" for locale in LOCALES} <= held
    found = {one.name for sample in samples() for one in detect(sample.text, ALL)}
    assert set(NAMES) <= found


def test_ordinary_text_holds_nothing() -> None:
    alarms = [
        sample.text[one.start : one.end]
        for sample in samples()
        if sample.file == ORDINARY
        for one in detect(sample.text, ALL)
    ]
    assert alarms == []


def test_each_name_finds_its_own_kind_alone() -> None:
    text = "a@example.com, +14155552671, 4111111111111111, SSN 078-05-1120, password: x9!x9!x9"
    for name in ("email", "phone", "card", f"{NATIONAL_ID}.us", "secret"):
        assert [one.name for one in detect(text, {name})] == [name]
    assert detect(text, {f"{NATIONAL_ID}.de"}) == []
    assert detect(text, set()) == []


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (("4111 1111 1111 1111", "4111111111111111", "4111-1111-1111-1111"), "card"),
        (("DE89 3704 0044 0532 0130 00", "de89370400440532013000"), "iban"),
        (("Bob@Example.com", "bob@example.com", "bob%40example.com"), "email"),
        (("+49 30 1234567", "0049 30 1234567", "+49-30-123-45-67"), "phone"),
        (("078-05-1120", "078 05 1120"), f"{NATIONAL_ID}.us"),
    ],
)
def test_one_thing_has_one_normal_form_however_it_is_written(
    texts: tuple[str, ...], name: str
) -> None:
    found = [detect(f"it is {text} today", {name}) for text in texts]
    assert all(len(one) == 1 for one in found)
    assert len({one[0].normal for one in found}) == 1


def test_of_two_kinds_in_one_place_the_surer_one_is_named() -> None:
    (found,) = detect("ssn 078-05-1120", ALL)
    assert found.name == f"{NATIONAL_ID}.us"
    (found,) = detect("IBAN GB29 NWBK 6016 1331 9268 19", ALL)
    assert found.name == "iban"


@given(st.text(max_size=200))
def test_finds_lie_within_the_text_in_order_and_apart(text: str) -> None:
    found = detect(text, ALL)
    ends = [0, *(one.end for one in found)]
    assert all(end <= one.start < one.end for end, one in zip(ends, found, strict=False))
    assert ends[-1] <= len(text)
    assert len(folded(text)) == len(text)


@given(st.integers(0, 10**18), st.sampled_from(sorted(IBAN_LENGTHS)))
def test_whatever_bears_a_valid_checksum_is_found(number: int, country: str) -> None:
    body = f"{number:018}"
    digits = next(body[:15] + str(last) for last in range(10) if luhn("4" + body[:14] + str(last)))
    card = "4" + digits[:14] + digits[15]
    assert [one.normal for one in detect(f"({card})", {"card"})] == [card]
    bban = (body * 2)[: IBAN_LENGTHS[country] - 4]
    rest = int("".join(str(int(char, 36)) for char in bban + country + "00")) % 97
    iban = f"{country}{98 - rest:02}{bban}"
    assert [one.normal for one in detect(f"to {iban}.", {"iban"})] == [iban]


@given(st.text(alphabet="0123456789 -.()/+", max_size=60))
def test_a_number_of_chance_is_no_card_unless_it_passes_luhn(text: str) -> None:
    for one in detect(text, {"card"}):
        assert luhn(one.normal)
        assert re.sub("[^0-9]", "", text[one.start : one.end]) == one.normal


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        *("1 " * 500_000, "4" * 1_000_000, "+1" * 500_000, "a@" * 500_000, "@" * 1_000_000),
        *("a." * 500_000 + "@x", "DE89 " * 200_000, "01 23 " * 170_000, "(" * 1_000_000),
        *("password" * 120_000, "secret=" * 140_000, "://" * 330_000 + "@", "A1" * 500_000),
        *("x@" + "a." * 500_000, "1-2-" * 250_000, "token: " + "a" * 1_000_000, " " * 1_000_000),
        *("_eyJ" * 250_000, "eyJ-" * 250_000, "eyJ0." * 200_000, "é" + "_eyJ" * 250_000),
    ],
)
def test_no_text_of_a_mebibyte_takes_long(text: str) -> None:
    start = time.process_time()
    detect(text, ALL)
    assert time.process_time() - start < 4


PIECES = st.lists(
    st.sampled_from(
        (
            *("DE89 3704 0044 0532 0130 00", "de89370400440532013000", "4111 1111 1111 1111"),
            *("+49 30 1234567", "phone ", "2026-11-02", "12 345678 A 123", "078-05-1120", "inv_"),
            *("steuer", " ", ".", "-", "a@b.co", "\x00", "\x01", "NO93 8601 1117 947", "dapi"),
            *("00471182", "deadbeef" * 4, "GB29NWBK60161331926819", "x" * 20, "key-", "tel"),
        )
    )
    | st.text(alphabet="0123456789 -.()/+aXé٣", max_size=12),
    max_size=8,
).map("".join)


@given(PIECES, st.sets(st.sampled_from(NAMES)))
def test_what_is_passed_over_for_speed_holds_nothing(text: str, names: set[str]) -> None:
    quick = detect(text, names)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(detection, "_not_within", lambda numbers, _accounts: numbers)
        patched.setattr(detection, "_DIGIT", ANYTHING)
        patched.setattr(detector_contact, "_SEVEN_DIGITS", ANYTHING)
        patched.setattr(secret_patterns, "_PLAIN", NOTHING)
        assert detect(text, names) == quick


@given(PIECES, st.integers(0, 200))
def test_a_word_before_a_value_is_found_wherever_it_may_stand(text: str, start: int) -> None:
    left = text[max(0, start - 40) : start]
    for words in (detector_contact._words(), re.compile(r"(?:steuer|\btel)[^0-9]{0,24}$")):
        whole = words.search(left, left.rfind("\x00") + 1) is not None
        assert stands_behind(text, start, words) is whole


def test_a_letter_that_is_two_in_lower_case_hides_no_secret() -> None:
    text = '{"city":"İstanbul","password":"hunter2!x9"}'
    assert [text[one.start : one.end] for one in detect(text, ALL)] == ["hunter2!x9"]


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("ssn ۰۷۸-۰۵-۱۱۲۰", "078051120"),
        ("ssn ०७८-०५-११२०", "078051120"),
        ("ＤＥ８９３７０４００４４０５３２０１３０００", "DE89370400440532013000"),
        ("4111\u20041111\u20041111\u20041111", "4111111111111111"),
    ],
)
def test_what_is_written_in_other_digits_or_widths_is_found(text: str, normal: str) -> None:
    assert [one.normal for one in detect(text, ALL)] == [normal]
