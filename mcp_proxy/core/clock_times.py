"""Times in arguments, compared: RFC 3339 dates, and date-times with their offset from UTC."""

import re
from datetime import date
from typing import NamedTuple

_TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt](?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9]|60)"
    r"(?:\.(?P<fraction>[0-9]{1,64}))?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<hours>[01][0-9]|2[0-3]):(?P<minutes>[0-5][0-9])))?"
)
_DAY_MINUTES = 24 * 60


class ClockTime(NamedTuple):
    """A day, or an instant; of two of the same kind the earlier one is the smaller tuple.

    `minute` counts from the first day of the calendar, in UTC for an instant. Seconds stand beside
    it, so that a leap second (60) has its place before the next minute; `fraction` is the decimal
    digits of the second without trailing zeros, which sort as the numbers do.
    """

    is_instant: bool
    minute: int
    second: int = 0
    fraction: str = ""


def parse_time(text: str) -> ClockTime | None:
    """The time that a text is, None for any other text; a time of day without offset is none."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    try:
        day = date.fromisoformat(match["date"]).toordinal()
    except ValueError:
        return None
    if match["hour"] is None:
        return ClockTime(is_instant=False, minute=day * _DAY_MINUTES)
    minute = day * _DAY_MINUTES + int(match["hour"]) * 60 + int(match["minute"]) - _offset(match)
    second = int(match["second"])
    if second == 60 and minute % _DAY_MINUTES != _DAY_MINUTES - 1:
        return None  # a leap second is the last one of a day in UTC (RFC 3339, appendix D)
    return ClockTime(True, minute, second, (match["fraction"] or "").rstrip("0"))


def _offset(match: re.Match[str]) -> int:
    if match["sign"] is None:
        return 0
    minutes = int(match["hours"]) * 60 + int(match["minutes"])
    return -minutes if match["sign"] == "-" else minutes
