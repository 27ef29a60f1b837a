"""The plan of each request, from the profile in force and, for tasks, the calls that made them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from mcp_proxy.core import policy, questions, results
from mcp_proxy.core.answer import HttpAnswer, McpAnswer
from mcp_proxy.core.audit import Decided
from mcp_proxy.core.capabilities import has_extension
from mcp_proxy.core.plan import Contract, Going, Label, Plan, Ready, Refused
from mcp_proxy.core.plan_reads import (
    UNKNOWN,
    as_wish,
    of_mcp,
    plan_completion,
    plan_prompt,
    plan_read,
    plan_watch,
)
from mcp_proxy.core.policy import Allow, Ask, Deny
from mcp_proxy.core.reading import expiry
from mcp_proxy.core.request import McpRequest
from mcp_proxy.core.results import Admitted, Rejected
from mcp_proxy.core.task_register import Held, TaskRegister
from mcp_proxy.core.tasks import (
    Owner,
    admit_created,
    admit_task,
    cancel_request,
    get_request,
    update_request,
)
from mcp_proxy.core.turn import FIRST, Turn
from mcp_proxy.core.wishes import TASKS, wishes


class Planner:
    """Plans requests by the profile in force; tasks by the calls that made them."""

    def __init__(self, contract: Contract, tasks: TaskRegister) -> None:
        self._contract = contract
        self._tasks = tasks

    def plan(
        self, method: str, params: dict[str, Any], capabilities: Mapping[str, Any], now_s: float
    ) -> Plan:
        """The plan of a request that a session hands on; `capabilities` are its client's.

        A listener's request is taken apart: resources/subscribe of each resource, and
        subscriptions/listen with the `taskId` of each task.
        Raises ValueError for any other method.
        """
        contract = self._contract
        match method:
            case "tools/call":
                return self._plan_tool(params, capabilities, now_s)
            case "resources/read":
                return plan_read(contract.resource(params["uri"], now_s), params["uri"], now_s)
            case "resources/subscribe" | "resources/unsubscribe":
                rule, uri = method.removeprefix("resources/"), params["uri"]
                return plan_watch(contract.resource(uri, now_s), uri, rule, now_s)
            case "prompts/get":
                found = contract.prompt(params["name"], now_s)
                return plan_prompt(found, params.get("arguments"), now_s)
            case "completion/complete":
                return plan_completion(contract.holdings(now_s), params, now_s)
            case "tasks/get" | "tasks/update" | "tasks/cancel":
                return self._plan_task(method, params, now_s)
            case "subscriptions/listen":
                return as_wish(self._plan_task("tasks/get", params, now_s), "tasks listen")
        raise ValueError("a method that no session hands on")

    def _plan_tool(
        self, params: dict[str, Any], capabilities: Mapping[str, Any], now_s: float
    ) -> Plan:
        arguments = params.get("arguments")
        arguments = {} if arguments is None else arguments
        ready = self._contract.ready(params["name"], now_s)
        if isinstance(ready, Deny):
            return Refused(_UNKNOWN_TOOL, arguments, ready)
        tool, spec = ready.tool, ready.spec
        label = Label(tool.name, tool.upstream, tool.effect, is_tool=True)
        made = policy.decide(tool, ready.schema, spec, arguments, ready.expires_s, now_s)
        if isinstance(made, Ask):
            made = policy.unasked(made)
        if isinstance(made, Deny):
            return Refused(label, arguments, made)
        admit = partial(self._admit_call, ready=ready, capabilities=capabilities)
        checked = None if spec.kind == "rest" else ready
        return Going(label, arguments, made, spec, tool.upstream, admit, checked)

    def _admit_call(
        self, answer: HttpAnswer | McpAnswer, ready: Ready, capabilities: Mapping[str, Any]
    ) -> Admitted | Rejected:
        if isinstance(answer, McpAnswer) and answer.result.get("resultType") == "task":
            return self._admit_created(answer, ready, capabilities)
        return results.admit(answer, ready.tool.result, ready.response)

    def _admit_created(
        self, answer: McpAnswer, ready: Ready, capabilities: Mapping[str, Any]
    ) -> Admitted | Rejected:
        tool, agreed = ready.tool, wishes(ready.spec, capabilities, None, progress=False)
        if not has_extension(agreed.capabilities, TASKS):
            return results.admit(answer, tool.result, ready.response)
        admitted = admit_created(answer.result)
        if isinstance(admitted, Rejected):
            return admitted
        owner = Owner(
            *(tool.name, tool.upstream, ready.spec, tool.result, ready.response),
            agreed.capabilities,
        )
        if self._tasks.own(admitted.result["taskId"], owner):
            return admitted
        text = "The call was made, but the name of its task is another one's already."
        return Rejected("MCPX-U05", text)

    def _plan_task(self, method: str, params: dict[str, Any], now_s: float) -> Plan:
        """A task's legs bear its tool's name; they pass for as long as the tool is there."""
        task_id = params["taskId"]
        held = self._tasks.find(task_id)
        if held is None:
            denied = Deny("MCPX-D05", "tasks of the client", "Unknown task")
            return Refused(UNKNOWN, [task_id], denied)
        ready = self._contract.ready(held.owner.tool, now_s)
        if isinstance(ready, Deny):
            return Refused(UNKNOWN, [task_id], ready)
        tool = ready.tool
        effect = "read" if method == "tasks/get" else tool.effect
        label = Label(tool.name, tool.upstream, effect, is_tool=False)
        expired = expiry(ready.expires_s, now_s)
        request = _task_request(method, params, held) if expired is None else expired
        if isinstance(request, Deny):
            return Refused(label, [task_id], request)
        allow = Allow(method.replace("/", " "), request, {})
        admit = partial(self._admit_task, task_id=task_id, held=held, method=method)
        # What the client replies goes on with the call, so that drift bears on it (S16).
        checked = ready if method == "tasks/update" else None
        return Going(label, [task_id], allow, ready.spec, tool.upstream, admit, checked)

    def _admit_task(
        self, answer: HttpAnswer | McpAnswer, task_id: str, held: Held, method: str
    ) -> Admitted | Rejected:
        if method != "tasks/get":
            return Admitted({}, 0)  # it says that it came, and has no field for anything else
        task = admit_task(of_mcp(answer), task_id, held.owner)
        if isinstance(task, Rejected):
            return task
        self._tasks.ask(task_id, task.questions)
        return Admitted(task.result, task.size_bytes, task.error)


def refuse(plan: Plan, deny: Deny) -> Refused:
    """The same request, denied."""
    return Refused(plan.label, plan.arguments, deny)


def continued(plan: Plan, found: Turn | Deny | None, raw: Any) -> tuple[Plan, Turn]:
    """The plan of a request that came again, by what its state was found to stand for."""
    if found is None:
        return plan, FIRST
    return (refuse(plan, found), FIRST) if isinstance(found, Deny) else answered(plan, found, raw)


def answered(plan: Plan, turn: Turn, raw: Any) -> tuple[Plan, Turn]:
    """A plan whose leg brings the client's replies, `raw` by key, to the turn's questions."""
    replies = questions.admit_replies(turn.asked, raw if isinstance(raw, dict) else {})
    if isinstance(replies, questions.Refused):
        return refuse(plan, Deny("MCPX-D01", "replies", replies.text)), turn
    return plan, turn._replace(replies=replies)


def decided_entry(plan: Plan) -> Decided:
    """What the log tells of a decision."""
    label = plan.label
    if isinstance(plan, Refused):
        word, rule, error = "deny", plan.deny.rule, plan.deny.id
    else:
        word, rule, error = "allow", plan.allow.rule, None
    return Decided(label.name, label.upstream, label.effect, word, rule, error)


def _task_request(method: str, params: dict[str, Any], held: Held) -> McpRequest | Deny:
    task_id = params["taskId"]
    if method == "tasks/get":
        return get_request(task_id)
    if method == "tasks/cancel":
        return cancel_request(task_id)
    replies = questions.admit_replies(held.questions, params["inputResponses"])
    if isinstance(replies, questions.Refused):
        return Deny("MCPX-D01", "replies", replies.text)
    return update_request(task_id, replies)


_UNKNOWN_TOOL = Label(None, None, None, is_tool=True)
