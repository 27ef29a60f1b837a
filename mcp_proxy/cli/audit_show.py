"""`mcp-proxy audit show`: all entries, or those that match."""

import argparse
from collections.abc import Iterable
from typing import Any

from mcp_proxy.app.audit_log import Reading
from mcp_proxy.app.audit_stream import Damage
from mcp_proxy.cli import render
from mcp_proxy.cli.audit_options import add_filter_options, filter_of, none_words
from mcp_proxy.cli.audit_view import print_entries
from mcp_proxy.edges.places import find_home


def add_show_command(commands: Any) -> None:
    """Registers `audit show`."""
    show = commands.add_parser(
        "show",
        help="all entries, or those that match",
        description="Prints the log's entries in the order of time, a line for each.",
    )
    add_filter_options(show)
    show.add_argument("--json", action="store_true", help="as JSON")
    show.set_defaults(run=run_show)


def run_show(options: argparse.Namespace) -> int:
    """`audit show`."""
    only = filter_of(options)
    reading = Reading(find_home(), only)
    code = print_entries(reading, options.json, none_words(only))
    tell_damage(reading.damaged)
    return code


def tell_damage(damaged: Iterable[Damage]) -> None:
    """Says which files end in what could not be read."""
    for place in damaged:
        render.say(f"{place.path}:{place.line} {place.what}; nothing from there on is shown.")
        render.say("next:  mcp-proxy audit verify")
