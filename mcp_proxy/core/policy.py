"""The decision on a call: Deny, Ask or Allow, from the profile's tool and the arguments alone.

The steps stand in `decide` in their order. Texts go to the model: they name the argument and the
rule, never a value (security rule S25).
"""

import re
from typing import Any, NamedTuple

from mcp_proxy.core.approval import needed_approval
from mcp_proxy.core.arguments import effective_arguments
from mcp_proxy.core.profile import Tool, UpstreamSpec
from mcp_proxy.core.request import Outgoing, Refusal, build_request
from mcp_proxy.core.schema import Schema

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Deny(NamedTuple):
    """The call is not made. `id` is an error id, `rule` an enumeration for the log."""

    id: str
    rule: str
    text: str


class Ask(NamedTuple):
    """The call is made if a person approves; `arguments` are the effective ones."""

    rule: str
    text: str
    request: Outgoing
    arguments: dict[str, Any]


class Allow(NamedTuple):
    """The call is made; `arguments` are the effective ones."""

    rule: str
    request: Outgoing
    arguments: dict[str, Any]


Decision = Deny | Ask | Allow


def decide(  # noqa: PLR0913, PLR0917 - all that a decision rests on, and nothing else
    tool: Tool,
    schema: Schema,
    upstream: UpstreamSpec,
    arguments: Any,
    expires: int | None,
    now_s: float,
) -> Decision:
    """What becomes of a call. `schema` is `tool.enforced`, compiled; times are epoch seconds."""
    if expires is not None and now_s >= expires + 1:
        return Deny(
            "MCPX-P06", "expired", "The profile has expired; a newer one must be installed."
        )
    if not isinstance(arguments, dict):
        return _misfit("object", "arguments", "must be an object")
    denied = _check_names(tool, arguments) or _check_nulls(tool, arguments)
    if denied is not None:
        return denied
    violation = schema.violation(arguments)
    if violation is not None:
        where = violation.pointer.removeprefix("/") or "arguments"
        return _misfit(f"schema.{violation.keyword}", where, violation.message)
    effective = effective_arguments(tool, arguments)
    request = build_request(tool, upstream, effective)
    if isinstance(request, Refusal):
        return _misfit("request", request.argument or "arguments", request.text)
    rule = needed_approval(tool.approval, effective)
    if rule is not None:
        return Ask(rule, f"{tool.name} needs a person's approval here.", request, effective)
    return Allow("allow", request, effective)


def unasked(ask: Ask) -> Deny:
    """What a call that asks comes to where nobody can be asked: so far, everywhere."""
    return Deny("MCPX-D03", ask.rule, ask.text)


def _check_names(tool: Tool, arguments: dict[str, Any]) -> Deny | None:
    for name in arguments:
        if name in tool.constants:
            return _misfit("constant", name, "is set by the profile and cannot be given")
        if name not in tool.arguments:
            shown = name if _NAME.fullmatch(name) else "one of the names"
            known = ", ".join(key for key in tool.arguments if key not in tool.constants)
            return _misfit("unknown", shown, f"is not known; this tool takes: {known or 'nothing'}")
    return None


def _check_nulls(tool: Tool, arguments: dict[str, Any]) -> Deny | None:
    for name, value in arguments.items():
        if value is None and tool.arguments[name].place not in ("body", "argument"):
            return _misfit("null", name, "must not be null; leave it out instead")
    return None


def _misfit(rule: str, where: str, words: str) -> Deny:
    return Deny("MCPX-D01", rule, f"The call was not made. {where}: {words}.")
