"""What `from` names: a reference of the source in, the operation's slot it stands for out.

`path.NAME`, `query.NAME`, `header.NAME`, `body`, `body#/pointer`; of a gateway's tool `NAME` and
`NAME#/pointer`.
"""

import difflib
import re
from typing import Any

from mcp_proxy.core.pointer import parse_pointer
from mcp_proxy.core.profile import ArgumentRule
from mcp_proxy.workshop.operation import Slot
from mcp_proxy.workshop.schema_view import Defs, member
from mcp_proxy.workshop.yaml_reader import Path

WHOLE_PLACES = ("body", "argument")

_PARAMETER = re.compile(r"(path|query|header)\.(.+)", re.DOTALL)


class Wrong(ValueError):
    """Something in the source is wrong: `path` is below the tool, the message ends with the fix."""

    def __init__(self, path: Path, text: str) -> None:
        """`text` is a sentence without its subject, which `path` names."""
        super().__init__(text)
        self.path = path


def find_by_reference(reference: str, name: str, slots: tuple[Slot, ...], defs: Defs) -> Slot:
    """The slot that the argument `name` means by `from: reference`; raises Wrong."""
    path = ("arguments", name, "from")
    is_rest = not slots or slots[0].rule.place != "argument"
    parameter = _PARAMETER.fullmatch(reference) if is_rest else None
    if parameter:
        place, target = parameter[1], parameter[2]
        for slot in slots:
            if slot.rule.place == place and is_wire_name(slot.rule, target):
                return slot
        raise Wrong(path, f"{reference} is no parameter of the operation; {suggestion('', slots)}")
    try:
        keys = _body_keys(reference) if is_rest else _argument_keys(reference)
    except ValueError:
        raise Wrong(path, f"{reference} leads nowhere; {_forms(is_rest)}") from None
    return _by_pointer(keys, path, slots, defs)


def _body_keys(reference: str) -> tuple[str, ...]:
    if reference == "body":
        return ()
    if not reference.startswith("body#/"):
        raise ValueError(reference)
    return parse_pointer(reference.removeprefix("body#"))


def _argument_keys(reference: str) -> tuple[str, ...]:
    name, separator, pointer = reference.partition("#/")
    if not name:
        raise ValueError(reference)
    return (name, *parse_pointer("/" + pointer)) if separator else (name,)


def _by_pointer(keys: tuple[str, ...], path: Path, slots: tuple[Slot, ...], defs: Defs) -> Slot:
    whole = [slot for slot in slots if slot.rule.place in WHOLE_PLACES]
    if not keys and whole:
        return _whole_body(whole)
    for slot in whole:
        start = parse_pointer(slot.rule.target)
        if keys[: len(start)] == start:
            return _descend(slot, keys[len(start) :], path, defs)
    raise Wrong(path, f"the operation takes nothing there; {suggestion('', slots)}")


def _whole_body(slots: list[Slot]) -> Slot:
    """The body as one argument; closed, since the document's own openness is resolved away."""
    first = slots[0]
    if first.rule.target == "":
        return first
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {parse_pointer(slot.rule.target)[0]: slot.schema for slot in slots},
        "required": [parse_pointer(slot.rule.target)[0] for slot in slots if slot.required],
        "additionalProperties": False,
    }
    needed = bool(schema["required"])
    return Slot("body", first.rule._replace(target=""), schema, needed, "The request's body.")


def _descend(slot: Slot, keys: tuple[str, ...], path: Path, defs: Defs) -> Slot:
    schema, pointer, required = slot.schema, slot.rule.target, slot.required and not keys
    for key in keys:
        found = member(schema, key, defs)
        if found is None:
            raise Wrong(path, f"the operation describes no {key} at {pointer or 'the top'}")
        schema, needed = found
        required = required or needed
        pointer += "/" + key.replace("~", "~0").replace("/", "~1")
    if not keys:
        return slot
    described = schema if isinstance(schema, dict) else {}
    text = described.get("description", "")
    return Slot(slot.name, slot.rule._replace(target=pointer), described, required, text)


def is_wire_name(rule: ArgumentRule, target: str) -> bool:
    """Whether a parameter goes by `target` on the wire; header names know no case."""
    if rule.place == "header":
        return rule.target.lower() == target.lower()
    return rule.target == target


def reference_of(rule: ArgumentRule) -> str:
    """How `from` names what a rule stands for."""
    if rule.place == "argument":
        name, *rest = parse_pointer(rule.target)
        return "#/".join([name, "/".join(rest)]) if rest else name
    if rule.place == "body":
        return f"body#{rule.target}" if rule.target else "body"
    return f"{rule.place}.{rule.target}"


def suggestion(name: str, slots: tuple[Slot, ...]) -> str:
    """The closest name, or all that the operation takes, as the end of a sentence."""
    names = [slot.name for slot in slots]
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    shown = ", ".join(reference_of(slot.rule) for slot in slots[:20])
    return f"it takes {shown}" if shown else "it takes none"


def _forms(is_rest: bool) -> str:
    if is_rest:
        return "write path.NAME, query.NAME, header.NAME, body or body#/pointer"
    return "write NAME or NAME#/pointer"
