"""An upstream's request for a message of the client's model, and the model's reply (S14)."""

from collections.abc import Mapping
from typing import Any

from mcp_proxy.core import strict_json
from mcp_proxy.core.http_results import clean_message
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.prompting import ROLES, check_block
from mcp_proxy.core.question_words import Unaskable, bears_our_name, without_reserved

_TOOL_BLOCKS = frozenset({"tool_use", "tool_result"})


def admit_sampling(params: dict[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """The params of sampling/createMessage; `declared` is the capability that was told.

    What other servers said to the client (`includeContext`) is never asked for. Raises Unaskable.
    """
    kept = without_reserved(params)
    if kept.get("includeContext", "none") != "none":
        del kept["includeContext"]
    _check_messages(kept.get("messages"), with_tools="tools" in declared)
    _check_options(kept)
    if "tools" not in declared and ("tools" in kept or "toolChoice" in kept):
        raise Unaskable("it brings tools, which the client was not told to take")
    value, data = clean_message(kept)
    if len(data) > LIMITS.sampling_bytes:
        raise Unaskable(f"it is larger than {LIMITS.sampling_bytes:,} bytes")
    if any(map(bears_our_name, _texts(value))):
        raise Unaskable("its text speaks in the name of mcp-proxy")
    admitted: dict[str, Any] = value
    return admitted


def admit_sampled(reply: dict[str, Any]) -> dict[str, Any]:
    """The client's message, unchanged. Raises Unaskable."""
    if reply.get("role") not in ROLES or not isinstance(reply.get("model"), str):
        raise Unaskable("it names no role and model")
    for block in _blocks(reply.get("content")):
        check_block(block)
    strict_json.dumps(reply)
    return reply


def _check_messages(messages: Any, *, with_tools: bool) -> None:
    if not isinstance(messages, list) or not 0 < len(messages) <= LIMITS.sampling_messages:
        raise Unaskable(f"it has other than 1 to {LIMITS.sampling_messages:,} messages")
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise Unaskable("it holds a message of nobody known")
        for block in _blocks(message.get("content")):
            check_block(block)
            if block["type"] in _TOOL_BLOCKS and not with_tools:
                raise Unaskable("it brings tools, which the client was not told to take")


def _texts(params: dict[str, Any]) -> list[str]:
    blocks = [block for message in params["messages"] for block in _blocks(message["content"])]
    return [params.get("systemPrompt", ""), *(str(block.get("text", "")) for block in blocks)]


def _blocks(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [content]


def _check_options(params: dict[str, Any]) -> None:
    tokens = params.get("maxTokens")
    if type(tokens) is not int or not 0 < tokens <= LIMITS.sampling_tokens:
        raise Unaskable(f"its maxTokens is not from 1 to {LIMITS.sampling_tokens:,}")
    if not isinstance(params.get("systemPrompt", ""), str):
        raise Unaskable("its system prompt is no text")
    stops = params.get("stopSequences", [])
    if not isinstance(stops, list) or not all(isinstance(item, str) for item in stops):
        raise Unaskable("its stop sequences are no texts")
    for name in ("metadata", "modelPreferences", "toolChoice"):
        if not isinstance(params.get(name, {}), dict):
            raise Unaskable(f"its {name} is no object")
    if not isinstance(params.get("tools", []), list):
        raise Unaskable("its tools are no list")
