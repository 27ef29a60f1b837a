"""What a call takes of its tool's limits: amounts alone; whether they are left, a ledger knows."""

from typing import Any, NamedTuple

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.paths import gather, values_at
from mcp_proxy.core.profile import Limit


class Reservation(NamedTuple):
    """An amount of one limit; `by` is the value that it is counted apart by, None for none."""

    limit: Limit
    amount: int
    by: Any = None


class Used(NamedTuple):
    """What is taken of a limit in its window now; of one counted apart, by the value with most."""

    rule: str
    taken: int
    left: int


class Unreckoned(NamedTuple):
    """A limit that a call's arguments give no amount for, and why, in words that name no value."""

    limit: Limit
    text: str


def reckon(
    limits: tuple[Limit, ...], arguments: dict[str, Any]
) -> tuple[Reservation, ...] | Unreckoned:
    """What a call with these effective arguments takes of each limit."""
    taken = []
    for limit in limits:
        amount = 1 if not limit.of else _sum(limit.of, arguments)
        if amount is None:
            return Unreckoned(limit, f"{limit.of} must be whole numbers of at least 0")
        by = values_at(arguments, limit.by) if limit.by else [None]
        if len(by) != 1 or (limit.by and not isinstance(by[0], (str, int, bool))):
            return Unreckoned(limit, f"{limit.by} must be one text or number")
        taken.append(Reservation(limit, amount, by[0]))
    return tuple(taken)


def _sum(where: str, arguments: dict[str, Any]) -> int | None:
    found = gather(arguments, where)
    if isinstance(found, str):
        return None
    numbers = found[0] if len(found) == 1 and isinstance(found[0], list) else found
    if not all(type(item) is int and item >= 0 for item in numbers):
        return None
    total = sum(numbers)
    return total if total <= LIMITS.integer_max else None
