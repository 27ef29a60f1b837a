"""`mcp-proxy profile refresh`: what serving processes run, and a person who wants to know."""

import argparse
from typing import Any

from mcp_proxy.app.refreshing import Refreshed, refresh, refresh_all
from mcp_proxy.cli import render


def add_commands(subparsers: Any) -> None:
    """Registers the group `profile` with this action alone: the rest takes a second to load."""
    group = subparsers.add_parser("profile")
    add_refresh_command(group.add_subparsers(dest="action", required=True, metavar="ACTION"))


def add_refresh_command(actions: Any) -> None:
    """Registers `refresh` in the `profile` group."""
    parser = actions.add_parser("refresh", help="ask a profile's repository; nobody is asked")
    parser.add_argument("name", metavar="NAME", nargs="?", help="default: all of a repository")
    parser.add_argument(
        "--offline", action="store_true", help="verify what is here once more, ask nobody"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run_refresh)


def run_refresh(options: argparse.Namespace) -> int:
    """`profile refresh`: 0, or the exit code of the first profile that may not be served."""
    if options.name is None:
        found = refresh_all(offline=options.offline)
    else:
        found = [refresh(options.name, offline=options.offline)]
    if options.json:
        rows = [_plain(row) for row in found]
        render.json_out(rows if options.name is None else rows[0])
    else:
        for row in found:
            _tell(row)
        if not found:
            render.say("No profile of a repository is installed.")
    return next((row.problem.exit_code for row in found if row.problem is not None), 0)


def _tell(row: Refreshed) -> None:
    if row.problem is not None:
        render.fail(row.problem, f"{row.profile}: ")
        return
    state = "may be served" if row.verified else "is refreshed by another process just now"
    activated = ", activated now, for nothing in it is wider" if row.activated else ""
    render.say(f"{row.profile} version {row.version} {state}{activated}.")
    if row.waiting:
        render.say(f"Version {row.waiting} waits: mcp-proxy profile update {row.profile}")


def _plain(row: Refreshed) -> dict[str, Any]:
    problem = row.problem
    return {
        "profile": row.profile,
        "verified": row.verified,
        "version": row.version or None,
        "waiting": row.waiting or None,
        "activated": row.activated or None,
        "fresh_until": row.fresh_until_s or None,
        "id": None if problem is None else problem.id,
        "why": None if problem is None else problem.why,
        "next": None if problem is None else problem.next,
    }
