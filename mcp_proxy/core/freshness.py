"""How long a repository's word on a profile holds, and what is left of it after that (S19)."""

from typing import Literal, NamedTuple

Standing = Literal["fresh", "grace", "reads", "ended"]

GRACE_MAX_S = 30 * 86_400


class Freshness(NamedTuple):
    """`until_s`: when the repository's timestamp expires, since the epoch; `grace_s`: from then."""

    until_s: int
    grace_s: int


def standing(freshness: Freshness | None, now_s: float) -> Standing:
    """What may be done at `now_s`: all; all, with a warning; reading alone; nothing.

    Half of the grace warns, the other half refuses what changes something.
    """
    if freshness is None or now_s < freshness.until_s:
        return "fresh"
    late_s = now_s - freshness.until_s
    if late_s >= freshness.grace_s:
        return "ended"
    return "grace" if late_s < freshness.grace_s / 2 else "reads"


def bounded_grace_s(*wishes_s: int) -> int:
    """The least of what profile and machine allow, and never above thirty days."""
    return max(0, min(*wishes_s, GRACE_MAX_S))
