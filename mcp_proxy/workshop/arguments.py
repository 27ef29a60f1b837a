"""Which of an operation's arguments the model gets, by which name, and where each goes.

An operation's slots and the source's `arguments` block in; the chosen arguments out. No block:
every slot. A block: exactly what it names, and what is required; `"*": {}` adds the rest.
"""

import re
from collections import Counter
from typing import Any, NamedTuple

from mcp_proxy.core.pointer import parse_pointer
from mcp_proxy.workshop.argument_reference import (
    WHOLE_PLACES,
    Wrong,
    find_by_reference,
    is_wire_name,
    reference_of,
    suggestion,
)
from mcp_proxy.workshop.argument_source import ArgumentSource
from mcp_proxy.workshop.operation import Slot
from mcp_proxy.workshop.schema_view import Defs, member, possible_types, required_of
from mcp_proxy.workshop.source_keys import ARGUMENT_NAME

Block = dict[str, ArgumentSource]

# What has more fits into no model's schema; each one is held against each other.
_ARGUMENTS_MAX = 1_000
_NOTHING_SAID = ArgumentSource.model_validate({})


class Chosen(NamedTuple):
    """One argument of a tool; `slot.name` is the model's name, `block` empty where absent."""

    slot: Slot
    block: ArgumentSource

    @property
    def has_constant(self) -> bool:
        """Whether the model neither sees nor sends it."""
        return self.block.holds("constant")


def choose_arguments(slots: tuple[Slot, ...], block: Block | None, defs: Defs) -> list[Chosen]:
    """The arguments of one tool, in the operation's order where the source names none.

    Raises:
        Wrong: an unknown or doubled name, a `from` that leads nowhere, a required one left out.
    """
    named = {name: item for name, item in (block or {}).items() if name != "*"}
    chosen = [_named(name, item, slots, defs) for name, item in named.items()]
    takes_all = block is None or "*" in block
    if block is not None and "*" in block and block["*"].model_fields_set:
        raise Wrong(("arguments", "*"), "adds the rest unchanged; write {}")
    wanted = [slot for slot in slots if takes_all or slot.required]
    if len(named) + len(wanted) > _ARGUMENTS_MAX:
        raise Wrong(("arguments",), f"are more than {_ARGUMENTS_MAX:,}; name those that it needs")
    for slot in wanted:
        if not any(_overlap(slot, one.slot) for one in chosen):
            chosen.append(Chosen(_automatic(slot, slots), _NOTHING_SAID))
    _check_names(chosen)
    _check_overlaps(chosen)
    _check_parents(slots, chosen, defs)
    left_out = [slot for slot in slots if not any(_overlap(slot, one.slot) for one in chosen)]
    names = [slot.rule.target for slot in left_out if slot.rule.place == "query"]
    return [_closed(one, names, defs) for one in chosen] if names else chosen


def _named(name: str, block: ArgumentSource, slots: tuple[Slot, ...], defs: Defs) -> Chosen:
    if block.from_ is None:
        slot = _by_name(name, slots)
    else:
        slot = find_by_reference(block.from_, name, slots, defs)
    if block.segments is not None:
        if slot.rule.place != "path":
            raise Wrong(("arguments", name, "segments"), "only a path value has segments")
        slot = slot._replace(rule=slot.rule._replace(segments=block.segments))
    return Chosen(slot._replace(name=name), block)


def _by_name(name: str, slots: tuple[Slot, ...]) -> Slot:
    found = [slot for slot in slots if slot.name == name]
    if len(found) == 1:
        return found[0]
    path = ("arguments", name)
    if found:
        froms = " or ".join(f"from: {reference_of(slot.rule)}" for slot in found)
        raise Wrong(path, f"occurs twice in the operation; add {froms}")
    raise Wrong(path, f"the operation has no such argument; {suggestion(name, slots)}")


