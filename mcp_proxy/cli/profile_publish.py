"""`mcp-proxy profile publish`: signed files into a repository, or its timestamp renewed."""

import argparse
from typing import Any

from mcp_proxy.app import tuf_extra
from mcp_proxy.cli import render
from mcp_proxy.errors import UsageError


def add_publish_command(actions: Any) -> None:
    """Registers the command."""
    parser = actions.add_parser("publish", help="put signed files into a profile repository")
    parser.add_argument("files", nargs="*", metavar="FILE", help="as `profile sign` writes them")
    parser.add_argument("--to", required=True, metavar="DIR", help="the repository's folder")
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="NAME|env:VAR",
        help="a key to sign with, as often as needed (default: those in the keychain or vault)",
    )
    parser.add_argument(
        "--renew", action="store_true", help="no file: a new timestamp, and what expires soon"
    )
    parser.add_argument("--days", type=int, metavar="N", help="with --renew: how long it holds")
    parser.set_defaults(run=run_publish)


def run_publish(options: argparse.Namespace) -> int:
    """`profile publish`."""
    if options.renew == bool(options.files):
        raise UsageError(
            "MCPX-W01", "Give signed files, or --renew without any.", "mcp-proxy profile publish -h"
        )
    if options.days is not None and (not options.renew or not 1 <= options.days <= 365):
        raise UsageError("MCPX-W01", "--days goes with --renew and is 1 to 365.")
    publishing = tuf_extra.load(tuf_extra.PUBLISHING)
    if options.renew:
        return _renew(publishing.renew_timestamp(options.to, options.key, options.days))
    published = publishing.publish(options.files, options.to, options.key)
    for item in published:
        what = "Published" if item.fresh else "Already the current one:"
        render.say(f"{what} {item.name} version {item.version}.")
    if any(item.fresh for item in published):
        render.say(
            "Copy the folder's metadata/ and targets/ to your file host, timestamp.json last."
        )
    return 0


def _renew(renewed: Any) -> int:
    render.say(f"Signed anew: {', '.join(renewed.roles)}.")
    for role in renewed.lacking:
        again = "mcp-proxy repository root DIR" if role == "root" else "--renew with its key"
        render.say(
            f"warning: role {role} expires soon, and its keys are not at hand; next: {again}"
        )
    return 0
