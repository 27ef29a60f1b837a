"""Rules over a tool's arguments: the source's `constraints` in, the payload's form out."""

from typing import Any

from mcp_proxy.core.pick import parse_pick
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.constraint_source import (
    DAYS,
    RELATIONS,
    BoundSource,
    ConstraintSource,
    GivenSource,
    OneOfSource,
    RelationSource,
    ShownSource,
    SumSource,
    TimesSource,
)
from mcp_proxy.workshop.enforced import Arguments
from mcp_proxy.workshop.places import NUMBERS, SCALARS, Place, find_place
from mcp_proxy.workshop.yaml_reader import Path

Rule = dict[str, Any]


def constraint_rules(
    sources: list[ConstraintSource], arguments: Arguments
) -> tuple[dict[str, Any], ...]:
    """The rules in their order; what `shown` says of another tool is checked with that tool.

    Raises:
        Wrong: a rule on what the tool does not take, or that no call could meet or break.
    """
    rules: list[Rule] = []
    for index, source in enumerate(sources):
        rule = _rule(source, arguments, ("constraints", index))
        if rule in rules:
            raise Wrong(("constraints", index), "stands here twice; take one out")
        rules.append(rule)
    return tuple(rules)


def _rule(source: ConstraintSource, arguments: Arguments, path: Path) -> Rule:
    match source:
        case OneOfSource():
            return _one_of(source, arguments, path)
        case GivenSource():
            return _given(source, arguments, path)
        case RelationSource():
            return _relation(source, arguments, path)
        case SumSource():
            return _sum(source, arguments, path)
        case ShownSource():
            return _shown(source, arguments, path)
        case TimesSource():
            return _times(source, path)


def _one_of(source: OneOfSource, arguments: Arguments, path: Path) -> Rule:
    path = (*path, "one_of")
    places = [find_place(where, arguments, path) for where in source.one_of]
    _check_distinct([place.where for place in places], path)
    for place in places:
        if place.is_sure:
            text = f"{place.where} is always given, so no other could be; make it optional"
            raise Wrong(path, text)
    return {"one_of": [place.where for place in places]}


def _given(source: GivenSource, arguments: Arguments, path: Path) -> Rule:
    given = find_place(source.given, arguments, (*path, "given"))
    path = (*path, "requires")
    needed = [find_place(where, arguments, path) for where in source.requires]
    _check_distinct([given.where, *(place.where for place in needed)], path)
    if all(place.is_sure for place in needed):
        raise Wrong(path, "is always given, so the rule says nothing; take it out")
    return {"given": given.where, "requires": [place.where for place in needed]}


def _relation(source: RelationSource, arguments: Arguments, path: Path) -> Rule:
    (operator,) = source.model_fields_set & set(RELATIONS)
    one = find_place(source.argument, arguments, (*path, "argument"), starred=True)
    path = (*path, operator)
    other = find_place(getattr(source, operator), arguments, path)
    _check_distinct([one.where, other.where], path)
    is_timed = "string" in one.types & other.types
    is_counted = bool(one.types & NUMBERS and other.types & NUMBERS)
    if operator in ("before", "after") and not is_timed:
        raise Wrong(path, f"compares times: {one.where} and {other.where} must both be texts")
    if not is_timed and not is_counted:
        text = f"{one.where} and {other.where} are never both numbers or both times"
        raise Wrong(path, f"{text}, so every call would break it")
    return {"argument": one.where, operator: other.where}


def _sum(source: SumSource, arguments: Arguments, path: Path) -> Rule:
    place = find_place(source.sum, arguments, (*path, "sum"), starred=True)
    if not _are_numbers(place):
        text = f"{place.where} holds no numbers; write such as /lines/*/amount"
        raise Wrong((*path, "sum"), text)
    bound: Any = source.at_most
    if isinstance(bound, BoundSource):
        path = (*path, "at_most", "argument")
        most = find_place(bound.argument, arguments, path)
        if not most.types & NUMBERS:
            raise Wrong(path, f"{most.where} is no number, so every call would break it")
        bound = {"argument": most.where}
    return {"sum": place.where, "at_most": bound}


def _are_numbers(place: Place) -> bool:
    if place.types & NUMBERS:
        return True
    return "array" in place.types and bool(place.items.types & NUMBERS)


def _shown(source: ShownSource, arguments: Arguments, path: Path) -> Rule:
    _check_scalar(find_place(source.shown, arguments, (*path, "shown"), starred=True), path)
    try:
        parse_pick(source.field)
    except ValueError as error:
        raise Wrong((*path, "field"), str(error)) from None
    same = {}
    for mine, its in source.same.items():
        place = find_place(mine, arguments, (*path, "same", mine))
        _check_scalar(place, (*path, "same", mine))
        same[place.where] = its
    where = find_place(source.shown, arguments, path, starred=True).where
    return {
        "shown": where,
        "by": source.by,
        "field": source.field,
        "within_s": source.within,
        "same": same,
    }


def _check_scalar(place: Place, path: Path) -> None:
    if not place.types & SCALARS:
        fix = f"write {place.where}/* for its items" if "array" in place.types else "name a part"
        raise Wrong(path, f"{place.where} is no single value; {fix}")


def _times(source: TimesSource, path: Path) -> Rule:
    rule: Rule = {}
    if source.days is not None:
        _check_distinct(list(source.days), (*path, "days"))
        rule["days"] = sorted(DAYS.index(day) for day in source.days)
    if source.between is not None:
        if source.between[0] == source.between[1]:
            raise Wrong((*path, "between"), "holds the same time twice; write two")
        rule["between"] = source.between
    if rule.get("days") == list(range(7)) and "between" not in rule:
        raise Wrong((*path, "days"), "holds every day, so the rule says nothing; take it out")
    return rule


def _check_distinct(names: list[str], path: Path) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise Wrong(path, f"{name} stands here twice; take one out")
