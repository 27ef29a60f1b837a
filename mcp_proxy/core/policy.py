"""The decision on a call: Deny, Ask or Allow, from the profile's tool and the arguments alone.

The steps stand in `decide` in their order. Texts go to the model: they name the argument and the
rule, never a value (security rule S25).
"""

import re
from typing import Any, NamedTuple

from mcp_proxy.core.approval import needed_approval
from mcp_proxy.core.arguments import effective_arguments
from mcp_proxy.core.budget import Reservation, Unreckoned, reckon
from mcp_proxy.core.constraints import Moment, first_broken
from mcp_proxy.core.outward import secret_in
from mcp_proxy.core.pointer import parse_pointer
from mcp_proxy.core.profile import Tool
from mcp_proxy.core.ready import Ready
from mcp_proxy.core.request import Outgoing, Refusal, build_request
from mcp_proxy.core.shown import Shown

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Deny(NamedTuple):
    """The call is not made. `id` is an error id, `rule` an enumeration for the log.

    `approval` is the request that a person answered no, or has not answered.
    """

    id: str
    rule: str
    text: str
    approval: str | None = None


class Ask(NamedTuple):
    """The call is made if a person approves; `arguments` are the effective ones."""

    rule: str
    request: Outgoing
    arguments: dict[str, Any]
    reservations: tuple[Reservation, ...] = ()


class Allow(NamedTuple):
    """The call is made if its reservations are to be had; `arguments` are the effective ones."""

    rule: str
    request: Outgoing
    arguments: dict[str, Any]
    reservations: tuple[Reservation, ...] = ()


Decision = Deny | Ask | Allow


NOTHING_SHOWN = Shown()


def decide(ready: Ready, arguments: Any, now_s: float, shown: Shown = NOTHING_SHOWN) -> Decision:
    """What becomes of a call; `now_s` since the epoch, `shown` what read tools have shown."""
    tool, expires = ready.tool, ready.expires_s
    if expires is not None and now_s >= expires + 1:
        return Deny(
            "MCPX-P06", "expired", "The profile has expired; a newer one must be installed."
        )
    denied = _check_arguments(ready, arguments)
    if denied is not None:
        return denied
    effective = effective_arguments(tool, arguments)
    request = build_request(tool, ready.spec, effective)
    if isinstance(request, Refusal):
        return _misfit("request", request.argument or "arguments", request.text)
    secret = secret_in(arguments) if tool.outward == "deny" else None
    if secret is not None:
        return _secretive(secret)
    broken = first_broken(tool.constraints, effective, Moment(now_s, ready.zone), shown)
    if broken is not None:
        text = f"The call was not made. {broken.text}."
        return Deny("MCPX-D14", f"constraint.{broken.kind}", text)
    taken = reckon(tool.limits, effective)
    if isinstance(taken, Unreckoned):
        text = f"The call was not made. {taken.text}."
        return Deny("MCPX-D13", f"limit.{taken.limit.rule}", text)
    rule = needed_approval(tool.approval, effective)
    if rule is not None:
        return Ask(rule, request, effective, taken)
    return Allow("allow", request, effective, taken)


def _check_arguments(ready: Ready, arguments: Any) -> Deny | None:
    if not isinstance(arguments, dict):
        return _misfit("object", "arguments", "must be an object")
    denied = _check_names(ready.tool, arguments) or _check_nulls(ready.tool, arguments)
    if denied is not None:
        return denied
    violation = ready.schema.violation(arguments)
    if violation is None:
        return None
    where = violation.pointer.removeprefix("/") or "arguments"
    return _misfit(f"schema.{violation.keyword}", where, violation.message)


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


def _secretive(where: str) -> Deny:
    name = next(iter(parse_pointer(where)), "arguments")
    words = "holds what looks like a secret (a key, a token, a password); take it out"
    return Deny("MCPX-D15", "outward.secrets", f"The call was not made. {name} {words}.")
