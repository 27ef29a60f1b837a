"""The plan of each request, from the profile in force and, for tasks, the calls that made them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from mcp_proxy.core import policy, questions, results
from mcp_proxy.core.answer import HttpAnswer, McpAnswer
from mcp_proxy.core.audit import Decided
from mcp_proxy.core.capabilities import has_extension
from mcp_proxy.core.passage import AskClient, Need, Passed
from mcp_proxy.core.plan import Contract, Going, Label, Plan, Refused
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
from mcp_proxy.core.presentation import presented
from mcp_proxy.core.reading import expiry
from mcp_proxy.core.ready import Ready
from mcp_proxy.core.request import McpRequest
from mcp_proxy.core.results import Admitted, Rejected
from mcp_proxy.core.shown import Remember, Shown
from mcp_proxy.core.task_register import Held, TaskRegister
from mcp_proxy.core.tasks import (
    Owner,
    admit_created,
    admit_task,
    cancel_request,
    get_request,
    update_request,
)
from mcp_proxy.core.trace_context import Trace
from mcp_proxy.core.turn import Turn
from mcp_proxy.core.wishes import TASKS, wishes


class Planner:
    """Plans requests by the profile in force; tasks by the calls that made them."""

    def __init__(self, contract: Contract, tasks: TaskRegister) -> None:
        self._contract = contract
        self._tasks = tasks
        self._shown = Shown()

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

    def stopped(self, going: Going, now_s: float) -> Deny | None:
        """Why a request that was let go may not leave after all: what changed since (S6)."""
        tool = None if going.ready is None else going.ready.tool.name
        found = self._contract.stopped(tool, now_s)
        is_cancel = going.allow.rule == "tasks cancel"
        return None if found is not None and is_cancel and found.id == _PAUSED else found

    def _plan_tool(
        self, params: dict[str, Any], capabilities: Mapping[str, Any], now_s: float
    ) -> Plan:
        arguments = params.get("arguments")
        arguments = {} if arguments is None else arguments
        ready = self._contract.ready(params["name"], now_s)
        if isinstance(ready, Deny):
            return Refused(self._contract.label(params["name"]), arguments, ready)
        tool, spec = ready.tool, ready.spec
        label = Label(tool.name, tool.upstream, tool.effect, is_tool=True)
        made = policy.decide(ready, arguments, now_s, self._shown)
        if isinstance(made, Deny):
            return Refused(label, arguments, made)
        call = (tool.name, tool.shows, made.arguments, now_s)
        remember = self._shown.of_call(*call) if tool.shows else None
        admit = partial(self._admit_call, ready=ready, capabilities=capabilities, remember=remember)
        asks = made.rule if isinstance(made, Ask) else None
        need = Need(asks, made.reservations) if asks or made.reservations else None
        allow = Allow(*made)
        return Going(label, arguments, allow, spec, tool.upstream, admit, ready, need=need)

    def _admit_call(
        self,
        answer: HttpAnswer | McpAnswer,
        ready: Ready,
        capabilities: Mapping[str, Any],
        remember: Remember | None,
    ) -> Admitted | Rejected:
        if isinstance(answer, McpAnswer) and answer.result.get("resultType") == "task":
            return self._admit_created(answer, ready, capabilities, remember)
        rules = ready.tool.result
        admitted = results.admit(answer, rules, ready.response, ready.mask)
        if remember is not None and isinstance(admitted, Admitted):
            remember(admitted.result)
        return presented(admitted, rules)

    def _admit_created(
        self,
        answer: McpAnswer,
        ready: Ready,
        capabilities: Mapping[str, Any],
        remember: Remember | None,
    ) -> Admitted | Rejected:
        tool, agreed = ready.tool, wishes(ready.spec, capabilities, None, progress=False)
        if not has_extension(agreed.capabilities, TASKS):
            admitted = results.admit(answer, tool.result, ready.response, ready.mask)
            return presented(admitted, tool.result)
        admitted = admit_created(answer.result, ready.mask)
        if isinstance(admitted, Rejected):
            return admitted
        owner = Owner(
            *(tool.name, tool.upstream, ready.spec, tool.result, ready.response),
            agreed.capabilities,
            ready.mask,
            remember,
            tool.effect,
        )
        if self._tasks.own(admitted.result["taskId"], owner):
            return admitted
        text = "The call was made, but the name of its task is another one's already."
        return Rejected("MCPX-U05", text)

    def _plan_task(self, method: str, params: dict[str, Any], now_s: float) -> Plan:
        """A task's legs bear its tool's name; they pass for as long as the tool is there.

        One that is paused can be cancelled: who stops calls wants no more of those under way.
        """
        task_id = params["taskId"]
        held = self._tasks.find(task_id)
        if held is None:
            denied = Deny("MCPX-D05", "tasks of the client", "Unknown task")
            return Refused(UNKNOWN, [task_id], denied)
        owner, ready = held.owner, self._contract.ready(held.owner.tool, now_s)
        effect = "read" if method == "tasks/get" else owner.effect
        label = Label(owner.tool, owner.upstream, effect, is_tool=False)
        if isinstance(ready, Deny) and (ready.id, method) != (_PAUSED, "tasks/cancel"):
            return Refused(label, [task_id], ready)
        expired = expiry(ready.expires_s, now_s) if isinstance(ready, Ready) else None
        request = _task_request(method, params, held) if expired is None else expired
        if isinstance(request, Deny):
            return Refused(label, [task_id], request)
        allow = Allow(method.replace("/", " "), request, {})
        admit = partial(self._admit_task, task_id=task_id, held=held, method=method)
        # What the client replies goes on with the call, so that drift bears on it (S16).
        checked = ready if method == "tasks/update" and isinstance(ready, Ready) else None
        return Going(label, [task_id], allow, owner.spec, owner.upstream, admit, checked)

    def _admit_task(
        self, answer: HttpAnswer | McpAnswer, task_id: str, held: Held, method: str
    ) -> Admitted | Rejected:
        if method != "tasks/get":
            return Admitted({}, 0)  # it says that it came, and has no field for anything else
        task = admit_task(of_mcp(answer), task_id, held.owner)
        if isinstance(task, Rejected):
            return task
        self._tasks.ask(task_id, task.questions)
        return Admitted(task.result, task.size_bytes, task.error, flags=task.flags)


def refuse(plan: Plan, deny: Deny) -> Refused:
    """The same request, denied."""
    return Refused(plan.label, plan.arguments, deny)


def continued(plan: Plan, first: Turn, found: Turn | Deny | None, raw: Any) -> tuple[Plan, Turn]:
    """The plan of a request that came again, by what its state was found to stand for."""
    if found is None:
        return plan, first
    return (refuse(plan, found), first) if isinstance(found, Deny) else answered(plan, found, raw)


def answered(plan: Plan, turn: Turn, raw: Any) -> tuple[Plan, Turn]:
    """A plan whose leg brings the client's replies, `raw` by key, to the turn's questions."""
    replies = questions.admit_replies(turn.asked, raw if isinstance(raw, dict) else {})
    if isinstance(replies, questions.Refused):
        return refuse(plan, Deny("MCPX-D01", "replies", replies.text)), turn
    return plan, turn._replace(replies=replies)


def decided_entry(plan: Plan, entered: object = None, trace: Trace | None = None) -> Decided:
    """What the log tells of a decision, of what the call met at the gate, and of its span."""
    label, span = plan.label, (None, None) if trace is None else (trace.own, trace.parent)
    word, approval = "allow", None
    if isinstance(plan, Refused):
        denied, names = plan.deny, (label.name, label.upstream, label.effect)
        return Decided(*names, "deny", denied.rule, denied.id, denied.approval, *span)
    if isinstance(entered, Passed):
        approval = entered.approval
    elif isinstance(entered, AskClient):
        word, approval = "ask", entered.request
    rule = plan.allow.rule
    return Decided(label.name, label.upstream, label.effect, word, rule, None, approval, *span)


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


_PAUSED = "MCPX-D11"
