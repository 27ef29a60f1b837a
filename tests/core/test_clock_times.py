"""Times in arguments: which texts are times, and their order."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.clock_times import parse_time

MOMENTS = st.datetimes(
    min_value=datetime(1, 1, 3),
    max_value=datetime(9999, 12, 29),
    timezones=st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m))),
)


@given(MOMENTS, MOMENTS)
def test_instants_sort_as_datetimes_do(one: datetime, other: datetime) -> None:
    first, second = parse_time(one.isoformat()), parse_time(other.isoformat())
    assert first is not None
    assert second is not None
    assert (first < second) is (one < other)
    assert (first == second) is (one == other)


@given(MOMENTS)
def test_one_instant_has_many_spellings(moment: datetime) -> None:
    there = moment.replace(microsecond=0)
    here = there.astimezone(UTC)
    text = here.isoformat().removesuffix("+00:00")
    spellings = [there.isoformat(), f"{text}Z", f"{text}.000z", f"{text}-00:00"]
    spellings.append(spellings[1].replace("T", "t"))
    assert len({parse_time(item) for item in spellings}) == 1


def test_a_leap_second_stands_between_its_neighbours() -> None:
    texts = ["2016-12-31T23:59:59.9Z", "2016-12-31T18:59:60-05:00", "2017-01-01T00:00:00Z"]
    times = [parse_time(text) for text in texts]
    assert None not in times
    assert times == sorted(times, key=lambda time: time or ())
    assert len(set(times)) == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-1-1",
        "2026-02-29",
        "0000-01-01",
        "2026-01-01T08:00:00",
        "2026-01-01T08:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T08:60:00Z",
        "2026-01-01T08:00:60Z",
        "2026-01-01T08:00:61Z",
        "2026-01-01 08:00:00Z",
        "2026-01-01T08:00:00+24:00",
        "2026-01-01T08:00:00+0100",
        "2026-01-01T08:00:00.Z",
        "2026-01-01T08:00:00Z\n",
        " 2026-01-01",
        "20260101",
        "٢٠٢٦-٠١-٠١",
        "+2026-01-01",
        "2026-W01-1",
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert parse_time(text) is None
