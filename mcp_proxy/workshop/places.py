"""Where a rule of the source points: a name or pointer in; what may stand there out."""

from typing import Any, NamedTuple

from mcp_proxy.core.pointer import parse_pointer
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.enforced import Arguments
from mcp_proxy.workshop.schema_view import (
    Defs,
    conjuncts,
    member,
    possible_types,
    required_of,
)
from mcp_proxy.workshop.yaml_reader import Path

NUMBERS = frozenset({"integer", "number"})
SCALARS = NUMBERS | {"string", "boolean"}


class Place(NamedTuple):
    """`where` as the payload has it; `is_sure`: every call has it, by the model or the profile.

    `types` are the JSON types that may stand there, `items` those of a list's items.
    """

    where: str
    schema: Any
    defs: Defs
    is_sure: bool

    @property
    def types(self) -> frozenset[str]:
        """The types that its values may have."""
        return possible_types(self.schema, self.defs)

    @property
    def items(self) -> "Place":
        """What the items of a list there are."""
        schema = _items(self.schema, self.defs)
        return Place(f"{self.where}/*", schema, self.defs, self.types == {"array"})


def find_place(where: str, arguments: Arguments, path: Path, *, starred: bool = False) -> Place:
    """The place that `where` names of a tool's arguments; `*` only where it is `starred`.

    Raises:
        Wrong: below `path`: the tool has no such argument, or its schema describes nothing there.
    """
    keys = parse_pointer(where) if where.startswith("/") else (where,)
    name = keys[0]
    if name not in arguments.rules:
        known = ", ".join(arguments.rules) or "none"
        raise Wrong(path, f"{where} is no argument of the tool; it has {known}")
    if "*" in keys and not starred:
        raise Wrong(path, f"{where}: * stands for many values; name one")
    place = _argument(name, arguments)
    for key in keys[1:]:
        place = _below(place, key, where, path)
    return place._replace(where=where if len(keys) > 1 else name)


def are_counts(place: Place) -> bool:
    """Whether only whole numbers of at least 0 may stand there."""
    return place.types == {"integer"} and any(
        _starts_at_zero(part) for part in conjuncts(place.schema, place.defs)
    )


def _argument(name: str, arguments: Arguments) -> Place:
    defs: Defs = arguments.enforced.get("$defs", {})
    if name in arguments.constants:
        return Place(name, {"const": arguments.constants[name]}, defs, is_sure=True)
    is_sure = name in arguments.enforced.get("required", ()) or name in arguments.defaults
    return Place(name, arguments.enforced["properties"][name], defs, is_sure)


def _below(place: Place, key: str, where: str, path: Path) -> Place:
    if key == "*":
        if "array" not in place.types:
            raise Wrong(path, f"{where}: {place.where} is no list, so * stands for nothing")
        return place.items._replace(is_sure=place.is_sure and place.items.is_sure)
    found = member(place.schema, key, place.defs)
    if found is None:
        raise Wrong(path, f"{where}: the operation describes no {key} at {place.where}")
    is_needed = place.types == {"object"} and key in required_of(place.schema, place.defs)
    return Place(f"{place.where}/{key}", found[0], place.defs, place.is_sure and is_needed)


def _items(schema: Any, defs: Defs) -> Any:
    parts = conjuncts(schema, defs)
    if any("prefixItems" in part for part in parts):
        return {}
    return {"allOf": [part["items"] for part in parts if "items" in part]}


def _starts_at_zero(part: dict[str, Any]) -> bool:
    # Of whole numbers: what is above -1 is at least 0.
    if part.get("minimum", -1) >= 0 or part.get("exclusiveMinimum", -2) >= -1:
        return True
    values = [part["const"]] if "const" in part else part.get("enum", [])
    return bool(values) and all(isinstance(value, (int, float)) and value >= 0 for value in values)
