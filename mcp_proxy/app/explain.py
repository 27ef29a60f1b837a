"""`profile explain`: a call decided as serve decides it, and told; nothing is sent."""

from typing import Any, NamedTuple

from mcp_proxy.app.call import DryRun, dry_run, try_call
from mcp_proxy.app.profile_file import is_name, unverified_profile
from mcp_proxy.core.explanation import Explanation, explain
from mcp_proxy.core.plan import Ready, ready_tool
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.profile_lines import parse_tool
from mcp_proxy.core.schema import SchemaRefused
from mcp_proxy.edges import clock
from mcp_proxy.errors import ProfileError


class Explained(NamedTuple):
    """A dry run in words; `is_trusted` says that the profile is installed, and was verified."""

    run: DryRun
    words: Explanation
    is_trusted: bool


def explain_call(target: str, tool: str, arguments: Any) -> Explained:
    """A call of a tool of `target`: an installed profile's name, or a file that holds one.

    Of a file nothing is verified, and this machine's settings are not looked at.

    Raises:
        ProfileError, HomeError: the installed profile may not be served; P09, P10 a file.
        SourceError, UsageError: a source cannot be built, or a file not be read.
    """
    is_trusted = is_name(target)
    run = dry_run(target, tool, arguments) if is_trusted else _dry_file(target, tool, arguments)
    words = explain(run.profile, run.ready, run.decision, arguments, run.now_s)
    return Explained(run, words, is_trusted)


def _dry_file(path: str, tool: str, arguments: Any) -> DryRun:
    profile = unverified_profile(path)
    return try_call(profile, _ready(profile, tool), arguments, clock.now_s())


def _ready(profile: Profile, name: str) -> Ready | Deny:
    line = profile.tool_lines.get(name)
    if line is None:
        return Deny("MCPX-D05", "tools of the profile", f"Unknown tool: {name[:80]}")
    tool = parse_tool(line, name)
    try:
        spec = profile.header.upstreams[tool.upstream]
        return ready_tool(tool, spec, profile.header.expires)
    except (KeyError, SchemaRefused):
        raise ProfileError(
            "MCPX-P10", f"Tool {name} has no upstream, or a schema that is not valid."
        ) from None
