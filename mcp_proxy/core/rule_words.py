"""Constraints and limits of a tool as words, for a person who installs or explains a profile."""

from typing import Any

from mcp_proxy.core.change import named, shown
from mcp_proxy.core.profile import Limit

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_RELATIONS = {
    "before": "is before",
    "after": "is after",
    "at_most": "is at most",
    "at_least": "is at least",
}


def limit_name(of: str, per: str, by: str) -> str:
    """The name under which is counted what a limit takes: `calls/minute`, `sum/amount/day`."""
    if not of:
        return f"calls/{per}" + (f"/{by}" if by else "")
    return "/".join(("sum", of, per, *([by] if by else [])))


def limit_words(limit: Limit) -> str:
    """`at most 200,000 of amount per day, for each customer`."""
    what = f"of {named(limit.of)}" if limit.of else "calls"
    each = f", for each {named(limit.by)}" if limit.by else ""
    return f"at most {limit.at_most:,} {what} per {limit.per}{each}"


def constraint_words(rule: dict[str, Any]) -> str:
    """One rule of the signed profile as a sentence's part; as its keys where it is not known."""
    try:
        words = _WORDS[next(iter(rule))](rule)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return shown(rule)
    return words


def span_words(seconds: int) -> str:
    """A time in its largest whole unit: `10 m`, `90 s`, `2 h`."""
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds and seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def _one_of(rule: dict[str, Any]) -> str:
    return f"exactly one of {', '.join(map(named, rule['one_of']))} is given"


def _given(rule: dict[str, Any]) -> str:
    return f"with {named(rule['given'])} comes {', '.join(map(named, rule['requires']))}"


def _relation(rule: dict[str, Any]) -> str:
    (key,) = rule.keys() - {"argument"}
    return f"{named(rule['argument'])} {_RELATIONS[key]} {named(rule[key])}"


def _sum(rule: dict[str, Any]) -> str:
    bound = rule["at_most"]
    most = named(bound["argument"]) if isinstance(bound, dict) else f"{bound:,}"
    return f"the sum of {named(rule['sum'])} is at most {most}"


def _shown(rule: dict[str, Any]) -> str:
    same = "".join(
        f", for the same {named(mine)}" + (f" (its {named(its)})" if its != mine else "")
        for mine, its in rule["same"].items()
    )
    return (
        f"{named(rule['shown'])} was shown by {named(rule['by'])} (as {named(rule['field'])}) "
        f"in the last {span_words(rule['within_s'])}{same}"
    )


def _times(rule: dict[str, Any]) -> str:
    days = [_DAYS[day] for day in rule["days"]] if "days" in rule else []
    when = [f"on {', '.join(days)}"] if days else []
    if "between" in rule:
        first, last = (f"{minute // 60:02}:{minute % 60:02}" for minute in rule["between"])
        when.append(f"between {first} and {last}")
    return f"called only {' '.join(when)}"


_WORDS = {
    "one_of": _one_of,
    "given": _given,
    "argument": _relation,
    "sum": _sum,
    "shown": _shown,
    "days": _times,
    "between": _times,
}
