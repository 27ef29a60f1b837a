"""What a person has paused (state/paused.json): profiles, tools, or everything.

A file that cannot be read pauses everything: a switch that fails must not fail open.
"""

import json
import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from mcp_proxy.core.digest import checked_body, with_checksum
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import NAME_PATTERN
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges.files import FileLock, ensure_folder, read_file, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import bump_generation
from mcp_proxy.errors import HomeError, UsageError

TOOL_PATTERN = r"[A-Za-z0-9_-]{1,64}"
REASON_CHARS = 200


class Paused(NamedTuple):
    """One pause: of a profile, None for every one, and of a tool of it, None for all it does.

    `since_s` is in seconds of the epoch; `reason` is a person's word, "" for none.
    """

    profile: str | None
    tool: str | None
    since_s: int
    reason: str

    @property
    def text(self) -> str:
        """What is paused, in words."""
        place = "every profile" if self.profile is None else f"profile {self.profile}"
        return place if self.tool is None else f"tool {self.tool} of {place}"

    @property
    def words(self) -> str:
        """What `pause` and `resume` call it."""
        if self.profile is None:
            return "--all" if self.tool is None else self.tool
        return self.profile if self.tool is None else f"{self.profile}/{self.tool}"


EVERYTHING = Paused(None, None, 0, "")


class Pauses(NamedTuple):
    """Everything that is paused; `is_broken` where the file cannot be read, which pauses all."""

    rows: tuple[Paused, ...] = ()
    is_broken: bool = False

    def of(self, profile: str, tool: str | None) -> Paused | None:
        """The pause that keeps a tool of a profile from its calls, None where there is none.

        A `tool` of None stands for what a profile has beside tools.
        """
        if self.is_broken:
            return EVERYTHING
        for row in self.rows:
            if row.profile in (None, profile) and row.tool in (None, tool):
                return row
        return None


def read_pauses(home: Home) -> Pauses:
    """What is paused now; never raises."""
    try:
        data = read_file(_path(home), LIMITS.small_file_bytes)
    except HomeError:
        return Pauses(is_broken=True)
    return Pauses() if data is None else _parse(data)


def change_pauses(home: Home, change: Callable[[Pauses], tuple[Paused, ...]]) -> tuple[Paused, ...]:
    """Puts what `change` makes of the pauses in their place; running processes hear of it.

    Raises:
        HomeError: H02, H03 a folder or file is not safe or not writable.
        UsageError: W01 more than are kept.
    """
    ensure_folder(home.state)
    with FileLock(os.path.join(home.state, "paused.lock")):
        rows = change(read_pauses(home))
        # Whoever stops everything is not turned away for what is stopped already.
        if sum(row.profile is not None or row.tool is not None for row in rows) > LIMITS.pauses:
            why = f"At most {LIMITS.pauses} pauses are kept at once."
            raise UsageError("MCPX-W01", why, "mcp-proxy pause --all")
        write_file(_path(home), _dump(rows))
        bump_generation(home)
        return rows


def _path(home: Home) -> str:
    return os.path.join(home.state, "paused.json")


def _dump(rows: tuple[Paused, ...]) -> bytes:
    plain = [row._asdict() for row in rows]
    return with_checksum(json.dumps(plain, indent=1).encode() + b"\n")


def _parse(data: bytes) -> Pauses:
    body = checked_body(data)
    try:
        rows = json.loads(b"" if body is None else body)
        return Pauses(tuple(_parse_row(row) for row in rows))
    except (ValueError, TypeError, KeyError, RecursionError):
        return Pauses(is_broken=True)


def _parse_row(row: Any) -> Paused:
    profile, tool, since_s, reason = (row[name] for name in Paused._fields)
    is_named = _fits(profile, NAME_PATTERN) and _fits(tool, TOOL_PATTERN)
    is_typed = type(since_s) is int and isinstance(reason, str)
    if not is_named or not is_typed or len(row) != len(Paused._fields):
        raise ValueError
    return Paused(profile, tool, since_s, one_sentence(reason, REASON_CHARS))


def _fits(name: Any, pattern: str) -> bool:
    return name is None or re.fullmatch(pattern, name) is not None
