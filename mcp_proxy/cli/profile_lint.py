"""`mcp-proxy profile lint`: advice on a profile, as text, JSON or SARIF."""

import argparse
import os
from collections import Counter
from typing import Any
from urllib.parse import quote
from urllib.request import pathname2url

from mcp_proxy import __version__
from mcp_proxy.app.linting import Linted, lint_given
from mcp_proxy.cli import render
from mcp_proxy.core.change import named
from mcp_proxy.workshop.lint import Finding, at_least
from mcp_proxy.workshop.lint_rules import LEVELS
from mcp_proxy.workshop.sarif import sarif_log


def add_lint_command(actions: Any) -> None:
    """Registers `lint` in the `profile` group."""
    parser = actions.add_parser("lint", help="advice on a profile; exit 1 if it has an error")
    parser.add_argument("given", metavar="SOURCE.yaml|PAYLOAD|SIGNED|NAME")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON")
    form.add_argument("--sarif", action="store_true", help="as SARIF 2.1.0, for code review")
    parser.add_argument(
        "--level", choices=LEVELS, default="note", help="leave out what is less than this"
    )
    parser.set_defaults(run=run_lint)


def run_lint(options: argparse.Namespace) -> int:
    """`profile lint`: 1 where a finding is an error; findings as data, costs as talk."""
    linted = lint_given(options.given)
    shown = at_least(linted.findings, options.level)
    if options.sarif:
        render.json_out(sarif_log(shown, _uri(linted.file), __version__))
    elif options.json:
        render.json_out(_plain(linted, shown))
    else:
        for finding in shown:
            render.data(_line(linted.file, finding))
    _say_costs(linted, shown)
    return 1 if any(one.level == "error" for one in linted.findings) else 0


def _line(file: str, finding: Finding) -> str:
    where = f"{file}:{finding.line}:{finding.column}" if finding.line else file
    return f"{where}: {finding.rule} {finding.level} {finding.text}. Fix: {finding.fix}."


def _say_costs(linted: Linted, shown: tuple[Finding, ...]) -> None:
    counts = Counter(one.level for one in shown)
    told = ", ".join(f"{counts[level]} {level}{'s' * (counts[level] != 1)}" for level in LEVELS)
    render.say(f"{linted.file}: {told}.")
    if not linted.tokens:
        return
    render.say("Tokens of the tool list, an estimate:")
    for name, tokens in linted.tokens.items():
        render.say(f"{tokens:>8,}  {named(name)}")
    render.say(f"{sum(linted.tokens.values()):>8,}  all {len(linted.tokens)} tools")


def _plain(linted: Linted, shown: tuple[Finding, ...]) -> dict[str, Any]:
    return {
        "file": linted.file,
        "findings": [{**one._asdict(), "place": list(one.place)} for one in shown],
        "estimated_tokens": {"whole": sum(linted.tokens.values()), "tools": linted.tokens},
    }


def _uri(file: str) -> str:
    """Relative to this folder where it lies below it: code review knows files by such paths."""
    try:
        relative = os.path.relpath(file)
    except ValueError:  # another drive of Windows
        relative = os.pardir
    if relative.split(os.sep)[0] == os.pardir:
        return "file:" + pathname2url(os.path.abspath(file))
    return quote(relative.replace(os.sep, "/"))
