"""The rule language against a second reading of it, written from its words alone.

The oracle works with Fractions and datetimes and by recursion over the mapping's own words; it
shares no code with what it checks.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from mcp_proxy.core.constraints import Moment, judge_rule
from mcp_proxy.core.shown import Shown

NOWHERE, ODD = object(), object()
NAMES = ["a", "b", "c"]
NOW_S = 1_767_261_600.0  # Thursday 2026-01-01, 10:00 UTC


# The oracle


def places(value: Any, steps: list[str], within_list: bool = False) -> Any:
    """NOWHERE, ODD, or the list of values."""
    if not steps:
        return [value]
    head, tail = steps[0], steps[1:]
    if head == "*":
        if type(value) is not list:
            return ODD
        parts = [places(item, tail, True) for item in value]
        if any(part is ODD or part is NOWHERE for part in parts):
            return ODD
        return [value for part in parts for value in part]
    if type(value) is not dict:
        return ODD
    if head not in value:
        return ODD if within_list else NOWHERE
    return places(value[head], tail, within_list)


def at(arguments: dict[str, Any], place: str) -> Any:
    steps = place[1:].split("/") if place.startswith("/") else [place]
    return places(arguments, [s.replace("~1", "/").replace("~0", "~") for s in steps])


def single(arguments: dict[str, Any], place: str) -> Any:
    found = at(arguments, place)
    return found[0] if isinstance(found, list) else None


def is_number(value: Any) -> bool:
    return type(value) in (int, float)


def as_time(value: Any) -> Any:
    """("day", date) or ("instant", (UTC datetime to the second, leap, fraction)), else None."""
    if type(value) is not str or not value.isascii():
        return None
    if re.fullmatch(r"\d\d\d\d-\d\d-\d\d", value):
        try:
            return "day", date(int(value[:4]), int(value[5:7]), int(value[8:]))
        except ValueError:
            return None
    shape = r"(\d{4}-\d\d-\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)"
    match = re.fullmatch(shape, value)
    if match is None:
        return None
    day, hour, minute, second, fraction, offset = match.groups()
    leap = int(second) == 60
    try:
        moment = datetime.fromisoformat(f"{day}T{hour}:{minute}:{59 if leap else second}")
        shift = timedelta()
        if offset not in "Zz":
            if int(offset[1:3]) > 23 or int(offset[4:]) > 59:
                return None
            shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:]))
            shift = -shift if offset[0] == "-" else shift
        moment = moment.replace(tzinfo=UTC) - shift
    except ValueError:
        return None
    if leap and (moment.hour, moment.minute) != (23, 59):
        return None
    return "instant", (moment, leap, Fraction(int(fraction or 0), 10 ** len(fraction or "")))


def relation(operator: str, one: Any, other: Any) -> bool:
    if is_number(one) and is_number(other):
        left, right = Fraction(one), Fraction(other)
        return {"at_most": left <= right, "at_least": left >= right}.get(operator, False)
    first, second = as_time(one), as_time(other)
    if first is None or second is None or first[0] != second[0]:
        return False
    left, right = first[1], second[1]
    return bool(
        {"before": left < right, "after": left > right}.get(operator)
        if operator in ("before", "after")
        else {"at_most": left <= right, "at_least": left >= right}[operator]
    )


def same_scalar(one: Any, other: Any) -> bool:
    if is_number(one) and is_number(other):
        return Fraction(one) == Fraction(other)
    return type(one) is type(other) and type(one) in (str, bool) and one == other


def holds(rule: dict[str, Any], arguments: dict[str, Any], moment: Moment, showings: Any) -> bool:
    if "one_of" in rule:
        found = [at(arguments, place) for place in rule["one_of"]]
        there = [item for item in found if item is not NOWHERE]
        return len(there) == 1 and there[0] is not ODD and there[0][0] is not None
    if "given" in rule:
        if at(arguments, rule["given"]) is NOWHERE:
            return True
        return all(single(arguments, place) is not None for place in rule["requires"])
    if "argument" in rule:
        operator = next(key for key in rule if key != "argument")
        found = at(arguments, rule["argument"])
        if found is NOWHERE:
            return True
        other = single(arguments, rule[operator])
        return found is not ODD and all(relation(operator, item, other) for item in found)
    if "sum" in rule:
        found, bound = at(arguments, rule["sum"]), rule["at_most"]
        if found is NOWHERE:
            return True
        if found is ODD:
            return False
        if len(found) == 1 and type(found[0]) is list:
            found = found[0]
        most = single(arguments, bound["argument"]) if type(bound) is dict else bound
        if not is_number(most) or not all(map(is_number, found)):
            return False
        return sum((Fraction(repr(item)) for item in found), Fraction()) <= Fraction(repr(most))
    if "shown" in rule:
        return shown_holds(rule, arguments, moment, showings)
    local = datetime.fromtimestamp(moment.now_s, UTC).astimezone(moment.zone)
    return in_window(rule, local)


def shown_holds(rule: dict[str, Any], arguments: Any, moment: Moment, showings: Any) -> bool:
    found = at(arguments, rule["shown"])
    if found is NOWHERE:
        return True
    return found is not ODD and all(
        any(
            tool == rule["by"]
            and field == rule["field"]
            and 0 <= moment.now_s - when <= rule["within_s"]
            and same_scalar(value, item)
            and all(
                same_scalar(single(arguments, mine), single(theirs, its))
                for mine, its in rule["same"].items()
            )
            for tool, field, theirs, value, when in showings
        )
        for item in found
    )


def in_window(rule: dict[str, Any], local: datetime) -> bool:
    """Whether some window that began on an allowed day, today or yesterday, is open."""
    start, end = rule.get("between", [0, 1440])
    wall = local.replace(tzinfo=None)
    midnight = datetime(wall.year, wall.month, wall.day)
    length = end - start if end > start else end + 1440 - start
    for began in (midnight, midnight - timedelta(days=1)):
        if began.weekday() in rule.get("days", range(7)):
            opens = began + timedelta(minutes=start)
            if opens <= wall < opens + timedelta(minutes=length):
                return True
    return False


# What it is asked


TIMES = st.sampled_from(
    [
        "2026-01-31",
        "2026-02-01",
        "2026-02-30",
        "2024-02-29",
        "2026-01-31T08:00:00Z",
        "2026-01-31T09:00:00+01:00",
        "2026-01-31t08:00:00.5z",
        "2026-01-31T08:00:00.50Z",
        "2026-01-31T08:00:00.049Z",
        "2026-01-31T08:00:00",
        "2026-01-31T24:00:00Z",
        "2026-02-01T00:00:00Z",
        "2026-01-31T23:59:60Z",
        "2026-01-31T15:59:60-08:00",
        "2026-01-31T12:00:60Z",
        "2026-01-31T23:59:59.999-00:00",
        "2026-01-31T08:00:00+24:00",
        "2026-01-31 08:00:00Z",
        "0001-01-02T00:00:00+23:59",
        "9999-12-30T23:59:59-23:59",
        "٢026-01-31",
    ]
) | st.datetimes(
    min_value=datetime(1000, 1, 3),
    max_value=datetime(9999, 12, 29),
    timezones=st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m))),
).map(datetime.isoformat)
NUMBERS = (
    st.integers(-3, 3)
    | st.integers(-(2**63), 2**63)
    | st.sampled_from([0.1, 0.2, 0.3, 1.0, 1e308, 5e-324, -0.0, 1e23, 2.0**53])
    | st.floats(allow_nan=False, allow_infinity=False)
)
SCALARS = NUMBERS | TIMES | st.sampled_from(["", "x", "1", None, True, False])
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*NAMES, "*", "x/y"]), inner, max_size=3)
    ),
    max_leaves=6,
)
ARGUMENTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3)
PLAIN = st.sampled_from([*NAMES, "/a/b", "/b/a", "/c/x~1y", "/a"])
STARRED = PLAIN | st.sampled_from(["/a/*", "/a/*/b", "/b/*/a/*", "/c/*/x~1y"])
SPANS = st.sampled_from([1, 60, 600])
TOOLS = st.sampled_from(["find", "list"])
FIELDS = st.sampled_from(["id", "rows.id"])
MINUTES = st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda t: t[0] != t[1])
DAYS = st.lists(st.integers(0, 6), min_size=1, max_size=7)
RULES = st.one_of(
    st.fixed_dictionaries({"one_of": st.lists(PLAIN, min_size=2, max_size=3)}),
    st.fixed_dictionaries({"given": PLAIN, "requires": st.lists(PLAIN, min_size=1, max_size=2)}),
    st.builds(
        lambda place, operator, other: {"argument": place, operator: other},
        STARRED,
        st.sampled_from(["before", "after", "at_most", "at_least"]),
        PLAIN,
    ),
    st.fixed_dictionaries(
        {"sum": STARRED, "at_most": NUMBERS | st.fixed_dictionaries({"argument": PLAIN})}
    ),
    st.fixed_dictionaries(
        {
            "shown": STARRED,
            "by": TOOLS,
            "field": FIELDS,
            "within_s": SPANS,
            "same": st.dictionaries(PLAIN, PLAIN, max_size=1),
        }
    ),
    st.fixed_dictionaries({"days": DAYS}),
    st.fixed_dictionaries({"between": MINUTES.map(list)}),
    st.fixed_dictionaries({"days": DAYS, "between": MINUTES.map(list)}),
)
SHOWINGS = st.lists(
    st.tuples(
        TOOLS,
        FIELDS,
        ARGUMENTS,
        SCALARS,
        st.sampled_from([0.0, 0.5, 1.0, 60.0, 61.0, 600.0, 600.1, -1.0]).map(lambda s: NOW_S - s),
    ),
    max_size=4,
)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"])
TIMES_S = st.just(NOW_S) | st.integers(0, 4_000_000_000).map(float)


def remembered(showings: Any) -> Shown:
    shown = Shown()
    for tool, field, arguments, value, when in showings:
        inside = {"id": value} if field == "id" else {"rows": [{"id": value}]}
        shown.of_call(tool, (field,), arguments, when)({"structuredContent": inside})
    return shown


def agree(
    rule: dict[str, Any], arguments: dict[str, Any], showings: Any, zone: str, now_s: float
) -> None:
    moment = Moment(now_s, ZoneInfo(zone))
    broken = judge_rule(rule, arguments, moment, remembered(showings))
    expected = holds(rule, arguments, moment, showings)
    event(f"{next(iter(rule))} {'holds' if expected else 'is broken'}")
    assert (broken is None) is expected, (rule, arguments, showings, broken)
    assert broken is None or broken.kind in rule


@settings(max_examples=100, deadline=None)
@given(RULES, ARGUMENTS, SHOWINGS, ZONES, TIMES_S)
def test_a_rule_is_judged_as_its_words_say(
    rule: dict[str, Any], arguments: dict[str, Any], showings: Any, zone: str, now_s: float
) -> None:
    agree(rule, arguments, showings, zone, now_s)


@pytest.mark.slow
@pytest.mark.beside
@settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(RULES, ARGUMENTS, SHOWINGS, ZONES, TIMES_S)
def test_a_rule_is_judged_as_its_words_say_in_many_thousand_cases(
    rule: dict[str, Any], arguments: dict[str, Any], showings: Any, zone: str, now_s: float
) -> None:
    agree(rule, arguments, showings, zone, now_s)


LIKELY = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from([1, 1.0, True, "1", 0, False, "x", None]), max_size=3
)
SAME = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(NAMES), max_size=2)
LIKELY_ROW = st.tuples(
    TOOLS,
    FIELDS,
    LIKELY,
    st.sampled_from([1, 1.0, True, "1", 0, False, "x"]),
    st.sampled_from([NOW_S, NOW_S - 600, NOW_S - 601, NOW_S + 1]),
)


@settings(max_examples=200, deadline=None)
@given(TOOLS, FIELDS, SAME, st.lists(LIKELY_ROW, max_size=8), LIKELY)
def test_what_was_shown_is_told_from_what_was_not(
    tool: str, field: str, same: dict[str, str], showings: Any, arguments: dict[str, Any]
) -> None:
    rule = {"shown": "a", "by": tool, "field": field, "within_s": 600, "same": same}
    agree(rule, arguments, showings, "UTC", NOW_S)


def test_the_oracle_is_no_copy_that_agrees_with_everything() -> None:
    moment = Moment(NOW_S, ZoneInfo("UTC"))
    assert holds({"sum": "a", "at_most": 0.3}, {"a": [0.1, 0.2]}, moment, [])
    assert not holds({"sum": "a", "at_most": 0.3}, {"a": [0.1, 0.2, 1e-300]}, moment, [])
    assert not holds({"one_of": ["a", "b"]}, {"a": 1, "b": None}, moment, [])
    assert holds({"days": [3], "between": [600, 601]}, {}, moment, [])
    assert not holds({"days": [3], "between": [601, 600]}, {}, Moment(NOW_S + 0.0, UTC), [])
