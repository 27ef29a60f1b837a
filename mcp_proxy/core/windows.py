"""Calendar windows: the second, minute, hour, day or month that a moment lies in, in a time zone.

A label names one window of all time: what was taken is counted under it, so that the count stands
wherever the clock is set. An hour that a zone passes through twice is two windows, for their
offsets differ; a day is one, however many hours it has.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

PERIODS = ("second", "minute", "hour", "day", "month")
_LENGTH_S = {"second": 1, "minute": 60, "hour": 3600}
_LABEL_CHARS = {"second": 19, "minute": 16, "hour": 13}
# No calendar of this module's reaches further; a clock that says so is stopped there.
LAST_S = datetime(9998, 1, 1, tzinfo=UTC).timestamp()


class Window(NamedTuple):
    """`label` is unique among all windows of its period in its zone; `ends_s` since the epoch."""

    label: str
    ends_s: float


def window(per: str, now_s: float, zone: tzinfo) -> Window:
    """The window of the period `per` (one of PERIODS) that `now_s` lies in.

    Its end is the first second that bears another label, as far as the offset changes at most once
    before it.
    """
    # By whole seconds: a fraction would be rounded, and might reach the next window.
    return _window(per, int(min(max(now_s, 0.0), LAST_S)), zone)


@lru_cache(maxsize=64)
def _window(per: str, now_s: int, zone: tzinfo) -> Window:
    label = _label(per, now_s, zone)
    ends_s = _usual_end_s(per, now_s, zone)
    if _label(per, ends_s - 1, zone) != label and ends_s - 1 > now_s:
        ends_s = _change_s(per, now_s, int(ends_s) - 1, zone)
    return Window(label, ends_s)


def _label(per: str, at_s: float, zone: tzinfo) -> str:
    local = datetime.fromtimestamp(at_s, zone)
    if per == "month":
        return f"{local:%Y-%m}"
    if per == "day":
        return local.date().isoformat()
    return local.isoformat()[: _LABEL_CHARS[per]] + _offset_text(local)


def _offset_text(local: datetime) -> str:
    return local.isoformat(timespec="seconds")[19:]


def _usual_end_s(per: str, now_s: int, zone: tzinfo) -> float:
    local = datetime.fromtimestamp(now_s, zone)
    if per in _LENGTH_S:
        length_s = _LENGTH_S[per]
        passed_s = (local.minute * 60 + local.second) % length_s
        return float(now_s - passed_s + length_s)
    first = local.date() + timedelta(days=1)
    if per == "month":
        first = (local.date().replace(day=1) + timedelta(days=32)).replace(day=1)
    return _midnight_s(first, now_s, zone)


def _midnight_s(day: date, after_s: float, zone: tzinfo) -> float:
    """When the day begins; the second time where it does so twice and the first has passed."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    first_s = midnight.timestamp()
    return first_s if first_s > after_s else midnight.replace(fold=1).timestamp()


def _change_s(per: str, low: int, high: int, zone: tzinfo) -> float:
    """The first second in (low, high] with another label than `low`, as `high` has."""
    label = _label(per, low, zone)
    while high - low > 1:
        middle = (low + high) // 2
        if _label(per, middle, zone) == label:
            low = middle
        else:
            high = middle
    return float(high)
