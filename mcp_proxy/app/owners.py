"""Whose a resource or a task is: by the profile in force, and by the calls that made the tasks."""

from collections.abc import Callable

from mcp_proxy.core.answer import Change
from mcp_proxy.core.plan import Contract
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.reading import expiry
from mcp_proxy.core.results import Rejected
from mcp_proxy.core.task_register import Held, TaskRegister
from mcp_proxy.core.tasks import admit_task

ENDED = ("completed", "failed", "cancelled")


class ProfileOwners:
    """Fills `Owners` for what is watched."""

    def __init__(
        self,
        contract: Contract,
        tasks: TaskRegister,
        note: Callable[[str, int, str], None],
        now_s: Callable[[], float],
    ) -> None:
        """`note` tells the log, and of which tool, that a task's end reached the client unasked."""
        self._contract = contract
        self._tasks = tasks
        self._note = note
        self._now_s = now_s

    def of_uri(self, uri: str) -> str | None:
        """The upstream of a resource that may be read now."""
        now_s = self._now_s()
        found = self._contract.resource(uri, now_s)
        if isinstance(found, Deny) or expiry(found.expires_s, now_s) is not None:
            return None
        return found.resource.upstream

    def of_task(self, task_id: str) -> str | None:
        """The upstream of a task whose tool may be called now."""
        held = self._in_force(task_id)
        return None if held is None else held.owner.upstream

    def admit_task(self, upstream: str, change: Change) -> Change | None:
        """A task's state by its tool's rules; None where it is not this upstream's, or unfit."""
        params = change.params or {}
        task_id = params.get("taskId")
        held = self._in_force(task_id) if isinstance(task_id, str) else None
        if held is None or held.owner.upstream != upstream or not isinstance(task_id, str):
            return None
        task = admit_task(params, task_id, held.owner)
        if isinstance(task, Rejected):
            return None
        self._tasks.ask(task_id, task.questions)
        if task.result["status"] in ENDED:
            self._note("task ended", 1, held.owner.tool)
        return Change("task", params=task.result)

    def _in_force(self, task_id: str) -> Held | None:
        held, now_s = self._tasks.find(task_id), self._now_s()
        if held is None:
            return None
        ready = self._contract.ready(held.owner.tool, now_s)
        if isinstance(ready, Deny) or expiry(ready.expires_s, now_s) is not None:
            return None
        return held
