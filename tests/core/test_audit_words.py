"""Durations, sizes and moments in words, at the bounds where the unit changes."""

import pytest

from mcp_proxy.core.audit_words import counted, minute, seconds, size


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1 s"),
        (1_260, "1.26 s"),
        (99_900, "99.9 s"),
        (99_999, "100 s"),
        (230_000, "230 s"),
        (1_230_000, "1,230 s"),
    ],
)
def test_durations(ms: int, words: str) -> None:
    assert seconds(ms) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (1_023, "1,023 B"),
        (1_536, "1.5 KiB"),
        (22 << 20, "22.0 MiB"),
        (1 << 41, "2,048.0 GiB"),
    ],
)
def test_sizes(count: int, words: str) -> None:
    assert size(count) == words


def test_a_moment_is_told_in_utc() -> None:
    assert minute(1_800_000_000.9) == "2027-01-15 08:00 UTC"


def test_counts_are_declined() -> None:
    assert counted(1, "call") == "1 call"
    assert counted(0, "call") == "0 calls"
    assert counted(1_000, "entry", "entries") == "1,000 entries"
