"""Multi round-trip requests (MCP 2026-07-28, MRTR): what a modern upstream asks before it answers.

An `input_required` result names questions by key, a state to hand back, or both; the request is
then repeated with the answers.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from mcp_proxy.core.answer import Question, Reply
from mcp_proxy.core.capabilities import covers
from mcp_proxy.core.limits import Limits
from mcp_proxy.edges.attempts import Broken
from mcp_proxy.edges.mcp_wire import Ask
from mcp_proxy.edges.refusals import protocol_broken

# The methods whose result may ask; the specification allows no others.
_MAY_ASK = frozenset({"tools/call", "prompts/get", "resources/read"})


class Needed(NamedTuple):
    """What an upstream needs to go on. `state` goes back as it came; None: there is none."""

    asked: dict[str, Question]
    state: str | None


def read_needed(result: dict[str, Any], ask: Ask, limits: Limits) -> Needed:
    """An `input_required` result. Raises Broken for one that this request does not allow."""
    if ask.method not in _MAY_ASK:
        raise protocol_broken("asks for input where nothing may be asked")
    state = _state(result.get("requestState"), limits)
    requests = result.get("inputRequests")
    if requests is None:
        requests = {}
    if not isinstance(requests, dict) or len(requests) > limits.questions:
        raise protocol_broken(f"holds no list of at most {limits.questions} questions")
    if not requests and state is None:
        raise protocol_broken("asks for input without a question or a state")
    asked = {key: _question(key, value, ask, limits) for key, value in requests.items()}
    return Needed(asked, state)


def more_params(needed: Needed, replies: Mapping[str, Reply]) -> dict[str, Any]:
    """The params that answer it, beside the original ones. Raises Broken if the client refused."""
    more: dict[str, Any] = {} if needed.state is None else {"requestState": needed.state}
    if needed.asked:
        answers = {
            key: _response(question, replies[key])
            for key, question in needed.asked.items()
            if key in replies
        }
        more["inputResponses"] = answers
    return more


def check_kind(result: dict[str, Any], *, may_be_task: bool) -> None:
    """Absent means complete; any other kind needs what was declared. Raises Broken."""
    kind = result.get("resultType", "complete")
    if kind != "complete" and not (may_be_task and kind == "task"):
        raise protocol_broken("is of a kind that was not agreed on")


def _state(value: Any, limits: Limits) -> str | None:
    if value is None:
        return None
    # Four bytes a character at most: only a text near the bound has to be measured.
    if not isinstance(value, str) or len(value) > limits.request_state_bytes:
        raise protocol_broken("holds a state that is no text or too long")
    if len(value.encode(errors="surrogatepass")) > limits.request_state_bytes:
        raise protocol_broken(f"holds a state above {limits.request_state_bytes} bytes")
    return value


def _question(key: str, value: Any, ask: Ask, limits: Limits) -> Question:
    method = value.get("method") if isinstance(value, dict) else None
    if not isinstance(method, str) or not key or len(key) > limits.question_key_chars:
        raise protocol_broken("holds a question without shape")
    params = value.get("params", {})
    if not isinstance(params, dict):
        raise protocol_broken("holds a question without shape")
    question = Question(method, params)
    if not covers(ask.wishes.capabilities, question):
        raise protocol_broken("asks for what was not offered to it")
    return question


def _response(question: Question, reply: Reply) -> dict[str, Any]:
    if isinstance(reply, dict):
        return reply
    if question.method == "elicitation/create":
        return {"action": "cancel"}
    # The others have no word for a refusal: without the answer the call cannot go on.
    text = f"The client refused what the upstream asked for ({question.method}, {reply.code})."
    raise Broken("MCPX-D08", text)
