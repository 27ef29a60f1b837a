"""A JSON document (a request's body, a gateway tool's arguments) put together from arguments."""

from typing import Any, NamedTuple

from mcp_proxy.core.pointer import parse_pointer, put


class Part(NamedTuple):
    """A value and where it goes: a JSON pointer, or a plain name. Fixed ones overrule the rest."""

    argument: str
    target: str
    value: Any
    fixed: bool


class Misplaced(ValueError):
    """An argument's place is taken by a value that is no object."""

    def __init__(self, argument: str) -> None:
        super().__init__("stands where another argument has a value that is no object")
        self.argument = argument


def build_document(parts: list[Part]) -> Any:
    """The document that holds every part; {} for none. Raises Misplaced.

    Outer places are filled before inner ones, and what the profile fixes comes last, so that no
    value of the model's can stand in a constant's place.
    """
    document: Any = {}
    placed = [(part.fixed, target_keys(part.target), part) for part in parts]
    for _, keys, part in sorted(placed, key=lambda item: (item[0], len(item[1]))):
        try:
            document = put(document, keys, part.value)
        except ValueError:
            raise Misplaced(part.argument) from None
    return document


def target_keys(target: str) -> tuple[str, ...]:
    """Where a target is in the document; a plain name is one key."""
    if target and not target.startswith("/"):
        return (target,)
    return parse_pointer(target)
