"""Calendar windows against zoneinfo read second by second: every zone, its changes, month ends."""

from bisect import bisect
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcp_proxy.core.windows import LAST_S, PERIODS, window

ZONES = st.sampled_from(sorted(available_timezones() - {"localtime"}))
NOWADAYS = st.floats(0, datetime(2200, 1, 1, tzinfo=UTC).timestamp())
SHORT = ("second", "minute", "hour")
_FIELDS = {"second": 6, "minute": 5, "hour": 4, "day": 3, "month": 2}


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def named(per: str, at_s: float, zone: ZoneInfo) -> tuple[object, ...]:
    """What the wall clock of the zone shows, down to the period; with the offset below a day."""
    local = datetime.fromtimestamp(int(at_s), zone)
    fields = local.timetuple()[: _FIELDS[per]]
    return (*fields, local.utcoffset()) if per in SHORT else fields


@cache
def changes(name: str) -> tuple[int, ...]:
    """The whole seconds at which the zone's offset changes, 2000 to 2037; no two in half a day."""
    zone, found = ZoneInfo(name), []
    first, last = int(at("2000-01-01T00:00Z")), int(at("2037-12-31T00:00Z"))
    for low in range(first, last, 3600 * 12):
        before = offset(low, zone)
        if before != offset(low + 3600 * 12, zone):
            half_day = range(low, low + 3600 * 12)
            found.append(
                low + bisect(half_day, False, key=lambda at_s: offset(at_s, zone) != before)
            )
    return tuple(found)


def offset(at_s: float, zone: ZoneInfo) -> timedelta | None:
    return datetime.fromtimestamp(at_s, zone).utcoffset()


def check(per: str, now_s: float, name: str) -> None:
    zone = ZoneInfo(name)
    label, ends_s = window(per, now_s, zone)
    assert now_s < ends_s
    assert ends_s == int(ends_s)
    own = named(per, now_s, zone)
    assert named(per, ends_s - 1, zone) == own
    assert named(per, ends_s, zone) != own
    assert window(per, ends_s - 1, zone).label == label
    assert window(per, ends_s, zone).label != label


@given(st.sampled_from(PERIODS), NOWADAYS, ZONES)
@example("day", at("2026-10-25T00:30Z"), "Europe/Berlin")
@example("hour", at("2026-04-04T15:10Z"), "Australia/Lord_Howe")
@example("day", at("2011-12-29T22:00Z"), "Pacific/Apia")
@example("month", at("2018-11-04T02:30Z"), "America/Sao_Paulo")
@example("minute", at("1971-06-01T00:00:50Z"), "Africa/Monrovia")
@example("day", at("2006-10-29T02:31:30Z"), "America/St_Johns")
def test_a_window_holds_its_moment_and_ends_where_the_wall_clock_turns(
    per: str, now_s: float, name: str
) -> None:
    check(per, now_s, name)


@pytest.mark.slow
@pytest.mark.beside
@settings(deadline=None, max_examples=400)
@given(st.data(), st.sampled_from(PERIODS), ZONES, st.integers(-90_000, 90_000))
def test_the_same_holds_around_every_change_of_an_offset(
    data: st.DataObject, per: str, name: str, aside_s: int
) -> None:
    found = changes(name)
    if found:
        check(per, data.draw(st.sampled_from(found)) + aside_s, name)


@given(NOWADAYS, NOWADAYS, st.sampled_from(PERIODS), ZONES)
def test_two_moments_share_a_label_where_the_wall_clock_names_them_alike(
    one_s: float, other_s: float, per: str, name: str
) -> None:
    zone = ZoneInfo(name)
    same = named(per, one_s, zone) == named(per, other_s, zone)
    assert (window(per, one_s, zone).label == window(per, other_s, zone).label) == same


def test_the_hour_that_comes_twice_is_two_windows_and_its_day_has_25() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    midnight = at("2026-10-25T00:00+02:00")
    labels = {window("hour", midnight + hour * 3600, berlin).label for hour in range(25)}
    assert len(labels) == 25
    assert window("day", midnight, berlin) == ("2026-10-25", midnight + 25 * 3600)


def test_days_begin_in_the_zone_not_in_greenwich() -> None:
    kathmandu = ZoneInfo("Asia/Kathmandu")
    assert window("day", at("2026-02-28T18:14:59Z"), kathmandu).label == "2026-02-28"
    assert window("day", at("2026-02-28T18:15:00Z"), kathmandu).label == "2026-03-01"
    assert window("month", at("2026-02-28T18:15:00Z"), kathmandu).label == "2026-03"


@pytest.mark.parametrize("per", PERIODS)
@pytest.mark.parametrize("now_s", [-1e12, LAST_S, LAST_S * 10])
def test_a_clock_beyond_the_calendar_stops_at_its_edge(per: str, now_s: float) -> None:
    assert window(per, now_s, UTC) == window(per, min(max(now_s, 0), LAST_S), UTC)
