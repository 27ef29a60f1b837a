"""The plans of what is no tool: resources, prompts and completion. They read."""

from functools import partial
from typing import Any

from mcp_proxy.core.answer import HttpAnswer, McpAnswer
from mcp_proxy.core.completing import admit_completion, decide_completion
from mcp_proxy.core.plan import (
    Admit,
    Going,
    Holdings,
    Label,
    Plan,
    ReadyPrompt,
    ReadyResource,
    Refused,
)
from mcp_proxy.core.policy import Allow, Deny
from mcp_proxy.core.profile import Prompt, UpstreamSpec
from mcp_proxy.core.prompting import admit_prompt, decide_prompt
from mcp_proxy.core.reading import admit_read, decide_read
from mcp_proxy.core.results import Admitted, Rejected

UNKNOWN = Label(None, None, None, is_tool=False)


def plan_read(found: ReadyResource | Deny, uri: str, now_s: float) -> Plan:
    if isinstance(found, Deny):
        return Refused(UNKNOWN, [uri], found)
    resource, spec = found.resource, found.spec
    made = decide_read(resource, spec, uri, found.expires_s, now_s)
    admit = partial(_admit_read, found=found, now_s=now_s)
    return _plan_other(f"resource:{resource.name}", resource.upstream, [uri], made, spec, admit)


def plan_watch(found: ReadyResource | Deny, uri: str, rule: str, now_s: float) -> Plan:
    return as_wish(plan_read(found, uri, now_s), rule)


def as_wish(plan: Plan, rule: str) -> Plan:
    """What is not fetched but followed, decided and logged like fetching it."""
    if isinstance(plan, Refused):
        return plan
    return plan._replace(allow=plan.allow._replace(rule=rule), admit=_admit_wish, is_wish=True)


def plan_prompt(found: ReadyPrompt | Deny, arguments: Any, now_s: float) -> Plan:
    if isinstance(found, Deny):
        return Refused(UNKNOWN, [arguments], found)
    prompt = found.prompt
    made = decide_prompt(prompt, arguments, found.expires_s, now_s)
    admit = partial(_admit_prompt, prompt=prompt)
    name = f"prompt:{prompt.name}"
    return _plan_other(name, prompt.upstream, [arguments], made, found.spec, admit)


def plan_completion(held: Holdings | Deny, params: dict[str, Any], now_s: float) -> Plan:
    given = [params.get(key) for key in ("ref", "argument", "context")]
    if isinstance(held, Deny):
        return Refused(UNKNOWN, given, held)
    found = decide_completion(
        params, held.prompts, held.resources, held.specs, held.expires_s, now_s
    )
    if found.label is None or found.upstream is None:
        assert isinstance(found.decision, Deny)  # noqa: S101  (nothing is allowed by no name)
        return Refused(UNKNOWN, given, found.decision)
    spec = held.specs[found.upstream]
    return _plan_other(found.label, found.upstream, given, found.decision, spec, _admit_completion)


def _plan_other(  # noqa: PLR0913, PLR0917 - the parts of a plan
    name: str,
    upstream: str,
    arguments: list[Any],
    made: Allow | Deny,
    spec: UpstreamSpec,
    admit: Admit,
) -> Plan:
    """What is no tool: it reads. A list as the log's arguments has a digest, no clear values."""
    label = Label(name, upstream, "read", is_tool=False)
    if isinstance(made, Deny):
        return Refused(label, arguments, made)
    return Going(label, arguments, made, spec, upstream, admit)


def _admit_read(
    answer: HttpAnswer | McpAnswer, found: ReadyResource, now_s: float
) -> Admitted | Rejected:
    return admit_read(of_mcp(answer), found.resource, found.expires_s, now_s)


def _admit_prompt(answer: HttpAnswer | McpAnswer, prompt: Prompt) -> Admitted | Rejected:
    return admit_prompt(of_mcp(answer), prompt)


def _admit_completion(answer: HttpAnswer | McpAnswer) -> Admitted | Rejected:
    return admit_completion(of_mcp(answer))


def _admit_wish(_answer: HttpAnswer | McpAnswer) -> Admitted | Rejected:
    return Admitted({}, 0)


def of_mcp(answer: HttpAnswer | McpAnswer) -> dict[str, Any]:
    """An MCP upstream's result."""
    assert isinstance(answer, McpAnswer)  # noqa: S101  (only MCP upstreams take such requests)
    return answer.result
