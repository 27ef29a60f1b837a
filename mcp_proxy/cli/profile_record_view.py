"""How a profile's version record is told: its root, how fresh that is, a pin, what waits."""

import time
from typing import Any

from mcp_proxy.core.freshness import standing
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.seen import PINNED_KEYS, Seen

_LATE = {
    "grace": "out of date, in its grace: profile update",
    "reads": "out of date, reads only: profile update",
    "ended": "out of date: profile update",
}


def root_words(record: Seen | None) -> str:
    """Where a profile's versions come from, in a word or two."""
    if record is None:
        return "?"
    return "pinned keys" if record.root == PINNED_KEYS else f"repository {record.root[-1][:8]}"


def standing_words(profile: Profile, record: Seen | None) -> list[str]:
    """What a person should know of a profile that may be served; empty where there is nothing."""
    words = []
    late = _LATE.get(standing(profile.freshness, time.time()))
    if late is not None:
        words.append(late)
    if record is not None and record.pin is not None:
        words.append(f"pinned to {record.pin.version}")
    if record is not None and record.activation is not None and record.activation.waiting:
        words.append(f"version {record.activation.waiting} waits: profile update")
    return words


def record_lines(profile: Profile, record: Seen | None) -> list[str]:
    """The same for `profile show`; nothing for a profile of pinned keys that is not pinned."""
    if record is None or (record.root == PINNED_KEYS and record.pin is None):
        return []
    lines = []
    if record.activation is not None:
        until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(record.activation.fresh_until_s))
        lines += [f"from      repository {record.root[-1]}", f"fresh     until {until}"]
    return lines + [f"state     {words}" for words in standing_words(profile, record)]


def plain_record(record: Seen | None) -> dict[str, Any]:
    """A record as JSON has it; `fresh_until` is seconds since the epoch."""
    said = None if record is None else record.activation
    pin = None if record is None else record.pin
    return {
        "root": None if record is None else " ".join(record.root),
        "fresh_until": None if said is None else said.fresh_until_s,
        "waiting": None if said is None else said.waiting or None,
        "pinned": None if pin is None else pin.version,
    }
