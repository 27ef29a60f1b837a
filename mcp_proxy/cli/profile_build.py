"""`mcp-proxy profile new` and `profile build`: the publisher's first two steps."""

import argparse
from typing import Any

from mcp_proxy.app.building import build_file, new_file
from mcp_proxy.cli import render
from mcp_proxy.cli.import_view import login_first_lines
from mcp_proxy.cli.profile_import import add_import_command
from mcp_proxy.cli.start_question import start_question


def add_build_commands(subparsers: Any) -> None:
    """Registers `new` and `build` in the `profile` group."""
    new = subparsers.add_parser("new", help="start a profile source: NAME.yaml in this folder")
    new.add_argument("name", metavar="NAME")
    kind = new.add_mutually_exclusive_group()
    kind.add_argument("--openapi", metavar="FILE", help="an OpenAPI document, 2.0 to 3.1")
    kind.add_argument("--mcp", metavar="URL", help="an MCP gateway; what it has is listed now")
    new.add_argument("--url", metavar="URL", help="with --openapi: where the API is")
    new.set_defaults(run=run_new)
    add_import_command(subparsers)
    build = subparsers.add_parser("build", help="build a source into a payload to sign")
    build.add_argument("source", metavar="SOURCE.yaml")
    build.add_argument("-o", dest="out", metavar="FILE", help="default: STEM.payload.jsonl")
    build.add_argument("--refresh", action="store_true", help="capture servers' listings anew")
    build.add_argument("--yes", action="store_true", help="start local servers without asking")
    build.set_defaults(run=run_build)


def run_new(options: argparse.Namespace) -> int:
    """`profile new`: prints the file's path."""
    path, new = new_file(options.name, options.openapi, options.mcp, options.url)
    if new.waits:
        for line in login_first_lines(path, options.name):
            render.say(line)
    elif new.tools:
        render.say(f"Tools written out: {new.tools}; standing as comments: {new.commented}.")
        render.say("Read the file, check the url, then: mcp-proxy profile sign " + path)
    else:
        render.say("Fill it in, then: mcp-proxy profile sign " + path)
    render.data(path)
    return 0


def run_build(options: argparse.Namespace) -> int:
    """`profile build`: warnings as talk, the payload's path as data."""
    may_start = start_question(options.yes)
    built = build_file(options.source, options.out, refresh=options.refresh, may_start=may_start)
    for path in built.captured:
        render.say(f"Captured a server's listing into {path}; read it before you sign.")
    for warning in built.warnings:
        render.say(f"warning: {warning}")
    render.say(f"Built {built.profile} version {built.version}.")
    render.data(built.path)
    return 0