def _automatic(slot: Slot, slots: tuple[Slot, ...]) -> Slot:
    fix = f"name it in the source: NAME: {{from: {reference_of(slot.rule)!r}}}"
    if not re.fullmatch(ARGUMENT_NAME, slot.name):
        raise Wrong(("arguments",), f"{slot.name!r} cannot be an argument's name; {fix}")
    if sum(other.name == slot.name for other in slots) > 1:
        raise Wrong(("arguments",), f"{slot.name} occurs twice in the operation; {fix}")
    return slot


def _check_names(chosen: list[Chosen]) -> None:
    for name, count in Counter(one.slot.name for one in chosen).items():
        if count > 1:
            raise Wrong(("arguments", name), "is also what the operation calls another; rename it")


def _check_overlaps(chosen: list[Chosen]) -> None:
    for index, one in enumerate(chosen):
        for other in chosen[:index]:
            if _overlap(one.slot, other.slot):
                text = f"goes where {other.slot.name} goes; keep one of them"
                raise Wrong(("arguments", one.slot.name), text)


def _check_parents(slots: tuple[Slot, ...], chosen: list[Chosen], defs: Defs) -> None:
    """Who sends one member of an object makes the object, so its required members must come too."""
    for slot in slots:
        start = parse_pointer(slot.rule.target) if slot.rule.place in WHOLE_PLACES else ()
        inside = [
            one
            for one in chosen
            if one.slot.rule.place == slot.rule.place in WHOLE_PLACES
            and len(parse_pointer(one.slot.rule.target)) > len(start)
            and parse_pointer(one.slot.rule.target)[: len(start)] == start
        ]
        if not inside:
            continue
        pointers = [parse_pointer(one.slot.rule.target)[len(start) :] for one in inside]
        _check_members(slot.schema, pointers, inside[0], defs)
        sure = [one for one in inside if one.slot.required or one.block.required or _is_sent(one)]
        if slot.required and not sure:
            text = f"{slot.name} is required by the operation; add required: true"
            raise Wrong(("arguments", inside[0].slot.name), text)


def _check_members(schema: Any, pointers: list[tuple[str, ...]], one: Chosen, defs: Defs) -> None:
    for key in required_of(schema, defs):
        if not any(pointer[0] == key for pointer in pointers):
            text = f"{key} is required beside it by the operation; add it by `from`"
            raise Wrong(("arguments", one.slot.name), text)
    for key in {pointer[0] for pointer in pointers if len(pointer) > 1}:
        found = member(schema, key, defs)
        deeper = [pointer[1:] for pointer in pointers if pointer[0] == key and len(pointer) > 1]
        if found is not None:
            _check_members(found[0], deeper, one, defs)


def _closed(one: Chosen, left_out: list[str], defs: Defs) -> Chosen:
    """An exploded object brings query names of its own: none may be one that was left out (S11)."""
    rule, schema = one.slot.rule, one.slot.schema
    is_map = rule.place == "query" and rule.style == "form" and rule.explode
    if one.has_constant or not is_map or "object" not in possible_types(schema, defs):
        return one
    names = "|".join("".join(map(_spelled, name)) for name in left_out)
    closing = {"propertyNames": {"not": {"pattern": rf"^(?:{names})(?:[\[.]|$)"}}}
    schema = {**schema, "allOf": [*schema.get("allOf", ()), closing]}
    return one._replace(slot=one.slot._replace(schema=schema))


def _spelled(char: str) -> str:
    """A pattern for the character in either case, and for what PHP reads as an underscore."""
    if char in "_. [":
        return r"[_. \[]"
    if char.isalpha():
        return f"[{char.lower()}{char.upper()}]"
    return char if char.isalnum() or not char.isascii() else f"\\u{ord(char):04x}"


def _is_sent(one: Chosen) -> bool:
    return one.has_constant or one.block.holds("default")


def _overlap(one: Slot, other: Slot) -> bool:
    if one.rule.place != other.rule.place:
        return False
    if one.rule.place not in WHOLE_PLACES:
        return is_wire_name(one.rule, other.rule.target)
    first, second = parse_pointer(one.rule.target), parse_pointer(other.rule.target)
    shorter = min(len(first), len(second))
    return first[:shorter] == second[:shorter]
