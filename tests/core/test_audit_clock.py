"""Steps back of a clock, as they show in the times of a chain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.audit import timestamp
from mcp_proxy.core.audit_clock import ClockSteps

NOON = "2026-11-23T12:00:00.000000Z"


def told(*times: str) -> list[str | None]:
    clock = ClockSteps()
    return [clock.feed(time) for time in times]


@pytest.mark.parametrize(
    ("time", "is_told"),
    [
        ("2026-11-23T12:00:00.000001Z", False),
        ("2027-11-23T12:00:00.000000Z", False),
        ("2026-11-23T11:55:00.000000Z", False),
        ("2026-11-23T11:54:59.999999Z", True),
        ("2025-01-01T00:00:00.000000Z", True),
        ("no time", False),
        ("", False),
    ],
)
def test_a_step_back_above_five_minutes_is_told(time: str, is_told: bool) -> None:
    first, second = told(NOON, time)
    assert first is None
    assert (second is not None) == is_told


def test_both_times_are_told() -> None:
    assert told(NOON, "2026-11-22T12:00:00.000000Z")[1] == (
        "the clock was set back, from 2026-11-23T12:00:00Z to 2026-11-22T12:00:00Z"
    )


def test_a_clock_that_is_right_again_is_not_told() -> None:
    assert told(NOON, "2020-11-22T12:00:00.000000Z", NOON)[2] is None


def test_no_more_than_twenty_steps_are_told() -> None:
    times = (timestamp(10**18 - number * 10**12) for number in range(50))
    assert sum(step is not None for step in told(*times)) == 20


@given(st.lists(st.integers(0, 4 * 10**18)))
def test_times_that_go_on_are_never_told(times_ns: list[int]) -> None:
    assert not any(told(*map(timestamp, sorted(times_ns))))


@given(st.text(), st.text())
def test_what_is_no_time_is_no_breakdown(one: str, other: str) -> None:
    assert len(told(one, other)) == 2
