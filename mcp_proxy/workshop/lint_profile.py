"""Lint rules L601, L602 and L801 to L808: answers, how long a profile holds, what it costs."""

import re
from collections.abc import Iterator

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import RestTemplate, Tool
from mcp_proxy.workshop.lint_subject import Hit, Subject, named
from mcp_proxy.workshop.tokens import listed_tokens

_TOOLS = 40
_LIST_TOKENS = 10_000
_TOOL_TOKENS = 1_500
_DAY_S = 86_400
_SOON_DAYS = 14
_FAR_DAYS = 2 * 366
_LISTING = re.compile(r"(?i)^(?:list|search|find|query)(?:[^a-z]|(?-i:[A-Z]))|_list$")


def find(subject: Subject) -> Iterator[Hit]:
    """What is wrong with answers, expiry and size."""
    for name, tool in subject.contents.tools.items():
        yield from _result(name, tool)
    yield from _unvalidated(subject)
    yield from _unmarked(subject)
    yield from _lifetime(subject)
    yield from _cost(subject)
    yield from _sealed(subject)


def _result(name: str, tool: Tool) -> Iterator[Hit]:
    rules, place = tool.result, ("tools", name, "result")
    is_large = rules.max_bytes >= LIMITS.result_default_bytes
    is_large = is_large and not rules.pick and not rules.max_items
    if is_large and _is_list(name, tool):
        yield Hit("L601", place, f"{name}: a list of up to {rules.max_bytes >> 20} MiB")


def _unvalidated(subject: Subject) -> Iterator[Hit]:
    """One note for all: it holds of every tool whose answers nobody has thought about."""
    names = [
        name
        for name, tool in subject.contents.tools.items()
        if not tool.result.pick
        and tool.result.validate == "off"
        and isinstance(tool.template, RestTemplate)
    ]
    if names:
        text = f"all that the API answers reaches the model from {named(names)}"
        yield Hit("L602", ("tools", names[0], "result"), text)


def _unmarked(subject: Subject) -> Iterator[Hit]:
    """One note for all servers' tools, as above."""
    names = [
        name
        for name, tool in subject.contents.tools.items()
        if not isinstance(tool.template, RestTemplate)
        and not (tool.result.pick or tool.result.mark)
    ]
    if names:
        text = f"whatever the server writes reaches the model unmarked from {named(names)}"
        yield Hit("L603", ("tools", names[0], "result"), text)


def _is_list(name: str, tool: Tool) -> bool:
    template = tool.template
    if isinstance(template, RestTemplate):
        last = template.path.rstrip("/").rpartition("/")[2]
        is_plural = last.endswith("s") and not last.endswith(("ss", "us"))
        return template.method == "GET" and "{" not in last and is_plural
    return tool.effect == "read" and bool(_LISTING.search(template.tool) or _LISTING.search(name))


def _lifetime(subject: Subject) -> Iterator[Hit]:
    header = subject.contents.header
    if header.expires is None:
        yield Hit("L801", ("expires",), f"{header.profile} never expires")
    else:
        days = (header.expires - subject.now_s) // _DAY_S
        if days < 0:
            yield Hit("L803", ("expires",), f"{header.profile} has expired")
        elif days < _SOON_DAYS:
            yield Hit("L803", ("expires",), f"{header.profile} expires in {days} days")
        elif days > _FAR_DAYS:
            yield Hit("L802", ("expires",), f"{header.profile} expires in {days // 365} years")
    if header.grace_s == 0:
        yield Hit("L804", ("grace",), f"{header.profile} has no grace")


def _sealed(subject: Subject) -> Iterator[Hit]:
    rules = subject.contents.header.audit
    if rules.arguments == "sealed" and not rules.recipient:
        text = "all arguments are sealed to each home's own key"
        yield Hit("L808", ("audit", "arguments"), text)


def _cost(subject: Subject) -> Iterator[Hit]:
    rows = subject.contents.rows
    if len(rows) > _TOOLS:
        yield Hit("L805", ("tools",), f"{len(rows)} tools; above {_TOOLS} models choose badly")
    costs = {name: listed_tokens(row) for name, row in rows.items()}
    whole = sum(costs.values())
    if whole > _LIST_TOKENS:
        yield Hit("L806", ("tools",), f"the tool list costs about {whole:,} tokens")
    for name, tokens in costs.items():
        if tokens > _TOOL_TOKENS:
            yield Hit("L807", ("tools", name), f"{name} costs about {tokens:,} tokens")
