"""What is claimed of a log, by what was counted: never more than that (S21)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.audit_claims import Counts, Property, claims

NONE: frozenset[str] = frozenset()
GOOD = Counts(
    segments=2,
    entries=9,
    fixed=9,
    ledger=8,
    key="given",
    noted=4,
    signed=8,
    signed_entries=9,
    reached=8,
    macs=(0, 0, 2),
    macs_fixed=2,
    clear=3,
    own=True,
)


def claimed(counts: Counts, broken: frozenset[str] = NONE) -> dict[str, Property]:
    return {item.about: item for item in claims(counts, broken)}


def state(about: str, counts: Counts, broken: frozenset[str] = NONE) -> str:
    return claimed(counts, broken)[about].state


def test_everything_is_proven_of_a_log_that_has_everything() -> None:
    assert {item.state for item in claims(GOOD, NONE)} == {"proven"}


def test_every_claim_says_against_whom() -> None:
    assert all(item.against and item.name and item.detail for item in claims(GOOD, NONE))


@pytest.mark.parametrize(
    ("about", "counts", "expected"),
    [
        ("segments", GOOD._replace(ledger=-1), "not proven"),
        ("segments", GOOD._replace(is_new=True), "not proven"),
        ("segments", GOOD._replace(is_whole=False), "not proven"),
        ("segments", GOOD._replace(fixed=8), "not proven"),
        ("segments", GOOD._replace(unread=1), "not proven"),
        ("entries", GOOD._replace(segments=0, entries=0, fixed=0), "not proven"),
        ("ledger", GOOD._replace(ledger=-1), "not proven"),
        ("signed", GOOD._replace(ledger=-1), "not proven"),
        ("signed", GOOD._replace(noted=0, signed=0), "not proven"),
        ("signed", GOOD._replace(signed=0, strangers=4), "not proven"),
        ("signed", GOOD._replace(key="ledger"), "not checked here"),
        ("signed", GOOD._replace(key="locked"), "not checked here"),
        ("signed", GOOD._replace(key="lost"), "not checked here"),
        ("signed", GOOD._replace(signed=5, strangers=1, foreign=7), "not proven"),
        ("signed", GOOD._replace(signed=2, signed_entries=0), "not proven"),
        ("cut", GOOD._replace(reached=0), "not proven"),
        ("macs", GOOD._replace(macs=(2, 0, 0)), "not proven"),
        ("macs", GOOD._replace(macs=(0, 1, 1)), "not checked here"),
        ("macs", GOOD._replace(macs_fixed=0), "not proven"),
        ("values", GOOD._replace(clear=0), "not proven"),
        ("private", GOOD._replace(own=False), "not checked here"),
    ],
)
def test_s21_what_was_not_seen_is_not_claimed(about: str, counts: Counts, expected: str) -> None:
    assert state(about, counts) == expected


@given(st.sets(st.sampled_from([item.about for item in claims(GOOD, NONE)])))
def test_s21_what_is_broken_is_never_called_proven(broken: set[str]) -> None:
    for about, item in claimed(GOOD, frozenset(broken)).items():
        assert (item.state == "broken") is (about in broken)


def test_the_detail_tells_how_far_the_signatures_reach() -> None:
    counts = GOOD._replace(signed=5, signed_entries=4, signed_at="2027-01-15T08:00:00Z")
    detail = claimed(counts._replace(strangers=1))["signed"].detail
    assert detail == (
        "5 of 8 ledger entries, to 2027-01-15T08:00:00Z; these fix 4 of 9 entries of the segments;"
        " 1 later or earlier notes are by other keys"
    )
    item = claimed(counts._replace(strangers=1, foreign=7))["signed"]
    assert item.detail.startswith("only 5 of 8 ledger entries, to 2027-01-15T08:00:00Z;")
    assert item.detail.endswith("; from line 7 on another key signs")
    assert "key from the keychain" in claimed(GOOD._replace(key="keychain"))["signed"].detail


def test_entries_that_the_ledger_does_not_cover_are_counted() -> None:
    detail = claimed(GOOD._replace(fixed=7, unread=1))["segments"].detail
    assert detail == (
        "the ledger fixes 7 of 9 entries; 2 it does not cover, which could be cut off unseen;"
        " 1 segments cannot be read to their end"
    )


def test_a_recipients_key_that_fits_nothing_is_told_what_the_segments_name() -> None:
    counts = GOOD._replace(is_asked=True, named=("ab" * 8,))
    for macs, fits in (
        ((0, 3, 0), "fits none of the 3 segments"),
        ((0, 3, 2), "fits 2 segments and not 3"),
    ):
        item = claimed(counts._replace(macs=macs))["macs"]
        assert item.state == "not checked here"
        assert item.detail == f"the key that was given {fits} (they name {'ab' * 8})"
