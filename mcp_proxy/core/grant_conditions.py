"""Conditions of a grant, as a profile's `approval.when` has them: a map all of which hold, or a
list of such maps any of which does.
"""

from collections.abc import Callable, Collection
from typing import Any

from mcp_proxy.core.approval import kind_of
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.pointer import parse_pointer
from mcp_proxy.core.schema import SchemaRefused, compile_pattern


def parse_conditions(value: Any, arguments: Collection[str]) -> tuple[dict[str, Any], ...]:
    """JSON to the maps, over the arguments of these names. Raises ValueError with what is wrong."""
    maps = value if isinstance(value, list) else [value]
    if not 1 <= len(maps) <= LIMITS.grant_rules:
        raise ValueError(f"It is 1 to {LIMITS.grant_rules} maps.")
    for conditions in maps:
        if not isinstance(conditions, dict) or not conditions:
            raise ValueError("It is a map of arguments, or a list of such maps.")
        for where, tests in conditions.items():
            _check_where(where, arguments)
            _check_tests(where, tests)
    return tuple(maps)


def _check_where(where: str, arguments: Collection[str]) -> None:
    name = parse_pointer(where)[0] if where.startswith("/") else where
    if name not in arguments:
        known = ", ".join(arguments) or "none"
        raise ValueError(f"{where[:64]!r} is no argument of the tool; it has {known}.")


def _check_tests(where: str, tests: Any) -> None:
    if not isinstance(tests, dict) or not tests:
        raise ValueError(f'{where} compares nothing; write such as {{"at_most": 100}}.')
    for operator, operand in tests.items():
        rule = _OPERANDS.get(operator)
        if rule is None:
            raise ValueError(f"{operator[:32]!r} is none of {', '.join(_OPERANDS)}.")
        words, fits = rule
        if not fits(operand):
            raise ValueError(f"{where} {operator} needs {words}.")


def _is_scalar(value: Any) -> bool:
    return kind_of(value) != "other"


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_scalar, value))


def _is_number(value: Any) -> bool:
    return kind_of(value) == "number"


def _is_pattern(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(compile_pattern(value))
    except SchemaRefused:
        return False


_OPERANDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "above": ("a number", _is_number),
    "at_least": ("a number", _is_number),
    "below": ("a number", _is_number),
    "at_most": ("a number", _is_number),
    "is": ("a text, a number or a boolean", _is_scalar),
    "in": ("a list of texts, numbers or booleans", _is_list),
    "not_in": ("a list of texts, numbers or booleans", _is_list),
    "matches": ("a pattern", _is_pattern),
    "present": ("true or false", lambda operand: isinstance(operand, bool)),
}
