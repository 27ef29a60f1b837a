"""Field masks over answers (AIP-161): which fields of an upstream's answer the model gets.

Dotted names; `*` for every key; a name with a dot stands in backticks, a backtick in it is doubled.
Arrays are walked through and the shape is kept. Whatever no path names is left out.
"""

import re
from functools import lru_cache
from typing import Any

Paths = tuple[tuple[str, ...], ...]

# Keys to deeper masks; an empty mask takes everything below it.
Mask = dict[str, Any]

_PART = re.compile(r"`(?P<quoted>(?:[^`]|``)+)`|(?P<plain>[^.`]+)")
_NOTHING = object()


def parse_pick(text: str) -> tuple[str, ...]:
    """One path of a mask as its keys. Raises ValueError where it is no path."""
    keys = []
    position = 0
    while match := _PART.match(text, position):
        quoted = match["quoted"]
        if quoted == "*":
            raise ValueError(f"{text!r}: a key that is named * cannot be picked")
        keys.append(match["plain"] if quoted is None else quoted.replace("``", "`"))
        position = match.end()
        if position == len(text):
            return tuple(keys)
        if text[position] != ".":
            break
        position += 1
    raise ValueError(f"{text!r} is no field path")


@lru_cache(maxsize=512)
def parse_picks(texts: tuple[str, ...]) -> Paths:
    """All paths of a mask. Raises ValueError where one is no path."""
    return tuple(parse_pick(text) for text in texts)


def apply_pick(value: Any, paths: Paths) -> Any:
    """What the paths name of a JSON value; None where that is nothing at all."""
    picked = _pick(value, mask_of(paths))
    return None if picked is _NOTHING else picked


@lru_cache(maxsize=512)
def mask_of(paths: Paths) -> Mask:
    """The paths as one tree; where one path ends, the whole of what is there is taken."""
    mask: Mask = {}
    for path in sorted(paths, key=len):
        node = mask
        for key in path[:-1]:
            if key in node and not node[key]:
                break
            node = node.setdefault(key, {})
        else:
            node[path[-1]] = {}
    return mask


def below(mask: Mask, key: str) -> Mask | None:
    """The mask under a key, a `*` beside it included; None where the key is not picked."""
    own, every = mask.get(key), mask.get("*")
    if own is None or every is None:
        return own if every is None else every
    return _merged(own, every) if own and every else {}


def _merged(one: Mask, other: Mask) -> Mask:
    merged = dict(one)
    for key, mask in other.items():
        if key not in merged:
            merged[key] = mask
        else:
            merged[key] = _merged(merged[key], mask) if merged[key] and mask else {}
    return merged


def _pick(value: Any, mask: Mask) -> Any:
    if not mask or value is None:
        return value
    if isinstance(value, list):
        items = [_pick(item, mask) for item in value]
        return [item for item in items if item is not _NOTHING]
    if not isinstance(value, dict):
        return _NOTHING
    has_star = "*" in mask
    picked = {}
    for key, item in value.items():
        deeper = below(mask, key) if has_star else mask.get(key)
        if deeper is None:
            continue
        part = _pick(item, deeper) if deeper else item
        if part is not _NOTHING:
            picked[key] = part
    return picked
