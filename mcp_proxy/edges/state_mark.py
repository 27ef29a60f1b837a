"""That state.db exists, and which one it is: `data/state.json`, outside of the database (S18)."""

import json
import os
from typing import NamedTuple

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.files import read_file, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import HomeError


class Mark(NamedTuple):
    """The home that a state.db belongs to, and the id of that very file; 32 hex digits each."""

    home: str
    id: str


def read_mark(home: Home) -> Mark | None:
    """What data/state.json tells; None where it is not there. Raises HomeError H02 to H04."""
    path = mark_path(home)
    data = read_file(path, LIMITS.small_file_bytes)
    if data is None:
        return None
    try:
        told = json.loads(data)
        return Mark(str(told["home"]), str(told["id"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise HomeError("MCPX-H04", f"{path} is damaged.") from None


def write_mark(home: Home, mark: Mark) -> None:
    """The one database of this home from now on. Raises HomeError H02, H03."""
    write_file(mark_path(home), json.dumps(mark._asdict()).encode() + b"\n")


def mark_path(home: Home) -> str:
    """Where it is told."""
    return os.path.join(home.data, "state.json")
