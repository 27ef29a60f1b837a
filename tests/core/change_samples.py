"""Two versions of one profile for tests of what differs: the vector, changed at one place."""

import copy
import json
import os
from collections.abc import Callable
from typing import Any

from mcp_proxy.core.change import Change
from mcp_proxy.core.changes import compare
from mcp_proxy.core.contents import Contents, parse_contents
from mcp_proxy.core.profile_lines import parse_payload

ASSETS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "assets")
with open(os.path.join(ASSETS, "vector.payload.jsonl"), "rb") as _file:
    LINES: list[Any] = [json.loads(line) for line in _file.read().splitlines()]

Edit = Callable[[list[Any]], object]


def contents_of(lines: list[Any]) -> Contents:
    """The lines of a payload, wholly parsed."""
    payload = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    return parse_contents(parse_payload(payload, "", ""))


def line_of(lines: list[Any], name: str) -> Any:
    """The line of a tool, resource or prompt."""
    return next(line for line in lines[2:] if line["name"] == name)


def row_of(lines: list[Any], name: str) -> Any:
    """A tool's entry in the model's list."""
    return next(row for row in lines[1] if row["name"] == name)


def edited(*edits: Edit) -> list[Any]:
    """A copy of the vector's lines, changed."""
    lines = copy.deepcopy(LINES)
    for edit in edits:
        edit(lines)
    return lines


def changes(edit: Edit) -> tuple[Change, ...]:
    """What an edit of the vector comes to."""
    return compare(contents_of(LINES), contents_of(edited(edit)))


def reverted(edit: Edit) -> tuple[Change, ...]:
    """What taking the edit back comes to."""
    return compare(contents_of(edited(edit)), contents_of(LINES))
