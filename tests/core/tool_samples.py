"""Tools and upstreams for tests of decisions and requests: one maker each, everything optional."""

from typing import Any

from mcp_proxy.core.policy import Decision, decide
from mcp_proxy.core.profile import (
    ArgumentRule,
    Auth,
    McpTemplate,
    RestTemplate,
    ResultRules,
    Tool,
    UpstreamSpec,
)
from mcp_proxy.core.ready import ready_tool

REST = UpstreamSpec(
    "rest",
    "https://api.example.com/v1",
    Auth("header", "billing-api", "X-Api-Key"),
    20_000,
    (),
)
MCP = UpstreamSpec("mcp", "https://gateway.example.com/mcp", None, 20_000, ())
PLAIN = ResultRules("off", None, (), 1 << 20, ())


def rule(place: str, target: str, **other: Any) -> ArgumentRule:
    """An argument's place, in its style's OpenAPI default."""
    style = "form" if place == "query" else "simple"
    default = ArgumentRule(place, target, style, style == "form", "one")
    return default._replace(**other)


def rest_tool(
    arguments: dict[str, ArgumentRule],
    *,
    path: str = "/invoices",
    method: str = "POST",
    enforced: dict[str, Any] | None = None,
    **other: Any,
) -> Tool:
    """A tool of a REST upstream whose enforced schema allows any value unless given."""
    base = Tool(
        name="tool",
        upstream="api",
        effect="write",
        enforced={"type": "object"} if enforced is None else enforced,
        arguments=arguments,
        constants={},
        defaults={},
        template=RestTemplate(method, path, "application/json"),
        result=PLAIN,
        approval="never",
        retry="never",
    )
    return base._replace(**other)


def mcp_tool(
    arguments: dict[str, ArgumentRule], headers: dict[str, str] | None = None, **other: Any
) -> Tool:
    """A tool of a gateway."""
    template = McpTemplate("upstream_tool", "0" * 64, headers or {})
    return rest_tool(arguments, template=template, **other)


def decided(tool: Tool, arguments: Any, *, upstream: UpstreamSpec = REST) -> Decision:
    """The decision on a call at the epoch, under a profile that never expires."""
    return decide(ready_tool(tool, upstream, None), arguments, 0.0)
