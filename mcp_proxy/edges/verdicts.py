"""Verdicts on drift, kept for other processes of a profile: `state/verdicts/NAME.json` (S16).

Two small files per profile, each behind a line with its digest. `NAME.json` names the tools that
have drifted, for the profile of one digest, by upstream; serve reads it at its start, and there is
none where nothing has. `NAME.declared.json` holds what each tool's gateway declared when it last
matched, to be shown beside what it declares now. A damaged or foreign file counts as none: every
call is checked by itself, so that these files widen nothing.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

from mcp_proxy.core.digest import checked_body, with_checksum
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.files import FileLock, ensure_folder, read_file, remove_file, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import HomeError

Drifted = dict[str, frozenset[str]]
Entries = Mapping[str, dict[str, Any]]


def read_drifted(home: Home, profile: str, digest: str) -> Drifted:
    """The drifted tools of a profile by upstream, as judged last; none for another digest."""
    rows = _read(_path(home, profile), digest)
    return {
        upstream: frozenset(str(name) for name in names)
        for upstream, names in rows.items()
        if isinstance(names, list)
    }


def read_declared(home: Home, profile: str, digest: str, upstream: str) -> dict[str, Any]:
    """What an upstream declared, by the profile's tools, when each last matched."""
    held = _read(_declared_path(home, profile), digest).get(upstream)
    return held if isinstance(held, dict) else {}


def record_drifted(
    home: Home, profile: str, digest: str, upstream: str, tools: frozenset[str]
) -> None:
    """Replaces the verdict on one upstream. Raises HomeError H02, H03."""
    with _lock(home):
        path = _path(home, profile)
        rows = {**read_drifted(home, profile, digest), upstream: tools}
        held = {name: sorted(items) for name, items in sorted(rows.items()) if items}
        if held:
            write_file(path, _dumped(digest, held))
        else:
            remove_file(path)


def record_declared(home: Home, profile: str, digest: str, upstream: str, entries: Entries) -> None:
    """Keeps what matches now beside what matched before, up to the bound; writes only news.

    Raises HomeError H02, H03.
    """
    with _lock(home):
        path = _declared_path(home, profile)
        before = _read(path, digest)
        mine = before.get(upstream)
        rows = {**before, upstream: {**(mine if isinstance(mine, dict) else {}), **entries}}
        data = _dumped(digest, rows)
        if rows != before and len(data) <= LIMITS.declared_bytes:
            write_file(path, data)


def _read(path: str, digest: str) -> dict[str, Any]:
    """The file's rows, where it is whole and of this digest."""
    try:
        data = read_file(path, LIMITS.declared_bytes)
        body = None if data is None else checked_body(data)
        value = None if body is None else json.loads(body)
    except (HomeError, ValueError, RecursionError):
        return {}
    if not isinstance(value, dict) or value.get("digest") != digest:
        return {}
    rows = value.get("upstreams")
    return rows if isinstance(rows, dict) else {}


def _dumped(digest: str, rows: Mapping[str, Any]) -> bytes:
    value = {"digest": digest, "upstreams": rows}
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return with_checksum(text.encode(errors="replace") + b"\n")


def _path(home: Home, profile: str) -> str:
    return os.path.join(home.state, "verdicts", f"{profile}.json")


def _declared_path(home: Home, profile: str) -> str:
    return os.path.join(home.state, "verdicts", f"{profile}.declared.json")


def _lock(home: Home) -> FileLock:
    folder = os.path.join(home.state, "verdicts")
    ensure_folder(folder)
    return FileLock(os.path.join(folder, "lock"))
