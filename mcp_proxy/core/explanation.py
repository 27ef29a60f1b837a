"""A call explained in words: which rule decided, what would go out, what becomes of the answer.

Made from the very values that serve decides and works with, so that it cannot say otherwise.
"""

from typing import Any, NamedTuple

from mcp_proxy.core.approval import Judged, asks, condition_words, judge, needed_approval
from mcp_proxy.core.arguments import effective_arguments
from mcp_proxy.core.audit import clear_values, timestamp
from mcp_proxy.core.constraints import Moment
from mcp_proxy.core.explained_results import Step, result_steps
from mcp_proxy.core.explained_rules import channel_line, constraint_lines, limit_lines
from mcp_proxy.core.freshness import standing
from mcp_proxy.core.policy import Decision, Deny
from mcp_proxy.core.profile import AuditRules, Profile, Tool
from mcp_proxy.core.ready import Ready

# What each rule of a decision is, in the profile's terms.
_RULES = {
    "allow": "the arguments fit the schema and the request, and no rule asks for a person",
    "approval.always": "approval: always",
    "approval.when": "approval: when, of which a map holds or cannot be judged",
    "expired": "expires: the profile's last day is over",
    "object": "a tool takes one JSON object",
    "unknown": "a tool takes only the arguments that the profile gives it",
    "constant": "constant: the profile sets this argument itself",
    "null": "null is sent only in a body, and only where its schema allows it",
    "request": "no argument may change the request's address, its headers or its form",
    "tools of the profile": "a client may call only the tools that the profile names",
    "profile in force": "what this machine trusts of the profile and its upstreams",
    "outward.secrets": "outward: an argument holds what looks like a secret",
}
_KINDS = {
    "schema.": "in the schema that the profile enforces",
    "constraint.": "in the constraints of the tool",
    "limit.": "in the limits of the tool",
}
# After these the arguments fit, and the rules that they were held against are of use.
_RULED = ("constraint.", "limit.")

_STANDINGS = {
    "fresh": "it holds",
    "grace": "it has expired; in the first half of the grace everything may still be called",
    "reads": "it has expired; in the second half of the grace only what reads may be called",
    "ended": "it has expired, and so has the grace; nothing may be called",
}


class Effective(NamedTuple):
    """An argument as it is sent: `origin` is given, default or constant, `place` as in `from`."""

    name: str
    value: Any
    origin: str
    place: str


class Explanation(NamedTuple):
    """All that is to be said of one call; what a denied call never comes to is empty.

    `id` is the error that serve answers with, None where the call is made. `grant` is the one that
    lets it pass unasked, `state` why what was counted or granted cannot be read. `sealed` is
    whose key opens the arguments in the log, "" where they are not kept.
    """

    decision: str
    id: str | None
    rule: str
    meaning: str
    text: str | None
    clear: tuple[str, ...]
    sealed: str
    freshness: str
    arguments: tuple[Effective, ...] = ()
    constraints: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    approval: tuple[str, ...] = ()
    sending: tuple[str, ...] = ()
    results: tuple[Step, ...] = ()
    grant: str = ""
    state: str = ""


def explain(
    profile: Profile, ready: Ready | None, decision: Decision, given: Any, now_s: float
) -> Explanation:
    """The decision on a call with these arguments; `ready` is None where the tool has none."""
    denied = decision
    told = Explanation(
        decision=type(decision).__name__.lower(),
        id=denied.id if isinstance(denied, Deny) else None,
        rule=decision.rule,
        meaning=_meaning(decision.rule),
        text=denied.text if isinstance(denied, Deny) else None,
        clear=tuple(clear_values(given, profile.header.audit.clear)),
        sealed=_sealed(profile.header.audit),
        freshness=_freshness(profile, now_s),
    )
    if ready is None:
        return told
    if isinstance(decision, Deny) and not decision.rule.startswith(_RULED):
        return told
    arguments = effective_arguments(ready.tool, given)
    told = told._replace(
        arguments=_effective(ready.tool, arguments, given),
        constraints=constraint_lines(ready.tool, arguments, Moment(now_s, ready.zone)),
        limits=limit_lines(ready.tool.limits, arguments),
    )
    if isinstance(decision, Deny):
        return told
    return told._replace(
        approval=_approval(ready.tool, arguments),
        sending=_sending(ready),
        results=result_steps(ready.tool.result, ready.spec),
    )


def _sealed(rules: AuditRules) -> str:
    if rules.arguments != "sealed":
        return ""
    return rules.recipient.rpartition(":")[2] or "this home"


def _meaning(rule: str) -> str:
    for kind, words in _KINDS.items():
        if rule.startswith(kind):
            return f"{rule.removeprefix(kind)} {words}"
    return _RULES.get(rule, rule)


def _effective(tool: Tool, effective: dict[str, Any], given: Any) -> tuple[Effective, ...]:
    return tuple(
        Effective(name, value, _origin(name, given, tool.constants), _place(tool, name))
        for name, value in effective.items()
    )


def _origin(name: str, given: Any, constants: dict[str, Any]) -> str:
    if name in constants:
        return "constant"
    return "given" if name in given else "default"


def _place(tool: Tool, name: str) -> str:
    """Where it goes, as `from` has it in a source; nowhere if nobody built the profile here."""
    rule = tool.arguments.get(name)
    if rule is None:
        return "nowhere"
    if rule.place not in ("body", "argument"):
        return f"{rule.place}.{rule.target}"
    pointer = f"#{rule.target}" if rule.target else ""
    return f"{'body' if rule.place == 'body' else 'arguments'}{pointer}"


def _approval(tool: Tool, arguments: dict[str, Any]) -> tuple[str, ...]:
    rule = tool.approval
    words = [rule] if isinstance(rule, str) else []
    words += [] if words else [_judged(judge(conditions, arguments)) for conditions in rule]
    if needed_approval(rule, arguments) is None:
        return tuple(words)
    return (*words, "the call waits for a person's yes", channel_line(tool))


def _judged(judged: tuple[Judged, ...]) -> str:
    verdict = "asks" if asks(judged) else "does not ask"
    return f"{' and '.join(map(condition_words, judged))}: {verdict}"


def _sending(ready: Ready) -> tuple[str, ...]:
    """What bears on the way out and is no part of the request itself."""
    spec, tool = ready.spec, ready.tool
    deadline = f"an answer is awaited for {spec.deadline_ms / 1000:g} s"
    if tool.retry == "safe":
        again = "it may be repeated where the upstream is busy or the answer was lost"
    else:
        again = "it is repeated only where nothing of it had left this machine"
    words = [deadline, again]
    if spec.auth is not None:
        words.append(f"with the credential {spec.auth.credential}, which is read only then")
    if spec.kind != "rest":
        words.append("only while the server declares the tool as it did for the profile")
    return tuple(words)


def _freshness(profile: Profile, now_s: float) -> str:
    until = profile.freshness
    expires = profile.header.expires
    ends = "never expires" if expires is None else f"expires {_day(expires)}"
    if until is None:
        return f"The profile {ends}."
    grace = f" and {until.grace_s // 3600} hours of grace" if until.grace_s else ", without grace"
    now = _STANDINGS[standing(until, now_s)]
    word = f"its repository's word holds until {_day(until.until_s)}{grace}"
    return f"The profile {ends}; {word}: {now}."


def _day(seconds: int) -> str:
    try:
        return f"{timestamp(seconds * 1_000_000_000)[:19].replace('T', ' ')} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s after 1970"
