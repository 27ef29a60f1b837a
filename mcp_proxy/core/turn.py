"""What one leg of a call sends: the request itself, or the client's replies to a parked one."""

from collections.abc import Mapping
from typing import NamedTuple

from mcp_proxy.core.answer import Answer, Parked, Question, Questions, Reply


class Turn(NamedTuple):
    """Leg number `leg`, from 1. `asked` are the questions that `replies` answer."""

    leg: int = 1
    parked: Parked | None = None
    asked: Mapping[str, Question] = {}
    replies: Mapping[str, Reply] = {}

    async def drop(self) -> None:
        """It is not sent after all."""
        if self.parked is not None:
            await self.parked.drop()


FIRST = Turn()


async def drop(answer: Answer | None) -> None:
    """Nobody will be asked what this answer asks."""
    if isinstance(answer, Questions):
        await answer.parked.drop()
