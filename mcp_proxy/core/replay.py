"""A past call held against another version of its profile: denied, asked, allowed, or not known.

A call whose arguments are all known is decided anew, at its own time. Of any other the outcome is
told only where what is missing cannot matter: the tool is gone, what is known breaks a rule, or the
new version takes whatever the version of then took, and asks by what is known.
"""

from typing import Any, NamedTuple

from mcp_proxy.core.approval import needed_approval
from mcp_proxy.core.arguments import effective_arguments
from mcp_proxy.core.audit_spans import Spans
from mcp_proxy.core.budget import Reservation, Unreckoned, reckon
from mcp_proxy.core.change import same_json
from mcp_proxy.core.change_schema import accepts_no_more
from mcp_proxy.core.explained_rules import ASSUMED
from mcp_proxy.core.paths import keys_of
from mcp_proxy.core.payload import plain
from mcp_proxy.core.policy import Ask, Deny, decide
from mcp_proxy.core.profile import Limit, Tool
from mcp_proxy.core.ready import Ready
from mcp_proxy.core.replay_counts import Counts
from mcp_proxy.core.schema import SchemaRefused, compile_schema
from mcp_proxy.core.sealed_arguments import Known

UNKNOWN = "unknown"
_ASKS = "approval."
# Denials that follow from tool and arguments alone.
_OF_ARGUMENTS = frozenset({"object", "constant", "unknown", "null", "request", "outward.secrets"})
_OF_ARGUMENT = ("schema.",)
_UNCHANGED = "by what has not changed since"


class Past(NamedTuple):
    """A decided call. `was` is allow, ask or deny by `rule`; `at_s` is epoch seconds.

    A call of which a person was asked was asked, whatever the answer. `is_leg` says that the
    decision was only to ask the client, or goes on with a call that had passed, so that another
    entry is the call's own.
    """

    call: str
    time: str
    at_s: float
    tool: str | None
    was: str
    rule: str
    error: str | None
    is_leg: bool
    known: Known


class Verdict(NamedTuple):
    """What the call would come to now: allow, ask, deny or `UNKNOWN`, by which rule.

    `error` is what a denied one is answered with; `why` says why it is not known, or what the
    answer rests on.
    """

    now: str
    rule: str
    error: str | None = None
    why: str = ""


def past_call(entry: dict[str, Any], at_s: float, known: Known, spans: Spans) -> Past:
    """A decided entry as it is read (app.audit_log), with what is known of its arguments.

    `spans` has seen the decisions before this one.
    """
    rule = str(entry["rule"])
    was = "ask" if rule.startswith(_ASKS) else str(entry["decision"])
    is_leg = entry["decision"] == "ask" or (
        entry["decision"] == "allow" and spans.leg(entry.get("trace")) > 0
    )
    told = (entry["tool"], was, rule, entry["error"])
    return Past(str(entry["call"]), str(entry["time"]), at_s, *told, is_leg, known)


def replay(ready: Ready | None, before: Tool | None, past: Past, counts: Counts) -> Verdict:
    """What becomes of the call. `ready` is None where the new version has no such tool.

    `before` is the tool as it was then, None where that version is not at hand. `counts` has taken
    the calls before this one.
    """
    if past.tool is None:
        return Verdict(UNKNOWN, "", None, "the log does not name a tool that the profile had not")
    if ready is None:
        return Verdict("deny", "tools of the profile", "MCPX-D05")
    made = _whole(ready, past) if past.known.is_whole else _part(ready, before, past)
    if isinstance(made, Verdict):
        return made
    verdict, taken = made
    short = None if past.is_leg else counts.take(ready.tool.name, taken, past.at_s, ready.zone)
    if short is not None:
        return Verdict("deny", f"limit.{short.rule}", "MCPX-D13")
    return verdict


_Passing = tuple[Verdict, tuple[Reservation, ...]]


def _whole(ready: Ready, past: Past) -> Verdict | _Passing:
    # Calls of the past are always before the end of a version that could be installed today.
    made = decide(ready._replace(expires_s=None), past.known.arguments, past.at_s, ASSUMED)
    if isinstance(made, Deny):
        return Verdict("deny", made.rule, made.id)
    is_assumed = any("shown" in rule for rule in ready.tool.constraints)
    why = "if what a rule wants to have been shown was" if is_assumed else ""
    word = "ask" if isinstance(made, Ask) else "allow"
    return Verdict(word, made.rule, None, why), made.reservations


