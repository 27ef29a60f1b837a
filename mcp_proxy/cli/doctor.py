"""`mcp-proxy doctor`: one line for each check, and the command that mends it; 1 if one is bad."""

import argparse
from typing import Any

from mcp_proxy.app.check import Check
from mcp_proxy.app.doctor import examine
from mcp_proxy.cli import render


def add_commands(subparsers: Any) -> None:
    """Registers `doctor`."""
    parser = subparsers.add_parser("doctor", help="what works, what does not, and what mends it")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Shows each finding as it comes."""
    checks: list[Check] = []
    for check in examine():
        checks.append(check)
        if not options.json:
            _show(check)
    if options.json:
        render.json_out([check._asdict() for check in checks])
    return 0 if all(check.ok for check in checks) else 1


def _show(check: Check) -> None:
    render.data(f"{'ok ' if check.ok else 'BAD'} {check.what}: {check.found}")
    if check.next is not None:
        render.data(f"    next: {check.next}")
