"""The `arguments` block of a drafted tool: only what the operation cannot be published without."""

import re
from collections import Counter
from typing import Any

from mcp_proxy.workshop.argument_reference import reference_of
from mcp_proxy.workshop.operation import Operation, Slot
from mcp_proxy.workshop.source_keys import ARGUMENT_NAME

_PAGE_SIZES = frozenset(
    ("count", "limit", "maxresults", "pagelimit", "pagesize", "perpage", "top", "rows")
)
_PAGE_MAXIMUM = 100
_NAME_CHARS = 64


def argument_rows(operation: Operation) -> dict[str, dict[str, Any]]:
    """Bounds for page sizes without one, names for what has none of its own; "*" for the rest.

    {} where every argument can be taken as it is.
    """
    rows: dict[str, dict[str, Any]] = {}
    taken = Counter(slot.name for slot in operation.slots)
    for slot in operation.slots:
        if taken[slot.name] > 1 or not re.fullmatch(ARGUMENT_NAME, slot.name):
            rows[_own_name(slot, {*taken, *rows})] = {"from": reference_of(slot.rule)}
        elif _is_endless(slot):
            rows[slot.name] = {"maximum": _PAGE_MAXIMUM}
    return {**rows, "*": {}} if rows else {}


def _own_name(slot: Slot, taken: set[str]) -> str:
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", slot.name).strip("_")[: _NAME_CHARS - 12] or "value"
    name, count = f"{slot.rule.place}_{plain}" if slot.name in taken else plain, 2
    first = name
    while name in taken:
        name, count = f"{first}_{count}", count + 1
    return name


def _is_endless(slot: Slot) -> bool:
    """A page size without a maximum; one whose least or own default is above ours is left alone."""
    schema = slot.schema
    is_size = re.sub(r"[^a-z]", "", slot.name.lower()) in _PAGE_SIZES
    if slot.rule.place != "query" or not is_size or schema.get("type") != "integer":
        return False
    told = [schema.get(key) for key in ("minimum", "exclusiveMinimum", "default")]
    bounded = {"maximum", "exclusiveMaximum", "enum", "const", "multipleOf"} & schema.keys()
    return not bounded and not any(
        isinstance(value, (int, float)) and value >= _PAGE_MAXIMUM for value in told
    )
