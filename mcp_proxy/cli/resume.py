"""`mcp-proxy resume`: what was paused goes on, if the person at the terminal says so (S1)."""

import argparse
from typing import Any

from mcp_proxy.app import pausing
from mcp_proxy.cli import render
from mcp_proxy.cli.login import minute
from mcp_proxy.cli.pause import add_names, named
from mcp_proxy.core.text import clean
from mcp_proxy.edges.controlling_terminal import ControllingTerminal
from mcp_proxy.edges.pauses import Paused


def add_commands(subparsers: Any) -> None:
    """Registers `resume`."""
    parser = subparsers.add_parser(
        "resume", help="let paused calls pass again (asks at a terminal)"
    )
    add_names(parser)
    parser.set_defaults(run=run_resume)


def run_resume(options: argparse.Namespace) -> int:
    """`resume`; neither stdin nor an option can answer its question."""
    found = pausing.find_paused(named(options, "resume"))
    with ControllingTerminal() as terminal:
        for row in found.rows:
            terminal.screen.write(f"paused  {_words(row)}\n")
        if found.is_broken:
            terminal.screen.write("paused  everything: what was paused cannot be read any more\n")
        is_yes = terminal.ask("Let these calls pass again? [y/N]").lower() in ("y", "yes")
    if not is_yes:
        render.say("Nothing was changed.")
        return 1
    pausing.resume(found)
    for row in found.rows:
        render.say(f"Resumed: {row.text}.")
    if found.is_broken:
        render.say("Resumed: everything.")
    for row in found.others:
        render.say(f"Still paused: {row.text}.")
    return 0


def _words(row: Paused) -> str:
    reason = f" ({row.reason})" if row.reason else ""
    return clean(f"{row.text}, since {minute(row.since_s)}{reason}")
