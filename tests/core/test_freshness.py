"""S19: what is left of a repository's word once its timestamp has expired."""

import pytest

from mcp_proxy.core.freshness import GRACE_MAX_S, Freshness, bounded_grace_s, standing

UNTIL_S, GRACE_S = 1_000, 600


@pytest.mark.parametrize(
    ("now_s", "expected"),
    [
        (0, "fresh"),
        (UNTIL_S - 0.001, "fresh"),
        (UNTIL_S, "grace"),
        (UNTIL_S + 299.9, "grace"),
        (UNTIL_S + 300, "reads"),
        (UNTIL_S + 599.9, "reads"),
        (UNTIL_S + 600, "ended"),
        (1e12, "ended"),
    ],
)
def test_s19_grace_warns_then_lets_read_then_ends(now_s: float, expected: str) -> None:
    assert standing(Freshness(UNTIL_S, GRACE_S), now_s) == expected


def test_s19_without_grace_it_ends_with_the_timestamp() -> None:
    assert standing(Freshness(UNTIL_S, 0), UNTIL_S - 1) == "fresh"
    assert standing(Freshness(UNTIL_S, 0), UNTIL_S) == "ended"


def test_a_profile_of_pinned_keys_is_always_fresh() -> None:
    assert standing(None, 1e12) == "fresh"


def test_s19_grace_is_the_least_of_all_wishes_and_never_above_thirty_days() -> None:
    assert bounded_grace_s(7 * 86_400, 3 * 86_400) == 3 * 86_400
    assert bounded_grace_s(2**50) == GRACE_MAX_S == 30 * 86_400
    assert bounded_grace_s(-5, 10) == 0
