"""A JSON value as lines and tables: fewer tokens than compact JSON, and nothing is lost.

An object is one line for each scalar, `customer.name: Ada`; a list of objects is a table, a head
`invoices[2]: id,total,customer.name` and a line for each item. In both, keys of objects inside are
joined by dots. A value stands bare where that can be read in one way only, and else as JSON; what
is absent from an item is an empty cell. What a table would not make shorter stays JSON.

Reading it back: a text that is JSON is that value. Otherwise each line begins with a path, its keys
bare or as JSON strings; `path[n]: columns` is followed by n lines of cells, `[n]: columns` is a
list that stands alone, and `path: value` is all else. A bare cell is a number, true, false or null
where it reads as one in JSON, and a string where not.
"""

import re
from collections.abc import Iterator
from typing import Any

from mcp_proxy.core import strict_json

Path = tuple[str, ...]

_BARE_KEY = re.compile(r"[A-Za-z_$@][\w$@/-]*", re.ASCII)
# What is wholly of such characters could be taken for a number: 007, 1.2.3, 1e5.
_LIKE_NUMBER = re.compile(r"[-+.]?\d[\d.]*+(?:[eE][-+]?\d*+)?", re.ASCII)
_UNBARE = re.compile(r'[,\n\r\t]|^["{\[ ]| $')
_WORDS = frozenset({"", "true", "false", "null"})
_ABSENT = object()


def rows_of(value: Any) -> str:
    """The value as text; compact JSON where lines and tables are no shorter."""
    plain = _json(value)
    if isinstance(value, dict) and value:
        text = _joined(_lines(value, ()), "\n", len(plain))
    elif isinstance(value, list) and (table := _table(value, "")) is not None:
        text = table
    else:
        return plain
    return text if text is not None and len(text) < len(plain) else plain


def _joined(parts: Iterator[str], between: str, below: int) -> str | None:
    """The parts joined; None where they do not stay below so many characters.

    A long key stands in the head of all that is in it: they are not gathered to their end.
    """
    kept: list[str] = []
    left = below
    for part in parts:
        left -= len(part) + len(between)
        if left + len(between) <= 0:
            return None
        kept.append(part)
    return between.join(kept)


def _lines(value: dict[str, Any], above: Path) -> Iterator[str]:
    for key, item in value.items():
        path = (*above, key)
        if isinstance(item, dict) and item:
            yield from _lines(item, path)
            continue
        head = _head(path)
        table = _table(item, head) if isinstance(item, list) else None
        yield f"{head}: {_cell(item)}" if table is None else table


def _table(items: list[Any], head: str) -> str | None:
    """The items as a table; None where they are no objects, or it would be no shorter."""
    if not items or not all(isinstance(item, dict) and item for item in items):
        return None
    paths = _columns(items, ())
    if paths is None:
        return None
    most = len(head) + len(_json(items))
    heads = _joined(map(_head, paths), ",", most)
    if heads is None:
        return None
    lines = [f"{head}[{len(items)}]: {heads}"]
    lines += [",".join(_cell_at(item, path) for path in paths) for item in items]
    table = "\n".join(lines)
    return table if len(table) < most else None


def _columns(items: list[dict[str, Any]], above: Path) -> list[Path] | None:
    """The paths of all items' values; an object is gone into where every item has one there.

    None where most cells would be empty: a table of n items with a key each of their own has n * n.
    """
    keys = dict.fromkeys(key for item in items for key in item)
    if len(keys) * len(items) > 2 * sum(map(len, items)):
        return None
    paths: list[Path] = []
    for key in keys:
        inside = [item.get(key) for item in items]
        path = (*above, key)
        objects = [item for item in inside if isinstance(item, dict) and item]
        deeper = _columns(objects, path) if len(objects) == len(items) else None
        paths += [path] if deeper is None else deeper
    return paths


def _cell_at(item: Any, path: Path) -> str:
    for key in path:
        item = item.get(key, _ABSENT)
        if item is _ABSENT:
            return ""
    return _cell(item)


def _cell(value: Any) -> str:
    return value if isinstance(value, str) and _is_bare(value) else _json(value)


def _is_bare(text: str) -> bool:
    return (
        text not in _WORDS and _UNBARE.search(text) is None and _LIKE_NUMBER.fullmatch(text) is None
    )


def _head(path: Path) -> str:
    return ".".join(key if _BARE_KEY.fullmatch(key) else _json(key) for key in path)


def _json(value: Any) -> str:
    return strict_json.dumps(value).decode()
