"""Places in a call's arguments: a name, or a JSON pointer in which `*` stands for every item."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal

from mcp_proxy.core.pointer import parse_pointer

# `absent`: nothing is given there. `amiss`: something is on the way that no place leads through, or
# an item lacks what the others have.
Gathered = tuple[Any, ...] | Literal["absent", "amiss"]


def values_at(arguments: dict[str, Any], where: str) -> list[Any]:
    """Every value that is there, in order; empty where there is none."""
    return list(_walk(arguments, keys_of(where)))


def gather(arguments: dict[str, Any], where: str) -> Gathered:
    """Every value at a place, in order; or why they cannot all be had."""
    return _gather(arguments, keys_of(where), is_item=False)


@lru_cache(maxsize=512)
def keys_of(where: str) -> tuple[str, ...]:
    """A place as its keys."""
    return parse_pointer(where) if where.startswith("/") else (where,)


def _walk(value: Any, keys: tuple[str, ...]) -> Iterator[Any]:
    if not keys:
        yield value
        return
    key, *rest = keys
    if isinstance(value, list) and key == "*":
        for item in value:
            yield from _walk(item, tuple(rest))
    elif isinstance(value, dict) and key in value:
        yield from _walk(value[key], tuple(rest))


def _gather(value: Any, keys: tuple[str, ...], *, is_item: bool) -> Gathered:
    if not keys:
        return (value,)
    key, rest = keys[0], keys[1:]
    if key == "*":
        return _gather_items(value, rest) if isinstance(value, list) else "amiss"
    if not isinstance(value, dict):
        return "amiss"
    if key not in value:
        return "amiss" if is_item else "absent"
    return _gather(value[key], rest, is_item=is_item)


def _gather_items(items: list[Any], keys: tuple[str, ...]) -> Gathered:
    found: list[Any] = []
    for item in items:
        part = _gather(item, keys, is_item=True)
        if isinstance(part, str):
            return "amiss"
        found += part
    return tuple(found)
