"""What calls of a tool may take in a time: the source's `limits` in, the payload's form out."""

from mcp_proxy.core.profile import Limit
from mcp_proxy.core.rule_words import limit_name
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.constraint_source import LimitsSource, SumLimitSource
from mcp_proxy.workshop.enforced import Arguments
from mcp_proxy.workshop.places import Place, are_counts, find_place
from mcp_proxy.workshop.yaml_reader import Path

_COUNTED_APART = frozenset({"string", "integer", "boolean"})


def limit_rules(source: LimitsSource | None, arguments: Arguments) -> tuple[Limit, ...]:
    """The limits, of calls first.

    Raises:
        Wrong: a sum of what a call need not give or what is no count, the same limit twice.
    """
    if source is None:
        return ()
    if not source.calls and not source.sum:
        raise Wrong(("limits",), "limits nothing; write such as calls: 5/minute")
    limits = [Limit(limit_name("", per, ""), "", per, at_most, "") for at_most, per in source.calls]
    many = len(source.sum) > 1
    for index, item in enumerate(source.sum):
        limits.append(_sum(item, arguments, ("limits", "sum", *((index,) if many else ()))))
    names = [limit.rule for limit in limits]
    for name in names:
        if names.count(name) > 1:
            raise Wrong(("limits",), f"{name} stands here twice; keep the lower one")
    return tuple(limits)


def _sum(source: SumLimitSource, arguments: Arguments, path: Path) -> Limit:
    of = find_place(source.of, arguments, (*path, "of"), starred=True)
    _check_counted(of, (*path, "of"))
    by = ""
    if source.by is not None:
        place = find_place(source.by, arguments, (*path, "by"))
        if not place.types <= _COUNTED_APART:
            text = f"{place.where} must be a text, a whole number or true and false, and nothing"
            raise Wrong((*path, "by"), f"{text} else; narrow it by type")
        _check_sure(place, (*path, "by"))
        by = place.where
    return Limit(limit_name(of.where, source.per, by), of.where, source.per, source.at_most, by)


def _check_counted(place: Place, path: Path) -> None:
    """Exact sums: whole numbers that never give back what was spent."""
    summed = place.items if place.types == {"array"} else place
    if not are_counts(summed):
        text = f"{place.where} must be whole numbers of at least 0 by its schema"
        raise Wrong(path, f"{text}; narrow it by type: integer and minimum: 0")
    _check_sure(place, path)


def _check_sure(place: Place, path: Path) -> None:
    if not place.is_sure:
        text = f"a call need not give {place.where}, and would go uncounted"
        raise Wrong(path, f"{text}; write required: true, or a default")
