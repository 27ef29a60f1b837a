"""Where the times of a chain go back: the clock of that machine was set. Pure."""

from datetime import datetime

# As for limits (S18); machines that keep their clock right by themselves make smaller steps.
_STEP_S = 300
_MOST_TOLD = 20


class ClockSteps:
    """Fed with the times of a chain's entries, in its order."""

    def __init__(self) -> None:
        self._last = ""
        self._told = 0

    def feed(self, time: str) -> str | None:
        """What is to be told of a step back above five minutes, of the first 20 such steps."""
        last, self._last = self._last, time
        if time >= last or self._told >= _MOST_TOLD or not _is_step(last, time):
            return None
        self._told += 1
        return f"the clock was set back, from {last[:19]}Z to {time[:19]}Z"


def _is_step(last: str, time: str) -> bool:
    try:
        back = datetime.fromisoformat(last) - datetime.fromisoformat(time)
    except (ValueError, TypeError):
        return False
    return back.total_seconds() > _STEP_S
