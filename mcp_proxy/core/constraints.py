"""Rules over a call's effective arguments, each a mapping of the signed profile.

Their forms stand in `core.constraint_forms`. Deny by default: a rule that is not known, or cannot
be judged, is broken. A rule about an argument that is not given holds; null is given.
"""

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from mcp_proxy.core.approval import kind_of
from mcp_proxy.core.clock_times import parse_time
from mcp_proxy.core.constraint_forms import kind_of_rule
from mcp_proxy.core.paths import gather, keys_of
from mcp_proxy.core.shown import Shown, Wanted, scalar_of

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_TOLD = {
    "before": "before {}; both are dates (2026-01-31), or both are times with their offset "
    "from UTC (2026-01-31T08:00:00Z)",
    "after": "after {}; both are dates (2026-01-31), or both are times with their offset "
    "from UTC (2026-01-31T08:00:00Z)",
    "at_most": "at most {}; both are numbers, or both are dates or times of one form",
    "at_least": "at least {}; both are numbers, or both are dates or times of one form",
}
# The last digit of the smallest double stands within so many places.
_PLACES = 340
_ONE: int = 10**_PLACES


class Broken(NamedTuple):
    """The first rule that does not hold: its kind, and what is wrong, without any value."""

    kind: str
    text: str


class Moment(NamedTuple):
    """When a call is decided: seconds since the epoch, and the profile's zone if it is known."""

    now_s: float
    zone: tzinfo | None


class _Call(NamedTuple):
    arguments: dict[str, Any]
    at: Moment
    shown: Shown


def first_broken(
    rules: tuple[dict[str, Any], ...], arguments: dict[str, Any], at: Moment, shown: Shown
) -> Broken | None:
    """The first rule that these effective arguments break, None where all hold."""
    for rule in rules:
        broken = judge_rule(rule, arguments, at, shown)
        if broken is not None:
            return broken
    return None


def judge_rule(
    rule: dict[str, Any], arguments: dict[str, Any], at: Moment, shown: Shown
) -> Broken | None:
    """Why one rule does not hold, None where it does."""
    kind = kind_of_rule(rule)
    if kind is None:
        return Broken("unknown", "A rule of the profile is none that this version knows")
    text = _JUDGES[kind](rule, _Call(arguments, at, shown))
    return None if text is None else Broken(kind, text)


def _one_of(rule: dict[str, Any], call: _Call) -> str | None:
    places: list[str] = rule["one_of"]
    found = [gather(call.arguments, place) for place in places]
    given = [item for item in found if item != "absent"]
    if len(given) == 1 and given[0] not in ("amiss", (None,)):
        return None
    return f"Exactly one of {', '.join(places)} must be given, and not null"


def _given(rule: dict[str, Any], call: _Call) -> str | None:
    place: str = rule["given"]
    if gather(call.arguments, place) == "absent":
        return None
    lacking = [item for item in rule["requires"] if _only(call.arguments, item) is None]
    if not lacking:
        return None
    return f"Where {place} is given, {', '.join(lacking)} must be given too, and not null"


def _relation(rule: dict[str, Any], call: _Call) -> str | None:
    place: str = rule["argument"]
    (operator,) = rule.keys() - {"argument"}
    values = gather(call.arguments, place)
    if values == "absent":
        return None
    other = _comparable(_only(call.arguments, rule[operator]))
    if values != "amiss" and (not values or other is not None):
        compare = _COMPARISONS[operator]
        if all(compare(_comparable(value), other) for value in values):
            return None
    return f"{place} must be {_TOLD[operator].format(rule[operator])}"


def _sum(rule: dict[str, Any], call: _Call) -> str | None:
    place, bound = rule["sum"], rule["at_most"]
    values = gather(call.arguments, place)
    if values == "absent":
        return None
    is_named = isinstance(bound, dict)
    most = _only(call.arguments, bound["argument"]) if is_named else bound
    if values != "amiss" and kind_of(most) == "number" and _is_within(values, most):
        return None
    told = bound["argument"] if is_named else f"{bound}"
    return f"{place} must be numbers whose sum is at most {told}"


