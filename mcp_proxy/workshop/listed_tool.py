"""A tool of an MCP server's listing: its raw object in; slots, schemas, texts, header map out."""

from typing import Any, NamedTuple

from mcp_proxy.core.profile import ArgumentRule
from mcp_proxy.workshop.header_map import header_map
from mcp_proxy.workshop.listing_schema import Unreadable, read_schema
from mcp_proxy.workshop.operation import Slot
from mcp_proxy.workshop.schema_view import Defs, conjuncts, member, required_of

# Keywords that bind arguments to each other; a slot holds one argument.
_ACROSS = frozenset(
    (
        *("anyOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas"),
        *("minProperties", "maxProperties", "propertyNames", "patternProperties"),
    )
)
_ICON_BYTES = 16_384


class ListedTool(NamedTuple):
    """`whole` is the rule on all arguments together, {} for none; `output` None where none is."""

    name: str
    title: str
    description: str
    slots: tuple[Slot, ...]
    defs: Defs
    whole: dict[str, Any]
    output: dict[str, Any] | None
    output_fault: str
    headers: dict[str, str]
    reads: bool
    icons: list[dict[str, Any]]
    ui: dict[str, Any] | None


def read_tool(raw: dict[str, Any]) -> ListedTool:
    """A tool as tools/list gave it. Raises Unreadable for an inputSchema that cannot be used."""
    schema, defs = read_schema(raw.get("inputSchema"))
    hints = raw.get("annotations")
    hints = hints if isinstance(hints, dict) else {}
    output, fault = _output(raw.get("outputSchema"))
    return ListedTool(
        name=raw["name"],
        title=_text(raw.get("title")),
        description=_text(raw.get("description")),
        slots=tuple(_slots(schema, defs)),
        defs=defs,
        whole=_whole(schema, defs),
        output=output,
        output_fault=fault,
        headers=header_map(raw["inputSchema"]),
        reads=hints.get("readOnlyHint") is True,
        icons=listed_icons(raw.get("icons")),
        ui=listed_ui(raw),
    )


def _slots(schema: dict[str, Any], defs: Defs) -> list[Slot]:
    parts = conjuncts(schema, defs)
    names = [name for part in parts for name in part.get("properties", {})]
    names.extend(_branch_names(parts, defs))
    needed = required_of(schema, defs)
    slots = []
    for name in dict.fromkeys((*names, *needed)):
        found = member(schema, name, defs)
        described = found[0] if found is not None else {"anyOf": _in_branches(name, parts, defs)}
        shape = described if isinstance(described, dict) else {} if described else {"not": {}}
        pointer = "/" + name.replace("~", "~0").replace("/", "~1")
        rule = ArgumentRule("argument", pointer, "json", False, "one")
        slots.append(Slot(name, rule, shape, name in needed, _text(shape.get("description"))))
    return slots


def _branch_names(parts: list[dict[str, Any]], defs: Defs) -> list[str]:
    """Properties that only the branches of a top-level union name."""
    branches = [item for part in parts for key in ("anyOf", "oneOf") for item in part.get(key, ())]
    inner = [part for branch in branches for part in conjuncts(branch, defs)]
    return [name for part in inner for name in part.get("properties", {})]


def _in_branches(name: str, parts: list[dict[str, Any]], defs: Defs) -> list[Any]:
    branches = [item for part in parts for key in ("anyOf", "oneOf") for item in part.get(key, ())]
    found = [member(branch, name, defs) for branch in branches]
    return [item[0] for item in found if item is not None] or [{}]


def _whole(schema: dict[str, Any], defs: Defs) -> dict[str, Any]:
    rules = [
        {key: value for key, value in part.items() if key in _ACROSS}
        for part in conjuncts(schema, defs)
    ]
    rules = [rule for rule in rules if rule]
    return {"allOf": rules} if len(rules) > 1 else (rules[0] if rules else {})


def _output(raw: Any) -> tuple[dict[str, Any] | None, str]:
    if raw is None:
        return None, "the gateway lists no outputSchema"
    try:
        schema, defs = read_schema(raw)
    except Unreadable as error:
        return None, f"the listed outputSchema {error}"
    return ({**schema, "$defs": defs} if defs else schema), ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def listed_ui(raw: dict[str, Any]) -> dict[str, Any] | None:
    """An entry's `_meta.ui` (MCP Apps), as listed; None where it has none."""
    meta = raw.get("_meta")
    ui = meta.get("ui") if isinstance(meta, dict) else None
    return ui if isinstance(ui, dict) else None


def listed_icons(value: Any) -> list[dict[str, Any]]:
    """Icons by https or in the listing itself, as far as they are small."""
    items = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    return [
        item
        for item in items
        if _text(item.get("src")).startswith(("https://", "data:image/"))
        and len(_text(item["src"])) <= _ICON_BYTES
    ]
