"""Tasks (extension `io.modelcontextprotocol/tasks`): a call whose result is fetched later.

A task belongs to the call that made it: its state and its result pass the same rules as that
tool's, whichever request brings them.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from mcp_proxy.core import results
from mcp_proxy.core.answer import McpAnswer, Question, Reply
from mcp_proxy.core.http_results import clean_json, clean_message
from mcp_proxy.core.jsonrpc import INTERNAL_ERROR, Told
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.mask import Mask
from mcp_proxy.core.presentation import presented, with_own_meta
from mcp_proxy.core.profile import ResultRules, UpstreamSpec
from mcp_proxy.core.questions import Refused, admit_questions
from mcp_proxy.core.reading import bounded
from mcp_proxy.core.request import McpRequest
from mcp_proxy.core.results import Admitted, Rejected
from mcp_proxy.core.schema import Schema
from mcp_proxy.core.shape import Unfit
from mcp_proxy.core.shown import Remember
from mcp_proxy.core.text import clean, one_sentence

_STATES = ("working", "input_required", "completed", "failed", "cancelled")
# What is admitted by rules of its own, and what only the result of a call has.
_PARTS = frozenset({"inputRequests", "result", "error"})
_OF_A_CALL = frozenset({"content", "structuredContent", "isError"})
_SUBJECT = "The call was made, but the state of its task"


class Owner(NamedTuple):
    """The call that a task belongs to: the profile's tool, its rules, and where it went.

    `capabilities` are what the upstream was told that the client has; `mask` is what its answers
    pass. `remember` takes what they show, None where no rule refers to that; `effect` is the
    tool's.
    """

    tool: str
    upstream: str
    spec: UpstreamSpec
    rules: ResultRules
    schema: Schema | None
    capabilities: Mapping[str, Any]
    mask: Mask | None = None
    remember: Remember | None = None
    effect: str = "destructive"


class Task(NamedTuple):
    """An admitted state of a task: what the client gets, and the questions that it holds.

    `error` is the MCPX id of why the task's result was withheld, if it was; `flags` are words for
    the log.
    """

    result: dict[str, Any]
    size_bytes: int
    questions: dict[str, Question]
    error: str | None = None
    flags: tuple[str, ...] = ()


def admit_created(result: dict[str, Any], mask: Mask | None = None) -> Admitted | Rejected:
    """A tools/call result of type task, cleaned and bounded."""
    try:
        _check_state(result)
        value, data = clean_message({**_about(result), "resultType": "task"})
        value = _masked(value, mask)
    except Unfit as unfit:
        return Rejected(unfit.id, f"{_SUBJECT} {unfit.why}.")
    return bounded(value, len(data), LIMITS.task_bytes, _SUBJECT)


def admit_task(result: dict[str, Any], task_id: str, owner: Owner) -> Task | Rejected:
    """The state of a task, of tasks/get or a notification; its result as the tool's rules say."""
    try:
        return _task(result, task_id, owner)
    except Unfit as unfit:
        return Rejected(unfit.id, f"{_SUBJECT} {unfit.why}.")


def get_request(task_id: str) -> McpRequest:
    """tasks/get: reading a state, so it may be repeated."""
    return McpRequest("tasks/get", {"taskId": task_id}, task_id, (), retry_safe=True)


def update_request(task_id: str, replies: Mapping[str, Reply]) -> McpRequest:
    """tasks/update with the client's replies; one that it refused to give is left out."""
    given = {key: reply for key, reply in replies.items() if not isinstance(reply, Told)}
    params = {"taskId": task_id, "inputResponses": given}
    return McpRequest("tasks/update", params, task_id, (), retry_safe=False)


def cancel_request(task_id: str) -> McpRequest:
    """tasks/cancel: a second one finds the task cancelled, so it may be repeated."""
    return McpRequest("tasks/cancel", {"taskId": task_id}, task_id, (), retry_safe=True)


