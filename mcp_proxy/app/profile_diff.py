"""`profile diff`, and what an install changes: two versions in, their differences out."""

import os
import re
from typing import NamedTuple

from mcp_proxy.app.profile_file import is_name, unverified_profile
from mcp_proxy.core.change import Change
from mcp_proxy.core.changes import compare
from mcp_proxy.core.contents import Contents, parse_contents
from mcp_proxy.core.profile import NAME_PATTERN, Profile
from mcp_proxy.edges import clock
from mcp_proxy.edges.places import find_home
from mcp_proxy.edges.profile_store import load_profile
from mcp_proxy.errors import ProfileError

_KEPT = re.compile(rf"({NAME_PATTERN})@([0-9]{{1,16}})")


class Diff(NamedTuple):
    """Two versions and what differs; `unverified` are the given ones whose signature nobody saw."""

    old: Contents
    new: Contents
    changes: tuple[Change, ...]
    unverified: tuple[str, ...]


def diff(old: str, new: str) -> Diff:
    """Compares what two arguments name: NAME, NAME@VERSION kept here, or a file.

    A file is a source (built in memory), a payload or an envelope; its signature is not checked,
    for whoever reviews a version need not trust its signer yet.

    Raises:
        SourceError: a source cannot be built.
        ProfileError: P09, P10 one is no profile; P11 and others, as serve, of an installed name.
        UsageError: W01 a file cannot be read.
    """
    before, now = (parse_contents(_profile(given)) for given in (old, new))
    unverified = tuple(dict.fromkeys(given for given in (old, new) if not is_name(given)))
    return Diff(before, now, compare(before, now), unverified)


def changes_here(profile: Profile) -> tuple[Change, ...] | None:
    """What a verified profile would change for who uses the installed one of its name.

    None where none is installed, or none that may be served, so that nothing is to compare with.
    """
    try:
        held = parse_contents(load_profile(find_home(), profile.header.profile, clock.now_s()))
    except ProfileError:
        return None
    return compare(held, parse_contents(profile))


def _profile(given: str) -> Profile:
    if is_name(given):
        return load_profile(find_home(), given, clock.now_s())
    kept = _KEPT.fullmatch(given)
    return unverified_profile(given if kept is None else _kept_path(kept[1], int(kept[2])))


def _kept_path(name: str, version: int) -> str:
    path = os.path.join(find_home().data, "kept", name, f"{version}.dsse.json")
    if not os.path.isfile(path):
        why = f"Version {version} of profile {name} is not kept here."
        raise ProfileError("MCPX-P11", why, "mcp-proxy profile list")
    return path
