"""`mcp-proxy profile update`: a newer version is shown, and a person asked where it is wider."""

import argparse
from typing import Any

from mcp_proxy.app.named_install import Offer, accept
from mcp_proxy.app.updates import Update, update, update_all
from mcp_proxy.cli import render
from mcp_proxy.cli.change_view import change_lines, count_words
from mcp_proxy.cli.profile_view import summary_lines


def add_update_command(actions: Any) -> None:
    """Registers `update` in the `profile` group."""
    parser = actions.add_parser("update", help="take newer versions from their repository")
    parser.add_argument("name", metavar="NAME", nargs="?", help="default: all of a repository")
    parser.add_argument("--yes", action="store_true", help="do not ask (logged)")
    parser.add_argument(
        "--json", action="store_true", help="as JSON; without --yes nobody is asked"
    )
    parser.set_defaults(run=run_update)


def run_update(options: argparse.Namespace) -> int:
    """`profile update`: 0; 1 where a person declined; the code of the first error otherwise."""
    found = update_all() if options.name is None else [update(options.name)]
    codes = [_settle(row, options) for row in found]
    if options.json:
        rows = [_plain(row, is_taken=options.yes) for row in found]
        render.json_out(rows if options.name is None else rows[0])
    elif not found:
        render.say("No profile of a repository is installed.")
    return next((code for code in codes if code), 0)


def _settle(row: Update, options: argparse.Namespace) -> int:
    """Tells of one profile, asks if need be; the exit code."""
    if row.problem is not None:
        if not options.json:
            render.fail(row.problem, f"{row.profile}: ")
        return row.problem.exit_code
    if row.offer is not None and (options.yes or not options.json):
        return _ask(row, row.offer, options)
    if not options.json:
        render.say(_words(row))
    return 0


def _ask(row: Update, offer: Offer, options: argparse.Namespace) -> int:
    version = offer.checked.profile.header.version
    render.say(f"{row.profile} {row.version} -> {version}")
    for line in _shown(offer):
        render.say(line)
    if not render.confirm(f"Take version {version} of {row.profile}?", options.yes):
        render.say("Nothing was changed; the installed version stays.")
        return 1
    accept(offer, unasked=options.yes)
    render.say(f"{row.profile} is version {version} now.")
    return 0


def _shown(offer: Offer) -> list[str]:
    """What changes; the whole of it where what is installed cannot be read, to compare with."""
    if offer.changes is None:
        return [*summary_lines(offer.checked), "changes   unknown: nothing is here to compare with"]
    return [*change_lines(offer.changes), f"changes   {count_words(offer.changes)}"]


def _words(row: Update) -> str:
    if row.activated:
        return f"{row.profile} is version {row.version} now; nothing in it is wider."
    if row.pin is not None:
        newer = f", version {row.current} is current" if row.current != row.version else ""
        unpin = f"mcp-proxy profile install {row.profile} ends that"
        return f"{row.profile} is pinned to version {row.pin.version}{newer}: {unpin}."
    return f"{row.profile} version {row.version} is current."


def _plain(row: Update, *, is_taken: bool) -> dict[str, Any]:
    problem, offer = row.problem, row.offer
    waiting = None if offer is None else offer.checked.profile.header.version
    return {
        "profile": row.profile,
        "version": waiting if is_taken and offer is not None else row.version or None,
        "current": row.current or None,
        "activated": row.activated or (is_taken and offer is not None),
        "waiting": None if is_taken else waiting,
        "pinned": None if row.pin is None else row.pin.version,
        "changes": _plain_changes(offer),
        "id": None if problem is None else problem.id,
        "why": None if problem is None else problem.why,
        "next": None if problem is None else problem.next,
    }


def _plain_changes(offer: Offer | None) -> list[dict[str, Any]] | None:
    """None where a version waits and there is nothing to compare it with."""
    if offer is None:
        return []
    return None if offer.changes is None else [item._asdict() for item in offer.changes]