def _task(result: dict[str, Any], task_id: str, owner: Owner) -> Task:
    _check_state(result)
    if result["taskId"] != task_id:
        raise Unfit("MCPX-U05", "is that of another")
    made, data = clean_message(_about(result))
    if len(data) > LIMITS.task_bytes:
        raise Unfit("MCPX-R01", f"is larger than {LIMITS.task_bytes:,} bytes")
    made = _masked(made, owner.mask)
    if result["status"] == "input_required":
        asked = _asked(result.get("inputRequests"), owner)
        plain = {key: item._asdict() for key, item in asked.items()}
        return Task({**made, "inputRequests": plain}, len(data), asked)
    if result["status"] == "completed":
        return _completed(made, result.get("result"), owner)
    if result["status"] == "failed":
        made["error"] = _told(result.get("error"), owner.mask)
    return Task(made, len(data), {})


def _about(result: dict[str, Any]) -> dict[str, Any]:
    """A task without questions, result and error: `tasks/get` brings them, by the tool's rules."""
    return {key: result[key] for key in result if key not in _PARTS | _OF_A_CALL}


def _masked(state: dict[str, Any], mask: Mask | None) -> dict[str, Any]:
    """The state masked but for the name of the task, without which it is lost."""
    return state if mask is None else {**mask.found(state), "taskId": state["taskId"]}


def _check_state(result: dict[str, Any]) -> None:
    task_id = result.get("taskId")
    is_name = isinstance(task_id, str) and 0 < len(task_id) <= LIMITS.task_id_chars
    if not is_name or not str(task_id).isascii() or not str(task_id).isprintable():
        raise Unfit("MCPX-U05", "has no name that can be carried")
    if result.get("status") not in _STATES:
        raise Unfit("MCPX-U05", "is none that is known")
    times = (result.get("ttlMs"), result.get("pollIntervalMs"))
    if not all(item is None or (type(item) is int and item >= 0) for item in times):
        raise Unfit("MCPX-U05", "has a time that is no number of milliseconds")


def _asked(requests: Any, owner: Owner) -> dict[str, Question]:
    rows = requests if isinstance(requests, dict) else {}
    if not all(isinstance(row, dict) for row in rows.values()):
        raise Unfit("MCPX-U05", "asks what is no request")
    asked = {
        key: Question(str(row.get("method")), row.get("params", {})) for key, row in rows.items()
    }
    admitted = admit_questions(asked, owner.spec, owner.upstream, owner.capabilities)
    if isinstance(admitted, Refused):
        raise Unfit("MCPX-D08", f"asks what it may not ask: {admitted.text}".rstrip("."))
    return admitted


def _completed(made: dict[str, Any], nested: Any, owner: Owner) -> Task:
    """The result as its tool's rules say; one that they withhold becomes an error of the tool."""
    if not isinstance(nested, dict):
        raise Unfit("MCPX-U05", "is completed without a result")
    judged = results.admit(McpAnswer(nested), owner.rules, owner.schema, owner.mask)
    if owner.remember is not None and isinstance(judged, Admitted):
        owner.remember(judged.result)
    admitted = presented(judged, owner.rules)
    if isinstance(admitted, Admitted):
        result = with_own_meta(admitted.result, admitted.left_out)
        size, error, flags = admitted.size_bytes, admitted.error, admitted.flags
        return Task({**made, "result": result}, size, {}, error, flags)
    content = [{"type": "text", "text": f"{admitted.text} ({admitted.id})"}]
    return Task(
        {**made, "result": {"content": content, "isError": True}},
        0,
        {},
        admitted.id,
        admitted.flags,
    )


def _told(error: Any, mask: Mask | None) -> dict[str, Any]:
    """A JSON-RPC error, its message bounded; data that is too large is left out."""
    row = error if isinstance(error, dict) else {}
    code = row.get("code")
    message = clean(str(row.get("message", "")))
    # Masked before it is cut: half a number is none that a detector knows.
    told = message if mask is None else mask.text(message)
    text = one_sentence(told, LIMITS.upstream_message_chars)
    made = {"code": code if type(code) is int else INTERNAL_ERROR, "message": text}
    if "data" in row:
        value, data = clean_json(row["data"])
        if len(data) <= LIMITS.task_bytes:
            return {**made, "data": value if mask is None else mask.found(value)}
    return made
