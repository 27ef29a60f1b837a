"""Constraints and limits of one tool, version against version (S5).

A rule more is narrower, a rule less is wider. One that differs is narrower where it is known to
hold nowhere that the old one did not: a lower bound of a sum or a limit, a shorter time, fewer
days. What was spent is kept under a limit's name, so that a limit of another name starts anew.
A refusal names the arguments and tools of its rule: a rule that could tell new words is wider.
"""

from collections.abc import Iterator
from typing import Any

from mcp_proxy.core.approval import kind_of
from mcp_proxy.core.change import NARROWER, SAME, WIDER, Change, same_json
from mcp_proxy.core.change_text import all_strings
from mcp_proxy.core.constraint_forms import kind_of_rule
from mcp_proxy.core.pointer import parse_pointer
from mcp_proxy.core.profile import Limit, Tool
from mcp_proxy.core.rule_words import constraint_words, limit_name, limit_words

# The keys of every rule that this version knows.
_RULE_KEYS = frozenset(
    (
        *("one_of", "given", "requires", "argument", "before", "after", "at_most", "at_least"),
        *("sum", "shown", "by", "field", "within_s", "same", "days", "between"),
    )
)
# Their values are never told to the model; of `same` its keys are, by `shown`.
_SILENT_KEYS = frozenset({"field", "within_s", "same", "days", "between"})


def rule_changes(
    place: str, old: Tool, new: Tool, tools: frozenset[str] = frozenset()
) -> Iterator[Change]:
    """Constraints and limits that differ; `tools` are the names that the old version has."""
    told = frozenset({*all_strings(old.enforced), *old.arguments, *tools, "*"})
    yield from _constraint_changes(place, old, new, told)
    yield from _limit_changes(place, old, new, told)


def _constraint_changes(place: str, old: Tool, new: Tool, told: frozenset[str]) -> Iterator[Change]:
    gone, added = _apart(old.constraints, new.constraints)
    for rule in gone:
        closer = next((one for one in added if _is_closer(rule, one)), None)
        if closer is None:
            yield Change(WIDER, place, f"no longer held to: {constraint_words(rule)}")
            continue
        added.remove(closer)
        words = f"{constraint_words(rule)} -> {constraint_words(closer)}"
        yield Change(NARROWER, place, f"held to: {words}")
    for rule in added:
        kind = NARROWER if _is_told(rule, told) else WIDER
        yield Change(kind, place, f"held to: {constraint_words(rule)}")
    if not gone and not added and not same_json(list(old.constraints), list(new.constraints)):
        yield Change(SAME, place, "the order of its constraints changed")


def _limit_changes(place: str, old: Tool, new: Tool, told: frozenset[str]) -> Iterator[Change]:
    gone, added = _apart(old.limits, new.limits)
    for limit in gone:
        other = next((one for one in added if one.rule == limit.rule), None)
        if other is None:
            yield Change(WIDER, place, f"no longer limited to: {limit_words(limit)}")
            continue
        added.remove(other)
        is_closer = other == limit._replace(at_most=min(limit.at_most, other.at_most))
        words = f"{limit_words(limit)} -> {limit_words(other)}"
        yield Change(NARROWER if is_closer else WIDER, place, f"limit: {words}")
    for limit in added:
        is_own = limit.rule == limit_name(limit.of, limit.per, limit.by)
        kind = NARROWER if is_own and _are_told((limit.of, limit.by), told) else WIDER
        yield Change(kind, place, f"limited to: {limit_words(limit)}")
    if not gone and not added and old.limits != new.limits:
        yield Change(SAME, place, "the order of its limits changed")


def _apart(old: tuple[Any, ...], new: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
    """What only the old has, and what only the new has; what stands twice counts twice."""
    gone, added = list(old), []
    for item in new:
        alike = next((one for one in gone if _same(one, item)), None)
        if alike is None:
            added.append(item)
        else:
            gone.remove(alike)
    return gone, added


def _same(one: Any, other: Any) -> bool:
    return one == other if isinstance(one, Limit) else same_json(one, other)


def _is_closer(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether the new rule, of the same names, holds only where the old one held."""
    # A rule of no known form holds nowhere, so that each that is known would let more through.
    if old.keys() != new.keys() or kind_of_rule(old) is None:
        return False
    changed = [key for key in old if not same_json(old[key], new[key])]
    return all(_is_lower(key, old, new) for key in changed)


def _is_lower(key: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    before, now = old[key], new[key]
    if key == "days":
        return _are_days(before) and _are_days(now) and set(now) <= set(before)
    if key not in ("at_most", "within_s") or not ("sum" in old or "shown" in old):
        return False
    return kind_of(before) == kind_of(now) == "number" and bool(now <= before)


def _are_days(days: Any) -> bool:
    return isinstance(days, list) and bool(days) and all(type(day) is int for day in days)


def _is_told(rule: dict[str, Any], told: frozenset[str]) -> bool:
    """Whether the rule, broken, can tell the model only names that the old version told."""
    if not rule.keys() <= _RULE_KEYS:
        return False
    said = {key: value for key, value in rule.items() if key not in _SILENT_KEYS}
    same = rule.get("same", {})
    names = all_strings(list(said.values()))
    if isinstance(said.get("at_most"), dict):
        names.discard("argument")
    return isinstance(same, dict) and _are_told((*names, *same), told)


def _are_told(names: tuple[str, ...], told: frozenset[str]) -> bool:
    return all(
        part in told
        for name in names
        if name
        for part in (parse_pointer(name) if name.startswith("/") else (name,))
    )
