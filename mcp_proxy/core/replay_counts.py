"""What past calls would have taken of limits, counted from the first of them on. Pure."""

from datetime import tzinfo
from typing import Any

from mcp_proxy.core.budget import Reservation
from mcp_proxy.core.profile import Limit
from mcp_proxy.core.windows import window

_Place = tuple[str, str, str, Any]


class Counts:
    """The newest window of each limit; calls come in the order of time."""

    def __init__(self) -> None:
        self._taken: dict[_Place, tuple[str, int]] = {}

    def take(
        self, tool: str, parts: tuple[Reservation, ...], at_s: float, zone: tzinfo | None
    ) -> Limit | None:
        """Count a call, all of it or nothing; the limit that has too little left, if one has.

        Without a zone that this machine knows nothing is counted.
        """
        if zone is None:
            return None
        after: dict[_Place, tuple[str, int]] = {}
        for part in parts:
            limit, label = part.limit, window(part.limit.per, at_s, zone).label
            place = (tool, limit.rule, type(part.by).__name__, part.by)
            held, taken = self._taken.get(place, (label, 0))
            total = part.amount + (taken if held == label else 0)
            if total > limit.at_most:
                return limit
            after[place] = (label, total)
        self._taken |= after
        return None
