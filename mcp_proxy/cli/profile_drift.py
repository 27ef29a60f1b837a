"""`mcp-proxy profile drift`: whether upstreams still declare what the profile was built from."""

import argparse
from typing import Any

from mcp_proxy.app import drift
from mcp_proxy.app.drift import ToolFinding, UpstreamFinding
from mcp_proxy.cli import render
from mcp_proxy.core.drift import Difference

_STATES = {
    "unchanged": "as it was",
    "changed": "CHANGED: off until a new profile, or until it is declared as before",
    "gone": "GONE: the upstream declares no such tool",
    "new": "not in the profile",
}


def add_drift_command(actions: Any) -> None:
    """Registers the command."""
    parser = actions.add_parser("drift", help="what upstreams declare now; exit 0, 1 or 6")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run_drift)


def run_drift(options: argparse.Namespace) -> int:
    """`profile drift`: 0 as it was, 1 drifted, 6 an upstream could not be listed."""
    found = drift.examine(options.name)
    if options.json:
        render.json_out({"profile": options.name, "upstreams": [_plain(item) for item in found]})
    else:
        _tell(found)
    if any(item.drifted for item in found):
        return 1
    return next((item.error.exit_code for item in found if item.error is not None), 0)


def _tell(found: list[UpstreamFinding]) -> None:
    if not found:
        render.say("The profile has no MCP upstream, so nothing can drift.")
    for item in found:
        render.data(f"upstream {item.upstream}")
        if item.error is not None:
            render.fail(item.error, f"{item.upstream}: ")
        for tool in item.tools:
            for line in _tool_lines(tool):
                render.data(line)
    if any(item.drifted for item in found):
        render.say(
            "To accept a change, its publisher raises `version` in the source, adapts what it says "
            "of the tool, and runs: mcp-proxy profile build SOURCE.yaml --refresh, then sign."
        )


def _tool_lines(tool: ToolFinding) -> list[str]:
    name = tool.tool or tool.declared_as
    also = f" ({tool.declared_as})" if tool.declared_as != name else ""
    lines = [f"  {name}{also}: {_STATES[tool.state]}"]
    if tool.differences and tool.against == "shown":
        lines.append("    no earlier declaration is kept here; beside what the profile shows:")
    return lines + [line for item in tool.differences for line in _difference_lines(item)]


def _difference_lines(item: Difference) -> list[str]:
    before = "nothing" if item.before is None else item.before
    now = "nothing" if item.now is None else item.now
    return [f"    {item.pointer or '/'}", f"      - {before}", f"      + {now}"]


def _plain(item: UpstreamFinding) -> dict[str, Any]:
    error = None if item.error is None else {"id": item.error.id, "why": item.error.why}
    tools = [
        {**tool._asdict(), "differences": [part._asdict() for part in tool.differences]}
        for tool in item.tools
    ]
    return {"upstream": item.upstream, "error": error, "tools": tools}