def _part(ready: Ready, before: Tool | None, past: Past) -> Verdict | _Passing:
    tool, known = ready.tool, past.known.arguments
    denied = _surely_denied(tool, known)
    if denied is not None:
        return denied
    if before is None:
        return _missing("the version of then is not at hand")
    if not _takes_all_of(tool, before):
        return _missing("the tool takes other arguments, or has other rules of them")
    if past.was == "deny":
        return _denied_again(tool, before, past)
    rule = _asking_rule(tool, before, past)
    if rule == UNKNOWN:
        return _missing("the approval looks at others")
    taken = _reckoned(tool, before, known)
    if isinstance(taken, Limit):
        return _missing(f"limit {taken.rule} counts others")
    word, why = ("ask", rule) if rule is not None else ("allow", "allow")
    return Verdict(word, why, None, _UNCHANGED), taken


def _surely_denied(tool: Tool, known: dict[str, Any]) -> Verdict | None:
    """By a value that is known, whatever the others are."""
    for name in known:
        if name in tool.constants:
            return Verdict("deny", "constant", "MCPX-D01")
        if name not in tool.arguments:
            return Verdict("deny", "unknown", "MCPX-D01")
    schemas = tool.enforced.get("properties", {})
    alone = {"properties": {name: schemas[name] for name in known if name in schemas}}
    alone |= {key: tool.enforced[key] for key in ("$defs",) if key in tool.enforced}
    try:
        violation = compile_schema(alone).violation(known)
    except SchemaRefused:
        return None
    if violation is None:
        return None
    return Verdict("deny", f"schema.{violation.keyword}", "MCPX-D01")


def _denied_again(new: Tool, old: Tool, past: Past) -> Verdict:
    is_of_arguments = past.rule in _OF_ARGUMENTS or past.rule.startswith(_OF_ARGUMENT)
    if is_of_arguments and same_json(plain(old), plain(new)):
        return Verdict("deny", past.rule, past.error, _UNCHANGED)
    return _missing("it was denied then")


def _takes_all_of(new: Tool, old: Tool) -> bool:
    """Whether whatever arguments the old tool let through pass the new one's checks too."""
    held = [plain(rule) for rule in old.constraints]
    if not all(any(same_json(rule, one) for one in held) for rule in new.constraints):
        return False
    alike = ("upstream", "arguments", "constants", "defaults", "template")
    if any(not same_json(plain(getattr(old, key)), plain(getattr(new, key))) for key in alike):
        return False
    is_closed = new.outward == "deny" and old.outward != "deny"
    return not is_closed and accepts_no_more(new.enforced, old.enforced)


def _asking_rule(new: Tool, old: Tool, past: Past) -> str | None:
    """The rule that asks now, None where none does, `UNKNOWN` where that cannot be told."""
    if new.approval in ("never", "always"):
        return needed_approval(new.approval, {})
    known = past.known.arguments
    looked_at = {keys_of(where)[0] for conditions in new.approval for where in conditions}
    if looked_at <= {*known, *new.constants}:
        return needed_approval(new.approval, effective_arguments(new, known))
    if same_json(new.approval, old.approval):
        return past.rule if past.rule.startswith(_ASKS) else None
    return UNKNOWN


def _reckoned(new: Tool, old: Tool, known: dict[str, Any]) -> tuple[Reservation, ...] | Limit:
    """What can be counted; a limit that must be and cannot."""
    taken: list[Reservation] = []
    for limit in new.limits:
        needed = {keys_of(where)[0] for where in (limit.of, limit.by) if where}
        if needed <= {*known, *new.constants}:
            found = reckon((limit,), effective_arguments(new, known))
            if isinstance(found, Unreckoned):
                return limit
            taken += found
        elif limit not in old.limits:
            return limit
    return tuple(taken)


def _missing(why: str) -> Verdict:
    return Verdict(UNKNOWN, "", None, f"its arguments are not all known, and {why}")
