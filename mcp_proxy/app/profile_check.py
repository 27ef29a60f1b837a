"""What a person sees of a profile's tools before trusting it, and that all of it can be served.

Everything is parsed here that serve parses at a tool's first call, so that a profile which could
fail there is refused before it is signed or installed.
"""

import re
from typing import Any, NamedTuple

from mcp_proxy.app.entry_check import check_listed, check_upstreams
from mcp_proxy.core.constraint_forms import kind_of_rule
from mcp_proxy.core.contents import parse_rows
from mcp_proxy.core.detectors import NAMES
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.pick import parse_picks
from mcp_proxy.core.profile import NAME_PATTERN, Limit, Profile, Tool, UpstreamSpec
from mcp_proxy.core.profile_lines import parse_tool
from mcp_proxy.core.schema import SchemaRefused, compile_schema
from mcp_proxy.core.text import is_visible_line
from mcp_proxy.errors import ProfileError
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.list_entry import check_visible
from mcp_proxy.workshop.upstream_source import TOOL_NAME


class Argument(NamedTuple):
    """One argument as the model sees it; `schema` is its part of the tool's input schema."""

    name: str
    required: bool
    schema: dict[str, Any]


class ToolSummary(NamedTuple):
    """One tool: what the model reads, and what policy says.

    `masks` are the detectors and the fields by which answers are masked.
    """

    name: str
    effect: str
    upstream: str
    description: str
    approval: Any
    arguments: tuple[Argument, ...]
    channels: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    constraints: tuple[dict[str, Any], ...] = ()
    masks: tuple[str, ...] = ()
    outward: str = "deny"


def check_tools(profile: Profile) -> tuple[ToolSummary, ...]:
    """Every tool of the profile, wholly parsed, its schemas compiled, in the profile's order.

    Its upstreams, resources and prompts are checked too.

    Raises:
        ProfileError: P09, P10.
    """
    header = profile.header
    if not re.fullmatch(NAME_PATTERN, header.profile):
        raise _malformed("its name is no profile's name")
    check_upstreams(header)
    check_listed(profile)
    rows = parse_rows(profile)
    _check_visible(profile, rows)
    return tuple(
        _summarise(parse_tool(profile.tool_lines[name], name), rows[name], header.upstreams)
        for name in header.tools
    )


def _check_visible(profile: Profile, rows: dict[str, dict[str, Any]]) -> None:
    """A person would not see what the model reads, and whoever signed need not have built here."""
    header = profile.header
    try:
        check_visible({"title": header.title, "instructions": header.instructions, "tools": rows})
    except Wrong as wrong:
        raise _malformed(str(wrong)) from None
    # A line of its own could pass for one of the summary that a person judges the profile by.
    if not is_visible_line(header.title):
        raise _malformed("its title is more than one line")


def _summarise(tool: Tool, row: dict[str, Any], upstreams: dict[str, UpstreamSpec]) -> ToolSummary:
    if not re.fullmatch(TOOL_NAME, tool.name):
        raise _malformed(f"{tool.name[:64]!r} is no tool's name")
    if tool.result.max_bytes > LIMITS.result_max_bytes:
        raise _malformed(f"tool {tool.name} may have more bytes than this version takes")
    if tool.upstream not in upstreams:
        raise _malformed(f"tool {tool.name} names an upstream that it does not have")
    _check_rules(tool)
    try:
        compile_schema(tool.enforced)
        compile_schema(True if tool.result.schema is None else tool.result.schema)
    except SchemaRefused:
        raise _malformed(f"a schema of tool {tool.name} cannot be enforced") from None
    return ToolSummary(
        tool.name,
        tool.effect,
        tool.upstream,
        str(row.get("description", "")),
        tool.approval,
        _arguments(row.get("inputSchema")),
        tool.channels,
        tool.limits,
        tool.constraints,
        (*tool.result.redact, *tool.result.redact_fields),
        tool.outward,
    )


def _check_rules(tool: Tool) -> None:
    """A rule that this version could not judge would deny each call, and its person not know."""
    rules = tool.result
    if not all(map(kind_of_rule, tool.constraints)):
        raise _malformed(f"tool {tool.name} has a constraint that this version does not know")
    if not set(rules.redact) <= set(NAMES):
        raise _malformed(f"tool {tool.name} masks what this version cannot find")
    names = [limit.rule for limit in tool.limits]
    if len(set(names)) != len(names):
        raise _malformed(f"tool {tool.name} has two limits of one name")
    try:
        parse_picks((*rules.pick, *rules.redact_fields, *tool.shows))
    except ValueError:
        raise _malformed(f"tool {tool.name} names a field that is none") from None


def _arguments(schema: Any) -> tuple[Argument, ...]:
    shown = schema if isinstance(schema, dict) else {}
    properties, required = shown.get("properties", {}), shown.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        raise _malformed("an input schema in its tool list is not one")
    return tuple(
        Argument(name, name in required, part if isinstance(part, dict) else {})
        for name, part in properties.items()
    )


def _malformed(reason: str) -> ProfileError:
    return ProfileError("MCPX-P10", f"The profile is malformed: {reason}.")
