"""`mcp-proxy profile diff OLD NEW`: what a newer version changes, in the model's terms."""

import argparse
from typing import Any

from mcp_proxy.app.profile_diff import Diff, diff
from mcp_proxy.cli import render
from mcp_proxy.cli.change_view import change_lines, count_words
from mcp_proxy.core.change import Change
from mcp_proxy.core.changes import is_wider


def add_diff_command(actions: Any) -> None:
    """Registers `diff` in the `profile` group."""
    parser = actions.add_parser("diff", help="what a newer version changes, wider or narrower")
    given = "NAME|NAME@VERSION|FILE"
    parser.add_argument("old", metavar="OLD", help=f"{given}: a source, a payload, a signed file")
    parser.add_argument("new", metavar="NEW", help=given)
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run_diff)


def run_diff(options: argparse.Namespace) -> int:
    """`profile diff`: 0 whatever differs."""
    found = diff(options.old, options.new)
    for given in found.unverified:
        render.say(f"{given} is read as it is: no signature and no trust is looked at.")
    if options.json:
        render.json_out(_plain(found))
        return 0
    for line in change_lines(found.changes):
        render.data(line)
    render.say(f"{_versions(found)}: {count_words(found.changes)}.")
    render.say(verdict(found.changes))
    return 0


def verdict(changes: tuple[Change, ...]) -> str:
    """What the classes mean for an update, in a sentence."""
    if is_wider(changes):
        return "An update waits until a person agrees, for something is wider."
    return "An update activates by itself, for nothing is wider."


def _versions(found: Diff) -> str:
    before, now = found.old.header, found.new.header
    name = "" if before.profile == now.profile else f"{now.profile} "
    return f"{before.profile} {before.version} -> {name}{now.version}"


def _plain(found: Diff) -> dict[str, Any]:
    return {
        "wider": is_wider(found.changes),
        "old": _plain_side(found.old.header.profile, found.old.header.version, found.old.digest),
        "new": _plain_side(found.new.header.profile, found.new.header.version, found.new.digest),
        "changes": [change._asdict() for change in found.changes],
    }


def _plain_side(profile: str, version: int, digest: str) -> dict[str, Any]:
    return {"profile": profile, "version": version, "digest": digest}
