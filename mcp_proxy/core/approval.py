"""Whether a call needs a person: the profile's `approval` over the effective arguments.

`never`, `always`, or a list of maps: any map asks where all of its conditions hold. A condition
that cannot be judged (absent, null, another type, not comparable, unknown) asks by itself: a rule
that an odd value could slip past would be none.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from mcp_proxy.core.pointer import find, parse_pointer
from mcp_proxy.core.schema import SchemaRefused, compile_pattern

Operator = Callable[[Any, Any], bool | None]


class Judged(NamedTuple):
    """One condition on a call's arguments; `holds` is None where it cannot be judged, and asks."""

    where: str
    operator: str
    operand: Any
    holds: bool | None


def needed_approval(approval: Any, arguments: dict[str, Any]) -> str | None:
    """The rule that asks ("approval.always", "approval.when"), or None where the call may go."""
    if approval == "never":
        return None
    if approval == "always" or not isinstance(approval, list):
        return "approval.always"
    asking = any(asks(judge(conditions, arguments)) for conditions in approval)
    return "approval.when" if asking else None


def judge(conditions: dict[str, Any], arguments: dict[str, Any]) -> tuple[Judged, ...]:
    """The conditions of one map of `approval`, in its order, held against effective arguments."""
    return tuple(
        Judged(where, operator, operand, _judge(where, operator, operand, arguments))
        for where, tests in conditions.items()
        for operator, operand in (tests.items() if isinstance(tests, dict) else [("", None)])
    )


def asks(judged: tuple[Judged, ...]) -> bool:
    """Whether a map whose conditions were judged so asks a person."""
    verdicts = [item.holds for item in judged]
    return any(verdict is None for verdict in verdicts) or all(verdicts)


def condition_words(judged: Judged) -> str:
    """`amount above 10000 (holds)`."""
    told = {True: "holds", False: "does not hold", None: "cannot be judged"}[judged.holds]
    test = f"{judged.operator.replace('_', ' ')} {json.dumps(judged.operand, ensure_ascii=False)}"
    return f"{judged.where} {test} ({told})"


def _judge(where: str, operator: str, operand: Any, arguments: dict[str, Any]) -> bool | None:
    """Whether a condition holds; None where it cannot be judged."""
    keys = parse_pointer(where) if where.startswith("/") else (where,)
    if operator == "present" and isinstance(operand, bool):
        return _is_present(arguments, keys, operand)
    value = find(arguments, keys)[1]
    test = _OPERATORS.get(operator)
    return None if value is None or test is None else test(value, operand)


def _is_present(arguments: dict[str, Any], keys: tuple[str, ...], operand: bool) -> bool | None:
    """As `_judge`: null is neither there nor absent, and no pointer goes into a list."""
    value: Any = arguments
    for key in keys:
        if not isinstance(value, dict):
            return None
        if key not in value:
            return not operand
        value = value[key]
    return None if value is None else operand


def _compared(test: Callable[[Any, Any], bool]) -> Operator:
    def judge(value: Any, operand: Any) -> bool | None:
        is_comparable = kind_of(value) == kind_of(operand) == "number"
        return test(value, operand) if is_comparable else None

    return judge


def _is_in(value: Any, operand: Any) -> bool | None:
    if not isinstance(operand, list) or kind_of(value) == "other":
        return None
    if kind_of(value) not in {kind_of(item) for item in operand}:
        return None
    return any(kind_of(item) == kind_of(value) and item == value for item in operand)


def _is_not_in(value: Any, operand: Any) -> bool | None:
    found = _is_in(value, operand)
    return None if found is None else not found


def _matches(value: Any, operand: Any) -> bool | None:
    if not isinstance(value, str) or not isinstance(operand, str):
        return None
    try:
        return compile_pattern(operand).violation(value) is None
    except SchemaRefused:
        return None


def kind_of(value: Any) -> str:
    """What a value is compared as: boolean, number, text, or other, which nothing compares."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "text" if isinstance(value, str) else "other"


def _is(value: Any, operand: Any) -> bool | None:
    return _is_in(value, [operand])


_OPERATORS: dict[str, Operator] = {
    "above": _compared(lambda value, bound: bool(value > bound)),
    "at_least": _compared(lambda value, bound: bool(value >= bound)),
    "below": _compared(lambda value, bound: bool(value < bound)),
    "at_most": _compared(lambda value, bound: bool(value <= bound)),
    "is": _is,
    "in": _is_in,
    "not_in": _is_not_in,
    "matches": _matches,
}