def _was_shown(rule: dict[str, Any], call: _Call) -> str | None:
    place, tool, same = rule["shown"], rule["by"], rule["same"]
    values = gather(call.arguments, place)
    if values == "absent":
        return None
    wanted = {keys_of(its): scalar_of(_only(call.arguments, mine)) for mine, its in same.items()}
    known = {its: scalar for its, scalar in wanted.items() if scalar is not None}
    now_s = call.at.now_s
    asked = Wanted(tool, rule["field"], known, now_s - rule["within_s"], now_s)
    is_judged = values != "amiss" and (not values or len(known) == len(same))
    if is_judged and all(call.shown.was_shown(value, asked) for value in values):
        return None
    alike = f", for the same {', '.join(same)}" if same else ""
    span = _span(rule["within_s"])
    return f"{place} must be what {tool} has shown in the last {span}{alike}. Call {tool} first"


def _on_days(rule: dict[str, Any], call: _Call) -> str | None:
    """A window that passes midnight belongs to the day that it begins on."""
    days, between = rule.get("days", range(7)), rule.get("between")
    told = _times_told(rule)
    if call.at.zone is None:
        return f"{told}, by a time zone that this computer does not know"
    local = datetime.fromtimestamp(call.at.now_s, call.at.zone)
    day, minute = local.weekday(), local.hour * 60 + local.minute
    if between is not None:
        first, last = between
        is_late = first > last and minute < last
        if not is_late and not first <= minute < (last if first < last else 1440):
            return told
        day = (day - 1) % 7 if is_late else day
    return None if day in days else told


def _only(arguments: dict[str, Any], place: str) -> Any:
    """The one value at a place; None where it is absent, null or out of reach."""
    found = gather(arguments, place)
    return found[0] if isinstance(found, tuple) and len(found) == 1 else None


def _comparable(value: Any) -> Any:
    """A number as ("number", it), a time as its kind and place; None for what nothing compares."""
    if kind_of(value) == "number":
        return "number", value
    found = parse_time(value) if isinstance(value, str) else None
    return None if found is None else ("instant" if found.is_instant else "day", found)


def _compared(test: Callable[[Any, Any], bool], *, of_times: bool) -> Callable[[Any, Any], bool]:
    def compare(one: Any, other: Any) -> bool:
        if one is None or other is None or one[0] != other[0]:
            return False
        return not (of_times and one[0] == "number") and test(one[1], other[1])

    return compare


def _is_within(values: tuple[Any, ...], most: float) -> bool:
    """Whether numbers, or the numbers in a list, exactly summed are at most so many."""
    if len(values) == 1 and isinstance(values[0], list):
        values = tuple(values[0])
    if any(kind_of(value) != "number" for value in values):
        return False
    if isinstance(most, int) and not any(isinstance(value, float) for value in values):
        return bool(sum(values) <= most)
    return sum(map(_exact, values)) <= _exact(most)


def _exact(number: float) -> int:
    """The number that its JSON text says (of 0.1 a tenth, as the upstream reads it), scaled up."""
    if isinstance(number, int):
        return number * _ONE
    digits, _, exponent = repr(number).partition("e")
    whole, _, rest = digits.partition(".")
    scale: int = 10 ** (_PLACES + int(exponent or 0) - len(rest))
    return int(whole + rest) * scale


def _span(seconds: int) -> str:
    unit, name = next(item for item in _UNITS if seconds % item[0] == 0)
    count = seconds // unit
    return f"{count} {name}s" if count > 1 else name


def _times_told(rule: dict[str, Any]) -> str:
    days = [_DAYS[day] for day in rule.get("days", ())]
    told = f" on {', '.join(days)}" if days else ""
    if "between" in rule:
        first, last = (f"{minute // 60:02}:{minute % 60:02}" for minute in rule["between"])
        told += f" between {first} and {last}"
    return f"This tool may be called only{told}"


_COMPARISONS = {
    "before": _compared(lambda one, other: bool(one < other), of_times=True),
    "after": _compared(lambda one, other: bool(one > other), of_times=True),
    "at_most": _compared(lambda one, other: bool(one <= other), of_times=False),
    "at_least": _compared(lambda one, other: bool(one >= other), of_times=False),
}
_JUDGES: dict[str, Callable[[dict[str, Any], _Call], str | None]] = {
    "one_of": _one_of,
    "given": _given,
    "argument": _relation,
    "sum": _sum,
    "shown": _was_shown,
    "days": _on_days,
    "between": _on_days,
}
