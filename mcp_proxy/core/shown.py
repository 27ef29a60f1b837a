"""What read tools have shown to the model: which values, in answer to which arguments, and when.

Within one process, bounded, the oldest answers going first; a constraint may want a value to have
been shown (`shown`). What is not remembered was not shown: the rule is broken then, and the read
tool can be called again.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.answer_json import parse_answer
from mcp_proxy.core.approval import kind_of
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.pick import parse_pick

# A scalar with its kind, so that true is not 1 and "1" is not 1; 1.0 is 1 (both are one number).
Scalar = tuple[str, Any]
_Key = tuple[str, str, Scalar]
# Takes a result of one call.
Remember = Callable[[dict[str, Any]], None]

_OVERHEAD_BYTES = 300


class _Answer(NamedTuple):
    """`arguments`: the scalars of the call's effective arguments, by their place."""

    at_s: float
    arguments: Mapping[tuple[str, ...], Scalar]
    keys: tuple[_Key, ...]
    size_bytes: int


class Wanted(NamedTuple):
    """Answers of a tool in a time, both ends included, and the field of them that a value was in.

    `same` is what the effective arguments of that call were, by their place.
    """

    tool: str
    field: str
    same: Mapping[tuple[str, ...], Scalar]
    since_s: float
    until_s: float


class Shown:
    """The values that one process has shown; times are seconds since the epoch."""

    def __init__(self) -> None:
        self._answers: deque[_Answer] = deque()
        self._by_value: dict[_Key, deque[_Answer]] = {}
        self._values = 0
        self._bytes = 0

    def of_call(
        self, tool: str, fields: tuple[str, ...], arguments: dict[str, Any], at_s: float
    ) -> Remember:
        """What takes the results of one call, with these effective arguments, as the model gets
        them; of an error it keeps nothing.
        """
        return partial(self._remember, tool, fields, _scalar_arguments(arguments), at_s)

    def was_shown(self, value: Any, wanted: Wanted) -> bool:
        """Whether an answer that is wanted held the value."""
        scalar = scalar_of(value)
        if scalar is None:
            return False
        return any(
            wanted.since_s <= answer.at_s <= wanted.until_s
            and all(answer.arguments.get(place) == item for place, item in wanted.same.items())
            for answer in self._by_value.get((wanted.tool, wanted.field, scalar), ())
        )

    def _remember(
        self,
        tool: str,
        fields: tuple[str, ...],
        arguments: dict[tuple[str, ...], Scalar],
        at_s: float,
        result: dict[str, Any],
    ) -> None:
        if result.get("isError") is True:
            return
        found: dict[_Key, None] = {}
        for value in _values_of(result):
            for field in fields:
                for scalar in _scalars_at(value, parse_pick(field)):
                    if len(found) < LIMITS.shown_values:
                        found[tool, field, scalar] = None
        if found:
            self._keep(tuple(found), arguments, at_s)

    def _keep(
        self, keys: tuple[_Key, ...], arguments: dict[tuple[str, ...], Scalar], at_s: float
    ) -> None:
        texts = [item for places in arguments for item in places]
        texts += [str(scalar[1]) for scalar in (*arguments.values(), *(key[2] for key in keys))]
        answer = _Answer(at_s, arguments, keys, sum(map(_size, texts)))
        self._answers.append(answer)
        for key in keys:
            self._by_value.setdefault(key, deque()).append(answer)
        self._values += len(keys)
        self._bytes += answer.size_bytes
        while self._values > LIMITS.shown_values or self._bytes > LIMITS.shown_bytes:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        answer = self._answers.popleft()
        for key in answer.keys:
            holders = self._by_value[key]
            holders.popleft()
            if not holders:
                del self._by_value[key]
        self._values -= len(answer.keys)
        self._bytes -= answer.size_bytes


def scalar_of(value: Any) -> Scalar | None:
    """A value as it is compared; None for what is no scalar, or too long to be remembered."""
    kind = kind_of(value)
    is_long = isinstance(value, str) and len(value) > LIMITS.shown_chars
    return None if kind == "other" or is_long else (kind, value)


def _values_of(result: dict[str, Any]) -> Iterator[Any]:
    """The JSON values that a result shows: its structured content, else its text blocks."""
    if "structuredContent" in result:
        yield result["structuredContent"]
        return
    for block in result.get("content", ()):
        if block.get("type") == "text":
            try:
                yield parse_answer(str(block.get("text")).encode(errors="replace"))
            except strict_json.Refused:
                continue


def _scalars_at(value: Any, keys: tuple[str, ...]) -> Iterator[Scalar]:
    """The scalars at a field's path, arrays walked through as a pick does."""
    if isinstance(value, list):
        for item in value:
            yield from _scalars_at(item, keys)
    elif not keys:
        if (scalar := scalar_of(value)) is not None:
            yield scalar
    elif isinstance(value, dict):
        inside = (
            value.values() if keys[0] == "*" else [value[key] for key in keys[:1] if key in value]
        )
        for item in inside:
            yield from _scalars_at(item, keys[1:])


def _scalar_arguments(arguments: dict[str, Any]) -> dict[tuple[str, ...], Scalar]:
    """At most so many scalars of the arguments, by their place; nothing within an array."""
    found: dict[tuple[str, ...], Scalar] = {}
    left: deque[tuple[tuple[str, ...], Any]] = deque([((), arguments)])
    while left and len(found) < LIMITS.shown_arguments:
        place, value = left.popleft()
        if isinstance(value, dict):
            short = (row for row in value.items() if len(row[0]) <= LIMITS.shown_chars)
            left.extend(((*place, key), item) for key, item in short)
        elif (scalar := scalar_of(value)) is not None:
            found[place] = scalar
    return found


def _size(text: str) -> int:
    return _OVERHEAD_BYTES + len(text) * (1 if text.isascii() else 4)
