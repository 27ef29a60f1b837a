"""When a local server that ended by itself may be started again: 0.5, 1, 2 ... 30 seconds later."""

from mcp_proxy.core.limits import Limits


class Restarts:
    """Counts the crashes of one server; a minute of health forgives them. Times in seconds."""

    def __init__(self, limits: Limits) -> None:
        """Nothing has crashed."""
        self._limits = limits
        self._crashes = 0
        self._started_s = 0.0
        self._not_before_s = 0.0

    def started(self, now_s: float) -> None:
        """It was started."""
        self._started_s = now_s

    def crashed(self, now_s: float) -> None:
        """It has ended by itself, or could not be started."""
        limits = self._limits
        if (now_s - self._started_s) * 1000 >= limits.child_healthy_ms:
            self._crashes = 0
        pause_ms = limits.child_restart_first_ms << min(self._crashes, 16)
        self._crashes += 1
        self._not_before_s = now_s + min(pause_ms, limits.child_restart_max_ms) / 1000

    def wait_s(self, now_s: float) -> float:
        """How long it has to be waited still; 0 where it may be started now."""
        return max(0.0, self._not_before_s - now_s)
