"""`mcp-proxy doctor`: one line for each check, and the command that mends it; 1 if one is bad.

With `--fix` it first mends what no other command does, if a person at the terminal says so.
"""

import argparse
from typing import Any

from mcp_proxy.app.check import Check
from mcp_proxy.app.doctor import examine
from mcp_proxy.app.ledger_mending import mend_ledger
from mcp_proxy.app.state_check import mend_state
from mcp_proxy.cli import render
from mcp_proxy.edges.controlling_terminal import ControllingTerminal
from mcp_proxy.edges.places import find_home


def add_commands(subparsers: Any) -> None:
    """Registers `doctor`."""
    parser = subparsers.add_parser("doctor", help="what works, what does not, and what mends it")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument(
        "--fix",
        action="store_true",
        help="also mend the ledger, state.db or its clock (asks at a terminal)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Shows each finding as it comes."""
    if options.fix:
        _mend()
    checks: list[Check] = []
    for check in examine():
        checks.append(check)
        if not options.json:
            _show(check)
    if options.json:
        render.json_out([check._asdict() for check in checks])
    return 0 if all(check.ok for check in checks) else 1


def _mend() -> None:
    """The ledger first: what is done to the rest has to be logged."""
    home, is_needed = find_home(), False
    for mend in (mend_ledger, mend_state):
        for told in mend(home, _ask):
            is_needed = True
            render.say(told)
    if not is_needed:
        render.say("Nothing here needs mending by this command.")


def _ask(question: str) -> str:
    with ControllingTerminal() as terminal:
        return terminal.ask(question)


def _show(check: Check) -> None:
    render.data(f"{'ok ' if check.ok else 'BAD'} {check.what}: {check.found}")
    if check.next is not None:
        render.data(f"    next: {check.next}")
