"""Lint rules L301 to L307: what a profile's tools may do, how often, and who is asked."""

from collections.abc import Iterator
from typing import Any

from mcp_proxy.core.profile import RestTemplate, Tool
from mcp_proxy.workshop.lint_subject import Hit, Subject, named
from mcp_proxy.workshop.risk import Risk, assess, assess_tool
from mcp_proxy.workshop.source_keys import AllListed, ToolSource

_EFFECTS = ("read", "write", "destructive")
_THRESHOLDS = frozenset({"above", "at_least"})
_ADMIN_TOOLS = 3
_ADMIN_SHARE = 0.2
# What a listing's hints said is not in a payload; the effect that its publisher chose is.
_HINTS: dict[str, dict[str, Any]] = {
    "read": {"readOnlyHint": True},
    "write": {"readOnlyHint": False, "destructiveHint": False},
    "destructive": {"readOnlyHint": False, "destructiveHint": True},
}


def find(subject: Subject) -> Iterator[Hit]:
    """What is wrong with effects, approval and breadth."""
    admin = []
    for name, tool in subject.contents.tools.items():
        risk = _risk(subject, name, tool)
        yield from _approval(name, tool)
        if tool.effect == "destructive" and not tool.limits:
            yield Hit("L307", ("tools", name), f"{name} is destructive, and nothing limits it")
        if "admin" in risk.marks:
            admin.append(name)
            text = f"{name}: its operation touches rights, members, keys or settings"
            yield Hit("L303", ("tools", name), text)
        yield from _effect(subject, name, tool, risk)
    if len(admin) >= max(_ADMIN_TOOLS, _ADMIN_SHARE * len(subject.contents.tools)):
        count = f"{len(admin)} of {len(subject.contents.tools)} tools"
        yield Hit("L304", ("tools",), f"{count} touch rights or settings: {named(admin)}")
    yield from _stars(subject)


def _approval(name: str, tool: Tool) -> Iterator[Hit]:
    if tool.effect == "destructive" and tool.approval == "never":
        yield Hit("L301", ("tools", name), f"{name} is destructive, and nobody is asked")
    if not isinstance(tool.approval, list):
        return
    summed = {f"/{limit.of.removeprefix('/')}" for limit in tool.limits if limit.of}
    for conditions in tool.approval:
        for argument, tests in conditions.items():
            is_summed = f"/{argument.removeprefix('/')}" in summed
            if isinstance(tests, dict) and _THRESHOLDS.intersection(tests) and not is_summed:
                place = ("tools", name, "approval")
                yield Hit(
                    "L302", place, f"{name}: any sum goes in many calls of a small {argument}"
                )
                return


def _effect(subject: Subject, name: str, tool: Tool, risk: Risk) -> Iterator[Hit]:
    block = None if subject.source is None else subject.source.profile.tools.get(name)
    has_reason = isinstance(block, ToolSource) and block.effect_reason is not None
    if _EFFECTS.index(risk.effect) > _EFFECTS.index(tool.effect) and not has_reason:
        place = ("tools", name, "effect")
        what = _operation(tool)
        yield Hit("L305", place, f"{name}: {what} reads like {risk.effect}, not {tool.effect}")


def _stars(subject: Subject) -> Iterator[Hit]:
    tools = {} if subject.source is None else subject.source.profile.tools
    for name, entry in tools.items():
        if isinstance(entry, AllListed):
            text = f"every tool that {entry.upstream} lists is taken over"
            yield Hit("L306", ("tools", name), text)


def _risk(subject: Subject, name: str, tool: Tool) -> Risk:
    template = tool.template
    if not isinstance(template, RestTemplate):
        return assess_tool(template.tool, "", _HINTS[tool.effect])
    block = None if subject.source is None else subject.source.profile.tools.get(name)
    operation = block.operation if isinstance(block, ToolSource) else name
    # `GET /path` selects by what the template says already.
    known = "" if " " in operation else operation
    return assess(template.method, template.path, known, "", ())


def _operation(tool: Tool) -> str:
    template = tool.template
    if isinstance(template, RestTemplate):
        return f"{template.method} {template.path}"
    return template.tool
