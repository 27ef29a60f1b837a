"""What a client declared, as far as questions and results of an upstream depend on it.

MCP 2026-07-28, client capabilities: elicitation (`{}` means forms alone), sampling, roots, and the
extensions by their identifiers.
"""

from typing import Any

from mcp_proxy.core.answer import Question


def covers(capabilities: dict[str, Any], question: Question) -> bool:
    """Whether a client that declared these may be asked this."""
    if question.method == "elicitation/create":
        return _covers_mode(capabilities.get("elicitation"), question.params.get("mode", "form"))
    if question.method == "sampling/createMessage":
        return _covers_sampling(capabilities.get("sampling"), question.params)
    return question.method == "roots/list" and isinstance(capabilities.get("roots"), dict)


def has_extension(capabilities: dict[str, Any], identifier: str) -> bool:
    """Whether an extension was declared, with whatever settings."""
    extensions = capabilities.get("extensions")
    return isinstance(extensions, dict) and isinstance(extensions.get(identifier), dict)


def _covers_mode(declared: Any, mode: Any) -> bool:
    if not isinstance(declared, dict):
        return False
    return mode == "form" if not declared else mode in ("form", "url") and mode in declared


def _covers_sampling(declared: Any, params: dict[str, Any]) -> bool:
    if not isinstance(declared, dict):
        return False
    return "tools" in declared or not ("tools" in params or "toolChoice" in params)
