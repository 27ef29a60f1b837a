"""Which call each task belongs to: nobody but its maker's client may ask for it by its id."""

from collections.abc import Mapping
from typing import NamedTuple

from mcp_proxy.core.answer import Question
from mcp_proxy.core.tasks import Owner


class Held(NamedTuple):
    """A task, and what its last state asked the client."""

    owner: Owner
    questions: Mapping[str, Question]


class TaskRegister:
    """The tasks that one client's calls have made; the oldest give way."""

    def __init__(self, tasks: int) -> None:
        """At most so many are kept."""
        self._most = tasks
        self._held: dict[str, Held] = {}

    def own(self, task_id: str, owner: Owner) -> bool:
        """A call has made this task; False where the id is another upstream's or tool's already."""
        held = self._held.get(task_id)
        if held is not None:
            return (held.owner.upstream, held.owner.tool) == (owner.upstream, owner.tool)
        while len(self._held) >= self._most:
            del self._held[next(iter(self._held))]
        self._held[task_id] = Held(owner, {})
        return True

    def find(self, task_id: str) -> Held | None:
        """The task of this id, if a call here made it."""
        return self._held.get(task_id)

    def ask(self, task_id: str, questions: Mapping[str, Question]) -> None:
        """Its state asks these now."""
        held = self._held.get(task_id)
        if held is not None:
            self._held[task_id] = held._replace(questions=questions)
