"""The forms that a constraint has in a signed profile, each a mapping with exactly these keys.

A *place* is an argument's name, or a JSON pointer (begins with a slash) into the arguments, in
which `*` stands for every item of a list. Pointers with `*` are known of `argument`, `sum` and
`shown` alone.

- `{"one_of": [PLACE, PLACE, ...]}`: at least two
- `{"given": PLACE, "requires": [PLACE, ...]}`: at least one
- `{"argument": PLACE, OPERATOR: PLACE}`: one of `before`, `after`, `at_most`, `at_least`
- `{"sum": PLACE, "at_most": NUMBER}`, or `{"sum": PLACE, "at_most": {"argument": PLACE}}`
- `{"shown": PLACE, "by": TOOL, "field": PATH, "within_s": SECONDS, "same": {MINE: ITS, ...}}`
- `{"days": [DAY, ...]}`, or `{"days": [DAY, ...], "between": [FROM, TO]}`: Monday is 0
- `{"between": [FROM, TO]}`: minutes of the day, 0..1439

`by` names a tool of the profile whose `shows` holds `field`, letter by letter. Of `same`, which may
be empty, MINE is a place of this call and ITS one of that call. FROM and TO differ;
a window that passes midnight belongs to the day that it begins on.
"""

from collections.abc import Callable
from typing import Any

from mcp_proxy.core.approval import kind_of

OPERATORS = ("before", "after", "at_most", "at_least")

_Test = Callable[[Any], bool]


def kind_of_rule(rule: dict[str, Any]) -> str | None:
    """The kind of a rule that has one of the forms above, None for any other."""
    for kind, form in _FORMS.items():
        if kind in rule:
            return kind if form(rule) else None
    return None


def _is_place(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "*" not in value.split("/")


def _is_starred(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _are_places(least: int) -> _Test:
    return lambda value: (
        isinstance(value, list) and len(value) >= least and all(map(_is_place, value))
    )


def _is_bound(value: Any) -> bool:
    if isinstance(value, dict):
        return value.keys() == {"argument"} and _is_place(value["argument"])
    return kind_of(value) == "number"


def _is_span(value: Any) -> bool:
    return type(value) is int and value > 0


def _are_pairs(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_place, (*value, *value.values())))


def _are_days(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(type(day) is int and 0 <= day <= 6 for day in value)
    )


def _are_minutes(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    first, last = value
    is_whole = type(first) is int and type(last) is int
    return is_whole and 0 <= first < 1440 and 0 <= last < 1440 and first != last


def _of(**tests: _Test) -> Callable[[dict[str, Any]], bool]:
    return lambda rule: (
        rule.keys() == tests.keys() and all(test(rule[key]) for key, test in tests.items())
    )


def _is_relation(rule: dict[str, Any]) -> bool:
    if len(rule) != 2 or not _is_starred(rule["argument"]):
        return False
    return any(_is_place(rule.get(operator)) for operator in OPERATORS)


def _is_days(rule: dict[str, Any]) -> bool:
    return _are_days(rule["days"]) and (
        len(rule) == 1 or (len(rule) == 2 and _are_minutes(rule.get("between")))
    )


# In this order: `days` stands before `between`, which it may hold.
_FORMS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "one_of": _of(one_of=_are_places(2)),
    "given": _of(given=_is_place, requires=_are_places(1)),
    "argument": _is_relation,
    "sum": _of(sum=_is_starred, at_most=_is_bound),
    "shown": _of(
        shown=_is_starred, by=_is_text, field=_is_text, within_s=_is_span, same=_are_pairs
    ),
    "days": _is_days,
    "between": _of(between=_are_minutes),
}
