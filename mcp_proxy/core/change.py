"""One difference between two versions of a profile, and how values are held side by side.

Security rule S5 in one word each: what is not known to be narrower or the same is wider.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import takewhile
from typing import Any, NamedTuple

from mcp_proxy.core.payload import plain
from mcp_proxy.core.text import hidden_character, one_sentence

WIDER = "wider"
NARROWER = "narrower"
SAME = "same"

# A description or instructions are at most 2 KB each, so that all of what changed is told.
_SHOWN_CHARS = 2_100
_NAME_CHARS = 128
_ALIKE_CHARS = 40


class Place(NamedTuple):
    """Where two JSON values differ: the keys that lead there, and both sides.

    `before` and `now` hold one value, or none where that side has nothing there.
    """

    keys: tuple[str, ...]
    before: tuple[Any, ...]
    now: tuple[Any, ...]


class Change(NamedTuple):
    """A difference. `kind` is wider, narrower or same (it differs, and it is neither).

    `place` is "profile", or a kind and a name, as "tool refund_invoice"; `words` are one clean line
    or a few, the old value before the new one.
    """

    kind: str
    place: str
    words: str


Judged = Iterable[tuple[str, str]]
Judge = Callable[[Any, Any], Judged]


def elsewhere(_old: Any, _new: Any) -> Judged:
    """The judge of a field that its caller compares itself, or that says nothing of rights."""
    return ()


def field_changes(place: str, old: Any, new: Any, judges: Mapping[str, Judge]) -> Iterator[Change]:
    """Each field of two NamedTuples that differs, as its judge has it; one without is wider."""
    for field in new._fields:
        before, now = getattr(old, field), getattr(new, field)
        if same_text(plain(before), plain(now)):
            continue
        judge = judges.get(field, changed(field))
        made = tuple(judge(before, now))
        if not made and judge is not elsewhere:
            made = tuple(changed(field)(before, now))
        yield from (Change(kind, place, words) for kind, words in made)


def changed(what: str) -> Judge:
    """The judge of what may not differ at all."""
    return lambda old, new: [(WIDER, f"{what}: {old_to_new(old, new)}")]


def fewer(what: str) -> Judge:
    """The judge of a set of names: one more is wider, one less narrower, their order says nothing.

    What is added and what is taken away is told apart.
    """

    def judge(old: Any, new: Any) -> Judged:
        added = [item for item in new if item not in old]
        gone = [item for item in old if item not in new]
        more = [(WIDER, f"{what}: {shown(item)} is new") for item in added]
        less = [(NARROWER, f"{what}: {shown(item)} is gone") for item in gone]
        return [*more, *less] or [(SAME, f"{what}: the order changed")]

    return judge


def at_most(what: str, unit: str) -> Judge:
    """The judge of an upper bound: more is wider, less narrower."""

    def judge(old: Any, new: Any) -> Judged:
        yield (WIDER if new > old else NARROWER), f"{what}: {old:,} -> {new:,} {unit}"

    return judge


def same_json(old: Any, new: Any) -> bool:
    """Whether two JSON values are the same text but for the order of keys: 1, 1.0, true differ."""
    return old is new or json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)


def same_text(old: Any, new: Any) -> bool:
    """Whether two JSON values are the same text, keys in the same order."""
    return old is new or json.dumps(old) == json.dumps(new)


def differing(old: Any, new: Any, keys: tuple[str, ...] = ()) -> Iterator[Place]:
    """Where two JSON values differ, object by object; a list differs as a whole."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if not same_json(old, new):
            yield Place(keys, (old,), (new,))
        return
    for key in dict.fromkeys((*old, *new)):
        if key in old and key in new:
            yield from differing(old[key], new[key], (*keys, key))
        else:
            sides = [(one[key],) if key in one else () for one in (old, new)]
            yield Place((*keys, key), sides[0], sides[1])


def old_to_new(old: Any, new: Any) -> str:
    """Two values as words, the old one first; of long texts what they begin with alike is cut."""
    if isinstance(old, str) and isinstance(new, str):
        pairs = zip(old, new, strict=False)
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)) - _ALIKE_CHARS
        if alike > 0:
            old, new = f"…{old[alike:]}", f"…{new[alike:]}"
    return f"{shown(old)} -> {shown(new)}"


def shown(value: Any) -> str:
    """A value of a profile as clean, bounded words in one line; text in quotes."""
    if value is None:
        return "none"
    text = json.dumps(plain(value), ensure_ascii=False)
    is_seen = hidden_character(text) is None
    return one_sentence(text if is_seen else json.dumps(plain(value)), _SHOWN_CHARS)


def named(name: str) -> str:
    """A name of a profile, clean and in one line."""
    return one_sentence(name, _NAME_CHARS)
