"""How a request of the client ends: a result or an error, in the form that its method has.

A tool fails in a result (`isError`), so that the model reads why; every other method has a JSON-RPC
error alone.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from mcp_proxy.core import jsonrpc
from mcp_proxy.core.answer import Failure, Question, Told
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.presentation import OURS, with_own_meta
from mcp_proxy.core.results import Admitted, Rejected
from mcp_proxy.core.text import one_sentence

# An upstream's errors that mean the same to the client (MCP 2026-07-28, "Error Codes").
_PASSED = frozenset((jsonrpc.INVALID_PARAMS, jsonrpc.RESOURCE_NOT_FOUND))


# No tool, or no request state, of that name: the request is wrong, not the call.
_NO_SUCH = frozenset(("MCPX-D05", "MCPX-D09"))


class Result(NamedTuple):
    """A result in modern form; `error` is the MCPX id of what failed here, if any."""

    value: dict[str, Any]
    error: str | None = None


class RpcError(NamedTuple):
    """A JSON-RPC error; `error` is the MCPX id of what failed here, if any."""

    code: int
    text: str
    data: Any = None
    error: str | None = None


End = Result | RpcError


def refused(error_id: str, text: str) -> Result:
    """A tool result that tells the model why there is none."""
    content = [{"type": "text", "text": f"{text} ({error_id})"}]
    return Result({"content": content, "isError": True}, error_id)


def failed(error_id: str, text: str, *, is_tool: bool) -> End:
    """What failed in this process, in the form that the method has for it."""
    if is_tool:
        return refused(error_id, text)
    data = {"id": error_id}
    return RpcError(jsonrpc.CALL_REFUSED, f"{text} ({error_id})", data, error_id)


def denied(deny: Deny, *, is_tool: bool) -> End:
    """A decision against the call."""
    is_params = deny.id in _NO_SUCH or (deny.id == "MCPX-D01" and not is_tool)
    if is_params:
        return RpcError(jsonrpc.INVALID_PARAMS, deny.text, None, deny.id)
    return failed(deny.id, deny.text, is_tool=is_tool)


def ended(admitted: Admitted | Rejected, *, is_tool: bool) -> End:
    """What the result rules made of an answer."""
    if isinstance(admitted, Rejected):
        return failed(admitted.id, admitted.text, is_tool=is_tool)
    return Result(with_own_meta(admitted.result, admitted.left_out), admitted.error)


def unanswered(failure: Failure, *, is_tool: bool, is_modern: bool) -> End:
    """A failure of the upstream; its own JSON-RPC error stays one where the method has no other."""
    told = failure.error
    lacks = told is not None and told.code == jsonrpc.MISSING_CAPABILITY and is_modern
    if told is None or (is_tool and not lacks):
        return failed(failure.id, failure.text, is_tool=is_tool)
    code = told.code if lacks or told.code in _PASSED else jsonrpc.INTERNAL_ERROR
    text = one_sentence(told.message, LIMITS.upstream_message_chars) or failure.text
    return RpcError(code, text, _lacking(told) if lacks else None, failure.id)


def asking(asked: Mapping[str, Question], state: str) -> Result:
    """The result that asks a modern client (MCP 2026-07-28, "Multi Round-Trip Requests")."""
    rows = {key: {"method": item.method, "params": item.params} for key, item in asked.items()}
    return Result({"resultType": "input_required", "inputRequests": rows, "requestState": state})


def unlogged(end: End, why: str, error_id: str) -> End:
    """S20: the call was made, so its result is delivered, with a note."""
    if isinstance(end, RpcError):
        return end
    note = f"Note: {why} Further calls are denied."
    value = end.value
    if "content" in value:
        value = {**value, "content": [*value["content"], {"type": "text", "text": note}]}
    else:
        value = {**value, "_meta": {**value.get("_meta", {}), f"{OURS}note": note}}
    return Result(value, error_id)


def _lacking(told: Told) -> dict[str, Any] | None:
    """The capabilities that the upstream wants of the client: names alone, nothing else of it."""
    wanted = told.data.get("requiredCapabilities") if isinstance(told.data, dict) else None
    if not isinstance(wanted, dict):
        return None
    return {"requiredCapabilities": _names(wanted, 3)}


def _names(wanted: dict[str, Any], depth: int) -> dict[str, Any]:
    bound = LIMITS.client_name_chars
    chosen = list(wanted.items())[: LIMITS.capabilities]
    return {
        one_sentence(name, bound): _names(item, depth - 1)
        if isinstance(item, dict) and depth > 1
        else {}
        for name, item in chosen
    }
