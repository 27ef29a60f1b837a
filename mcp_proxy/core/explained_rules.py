"""Constraints, limits and channels of one call in words: each rule, and what it came to."""

import json
from typing import Any

from mcp_proxy.core.budget import Unreckoned, Used, reckon
from mcp_proxy.core.constraints import Moment, judge_rule
from mcp_proxy.core.profile import Limit, Tool
from mcp_proxy.core.rule_words import constraint_words, limit_words
from mcp_proxy.core.shown import Shown, Wanted, scalar_of

_DEFAULT_CHANNELS = ("page", "terminal")
_CHANNELS = {
    "page": "a page in the browser",
    "terminal": "mcp-proxy approve in a terminal",
    "client": "the client's own question",
}


class Assumed(Shown):
    """Takes every value as shown: what a serving process has shown, nobody else knows."""

    def was_shown(self, value: Any, _wanted: Wanted) -> bool:
        """Whether it could have been shown at all."""
        return scalar_of(value) is not None


ASSUMED = Assumed()


def constraint_lines(tool: Tool, arguments: dict[str, Any], at: Moment) -> tuple[str, ...]:
    """Each constraint and whether these effective arguments keep it."""
    return tuple(
        f"{constraint_words(rule)}: {_verdict(rule, arguments, at)}" for rule in tool.constraints
    )


def limit_lines(
    limits: tuple[Limit, ...], arguments: dict[str, Any], used: tuple[Used, ...] = ()
) -> tuple[str, ...]:
    """Each limit, what this call takes of it, and what is left where that is known."""
    known = {one.rule: one for one in used}
    return tuple(
        f"{limit_words(limit)}: {_taken(limit, arguments)}{_left(known.get(limit.rule), limit)}"
        for limit in limits
    )


def channel_line(tool: Tool) -> str:
    """By which ways a person may answer; an administrator's rules may leave fewer."""
    channels = tool.channels or (
        *_DEFAULT_CHANNELS,
        *(() if tool.effect == "destructive" else ("client",)),
    )
    return f"a person may answer by {', '.join(_CHANNELS[channel] for channel in channels)}"


def _verdict(rule: dict[str, Any], arguments: dict[str, Any], at: Moment) -> str:
    broken = judge_rule(rule, arguments, at, ASSUMED)
    if broken is not None:
        return "broken"
    return "holds, if it was shown" if "shown" in rule else "holds"


def _taken(limit: Limit, arguments: dict[str, Any]) -> str:
    taken = reckon((limit,), arguments)
    if isinstance(taken, Unreckoned):
        return "cannot be counted"
    (part,) = taken
    value = f" for {json.dumps(part.by, ensure_ascii=False)}" if limit.by else ""
    return f"this call takes {part.amount:,}{value}"


def _left(used: Used | None, limit: Limit) -> str:
    if used is None:
        return ""
    whose = f"of one {limit.by} at most " if limit.by else ""
    return f"; {whose}{used.taken:,} taken now, {used.left:,} left"
