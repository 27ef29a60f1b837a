"""When a tool's call needs a person: the source's `approval` in, the payload's form out."""

from collections.abc import Iterator
from typing import Any

from mcp_proxy.core.approval import kind_of
from mcp_proxy.core.pointer import parse_pointer
from mcp_proxy.core.schema import SchemaRefused, compile_pattern
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.enforced import Arguments
from mcp_proxy.workshop.places import NUMBERS, Place, find_place
from mcp_proxy.workshop.schema_view import conjuncts
from mcp_proxy.workshop.source_keys import ApprovalSource, Condition

_NUMERIC = frozenset({"above", "at_least", "below", "at_most"})
# The least number that they leave, and whether it is left out; the greatest, and whether it is in.
_LOW = {"above": True, "at_least": False, "exclusiveMinimum": True, "minimum": False}
_HIGH = {"below": False, "at_most": True, "exclusiveMaximum": False, "maximum": True}


def approval_rules(source: ApprovalSource | str, arguments: Arguments) -> Any:
    """`never`, `always`, or the list of maps any of which asks.

    Raises:
        Wrong: a condition on an argument that the tool does not have, or without a comparison.
    """
    if isinstance(source, str):
        return source
    return [
        {where: _condition(where, item, arguments) for where, item in conditions.items()}
        for conditions in source.when
    ]


def approval_channels(source: ApprovalSource | str) -> tuple[str, ...]:
    """The channels that the source names; empty leaves the choice to the effect's default."""
    return () if isinstance(source, str) else tuple(dict.fromkeys(source.by))


def _condition(where: str, condition: Condition, arguments: Arguments) -> dict[str, Any]:
    path = ("approval", "when", where)
    name = parse_pointer(where)[0] if where.startswith("/") else where
    if name not in arguments.rules:
        known = ", ".join(arguments.rules) or "none"
        raise Wrong(path, f"is no argument of the tool; it has {known}")
    tests = condition.model_dump(by_alias=True, exclude_unset=True)
    if not tests:
        raise Wrong(path, "compares nothing; write such as above: 100")
    if condition.matches is not None:
        try:
            compile_pattern(condition.matches)
        except SchemaRefused as error:
            raise Wrong((*path, "matches"), f"is no pattern: {error}") from None
    _check_types(where, tests, arguments, path)
    return tests


def _check_types(
    where: str, tests: dict[str, Any], arguments: Arguments, path: tuple[str, ...]
) -> None:
    """What cannot be judged asks: a comparison that never can be is a mistake."""
    try:
        place = find_place(where, arguments, path)
    except Wrong:
        # Where nothing is described anything may stand; but whether it does is for no rule to say.
        if "present" in tests or "*" in parse_pointer(where):
            raise
        return
    types = place.types
    for operator in tests:
        if operator in _NUMERIC and not types & NUMBERS:
            text = "is never a number, so every call would ask; write approval: always"
            raise Wrong((*path, operator), text)
        if operator == "matches" and "string" not in types:
            text = "is never a text, so every call would ask; write approval: always"
            raise Wrong((*path, operator), text)
    if (types <= NUMBERS and not _has_room(tests, place)) or not _has_value(tests, place):
        raise Wrong(path, "is met by no call, so nobody would be asked; write what some call meets")


def _has_room(tests: dict[str, Any], place: Place) -> bool:
    """Whether a number may be within both the comparisons and the schema's bounds."""
    parts = [tests, *conjuncts(place.schema, place.defs)]
    low = max((found for part in parts for found in _bounds(part, _LOW)), default=None)
    high = min((found for part in parts for found in _bounds(part, _HIGH)), default=None)
    if low is None or high is None:
        return True
    return low[0] < high[0] or (low[0] == high[0] and not low[1] and high[1])


def _bounds(part: dict[str, Any], words: dict[str, bool]) -> Iterator[tuple[float, bool]]:
    """Each bound, with what orders it right among those of the same number."""
    for word, last in words.items():
        if isinstance(part.get(word), (int, float)) and not isinstance(part[word], bool):
            yield part[word], last


def _has_value(tests: dict[str, Any], place: Place) -> bool:
    """Whether one of the values that are asked for is one that the schema lists."""
    asked = [*([tests["is"]] if "is" in tests else []), *(tests.get("in") or [])]
    listed = [part["enum"] for part in conjuncts(place.schema, place.defs) if "enum" in part]
    kinds = {kind_of(value) for values in listed for value in values} | set(map(kind_of, asked))
    if not asked or not listed or len(kinds) > 1:
        return True
    return any(all(value in values for values in listed) for value in asked)
