"""`mcp-proxy audit report --html`: one file for who decides, to be opened in any browser."""

import argparse
from typing import Any

from mcp_proxy.app.audit_report import make_report
from mcp_proxy.cli import render
from mcp_proxy.cli.audit_options import add_span_options, filter_of, none_words
from mcp_proxy.cli.audit_show import tell_damage
from mcp_proxy.edges.files import write_given


def add_report_command(commands: Any) -> None:
    """Registers `audit report`."""
    report = commands.add_parser(
        "report",
        help="calls, denials and budgets as one HTML file",
        description="Makes one HTML file of what was called, denied and taken of the limits, and "
        "of what of the log is proven.",
    )
    report.add_argument("--html", action="store_true", required=True, help="the form; there is one")
    report.add_argument("-o", dest="out", metavar="FILE", help="default: stdout")
    add_span_options(report)
    report.set_defaults(run=run_report)


def run_report(options: argparse.Namespace) -> int:
    """`audit report`."""
    only = filter_of(options)
    made = make_report(only)
    if options.out is None:
        render.data(made.html.decode(), end="")
    else:
        write_given(options.out, made.html)
        render.say(f"wrote {options.out}: open it in a browser")
    if only.profile is not None and not made.stats.numbers.entries:
        render.say(none_words(only))
    tell_damage(made.stats.damaged)
    for why in made.stats.unread:
        render.say(f"budgets not known: {why}")
    return 0
