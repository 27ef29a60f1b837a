"""Which decisions are of one call: all its legs bear its span. Pure."""

from collections import OrderedDict

_SPANS = 4_096  # those of calls that ended long ago are forgotten


class Spans:
    """The spans of the newest calls."""

    def __init__(self) -> None:
        self._legs: OrderedDict[str, int] = OrderedDict()

    def leg(self, span: str | None) -> int:
        """How many decisions bore this span before this one; 0 without a span."""
        if not span:
            return 0
        number = self._legs.pop(span, -1) + 1
        self._legs[span] = number
        if len(self._legs) > _SPANS:
            self._legs.popitem(last=False)
        return number
