"""`mcp-proxy home init`: a home of its own, apart from the user's default one."""

import argparse
import os
from typing import Any

from mcp_proxy.app import home
from mcp_proxy.cli import render


def add_commands(subparsers: Any) -> None:
    """Registers the group."""
    group = subparsers.add_parser("home", help="where trust, profiles and logs lie")
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    init = actions.add_parser("init", help="make a home in a new or empty folder")
    init.add_argument("folder", metavar="DIR")
    init.set_defaults(run=run_init)


def run_init(options: argparse.Namespace) -> int:
    """`home init`."""
    made = home.init(options.folder)
    render.say("The home is ready. To use it, set this variable, also in the client's entry:")
    render.data(f"MCP_PROXY_HOME={os.path.dirname(made.config)}")
    return 0
