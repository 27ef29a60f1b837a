"""What one leg of a call sends: the request itself, or the client's replies to a parked one."""

from collections.abc import Mapping
from typing import NamedTuple

from mcp_proxy.core.answer import Answer, Failure, Parked, Question, Questions, Reply
from mcp_proxy.core.passage import Passed
from mcp_proxy.core.trace_context import Trace


class Turn(NamedTuple):
    """Leg number `leg`, from 1. `asked` are the questions that `replies` answer.

    `is_repeat`: the same call once more, in a new session of its upstream. `request` is the
    approval that the questions were asked for, if they were not the upstream's; `passed` what the
    call has passed in a leg before; `trace` the call's span, which all its legs share.
    """

    leg: int = 1
    parked: Parked | None = None
    asked: Mapping[str, Question] = {}
    replies: Mapping[str, Reply] = {}
    is_repeat: bool = False
    request: str | None = None
    passed: Passed | None = None
    trace: Trace | None = None

    async def drop(self) -> None:
        """It is not sent after all."""
        if self.parked is not None:
            await self.parked.drop()


def is_repeatable(answer: Answer | None, turn: Turn) -> bool:
    """Whether the call can be made once more, when it has been decided again (S16)."""
    return isinstance(answer, Failure) and answer.renewed and not turn.is_repeat


async def drop(answer: Answer | None) -> None:
    """Nobody will be asked what this answer asks."""
    if isinstance(answer, Questions):
        await answer.parked.drop()
