"""What `doctor` says of repositories: whether they can be read here, how fresh their word is."""

import time
from typing import NamedTuple

from mcp_proxy.app import tuf_extra
from mcp_proxy.core.freshness import standing
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.seen import Seen
from mcp_proxy.core.trust_store import Repository
from mcp_proxy.edges import clock
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.repository_folder import read_root
from mcp_proxy.errors import McpProxyError

_LATE = {
    "grace": "all is served in its offline grace",
    "reads": "only what reads is served in its offline grace",
    "ended": "nothing is served",
}


class Finding(NamedTuple):
    """One finding; `next` is the command that mends what is not `ok`."""

    ok: bool
    found: str
    next: str | None = None


def check_repository(home: Home, repository: Repository) -> Finding:
    """Whether a trusted repository can be read here; it is not asked."""
    try:
        root = tuf_extra.load(tuf_extra.REPOSITORY_PROOF).view_root(read_root(home, repository.id))
    except McpProxyError as error:
        return Finding(False, str(error), error.next)
    found = f"trusted for {', '.join(repository.profiles)} by root version {root.version}"
    return Finding(True, found)


def check_standing(profile: Profile, record: Seen | None) -> Finding | None:
    """How fresh the word on an installed profile is, a pin, what waits; None for pinned keys."""
    if record is None or record.activation is None:
        return None
    name, said = profile.header.profile, record.activation
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(said.fresh_until_s))
    late = _LATE.get(standing(profile.freshness, clock.now_s()))
    if late is not None:
        return Finding(
            False, f"out of date since {until}: {late}", f"mcp-proxy profile update {name}"
        )
    words = [f"fresh until {until}"]
    if record.pin is not None:
        words.append(f"pinned to version {record.pin.version}")
    if said.waiting:
        words.append(f"version {said.waiting} waits for: mcp-proxy profile update {name}")
    return Finding(True, ", ".join(words))
