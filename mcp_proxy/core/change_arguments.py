"""What the model may give a tool and where that goes, version against version (S5).

Narrower means: whatever the new tool accepts, the old one accepted, and the same request left.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from mcp_proxy.core.body import target_keys
from mcp_proxy.core.change import (
    NARROWER,
    SAME,
    WIDER,
    Change,
    Place,
    differing,
    named,
    old_to_new,
    same_json,
    shown,
)
from mcp_proxy.core.change_schema import accepts_no_more
from mcp_proxy.core.change_text import tells_no_more, words_no_more
from mcp_proxy.core.change_words import schema_words
from mcp_proxy.core.profile import ArgumentRule, Tool
from mcp_proxy.core.request import is_taken
from mcp_proxy.core.styles import encoded

# Where several arguments make one JSON document.
_DOCUMENTS = frozenset({"body", "argument"})
_DIFFERENCES_SHOWN = 20
_LINE_CHARS = 100
_LABELS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "above",
    "exclusiveMaximum": "below",
    "minLength": "length at least",
    "maxLength": "length at most",
    "minItems": "items at least",
    "maxItems": "items at most",
    "enum": "one of",
}


class Offered(NamedTuple):
    """A tool, and its entry in the model's list."""

    tool: Tool
    row: dict[str, Any]

    def listed(self, name: str) -> Any:
        """An argument's schema as the model sees it, None where it sees none."""
        return _part(self.row.get("inputSchema"), name)

    def enforced(self, name: str) -> Any:
        """An argument's schema as calls are held to it, None where none is."""
        return _part(self.tool.enforced, name)

    def requires(self, name: str) -> bool:
        """Whether a call without the argument is refused."""
        return name in self.tool.enforced.get("required", ())


class _Pair(NamedTuple):
    """Both versions; `is_proven` says that all arguments together are held to closer rules."""

    place: str
    old: Offered
    new: Offered
    is_proven: bool


def argument_changes(place: str, old: Offered, new: Offered) -> Iterator[Change]:
    """Arguments added, gone, sent elsewhere or checked otherwise."""
    names = dict.fromkeys((*old.tool.arguments, *new.tool.arguments))
    is_same = _is_same(old, new)
    is_proven = is_same or _is_narrower(old, new)
    pair = _Pair(place, old, new, is_proven)
    made = [change for name in names for change in _one(pair, name)]
    yield from made
    kept = [[name for name in one if name in other] for one, other in _both(old, new)]
    if kept[0] != kept[1]:
        kind = SAME if _is_any_order(new.tool) else WIDER
        yield Change(kind, place, "the order in which its arguments are sent changed")
    if not is_proven and not any(change.kind == WIDER for change in made):
        yield Change(WIDER, place, "its arguments together are held to other rules")
    elif not is_same and not made:
        yield Change(NARROWER, place, "its arguments together are held to closer rules")


def offered_words(new: Offered) -> list[str]:
    """Each argument of a tool as the model sees it, a line each."""
    return [
        f"argument {named(name)} ({_need(name, new)}): {schema_words(new.listed(name))}"
        for name in new.tool.arguments
        if name not in new.tool.constants
    ]


def _need(name: str, new: Offered) -> str:
    return "required" if new.requires(name) else "optional"


def _both(old: Offered, new: Offered) -> tuple[Any, Any]:
    own, other = old.tool.arguments, new.tool.arguments
    return (own, other), (other, own)


def _is_any_order(tool: Tool) -> bool:
    """Whether the order of a tool's arguments says nothing: no two of them have one place.

    Which of two comes last then decides nothing, whatever a server makes of the names of a query.
    Paths go by their slots, a document's outer places are filled before inner ones.
    """
    documents: list[tuple[str, ...]] = []
    names: dict[str, list[str]] = {}
    for rule in tool.arguments.values():
        if rule.place in _DOCUMENTS:
            documents.append(target_keys(rule.target))
        else:
            names.setdefault(rule.place, []).append(encoded(rule.target))
    return len(set(documents)) == len(documents) and not any(
        is_taken(name, some[:index]) for some in names.values() for index, name in enumerate(some)
    )


def _is_same(old: Offered, new: Offered) -> bool:
    rows = old.row.get("inputSchema"), new.row.get("inputSchema")
    return same_json(old.tool.enforced, new.tool.enforced) and same_json(*rows)


def _is_narrower(old: Offered, new: Offered) -> bool:
    enforced = old.tool.enforced, new.tool.enforced
    rows = old.row.get("inputSchema"), new.row.get("inputSchema")
    return (
        accepts_no_more(*enforced)
        and words_no_more(*enforced)
        and accepts_no_more(*rows)
        and tells_no_more(*rows)
    )


