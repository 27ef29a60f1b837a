"""`mcp-proxy demo`: shows each step as it happens; 0 only if every one came out as it must."""

import argparse
import contextlib
import time
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mcp_proxy.app.demo import Step, perform
from mcp_proxy.cli import render
from mcp_proxy.core.text import clean


def add_commands(subparsers: Any) -> None:
    """Registers `demo`."""
    parser = subparsers.add_parser(
        "demo", help="the whole job on this machine, in a throw-away home, with an embedded API"
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep that home to look into and print the client entry; the API ends",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Plays it; 1 where a step came out otherwise."""
    console = Console(highlight=False)
    began, act, failed, count = time.monotonic(), "", 0, 0
    with contextlib.closing(perform(options.keep)) as steps:
        for step in steps:
            if step.act != act:
                act = step.act
                console.print(Text(f"\n{clean(act)}", "bold cyan"))
            _show(console, step)
            count += 1
            failed += not step.ok
    took = time.monotonic() - began
    if failed:
        render.say(f"\n{failed} of {count} steps did not come out as they must.", "bold red")
        return 1
    console.print(Text(f"\nAll {count} steps as they must be, in {took:.1f} s.", "bold green"))
    return 0


def _show(console: Console, step: Step) -> None:
    tried, _, meant = step.tried.partition("\n")
    mark = Text(" ok", "green") if step.ok else Text("BAD", "bold red")
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=4)
    grid.add_column(ratio=2, overflow="fold")
    grid.add_column(ratio=3, overflow="fold")
    # What is meant to be copied keeps its lines.
    whole = "\n" in step.came
    grid.add_row(mark, _told(tried, "bold", meant), Text("" if whole else clean(step.came)))
    console.print(grid)
    if whole:
        console.print(Text(clean(step.came)), soft_wrap=True)


def _told(tried: str, style: str, meant: str) -> Text:
    text = Text(clean(tried), style)
    return text.append(f"\n{clean(meant)}", "not bold italic") if meant else text
