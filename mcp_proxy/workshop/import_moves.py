"""What moved between two imports of one API, and which tools of the profile that hits."""

import difflib
from collections.abc import Iterator
from typing import Any, NamedTuple

from mcp_proxy.core.change import named
from mcp_proxy.core.text import one_sentence
from mcp_proxy.workshop.import_record import Then
from mcp_proxy.workshop.import_subject import Candidate

_WORDS_CHARS = 200
# Longer ones are nobody's names, and slow to be held against each other.
_NAME_CHARS = 200


class Move(NamedTuple):
    """One operation that moved.

    `kind` is new, gone, renamed (`now` is its name) or changed; `words` say how; `near` are names
    that a lost one may have now; `tools` those of the profile that it hits.
    """

    kind: str
    operation: str
    now: str
    words: tuple[str, ...]
    near: tuple[str, ...]
    tools: tuple[str, ...]


def moves(
    old: dict[str, Then] | None, new: dict[str, Then], tools: dict[str, tuple[str, ...]]
) -> list[Move]:
    """What moved from `old` to `new`: first what hits the profile, lost ones before the others.

    `tools` maps each operation, as the profile's tools call it, to their names. Without `old` only
    a tool's lost operation can be told.
    """
    found = list(_lost_tools(old or {}, new, tools))
    told = {one.operation for one in found}
    if old is not None:
        places = _places(new)
        renamed = {
            before: places[place]
            for before, then in old.items()
            if before not in new and (place := _place(then)) in places
        }
        found += [one for one in _gone(old, new, renamed, tools) if one.operation not in told]
        found += _changed(old, new, tools)
        fresh = new.keys() - old.keys() - set(renamed.values())
        found += [Move("new", name, "", (), (), ()) for name in new if name in fresh]
    order = ("gone", "renamed", "changed", "new")
    return sorted(found, key=lambda one: (not one.tools, order.index(one.kind)))


def resolve(operation: str, candidates: list[Candidate]) -> str:
    """The selector of what a tool calls `operation`, "" where there is none such."""
    method, _, path = operation.partition(" ")
    for one in candidates:
        if operation in (one.selector, one.id) or (method.upper(), path.strip()) == (
            one.method,
            one.path,
        ):
            return one.selector
    return ""


def _lost_tools(
    old: dict[str, Then], new: dict[str, Then], tools: dict[str, tuple[str, ...]]
) -> Iterator[Move]:
    """Tools whose operation there is no more, whether or not a record tells that there was."""
    places = _places(new)
    close = [name for name in new if len(name) <= _NAME_CHARS]
    for operation, names in tools.items():
        if operation in new:
            continue
        then = old.get(operation)
        now = places.get(_place(then), "") if then is not None else ""
        near = () if now else tuple(difflib.get_close_matches(operation[:_NAME_CHARS], close, 3))
        yield Move("renamed" if now else "gone", operation, now, (), near, names)


def _gone(
    old: dict[str, Then],
    new: dict[str, Then],
    renamed: dict[str, str],
    tools: dict[str, tuple[str, ...]],
) -> Iterator[Move]:
    for name in old:
        if name not in new:
            now = renamed.get(name, "")
            yield Move("renamed" if now else "gone", name, now, (), (), tools.get(name, ()))


def _changed(
    old: dict[str, Then], new: dict[str, Then], tools: dict[str, tuple[str, ...]]
) -> Iterator[Move]:
    for name, then in old.items():
        now = new.get(name)
        if now is not None and (now.digest, _place(now)) != (then.digest, _place(then)):
            words = tuple(_words(then, now))
            yield Move("changed", name, "", words, (), tools.get(name, ()))


def _words(then: Then, now: Then) -> Iterator[str]:
    if _place(then) != _place(now):
        places = [named(" ".join(_place(one))) for one in (now, then)]
        yield f"it is {places[0]} now, was {places[1]}"
    if then.described is None or now.described is None:
        return
    before, after = then.described, now.described
    yield from _argument_words(before["arguments"], after["arguments"])
    if before.get("response") != after.get("response"):
        yield "the shape of its answer changed"
    if before.get("summary") != after.get("summary"):
        yield f"its summary is now: {one_sentence(str(after.get('summary')), _WORDS_CHARS)}"
    if bool(before.get("deprecated")) != bool(after.get("deprecated")):
        yield "it is deprecated now" if after.get("deprecated") else "it is no longer deprecated"
    if after.get("refused") and after["refused"] != before.get("refused"):
        yield f"no tool can be built of it: {one_sentence(after['refused'], _WORDS_CHARS)}"


def _argument_words(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for name in before:
        if name not in after:
            yield f"argument {named(name)} is gone"
    for name, row in after.items():
        label = f"argument {named(name)}"
        was = before.get(name)
        if was is None:
            yield f"{label} is new{' and required' if row.get('required') else ''}"
            continue
        if was.get("required") != row.get("required"):
            yield f"{label} is {'required' if row.get('required') else 'optional'} now"
        if was.get("schema") != row.get("schema"):
            yield f"{label}: {_short(was)} became {_short(row)}"


def _short(row: dict[str, Any]) -> str:
    return one_sentence(str(row.get("schema")), _WORDS_CHARS)


def _places(rows: dict[str, Then]) -> dict[tuple[str, str], str]:
    return {_place(then): name for name, then in rows.items() if then.method}


def _place(then: Then) -> tuple[str, str]:
    return then.method, then.path
