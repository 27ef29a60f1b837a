"""Completion of an argument: of a prompt or a resource template that the profile names."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from mcp_proxy.core.http_results import clean_message
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.policy import Allow, Deny
from mcp_proxy.core.profile import Prompt, Resource, UpstreamSpec
from mcp_proxy.core.prompting import argument_names
from mcp_proxy.core.reading import bounded, expiry
from mcp_proxy.core.request import McpRequest
from mcp_proxy.core.results import Admitted, Rejected
from mcp_proxy.core.shape import Unfit
from mcp_proxy.core.uri_template import compile_template

_SUBJECT = "The completion was fetched, but its answer"


class Completing(NamedTuple):
    """A decision on completion/complete: `label` (`prompt:NAME`, `resource:NAME`) and `upstream`
    are None where the profile has nothing of that name.
    """

    label: str | None
    upstream: str | None
    decision: Allow | Deny


class _Target(NamedTuple):
    label: str
    upstream: str
    ref: dict[str, Any]
    names: frozenset[str]


def decide_completion(  # noqa: PLR0913, PLR0917 - all that a decision rests on
    params: dict[str, Any],
    prompts: Iterable[Prompt],
    resources: Iterable[Resource],
    specs: Mapping[str, UpstreamSpec],
    expires_s: int | None,
    now_s: float,
) -> Completing:
    """Whether the completion may be asked for; `params` are the client's."""
    ref = params.get("ref")
    target = _find(ref, prompts, resources) if isinstance(ref, dict) else None
    if target is None:
        denied = Deny("MCPX-D05", "completion", "The profile has no such prompt or template.")
        return Completing(None, None, denied)
    decision = expiry(expires_s, now_s) or _decide(target, specs[target.upstream], params)
    return Completing(target.label, target.upstream, decision)


def admit_completion(result: dict[str, Any]) -> Admitted | Rejected:
    """A completion/complete result in modern form: values cleaned, at most a hundred."""
    try:
        value, data = clean_message({**result, "completion": _admitted(result)})
    except Unfit as unfit:
        return Rejected(unfit.id, f"{_SUBJECT} {unfit.why}.")
    return bounded(value, len(data), LIMITS.result_default_bytes, _SUBJECT)


def _find(
    ref: dict[str, Any], prompts: Iterable[Prompt], resources: Iterable[Resource]
) -> _Target | None:
    if ref.get("type") == "ref/prompt":
        prompt = next((item for item in prompts if item.name == ref.get("name")), None)
        return None if prompt is None else _prompt_target(prompt)
    if ref.get("type") == "ref/resource":
        rows = (item for item in resources if item.is_template and item.uri == ref.get("uri"))
        template = next(rows, None)
        return None if template is None else _template_target(template)
    return None


def _prompt_target(prompt: Prompt) -> _Target:
    ref = {"type": "ref/prompt", "name": prompt.prompt}
    names = frozenset(argument_names(prompt))
    return _Target(f"prompt:{prompt.name}", prompt.upstream, ref, names)


def _template_target(resource: Resource) -> _Target | None:
    try:
        names = frozenset(compile_template(resource.uri).names)
    except ValueError:
        return None
    ref = {"type": "ref/resource", "uri": resource.uri}
    return _Target(f"resource:{resource.name}", resource.upstream, ref, names)


def _decide(target: _Target, spec: UpstreamSpec, params: dict[str, Any]) -> Allow | Deny:
    if "completion" not in spec.features:
        text = "The profile names no completion for this upstream."
        return Deny("MCPX-D02", "completion", text)
    argument, context = params.get("argument"), params.get("context")
    pair = [argument.get(key) for key in ("name", "value")] if isinstance(argument, dict) else []
    if not pair or not all(isinstance(item, str) for item in pair):
        return _misfit("argument", "must be an object with a name and a value, both strings")
    if pair[0] not in target.names:
        known = ", ".join(sorted(target.names)) or "none"
        return _misfit("argument", f"names nothing that can be completed; there is: {known}")
    sent = {"ref": target.ref, "argument": {"name": pair[0], "value": pair[1]}}
    if context is not None:
        known_values = _known_values(target, context)
        if known_values is None:
            return _misfit("context", "must hold strings by the names of other arguments")
        sent["context"] = {"arguments": known_values} if "arguments" in context else {}
    request = McpRequest("completion/complete", sent, None, (), retry_safe=True)
    return Allow("allow", request, {key: sent[key] for key in sent if key != "ref"})


def _known_values(target: _Target, context: Any) -> dict[str, str] | None:
    values = context.get("arguments", {}) if isinstance(context, dict) else None
    if not isinstance(values, dict) or not all(isinstance(item, str) for item in values.values()):
        return None
    return values if values.keys() <= target.names else None


def _admitted(result: dict[str, Any]) -> dict[str, Any]:
    if result.get("resultType", "complete") != "complete":
        raise Unfit("MCPX-U05", "asks for more than the profile lets an upstream ask")
    given = result.get("completion")
    completion: dict[str, Any] = given if isinstance(given, dict) else {}
    values = completion.get("values")
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        raise Unfit("MCPX-U05", "is no list of values")
    if len(values) <= LIMITS.completions:
        return completion
    return {**completion, "values": values[: LIMITS.completions], "hasMore": True}


def _misfit(where: str, words: str) -> Deny:
    return Deny("MCPX-D01", "completion", f"Nothing was asked. {where}: {words}.")
