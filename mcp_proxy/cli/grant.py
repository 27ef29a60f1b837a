"""`mcp-proxy grant`: calls that pass without asking, for unattended work; given at a terminal."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from mcp_proxy.app import grants
from mcp_proxy.app.grants import Listed, Offer, Wish
from mcp_proxy.cli import render
from mcp_proxy.cli.login import minute
from mcp_proxy.core.grant import Grant
from mcp_proxy.core.visible import marked
from mcp_proxy.edges.controlling_terminal import ControllingTerminal


def add_commands(subparsers: Any) -> None:
    """Registers the group."""
    group = subparsers.add_parser("grant", help="let calls pass without asking, within bounds")
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="grant calls of one tool (asks at a terminal)")
    add.add_argument("profile", metavar="PROFILE", help="an installed profile")
    add.add_argument("tool", metavar="TOOL", help="its name in `profile show PROFILE`")
    add.add_argument("--count", type=int, required=True, metavar="N", help="how many calls")
    add.add_argument(
        "--for", dest="lasts", required=True, metavar="TIME", help="how long: 30m, 8h, 5d"
    )
    add.add_argument(
        "--when",
        metavar="JSON",
        help="only calls with such arguments, as a profile's approval.when has them",
    )
    add.set_defaults(run=run_add)
    listing = actions.add_parser("list", help="the grants, and what is left of them")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(run=run_list)
    revoke = actions.add_parser("revoke", help="take a grant back")
    revoke.add_argument("id", metavar="ID", help="its id, or the beginning of it")
    revoke.set_defaults(run=run_revoke)


def run_add(options: argparse.Namespace) -> int:
    """`grant add`; neither stdin nor an option can answer its question."""
    wish = Wish(options.profile, options.tool, options.count, options.lasts, options.when)
    offer = grants.prepare(wish)
    with ControllingTerminal() as terminal:
        terminal.screen.writelines(f"{line}\n" for line in _lines(offer))
        if offer.effect == "destructive":
            answer = terminal.ask("To grant this, type the tool's name:")
            is_yes = answer == offer.grant.tool
        else:
            is_yes = terminal.ask("Grant this? [y/N]").lower() in ("y", "yes")
    if not is_yes:
        render.say("Nothing was granted.")
        return 1
    grants.add(offer)
    render.say(f"Granted; to take it back: mcp-proxy grant revoke {offer.grant.id[:8]}")
    return 0


def run_list(options: argparse.Namespace) -> int:
    """`grant list`."""
    rows, bad = grants.list_grants()
    if options.json:
        render.json_out([_plain(row) for row in rows])
    else:
        columns = ["id", "profile", "tool", "when", "used", "until", "state"]
        render.table("", columns, map(_cells, rows), "Nothing is granted.")
    if bad:
        render.say(f"{bad} in the file are not properly signed, and grant nothing.", "bold red")
    return 0


def run_revoke(options: argparse.Namespace) -> int:
    """`grant revoke`; asks nobody, since it only takes away."""
    grant = grants.revoke(options.id)
    render.say(f"Taken back: calls of {grant.tool} of profile {grant.profile} ask again.")
    return 0


def _lines(offer: Offer) -> Iterator[str]:
    grant = offer.grant
    yield f"tool     {grant.tool} of profile {grant.profile}, version {offer.version}"
    yield f"effect   {offer.effect}"
    for number, words in enumerate(_when(grant)):
        yield f"{'or' if number else 'when':<8} {words}"
    yield f"calls    at most {grant.uses}, until {minute(grant.expires)}"
    yield "Nobody is asked for these calls. Limits and constraints of the profile still hold, and"
    yield "another version of it needs a new grant."


def _when(grant: Grant) -> list[str]:
    """Each map of conditions in words; what cannot be seen is shown by its number."""
    words = [
        " and ".join(
            f"{where} {operator.replace('_', ' ')} {json.dumps(operand, ensure_ascii=False)}"
            for where, tests in conditions.items()
            for operator, operand in tests.items()
        )
        for conditions in grant.when
    ]
    return [marked(item) for item in words] or ["with any arguments"]


def _plain(row: Listed) -> dict[str, Any]:
    shown = row.grant._asdict()
    return {**shown, "when": list(row.grant.when), "used": row.used, "state": row.state}


def _cells(row: Listed) -> list[str]:
    grant = row.grant
    used = "?" if row.used is None else str(row.used)
    first = [grant.id[:8], grant.profile, grant.tool, " or ".join(_when(grant))]
    return [*first, f"{used} of {grant.uses}", minute(grant.expires), row.state]
