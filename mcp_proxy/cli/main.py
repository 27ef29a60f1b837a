"""The command line: one parser, one place where errors become exit codes."""

import argparse
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from mcp_proxy import __version__
from mcp_proxy.app import warmup
from mcp_proxy.app.asking import ask_by
from mcp_proxy.cli import render
from mcp_proxy.errors import McpProxyError

_GROUPS = (
    *("demo", "doctor", "profile", "repository", "trust"),
    *("credential", "login", "logout", "status", "call", "audit", "home", "network", "vault"),
    *("approve", "grant", "pause", "resume"),
)

_DESCRIPTION = """\
A local sidecar between an AI client and your APIs.

  mcp-proxy --profile NAME     serve an installed profile on stdio: what the client launches

publisher   profile import, lint, sign, diff, explain, publish; repository init, delegate
developer   trust add, trust add-repository, profile install, profile update,
            trust command, credential set, login, status, call, doctor
you         approve, grant, pause, resume
auditor     audit tail, show, stats, report, verify, key, export, replay, erase, prune
"""


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    render.open_streams()
    asked = [name for name in arguments[:1] if name in _GROUPS]
    if arguments[:2] == ["profile", "refresh"]:
        asked = ["profile_refresh"]  # started by serving processes, whose first call waits for it
    else:
        ask_by(lambda: str(warmup.load("mcp_proxy.cli.vault").ask_passphrase()))
    parser = build_parser(() if arguments == ["--version"] else asked or _GROUPS)
    options = parser.parse_args(arguments)
    if arguments and arguments[0].partition("=")[0] == "--profile":
        parser.error("--profile NAME stands alone: mcp-proxy --profile NAME")
    code = _run(options)
    try:
        render.end_data()
    except McpProxyError as error:
        render.fail(error)
        return error.exit_code
    return code


def _run(options: argparse.Namespace) -> int:
    try:
        return int(options.run(options))
    except McpProxyError as error:
        render.fail(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def build_parser(groups: Iterable[str] = _GROUPS) -> argparse.ArgumentParser:
    """The command line with these groups; each loads only what it needs."""
    parser = _Parser(
        prog="mcp-proxy",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mcp-proxy {__version__}")
    parser.add_argument("--profile", metavar="NAME", help="serve this installed profile on stdio")
    parser.set_defaults(run=lambda _options: _tell_usage(parser))
    commands: Any = parser.add_subparsers(title="commands", metavar="COMMAND")
    for group in groups:
        warmup.load(f"mcp_proxy.cli.{group}").add_commands(commands)
    return parser


class _Parser(argparse.ArgumentParser):
    """argparse, whose errors name the next command as all others do; subcommands inherit it."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"error: {message}\nnext:  {self.prog} --help\n")


def _tell_usage(parser: argparse.ArgumentParser) -> int:
    parser.print_help(sys.stderr)
    return 2
