"""`mcp-proxy pause`: no call of a profile or a tool passes until `mcp-proxy resume`."""

import argparse
from typing import Any

from mcp_proxy.app import pausing
from mcp_proxy.cli import render
from mcp_proxy.errors import UsageError


def add_commands(subparsers: Any) -> None:
    """Registers `pause`."""
    parser = subparsers.add_parser("pause", help="stop all calls of a profile or tool, at once")
    add_names(parser)
    parser.add_argument(
        "--reason", metavar="TEXT", default="", help="a word that the model reads, too"
    )
    parser.set_defaults(run=run_pause)


def add_names(parser: argparse.ArgumentParser) -> None:
    """Registers what `pause` and `resume` name."""
    parser.add_argument(
        "name",
        metavar="PROFILE|TOOL|PROFILE/TOOL",
        nargs="?",
        help="a tool alone is meant in every profile",
    )
    parser.add_argument("--all", action="store_true", help="everything")


def run_pause(options: argparse.Namespace) -> int:
    """`pause`; asks nobody, since it only takes away."""
    for row in pausing.pause(named(options, "pause"), options.reason):
        render.say(f"Paused: {row.text}. No call passes until: mcp-proxy resume {row.words}")
        if not pausing.is_known(row):
            render.say(
                f"The installed version of profile {row.profile} has no tool {row.tool}; a process "
                "that serves an earlier one may have it.",
                "bold yellow",
            )
    render.say("A call that has already left for its upstream is not called back.")
    return 0


def named(options: argparse.Namespace, command: str) -> str | None:
    """The name that was given, None for --all. Raises UsageError W01 for both, or neither."""
    if options.all == (options.name is not None):
        why = "Name a profile or a tool, or give --all."
        raise UsageError("MCPX-W01", why, f"mcp-proxy {command} --help")
    name: str | None = options.name
    return name
