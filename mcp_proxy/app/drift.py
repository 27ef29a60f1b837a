"""`profile drift`: what each upstream of an installed profile declares now, beside what it did.

Lists each upstream with its credential, judges it as serve does, and records the verdict, so that
a running or later process agrees with what was shown.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from mcp_proxy.app import admin_log
from mcp_proxy.app.world import build_machinery
from mcp_proxy.core import strict_json
from mcp_proxy.core.drift import Declared, Difference, differences, drifted_tools, state_of
from mcp_proxy.core.offer import Refusal
from mcp_proxy.core.profile import Bound, Profile
from mcp_proxy.core.profile_lines import parse_bound
from mcp_proxy.core.session import Session
from mcp_proxy.core.text import one_sentence
from mcp_proxy.core.wishes import full_wishes
from mcp_proxy.edges import clock, verdicts
from mcp_proxy.edges.places import Home, find_home
from mcp_proxy.edges.profile_store import bump_generation, load_profile, read_generation
from mcp_proxy.edges.upstream_mcp import McpUpstream
from mcp_proxy.errors import McpProxyError

_SHOWN = ("title", "description", "inputSchema", "outputSchema")


class ToolFinding(NamedTuple):
    """One tool: its name in the profile, and the upstream's; `new` ones are in no profile.

    `against` says what `differences` compare with: the declaration that matched last, or what the
    profile shows the model.
    """

    tool: str
    declared_as: str
    state: Literal["unchanged", "changed", "gone", "new"]
    differences: tuple[Difference, ...] = ()
    against: Literal["declared", "shown"] = "declared"


class UpstreamFinding(NamedTuple):
    """One upstream, and its tools; or why it could not be listed."""

    upstream: str
    tools: tuple[ToolFinding, ...]
    error: McpProxyError | None = None

    @property
    def drifted(self) -> bool:
        """Whether a tool of the profile is not declared as it was."""
        return any(tool.state in {"changed", "gone"} for tool in self.tools)


def examine(name: str) -> list[UpstreamFinding]:
    """Every MCP upstream of an installed profile, in the profile's order.

    Raises:
        ProfileError, HomeError: as `load_profile`.
        AuditError: A01, where a verdict changed and that could not be logged.
    """
    home = find_home()
    generation = read_generation(home)
    profile = load_profile(home, name, clock.now_s())
    machinery = build_machinery(home, profile, generation, Session(Refusal("", "", "")))
    bound = (parse_bound(line, tool) for tool, line in profile.tool_lines.items())
    tools = [tool for tool in bound if tool is not None]

    async def run() -> list[UpstreamFinding]:
        try:
            return [
                await _finding(home, profile, upstream, source, tools)
                for upstream, source in machinery.upstreams.items()
                if isinstance(source, McpUpstream)
            ]
        finally:
            await machinery.close()

    return asyncio.run(run())


async def _finding(
    home: Home, profile: Profile, upstream: str, source: McpUpstream, tools: list[Bound]
) -> UpstreamFinding:
    spec = profile.header.upstreams[upstream]
    deadline_s = spec.deadline_ms / 1000
    own = [tool for tool in tools if tool.upstream == upstream]
    try:
        declared = await source.declared(deadline_s, full_wishes(spec))
    except McpProxyError as error:
        return UpstreamFinding(upstream, (), error)
    held = verdicts.read_declared(home, profile.header.profile, profile.digest, upstream)
    rows = {row["name"]: row for row in strict_json.loads(profile.tools_json)}
    found = [_tool_finding(tool, declared, held.get(tool.name), rows[tool.name]) for tool in own]
    known = {finding.declared_as for finding in found}
    new = [
        ToolFinding("", one_sentence(name, 128), "new") for name in sorted(declared.keys() - known)
    ]
    _record(home, profile, upstream, own, declared)
    return UpstreamFinding(upstream, (*found, *new))


def _tool_finding(
    tool: Bound, declared: Declared, held: Any, row: Mapping[str, Any]
) -> ToolFinding:
    name, state = tool.template.tool, state_of(tool, declared)
    if state != "changed":
        return ToolFinding(tool.name, name, state)
    entry = declared[name]
    if isinstance(held, dict):
        return ToolFinding(tool.name, name, state, differences(held, entry))
    told = {key: entry[key] for key in _SHOWN if key in entry}
    shown = {key: row[key] for key in told if key in row}
    return ToolFinding(tool.name, name, state, differences(shown, told), "shown")


def _record(
    home: Home, profile: Profile, upstream: str, tools: list[Bound], declared: Declared
) -> None:
    """The verdict as serve would keep it; logged where it is another than before."""
    name = profile.header.profile
    found = drifted_tools(tools, declared)
    drifted = found.changed | found.gone
    before = verdicts.read_drifted(home, name, profile.digest).get(upstream, frozenset())
    if drifted != before:
        facts = {"profile": name, "upstream": upstream, "drifted": " ".join(sorted(drifted))}
        admin_log.record(home, "profile drift", **facts)
        verdicts.record_drifted(home, name, profile.digest, upstream, drifted)
        bump_generation(home)  # running processes look for themselves
    matching = {
        tool.name: declared[tool.template.tool] for tool in tools if tool.name not in drifted
    }
    verdicts.record_declared(home, name, profile.digest, upstream, matching)
