"""A profile that lint finds nothing in, and how to spoil it part by part."""

from typing import Any

from mcp_proxy.core.contents import Contents
from mcp_proxy.core.profile import (
    ArgumentRule,
    AuditRules,
    Header,
    McpTemplate,
    Prompt,
    Resource,
    RestTemplate,
    ResultRules,
    Tool,
    UpstreamSpec,
)
from mcp_proxy.workshop.lint import lint

NOW_S = 1_800_000_000
DAY_S = 86_400
CUSTOMER = {"type": "string", "description": "The customer's id.", "pattern": "^cus_[0-9]{4}$"}


def good() -> Contents:
    """One tool that reads a list, wholly described and bounded."""
    header = Header(
        profile="shop",
        version=1,
        title="Shop",
        instructions="Look up invoices. You must always call this tool before you answer.",
        issued=NOW_S,
        expires=NOW_S + 200 * DAY_S,
        timezone="UTC",
        requires=(),
        upstreams={"api": UpstreamSpec("rest", "https://api.example.com", None, 10_000, ())},
        audit=AuditRules((), "deny"),
        tools=("find_invoices",),
        grace_s=DAY_S,
    )
    row = _row("find_invoices", "Find a customer's invoices, newest first. Give the customer id.")
    return Contents(header, "", {"find_invoices": row}, {"find_invoices": _tool()}, {}, {})


def with_row(name: str = "find_invoices", drop: str = "", **changes: Any) -> Contents:
    """The good profile whose listed tool has other keys, or lacks `drop`."""
    row = {
        key: item
        for key, item in {**good().rows["find_invoices"], **changes}.items()
        if key != drop
    }
    tool = _tool()._replace(name=name)
    return good()._replace(rows={name: {**row, "name": name}}, tools={name: tool})


def with_description(text: str) -> Contents:
    """The good profile whose tool says this."""
    return with_row(description=text)


def with_argument(schema: Any, name: str = "note", effect: str = "read") -> Contents:
    """The good profile whose tool takes this argument, too."""
    base = with_row(inputSchema=_schema({"customer": CUSTOMER, name: schema}))
    tool = _tool()._replace(effect=effect, approval="never" if effect == "read" else "always")
    return base._replace(tools={"find_invoices": tool})


def with_schema(**changes: Any) -> Contents:
    """The good profile whose tool's input schema has other keywords."""
    return with_row(inputSchema={**_schema({"customer": CUSTOMER}), **changes})


def with_tool(name: str = "find_invoices", **changes: Any) -> Contents:
    """The good profile whose tool's own line has other values."""
    base = with_row(name=name)
    return base._replace(tools={name: _tool()._replace(name=name, **changes)})


def with_header(**changes: Any) -> Contents:
    """The good profile with another header."""
    return good()._replace(header=good().header._replace(**changes))


def with_tools(texts: dict[str, str], **changes: Any) -> Contents:
    """A profile of these tools, each with what it says."""
    rows = {name: _row(name, text) for name, text in texts.items()}
    return good()._replace(
        rows=rows, tools={name: _tool()._replace(name=name, **changes) for name in rows}
    )


def with_listed(resource: str = "", prompt: str = "") -> Contents:
    """The good profile with a resource and a prompt that say this."""
    page = {"uri": "docs://x", "name": "handbook", "description": resource}
    item = {"name": "summarise", "description": prompt}
    return good()._replace(
        resources={"handbook": Resource("handbook", "api", "docs://x", False, True, page, 1, None)},
        prompts={"summarise": Prompt("summarise", "api", "s", item, 1)},
    )


def rest(method: str, path: str) -> RestTemplate:
    """Where a REST tool goes."""
    return RestTemplate(method, path, None)


def mcp(name: str) -> McpTemplate:
    """Where a gateway tool goes."""
    return McpTemplate(name, "0" * 64, {})


def rules_in(contents: Contents) -> set[str]:
    """The rules that hold somewhere in a payload."""
    return {finding.rule for finding in lint(contents, None, "", NOW_S)}


def _schema(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _row(name: str, text: str) -> dict[str, Any]:
    schema = _schema({"customer": CUSTOMER})
    return {"name": name, "description": text, "inputSchema": schema}


def _tool() -> Tool:
    return Tool(
        name="find_invoices",
        upstream="api",
        effect="read",
        enforced=_schema({"customer": CUSTOMER}),
        arguments={"customer": ArgumentRule("query", "customer", "form", True, "one")},
        constants={},
        defaults={},
        template=rest("GET", "/v1/invoices"),
        result=ResultRules("off", None, ("data.id",), 65_536, ()),
        approval="never",
        retry="safe",
    )
