"""What a profile repository lists, in names: target paths, what stands beside them, who may sign.

A repository is TUF (theupdateframework.io, specification 1.0): plain files on any host. Each
profile NAME is a delegated role of that name, which alone may list `NAME/...`:
`NAME/profile.dsse.json` is the current version, `NAME/VERSION.dsse.json` each that may be pinned.
"""

import re
from typing import Any, NamedTuple

from mcp_proxy.core.profile import NAME_PATTERN

# TUF keeps these names for itself.
RESERVED = ("root", "snapshot", "targets", "timestamp")

_VERSION_PATH = re.compile(rf"({NAME_PATTERN})/([1-9][0-9]{{0,17}})\.dsse\.json", re.ASCII)


class Listed(NamedTuple):
    """What stands beside a target: its version; `floor` is the lowest that may be pinned."""

    version: int
    floor: int


class KeyView(NamedTuple):
    """A public key of a repository: its fingerprint as `trust list` has it, its owner's name."""

    fingerprint: str
    name: str


class RoleView(NamedTuple):
    """A role as `repository show` has it; `expires` is seconds since the epoch."""

    role: str
    version: int
    expires: int
    threshold: int
    keys: tuple[KeyView, ...]


class ProfileView(NamedTuple):
    """A delegated profile; `current` is None where its role lists nothing.

    `problem` says why clients refuse its role, "" where they take it; `versions` in order.
    """

    role: RoleView
    current: Listed | None
    versions: tuple[int, ...]
    problem: str


class RepositoryView(NamedTuple):
    """A whole repository; `waiting` are the roles of which a draft waits for signatures."""

    roles: tuple[RoleView, ...]
    profiles: tuple[ProfileView, ...]
    waiting: tuple[str, ...]


def is_role_name(name: str) -> bool:
    """Whether a profile of that name can be in a repository."""
    return re.fullmatch(NAME_PATTERN, name) is not None and name not in RESERVED


def current_path(name: str) -> str:
    """The target path of a profile's current version."""
    return f"{name}/profile.dsse.json"


def version_path(name: str, version: int) -> str:
    """The target path of one version, for those who pin it."""
    return f"{name}/{version}.dsse.json"


def parse_version_path(path: str, name: str) -> int | None:
    """The version that a target path of profile `name` stands for; None for any other path."""
    match = _VERSION_PATH.fullmatch(path)
    return int(match[2]) if match is not None and match[1] == name else None


def listed_custom(listed: Listed, *, current: bool) -> dict[str, Any]:
    """A target's `custom` field; the floor stands beside the current version alone."""
    row = listed._asdict() if current else {"version": listed.version}
    return {"mcp-proxy": row}


def parse_listed(custom: Any) -> Listed | None:
    """The inverse of `listed_custom` (floor 1 where none stands there); None where it is none."""
    row = custom.get("mcp-proxy") if isinstance(custom, dict) else None
    if not isinstance(row, dict):
        return None
    version, floor = row.get("version"), row.get("floor", 1)
    if type(version) is not int or type(floor) is not int or not 1 <= floor <= version:
        return None
    return Listed(version, floor)
