"""Segments that have ended, by what the ledger tells of them; and removing whole ones."""

import contextlib
import glob
import json
import os
from collections.abc import Iterable
from contextlib import closing
from typing import Any, NamedTuple

from mcp_proxy.core.audit import GENESIS, timestamp
from mcp_proxy.core.audit_ledger import head_of
from mcp_proxy.edges import clock
from mcp_proxy.edges.audit_erase import clear_path, segment_name
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.audit_lines import Lines
from mcp_proxy.edges.audit_reader import bereft_paths, segment_paths
from mcp_proxy.edges.audit_running import running_folder
from mcp_proxy.edges.files import broken, open_file
from mcp_proxy.edges.folders import check_ancestors, sync_folder
from mcp_proxy.edges.places import Home

_TELLING = (b'"kind":"open"', b'"kind":"close"', b'"kind":"prune"')
_TAIL_BYTES = 256 << 10
_DAY_NS = 86_400 * 10**9


class Ended(NamedTuple):
    """A segment that nobody writes any more. `name` is DAY/ULID, `last` its last entry's time.

    `bytes` counts its clear file too; `is_odd` where it does not fit what the ledger says of it.
    """

    name: str
    path: str
    entries: int
    head: str
    last: str
    bytes: int
    is_odd: bool


class _Told(NamedTuple):
    """What the ledger tells: since when, who was opened, how they were closed, what was pruned."""

    since: str
    opened: set[str]
    closed: dict[str, tuple[int, str]]
    pruned: set[str]


class Found(NamedTuple):
    """Segments on the disk, oldest first; `recorded` ones the ledger has pruned, `bytes` of others.

    Of some the clear file alone is there.
    """

    ended: tuple[Ended, ...]
    recorded: tuple[str, ...]
    bytes: int


def ended_segments(home: Home) -> Found:
    """What there is to prune. Raises HomeError: H02, H03 a file is not safe to use or readable."""
    # First, so that the ledger names all that are found here.
    paths = *segment_paths(home.state), *bereft_paths(home.state)
    told, running = _told(home), _running(home)
    ended, recorded, total = [], [], 0
    for path in paths:
        name, size = segment_name(path), _size(path) + _size(clear_path(path))
        if name in told.pruned:
            recorded.append(path)
            continue
        total += size
        if os.path.basename(name) not in running:
            ended += _ended(name, path, size, told)
    return Found(tuple(ended), tuple(recorded), total)


def segments_bytes(home: Home) -> int:
    """Of all segments and clear files. Raises HomeError H03."""
    paths = *segment_paths(home.state), *bereft_paths(home.state)
    return sum(_size(path) + _size(clear_path(path)) for path in paths)


def remove_segments(paths: Iterable[str]) -> None:
    """Removes segments with their clear files, for good when this returns, and folders left empty.

    Raises:
        HomeError: H02 a folder on the way is not safe, H03 not removable.
    """
    folders = []
    for path in paths:
        folder = os.path.dirname(path)
        if folder not in folders:
            check_ancestors(folder)
            folders.append(folder)
        for name in (clear_path(path), path):
            try:
                os.unlink(name)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise broken(name, error) from None
    for folder in folders:
        _sync_or_remove(folder)


def _sync_or_remove(folder: str) -> None:
    try:
        sync_folder(folder)
        # A process may be about to make its file in a folder of these days.
        if os.path.basename(folder) < timestamp(clock.now_ns() - 2 * _DAY_NS)[:10]:
            with contextlib.suppress(OSError):
                os.rmdir(folder)
                sync_folder(os.path.dirname(folder))
    except OSError as error:
        raise broken(folder, error) from None


def _told(home: Home) -> _Told:
    """By the ledger, and by damaged ones that it took the place of."""
    aside = glob.glob(os.path.join(glob.escape(home.state), "ledger.*.jsonl"))
    told = _Told(timestamp(clock.now_ns()), set(), {}, set())
    for path in (*sorted(aside), ledger_path(home)):
        with closing(Lines(path)) as lines:
            for line in lines.read():
                if lines.number == 1:
                    told = told._replace(since=min(told.since, str(_row(line).get("time", "~"))))
                if any(kind in line for kind in _TELLING):
                    _note(told, _row(line))
    return told


def _note(told: _Told, row: dict[str, Any]) -> None:
    match row:
        case {"kind": "open", "segment": str(name)}:
            told.opened.add(name)
        case {"kind": "close", "segment": str(name), "entries": int(entries), "head": str(head)}:
            told.closed[name] = entries, head
        case {"kind": "prune", "segments": list(segments)}:
            told.pruned.update(str(item[0]) for item in segments if isinstance(item, list) and item)


def _ended(name: str, path: str, size: int, told: _Told) -> list[Ended]:
    """The segment, unless it may still be written."""
    is_there = os.path.lexists(path)  # a clear file is made after its segment
    if is_there and name in told.opened and name not in told.closed:
        return []
    last = _last_entry(path)
    if last is None:
        return [_without_entries(name, path, size, told)]
    count, head, time = last["seq"] + 1, str(last["hash"]), str(last["time"])
    if name in told.closed:
        is_odd = told.closed[name] != (count, head)
    else:  # written before there was a ledger, or none of ours
        is_odd = time >= told.since or _names_ledger(path)
    return [Ended(name, path, count, head, time, size, is_odd)]


def _without_entries(name: str, path: str, size: int, told: _Told) -> Ended:
    """Its process was killed before the first one, which the ledger tells; or it is odd."""
    closed = told.closed.get(name, (0, ""))
    with closing(Lines(path)) as lines:
        is_empty = next(lines.read(), None) is None
        found = path if lines.is_there else clear_path(path)
    is_odd = found != path or not is_empty or closed != (0, GENESIS)
    # No entry says when it ended; by the end of its day, or hardly later.
    last = f"{name[:10]}T23:59:59.999999Z"
    return Ended(name, found, *closed, last, size, is_odd)


def _names_ledger(path: str) -> bool:
    """Whether its open entry names the ledger's that it was begun with."""
    with closing(Lines(path)) as lines:
        return _row(next(lines.read(), b"")).get("ledger") is not None


def _last_entry(path: str) -> dict[str, Any] | None:
    """The last whole line's entry, if its hash fits its bytes."""
    descriptor = open_file(path, secret=True)
    if descriptor is None:
        return None
    try:
        with os.fdopen(descriptor, "rb") as file:
            file.seek(max(0, os.fstat(descriptor).st_size - _TAIL_BYTES))
            data = file.read(_TAIL_BYTES)
    except OSError as error:
        raise broken(path, error) from None
    line = data[: max(0, data.rfind(b"\n"))].rpartition(b"\n")[2]
    row = {} if head_of(line) is None else _row(line)
    return row if {"seq", "time", "hash"} <= row.keys() else None


def _running(home: Home) -> set[str]:
    """Names of segments that a process holds, or that one which was killed left so."""
    try:
        return set(os.listdir(running_folder(home)))
    except OSError:
        return set()


def _row(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