def _one(pair: _Pair, name: str) -> Iterator[Change]:
    place, old, new, _ = pair
    before, now = old.tool.arguments.get(name), new.tool.arguments.get(name)
    label = f"argument {named(name)}"
    if (name in old.tool.constants) != (name in new.tool.constants):
        return  # told as a constant
    if now is None:
        yield from _gone(place, name, old, new)
    elif before is None:
        words = f"{label} is new ({_need(name, new)}): {shown(new.listed(name))}"
        yield Change(WIDER, place, words)
    else:
        if before != now:
            yield _moved(place, label, before, now)
        if new.requires(name) and not old.requires(name):
            yield Change(NARROWER, place, f"{label} is required now")
        elif old.requires(name) and not new.requires(name):
            yield Change(WIDER, place, f"{label} may be left out now")
        yield from _checked(pair, name)


def _gone(place: str, name: str, old: Offered, new: Offered) -> Iterator[Change]:
    label = f"argument {named(name)}"
    taker = _could_send(name, old, new)
    if old.requires(name):
        yield Change(WIDER, place, f"{label}, which every call had to give, is gone")
    elif name in old.tool.defaults:
        yield Change(WIDER, place, f"{label} is gone, and its default is not sent any more")
    elif taker is not None:
        yield Change(WIDER, place, f"{label} is gone, and argument {named(taker)} may name it now")
    else:
        yield Change(NARROWER, place, f"{label} is gone")


def _could_send(name: str, old: Offered, new: Offered) -> str | None:
    """The argument that brings names of its own into the query, where the one gone was guarded."""
    if old.tool.arguments[name].place != "query":
        return None
    return next(
        (
            other
            for other, rule in new.tool.arguments.items()
            if rule.place == "query" and _brings_names(other, rule, new)
        ),
        None,
    )


def _brings_names(name: str, rule: ArgumentRule, new: Offered) -> bool:
    if name in new.tool.constants:
        return isinstance(new.tool.constants[name], (dict, list))
    if rule.style == "deepObject":
        return True
    return rule.explode and rule.style != "json" and not _is_no_object(new.enforced(name))


def _is_no_object(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return False
    types = schema.get("type", "object")
    if "object" not in ([types] if isinstance(types, str) else types):
        return True
    return any(_is_no_object(part) for part in schema.get("allOf", ()))


def _moved(place: str, label: str, old: ArgumentRule, new: ArgumentRule) -> Change:
    if old._replace(segments="one") == new:
        return Change(NARROWER, place, f"{label} may not hold slashes any more")
    words = " -> ".join(" ".join(_route(rule)) for rule in (old, new))
    return Change(WIDER, place, f"{label} is sent otherwise: {words}")


def _route(rule: ArgumentRule) -> Iterator[str]:
    yield f"{rule.place}.{named(rule.target)}" if rule.target else rule.place
    yield f"({rule.style}{', exploded' if rule.explode else ''}, {rule.segments})"


def _checked(pair: _Pair, name: str) -> Iterator[Change]:
    old, new = pair.old, pair.new
    listed = old.listed(name), new.listed(name)
    parts = old.enforced(name), new.enforced(name)
    is_listed_alike = same_json(*listed)
    if is_listed_alike and same_json(*parts):
        return
    how = " (not in what the model sees)" if is_listed_alike else ""
    words = difference_words(*(parts if is_listed_alike else listed))
    separator = "\n" if "\n" in words else " "
    kind = NARROWER if pair.is_proven or _is_part_narrower(pair, name) else WIDER
    yield Change(kind, pair.place, f"argument {named(name)}{how}:{separator}{words}")


def _is_part_narrower(pair: _Pair, name: str) -> bool:
    old, new = pair.old, pair.new
    parts = old.enforced(name), new.enforced(name)
    listed = old.listed(name), new.listed(name)
    return (
        accepts_no_more(*parts, old.tool.enforced, new.tool.enforced)
        and words_no_more(*parts)
        and accepts_no_more(*listed, old.row.get("inputSchema"), new.row.get("inputSchema"))
        and tells_no_more(*listed)
    )


def difference_words(old: Any, new: Any) -> str:
    """Where two schemas differ, old value before new, each place on a line if it is a long one."""
    found = list(differing(old, new))
    told = [_place_words(one) for one in found[:_DIFFERENCES_SHOWN]]
    if len(found) > _DIFFERENCES_SHOWN:
        told.append(f"and {len(found) - _DIFFERENCES_SHOWN} more places")
    line = "; ".join(told)
    return line if len(line) <= _LINE_CHARS else "\n".join(told)


def _place_words(place: Place) -> str:
    keys = [named(key) for key in place.keys]
    label = " ".join((*keys[:-1], _LABELS.get(keys[-1], keys[-1]))) if keys else "all of it"
    if place.before and place.now:
        return f"{label} {old_to_new(place.before[0], place.now[0])}"
    words = [shown(side[0]) if side else "none" for side in (place.before, place.now)]
    return f"{label} {words[0]} -> {words[1]}"


def _part(schema: Any, name: str) -> Any:
    return schema.get("properties", {}).get(name) if isinstance(schema, dict) else None
