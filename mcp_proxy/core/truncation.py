"""Lists of an answer cut to a number of items, with a count of what was left out.

The value stays whole JSON: all beside the items is kept, a page's cursor too.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_PLAIN = re.compile(r"[A-Za-z_][\w.-]{0,31}", re.ASCII)
# Of more places than these only the sum is told.
_PLACES = 32
_ELSEWHERE = "*"


class Cut(NamedTuple):
    """A value, and how many items were left out, by the place of their list.

    A place is a JSON pointer whose `*` stands for every item, and `?` for a key that is no name;
    `*` alone is everywhere else.
    """

    value: Any
    left_out: Mapping[str, int]


def cut(value: Any, max_items: int) -> Cut:
    """The value with at most so many items in each list, the first ones; 0 keeps all."""
    left_out: dict[str, int] = {}
    return Cut(_cut(value, max_items, "", left_out) if max_items else value, left_out)


def words_of(left_out: Mapping[str, int]) -> str:
    """What the model is told."""
    rows = [
        f"{count:,} {'item' if count == 1 else 'items'}{_of(place)}"
        for place, count in left_out.items()
    ]
    what = ", ".join(rows[:3]) + (f" and items of {len(rows) - 3} more" if len(rows) > 3 else "")
    return (
        f"Left out here: {what}; each list shows its first items. To see others, set a filter or "
        "ask for smaller pages; a page cursor goes on after the items left out."
    )


def _of(place: str) -> str:
    if place in {"", _ELSEWHERE}:
        return ""
    return f" of {place[1:].replace('/*', '[]').replace('/', '.')}"


def _cut(value: Any, max_items: int, place: str, left_out: dict[str, int]) -> Any:
    if isinstance(value, dict):
        return {
            key: _cut(item, max_items, f"{place}/{_named(key)}", left_out)
            if isinstance(item, (dict, list))
            else item
            for key, item in value.items()
        }
    if not isinstance(value, list):
        return value
    if len(value) > max_items:
        known = place if place in left_out or len(left_out) < _PLACES else _ELSEWHERE
        left_out[known] = left_out.get(known, 0) + len(value) - max_items
    return [_cut(item, max_items, f"{place}/*", left_out) for item in value[:max_items]]


def _named(key: str) -> str:
    return key if _PLAIN.fullmatch(key) else "?"
