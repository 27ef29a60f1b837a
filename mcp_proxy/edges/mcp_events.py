"""Progress and log notifications of an upstream as events: only those asked for, cleaned."""

import contextlib
import math
from typing import Any

from mcp_proxy.core import eras, strict_json
from mcp_proxy.core.answer import Emit, Log, Progress, Wishes
from mcp_proxy.core.limits import Limits
from mcp_proxy.core.text import clean_value, one_sentence


class CallEvents:
    """Hears the notifications of one call and emits what its client and its profile allow (S14)."""

    def __init__(
        self, features: tuple[str, ...], wishes: Wishes, emit: Emit, limits: Limits
    ) -> None:
        """`features` of the upstream; log messages below the level wished for are dropped."""
        self._wants_progress = wishes.progress and "progress" in features
        self._levels = _levels(wishes.log_level) if "logging" in features else ()
        self._emit = emit
        self._limits = limits
        self._progress = -math.inf
        self._progress_left = limits.progress_events
        self._log_bytes = 0

    def hear(self, message: dict[str, Any], request_id: int) -> None:
        """One notification on the stream of request `request_id`; anything improper is dropped."""
        params = message.get("params")
        if not isinstance(params, dict):
            return
        if message["method"] == "notifications/progress" and self._wants_progress:
            self._hear_progress(params, request_id)
        elif message["method"] == "notifications/message" and params.get("level") in self._levels:
            self._hear_log(params["level"], params)

    def _hear_progress(self, params: dict[str, Any], request_id: int) -> None:
        token, progress = params.get("progressToken"), _number(params.get("progress"))
        if type(token) is not int or token != request_id or progress is None:
            return
        # The specification lets it only grow; a client may rely on that.
        if progress > self._progress and self._progress_left:
            self._progress = progress
            self._progress_left -= 1
            total, message = _number(params.get("total")), self._text(params.get("message"))
            self._emit(Progress(progress, total, message))

    def _hear_log(self, level: str, params: dict[str, Any]) -> None:
        with contextlib.suppress(ValueError):
            data = clean_value(params.get("data"))
            # A call's result is bounded; what is said beside it must be too.
            self._log_bytes += len(strict_json.dumps(data))
            if self._log_bytes <= self._limits.log_bytes:
                self._emit(Log(level, self._text(params.get("logger")), data))

    def _text(self, value: Any) -> str | None:
        if not isinstance(value, str) or not value.strip():
            return None
        return one_sentence(value, self._limits.upstream_message_chars)


def _levels(lowest: str | None) -> tuple[str, ...]:
    """The levels from `lowest` on; none where no messages are wished for."""
    return () if lowest not in eras.LEVELS else eras.LEVELS[eras.LEVELS.index(lowest) :]


def _number(value: Any) -> float | None:
    """A JSON number; booleans are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value
