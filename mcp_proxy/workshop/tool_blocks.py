"""The tools of a source with `"*"` unfolded: a checked source in, one block for each tool out."""

import re
from collections.abc import ItemsView
from functools import partial

from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.blocks import Block, unfold_blocks
from mcp_proxy.workshop.problems import Problems
from mcp_proxy.workshop.source_keys import AllListed, ProfileSource, ToolSource
from mcp_proxy.workshop.tools_mcp import all_tools
from mcp_proxy.workshop.upstream_source import TOOL_NAME
from mcp_proxy.workshop.upstreams import Files, find_server


def tool_blocks(
    profile: ProfileSource, files: Files, problems: Problems
) -> list[Block[ToolSource]]:
    """Every tool of the profile, in the source's order."""
    return unfold_blocks("tools", profile.tools, partial(_unfold, profile, files), problems)


def _unfold(
    profile: ProfileSource, files: Files, name: str, entry: AllListed
) -> ItemsView[str, ToolSource]:
    if name != "*":
        raise Wrong((), "lacks operation and effect; add both")
    upstream = find_server(entry.upstream, profile)
    bound = {
        block.operation
        for block in profile.tools.values()
        if isinstance(block, ToolSource) and block.upstream == entry.upstream
    }
    found = all_tools(entry.upstream, files.listing(upstream).tools, bound)
    for tool in found:
        _check_name(tool, profile)
    return found.items()


def _check_name(name: str, profile: ProfileSource) -> None:
    fix = "name it in the source: NAME: {upstream: ..., operation: ...}"
    if name in profile.tools:
        raise Wrong((), f"the gateway's {name} has the name of another tool here; {fix}")
    if not re.fullmatch(TOOL_NAME, name):
        raise Wrong((), f"the gateway's {name[:200]!r} cannot be a tool's name here; {fix}")
