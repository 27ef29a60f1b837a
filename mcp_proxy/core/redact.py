"""Answers masked: what a profile's fields and detectors name becomes `[email:3f9a1c]`.

The same value gets the same mask, in every answer and process of one profile on one machine, so
that a model can tell two customers apart without seeing either. Structure stays: a mask stands
where a string, a key or a number stood. Only the values that a detector finds are touched, and a
value that holds nothing comes back as it is.
"""

import hashlib
from bisect import bisect_right
from itertools import accumulate
from typing import Any

from mcp_proxy.core import strict_json
from mcp_proxy.core.detection import apart, detect
from mcp_proxy.core.found import Found
from mcp_proxy.core.pick import Mask as Fields
from mcp_proxy.core.pick import below, mask_of, parse_picks
from mcp_proxy.core.word_before import END, IS

FIELD = "redacted"

# Below this no number is long enough to be one that is looked for.
_LEAST_NUMBER = 1_000_000
_TOO_LONG = 10**19
# What is looked into for what is to be masked, beside strings.
_NESTED = frozenset({dict, list})
_WITH_NUMBERS = _NESTED | {int, float}
# A key of a list stands before each of its items, at most so much of it.
_KEY_CHARS = 48
_MASK_BYTES = 3
_JSON = frozenset({"{", "[", '"'})


def mask_key(home_id: str, profile: str) -> bytes:
    """What the masks of a profile on one machine are made with, 32 bytes."""
    return hashlib.sha256(f"mcp-proxy masks\n{home_id}\n{profile}".encode()).digest()


class Masker:
    """Fills `core.mask.Mask` for one tool."""

    __slots__ = ("_fields", "_key", "_names")

    def __init__(self, names: frozenset[str], fields: Fields, key: bytes) -> None:
        """`fields` is a tree of paths as `core.pick` has them, empty for none."""
        self._names = names
        self._fields = fields
        self._key = key

    def value(self, value: Any) -> Any:
        """A JSON answer: its fields masked, and whatever the detectors find."""
        return self.found(self._fielded(value, self._fields) if self._fields else value)

    def found(self, value: Any) -> Any:
        """Any other JSON value: only what the detectors find, in strings, keys and integers."""
        if not self._names:
            return value
        parts: list[str] = []
        _gather(value, "", parts)
        text = "".join(parts)
        found = detect(text, self._names)
        if not found:
            return value
        masks = self._masks(parts, found)
        are_numbers = any(part.lstrip("-").isdigit() for part in masks)
        return _rebuilt(value, masks, _WITH_NUMBERS if are_numbers else _NESTED)

    def text(self, text: str) -> str:
        """A text: what the detectors find in it."""
        return self._masked(text, detect(text, self._names)) if self._names else text

    def _masks(self, parts: list[str], found: list[Found]) -> dict[str, str]:
        """What becomes of each string that holds something."""
        ends = list(accumulate(map(len, parts)))
        held: dict[str, list[Found]] = {}
        for start, end, name, normal in found:
            index = bisect_right(ends, start)
            begin = ends[index] - len(parts[index])
            held.setdefault(parts[index], []).append(
                Found(start - begin, end - begin, name, normal)
            )
        return {part: self._masked(part, apart(finds)) for part, finds in held.items()}

    def _masked(self, text: str, found: list[Found]) -> str:
        pieces = []
        position = 0
        for one in found:
            pieces += [text[position : one.start], self._token(one.name, one.normal)]
            position = one.end
        return "".join((*pieces, text[position:]))

    def _token(self, name: str, normal: str) -> str:
        digest = hashlib.blake2b(
            f"{name}\n{normal}".encode(errors="replace"), digest_size=_MASK_BYTES, key=self._key
        )
        return f"[{name}:{digest.hexdigest()}]"

    def _fielded(self, value: Any, fields: Fields) -> Any:
        if isinstance(value, list):
            return [self._fielded(item, fields) for item in value]
        if value is None:
            return None
        if not fields:
            text = value if isinstance(value, str) else strict_json.dumps(value).decode()
            return self._token(FIELD, text)
        if isinstance(value, str) and value.lstrip()[:1] in _JSON:
            # What has the field may be in it, written as a text.
            return self._token(FIELD, value)
        if not isinstance(value, dict):
            return value
        return {
            key: item if (deeper := below(fields, key)) is None else self._fielded(item, deeper)
            for key, item in value.items()
        }


def masker(names: tuple[str, ...], fields: tuple[str, ...], key: bytes) -> Masker:
    """What masks by these detectors and fields. Raises ValueError where a field is no path."""
    return Masker(frozenset(names), mask_of(parse_picks(fields)), key)


def _gather(value: Any, key: str, parts: list[str]) -> None:
    """Every string, key and long number, each with its key before it and its end behind it."""
    if isinstance(value, dict):
        for name, item in value.items():
            kind = type(item)
            if kind is str:
                parts += (name, IS, item, END)
            elif kind is dict or kind is list:
                parts += (name, END)
                _gather(item, name, parts)
            elif (number := _number(item)) is not None:
                parts += (name, IS, number, END)
            else:
                parts += (name, END)
    elif isinstance(value, list):
        before = key[-_KEY_CHARS:]
        for item in value:
            text = item if isinstance(item, str) else _number(item)
            if text is None:
                _gather(item, key, parts)
            else:
                parts += (before, IS, text, END)
    elif (text := value if isinstance(value, str) else _number(value)) is not None:
        parts += (text, END)


def _number(value: Any) -> str | None:
    """A long whole number as its digits."""
    if type(value) is float and value.is_integer() and abs(value) < _TOO_LONG:
        value = int(value)
    if type(value) is not int or -_LEAST_NUMBER < value < _LEAST_NUMBER:
        return None
    return str(value)


def _rebuilt(value: Any, masks: dict[str, str], deeper: frozenset[type]) -> Any:
    """The value with its masks; only what is of the types `deeper` is looked into, and strings."""
    if isinstance(value, list):
        return [
            masks.get(item, item) if type(item) is str else _rebuilt(item, masks, deeper)
            for item in value
        ]
    if isinstance(value, dict):
        made = {
            masks.get(key, key): masks.get(item, item)
            if type(item) is str
            else _rebuilt(item, masks, deeper)
            if type(item) in deeper
            else item
            for key, item in value.items()
        }
        return made if len(made) == len(value) else _rebuilt_apart(value, masks, deeper)
    if isinstance(value, str):
        return masks.get(value, value)
    number = _number(value)
    return value if number is None else masks.get(number, value)


def _rebuilt_apart(
    value: dict[str, Any], masks: dict[str, str], deeper: frozenset[type]
) -> dict[str, Any]:
    """Two keys with one mask: no entry is lost over it."""
    made: dict[str, Any] = {}
    for key, item in value.items():
        name = masks.get(key, key)
        while name in made:
            name += "'"
        made[name] = _rebuilt(item, masks, deeper)
    return made
