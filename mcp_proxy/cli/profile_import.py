"""`mcp-proxy profile import`: a draft source in which everything starts hidden."""

import argparse
import os
import sys
from typing import Any

from mcp_proxy.app.import_origin import Origin
from mcp_proxy.app.importing import Imported, Pick, Wish, import_profile
from mcp_proxy.cli import render
from mcp_proxy.cli.import_picker import can_pick, pick_in_terminal
from mcp_proxy.cli.import_view import imported_lines, login_first_lines
from mcp_proxy.cli.start_question import start_question
from mcp_proxy.errors import UsageError
from mcp_proxy.workshop.risk import MARKS

_HELP = """\
Writes NAME.yaml, and NAME.import.json beside it. Every operation starts hidden, as a comment; what
--select takes, or what you choose in the terminal, is written out. Once NAME.yaml is there, an
import keeps every word of yours, shows what moved in the API, and adds what is selected now.

  --select tag:billing,method:get    both hold; give --select again for another choice
  --select 'path:/v1/invoices*'      also id: and name:, with * for anything; !tag:beta is not that
  --select invoice                   anywhere in id, path or summary
  --select 'DELETE /v1/x/{id}'       one operation exactly, whatever its marks

Marked operations (admin, destructive, bulk, file) are left out unless --include MARK asks for them,
or an expression names one exactly.
So are those whose optional body is a form, which is not sent: each must be named exactly.
"""


def add_import_command(subparsers: Any) -> None:
    """Registers `import` in the `profile` group."""
    parser = subparsers.add_parser(
        "import",
        help="draft a source from an API or an MCP server; all hidden but what you select",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--openapi", metavar="FILE|URL", help="an OpenAPI document, 2.0 to 3.1")
    kind.add_argument("--mcp", metavar="URL", help="an MCP gateway; what it has is listed now")
    kind.add_argument(
        "--stdio",
        nargs=argparse.REMAINDER,
        metavar="COMMAND WORD",
        help="a local MCP server, started once to list what it has; the last option",
    )
    parser.add_argument("--url", metavar="URL", help="with --openapi: where the API is")
    parser.add_argument(
        "--select", action="append", default=[], metavar="EXPR", help="what to write out; see above"
    )
    parser.add_argument(
        "--include", action="append", default=[], choices=MARKS, help="take this mark too"
    )
    parser.add_argument("--pick", action="store_true", help="choose in the terminal")
    parser.add_argument(
        "--json", action="store_true", help="what was done, and what moved, as JSON"
    )
    parser.add_argument("--yes", action="store_true", help="start a local server without asking")
    parser.add_argument("-o", dest="out", metavar="FILE.yaml", help="default: NAME.yaml")
    parser.set_defaults(run=run_import)


def run_import(options: argparse.Namespace) -> int:
    """`profile import`: the source's path, or all as JSON; 1 where the person left the picker."""
    wish = _wish(options)
    done = import_profile(wish, start_question(options.yes), _pick(options))
    if done is None:
        render.say("Nothing was written.")
        return 1
    if options.json:
        render.json_out(_plain(done))
        return 0
    lines = login_first_lines(done.path, options.name) if done.waits else imported_lines(done)
    for line in lines:
        render.say(line)
    render.data(done.path)
    return 0


def _wish(options: argparse.Namespace) -> Wish:
    if options.stdio is not None and not options.stdio:
        raise UsageError("MCPX-W01", "--stdio needs the command that starts the server.")
    if options.out is not None and os.path.splitext(options.out)[1] not in (".yaml", ".yml"):
        raise UsageError("MCPX-W01", f"{options.out} must end with .yaml.")
    if options.pick and options.select:
        raise UsageError("MCPX-W01", "--pick and --select are two ways to choose; give one.")
    origin = Origin(options.openapi, options.mcp, tuple(options.stdio or ()), options.url)
    return Wish(
        name=options.name,
        out=options.out,
        origin=origin,
        select=tuple(options.select),
        include=tuple(options.include),
        picks=options.pick,
    )


def _pick(options: argparse.Namespace) -> Pick | None:
    if options.pick and not can_pick():
        why = "There is no terminal to choose in."
        raise UsageError("MCPX-W01", why, "choose with --select instead")
    if not options.pick and (options.json or not sys.stdin.isatty() or not can_pick()):
        return None
    return pick_in_terminal


def _plain(done: Imported) -> dict[str, Any]:
    moved = None if done.moves is None else [move._asdict() for move in done.moves]
    return {
        "source": done.path,
        "tools": list(done.tools),
        "tokens": done.tokens,
        "hidden": done.hidden,
        "left_out": dict(done.left_out),
        "refused": dict(done.refused),
        "moves": moved,
        "notes": list(done.notes),
        "login_first": done.waits,
    }
