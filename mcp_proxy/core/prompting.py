"""Getting a prompt: the decision by the profile's entry, and what the client gets of it."""

from typing import Any

from mcp_proxy.core.http_results import clean_message
from mcp_proxy.core.policy import Allow, Deny
from mcp_proxy.core.profile import Prompt
from mcp_proxy.core.reading import bounded, check_content, expiry, is_base64
from mcp_proxy.core.request import McpRequest
from mcp_proxy.core.results import Admitted, Rejected
from mcp_proxy.core.shape import Unfit
from mcp_proxy.core.text import hidden_character

_SUBJECT = "The prompt was fetched, but its answer"
ROLES = ("user", "assistant")


def decide_prompt(
    prompt: Prompt, arguments: Any, expires_s: int | None, now_s: float
) -> Allow | Deny:
    """Whether the prompt may be fetched; `arguments` are the client's, None for none given."""
    denied = expiry(expires_s, now_s) or _check_arguments(prompt, arguments)
    if denied is not None:
        return denied
    given = {} if arguments is None else {"arguments": arguments}
    params = {"name": prompt.prompt, **given}
    request = McpRequest("prompts/get", params, prompt.prompt, (), retry_safe=True)
    return Allow("allow", request, given.get("arguments", {}))


def argument_names(prompt: Prompt) -> dict[str, bool]:
    """The prompt's arguments by name, and whether each is required."""
    rows = prompt.entry.get("arguments")
    named = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {str(row.get("name")): row.get("required") is True for row in named}


def admit_prompt(result: dict[str, Any], prompt: Prompt) -> Admitted | Rejected:
    """A prompts/get result in modern form, cleaned block by block, and bounded."""
    try:
        _check_messages(result)
        value, data = clean_message(result)
    except Unfit as unfit:
        return Rejected(unfit.id, f"{_SUBJECT} {unfit.why}.")
    return bounded(value, len(data), prompt.max_bytes, _SUBJECT)


def check_block(block: Any) -> None:
    """A content block of any kind; binary ones hold base64. Raises Unfit."""
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        raise Unfit("MCPX-U05", "holds content that is no block")
    if hidden_character(block["type"]):
        raise Unfit("MCPX-U05", "has a part whose name holds an invisible character")
    if block["type"] == "text" and not isinstance(block.get("text"), str):
        raise Unfit("MCPX-U05", "holds a text block without text")
    data = block.get("data")
    if block["type"] in {"image", "audio"} and not (isinstance(data, str) and is_base64(data)):
        raise Unfit("MCPX-U05", "holds an image or sound that is not base64")
    if block["type"] == "resource":
        if not isinstance(block.get("resource"), dict):
            raise Unfit("MCPX-U05", "holds a resource block without its resource")
        check_content(block["resource"])


def _check_arguments(prompt: Prompt, arguments: Any) -> Deny | None:
    given = {} if arguments is None else arguments
    if not isinstance(given, dict):
        return _misfit("object", "arguments", "must be an object")
    known = argument_names(prompt)
    for name, value in given.items():
        if name not in known:
            words = f"is not known; this prompt takes: {', '.join(known) or 'nothing'}"
            return _misfit("unknown", "one of the names", words)
        if not isinstance(value, str):
            return _misfit("string", name, "must be a string")
    missing = next((name for name, needed in known.items() if needed and name not in given), None)
    return None if missing is None else _misfit("required", missing, "is required")


def _check_messages(result: dict[str, Any]) -> None:
    if result.get("resultType", "complete") != "complete":
        raise Unfit("MCPX-U05", "asks for more than the profile lets an upstream ask")
    messages = result.get("messages")
    if not isinstance(messages, list) or not all(isinstance(item, dict) for item in messages):
        raise Unfit("MCPX-U05", "is no list of messages")
    for message in messages:
        if message.get("role") not in ROLES:
            raise Unfit("MCPX-U05", "holds a message of nobody known")
        check_block(message.get("content"))


def _misfit(rule: str, where: str, words: str) -> Deny:
    return Deny("MCPX-D01", rule, f"The prompt was not fetched. {where}: {words}.")
