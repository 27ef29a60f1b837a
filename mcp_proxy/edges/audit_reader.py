"""Reading the audit log's segments back, oldest first."""

import os
from collections.abc import Iterator
from typing import NamedTuple

from mcp_proxy.edges.files import read_file
from mcp_proxy.errors import HomeError

RUNNING = "running"  # the folder of markers, beside the days
_SEGMENT_BYTES = 1 << 30
_CLEAR = ".clear.jsonl"


class SegmentFile(NamedTuple):
    """One segment's path, its bytes, and those of its clear file (empty where there is none)."""

    path: str
    data: bytes
    clear: bytes


def segment_paths(state: str) -> list[str]:
    """Every segment, oldest first; the names are ULIDs, so they sort by time."""
    return [
        os.path.join(folder, name)
        for folder, names in _days(state)
        for name in names
        if _is_segment(name)
    ]


def bereft_paths(state: str) -> list[str]:
    """Where segments were of which nothing but the clear file is there, oldest first."""
    found = []
    for folder, names in _days(state):
        there = set(names)
        beside = (name.removesuffix(_CLEAR) for name in names if name.endswith(_CLEAR))
        alone = (f"{name}.jsonl" for name in beside if f"{name}.jsonl" not in there)
        found += [os.path.join(folder, name) for name in alone]
    return found


def running_names(state: str) -> frozenset[str]:
    """The ULIDs of segments that a process may still write, or left open as it was killed."""
    return frozenset(_names(os.path.join(state, "audit", RUNNING)))


def read_segment(path: str) -> SegmentFile | None:
    """One segment, None where it is gone. Raises HomeError: not safe to use, or not readable."""
    data = read_file(path, _SEGMENT_BYTES, secret=True)
    clear = read_file(path[: -len(".jsonl")] + _CLEAR, _SEGMENT_BYTES, secret=True)
    return None if data is None else SegmentFile(path, data, clear or b"")


def _days(state: str) -> Iterator[tuple[str, list[str]]]:
    """The days' folders and the names of what is in each, in their order."""
    folder = os.path.join(state, "audit")
    for day in sorted(_names(folder)):
        yield os.path.join(folder, day), sorted(_names(os.path.join(folder, day)))


def _is_segment(name: str) -> bool:
    return name.endswith(".jsonl") and not name.endswith(_CLEAR)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise HomeError("MCPX-H03", f"{folder} cannot be read: {error.strerror}.") from None
