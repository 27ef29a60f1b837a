"""`mcp-proxy audit tail`: the newest entries; with -f also what comes, until Ctrl-C."""

import argparse
import contextlib
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.live import Live
from rich.text import Text

from mcp_proxy.app.audit_follow import Follower
from mcp_proxy.app.audit_log import Reading
from mcp_proxy.cli import render
from mcp_proxy.cli.audit_options import add_filter_options, filter_of, none_words
from mcp_proxy.cli.audit_show import tell_damage
from mcp_proxy.cli.audit_view import head_line, line_of, print_entries, print_json_line
from mcp_proxy.core.audit_words import counted
from mcp_proxy.edges.places import find_home

_LOOK_S = 0.25
_MOST = 10_000


class _Screen(Protocol):
    def __call__(self, entries: list[dict[str, Any]], status: str) -> None: ...


def add_tail_command(commands: Any) -> None:
    """Registers `audit tail`."""
    tail = commands.add_parser(
        "tail",
        help="the newest entries, and with -f what comes",
        description="Prints the newest entries of the log, a line for each; with -f it goes on "
        "with what comes.",
    )
    tail.add_argument("-n", type=_count, default=20, metavar="N", help="how many (default 20)")
    tail.add_argument(
        "-f", "--follow", action="store_true", help="go on with what comes; Ctrl-C ends it"
    )
    add_filter_options(tail)
    tail.add_argument("--json", action="store_true", help="as JSON; with -f a line for each entry")
    tail.set_defaults(run=run_tail)


def run_tail(options: argparse.Namespace) -> int:
    """`audit tail`."""
    only = filter_of(options)
    if options.follow:
        with contextlib.suppress(KeyboardInterrupt):
            _follow(Follower(find_home(), only), options.n, options.json)
        return 0
    reading = Reading(find_home(), only)
    code = print_entries(reading.newest(options.n), options.json, none_words(only))
    tell_damage(reading.damaged)
    return code


def _follow(follower: Follower, count: int, as_json: bool) -> None:
    counts: Counter[str] = Counter()
    with closing(follower), _screen(as_json) as show:
        entries, shown = follower.newest(count), ""
        while render.has_reader():
            counts.update(str(entry.get("decision", "")) for entry in entries)
            status = _status(follower.processes, counts)
            if entries or status != shown:
                show(entries, status)
            shown = status
            tell_damage(follower.damaged)
            follower.damaged.clear()
            time.sleep(_LOOK_S)
            entries = follower.poll()


@contextmanager
def _screen(as_json: bool) -> Iterator[_Screen]:
    """What shows entries: with a line of status below them where stdout is a terminal."""
    if as_json:
        yield lambda entries, _status: _print_json(entries)
        return
    if not sys.stdout.isatty():
        render.data(head_line().plain)
        yield lambda entries, _status: _print_lines(entries)
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(head_line())
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(entries: list[dict[str, Any]], status: str) -> None:
            for entry in entries:
                console.print(line_of(entry))
            live.update(Text(status, "dim"), refresh=True)

        yield show


def _print_json(entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        print_json_line(entry)
    render.flush_data()


def _print_lines(entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        render.data(line_of(entry).plain)
    render.flush_data()


def _status(processes: int, counts: Counter[str]) -> str:
    told = ", ".join(f"{counts[kind]} {kind}" for kind in ("allow", "ask", "deny"))
    running = counted(processes, "running process", "running processes")
    return f"following {running}; shown so far: {told}; Ctrl-C ends"


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:9]) > _MOST or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no count from 0 to {_MOST}")
    return int(text)
