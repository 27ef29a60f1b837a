"""`mcp-proxy audit verify`: what the log proves, here or from a copy on another machine."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from mcp_proxy.app.audit_ledger_check import Place
from mcp_proxy.app.audit_means import copied_place, joined, named_means, own_place
from mcp_proxy.app.audit_segment import Finding
from mcp_proxy.app.audit_verify import Progress as Tell
from mcp_proxy.app.audit_verify import Report, verify
from mcp_proxy.cli import render
from mcp_proxy.cli.audit_options import KEY_HELP

_TOLD = 20
_MARKS = {"proven": "✓", "broken": "✗", "not proven": "·", "not checked here": "?"}


def add_verify_command(commands: Any) -> None:
    """Registers `audit verify`."""
    parser = commands.add_parser(
        "verify",
        help="what the log proves; 0 nothing broken, 1 broken",
        description="Checks the whole log, here or a copy of it, offline: what is proven, against "
        "whom, and the first broken place. Exit 0: nothing broken, 1: broken, or no log is there.",
    )
    parser.add_argument("--folder", metavar="DIR", help="a copied state folder instead of our own")
    parser.add_argument(
        *("--key",),
        action="append",
        default=[],
        metavar="LINE|FILE",
        help="who signs the ledger, as `audit key` prints it there; may be repeated",
    )
    parser.add_argument(
        *("--anchor",),
        action="append",
        default=[],
        metavar="FILE|'SIZE HASH'",
        help="a head that was kept elsewhere; may be repeated",
    )
    parser.add_argument(
        "--recipient-key",
        metavar="NAME|env:VAR",
        help=f"the organisation's key, to check the MACs: {KEY_HELP}",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run_verify)


def run_verify(options: argparse.Namespace) -> int:
    """`audit verify`; exit 0 or 1."""
    means = named_means(options.key, options.anchor, options.recipient_key)
    if options.folder is None:
        place, own = own_place()
        means = joined(own, means)
    else:
        place = copied_place(options.folder)
    with _progress() as tell:
        report = verify(place, means, tell)
    is_good = report.good and not report.is_empty
    if options.json:
        render.json_out({**_plain(report), "good": is_good})
    else:
        _tell(report, place)
    return 0 if is_good else 1


@contextmanager
def _progress() -> Iterator[Tell | None]:
    """A bar on stderr where that is a terminal; it goes away at the end."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("verifying"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def _plain(report: Report) -> dict[str, Any]:
    return {
        **report._asdict(),
        "properties": [item._asdict() for item in report.properties],
        "findings": [finding._asdict() for finding in report.findings],
    }


def _tell(report: Report, place: Place) -> None:
    bad = [finding for finding in report.findings if finding.bad]
    render.data(_headline(report))
    if bad:
        render.data(f"first broken place: {_place(bad[0])}")
    _list("BAD ", bad)
    _list("told", [finding for finding in report.findings if not finding.bad])
    rows = (
        (_MARKS[item.state], item.name, item.state, item.against, item.detail)
        for item in report.properties
    )
    render.table("", ("", "property", "state", "against", "what"), rows)
    if bad:
        render.data(f"next: {_next(bad, place)}")


def _headline(report: Report) -> str:
    if report.is_empty:
        return "nothing was verified: there is no log here"
    span = f", {report.first} to {report.last}" if report.first else ""
    pruned = f", {report.pruned} pruned" if report.pruned else ""
    follows = "; the ledger follows a damaged one" if report.follows else ""
    return (
        f"{'OK' if report.good else 'DAMAGED'}: {_counted(report.entries, 'entry', 'entries')} in"
        f" {_counted(report.segments, 'segment', 'segments')}{pruned}{span};"
        f" {_unclosed(report)}{follows}"
    )


def _next(bad: list[Finding], place: Place) -> str:
    """What a person does now; what was found stays evidence, whatever mends the log."""
    if not place.own:
        return "keep this copy as evidence, and one of the folder that it was made of"
    keep = f"keep a copy of {place.state} as evidence"
    about = {finding.about for finding in bad}
    if about & {"cut", "ledger"}:
        return (
            f"{keep}; then mcp-proxy doctor --fix, if a backup was put back or nothing can be"
            " logged any more"
        )
    if about == {"private"}:
        return f"make the files yours alone: chmod -R go= '{place.state}'"
    return f"{keep}; no command mends this, and what happens now is logged as before"


def _list(word: str, findings: list[Finding]) -> None:
    for finding in findings[:_TOLD]:
        render.data(f"{word} {_place(finding)} {finding.what}")
    if len(findings) > _TOLD:
        render.data(f"{word} and {len(findings) - _TOLD} more; --json lists all")


def _place(finding: Finding) -> str:
    return f"{finding.path}:{finding.line}" if finding.line else finding.path


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _unclosed(report: Report) -> str:
    if not report.open_segments:
        return "all closed"
    return (
        f"{report.open_segments} without a close entry: running, or ended by a kill,"
        f" of which {report.killed} the ledger has closed"
    )
