"""`mcp-proxy trust add-repository` and `trust move`: which repository answers for a name."""

import argparse
import time
from typing import Any

from mcp_proxy.app import repositories
from mcp_proxy.app.repositories import Candidate
from mcp_proxy.cli import render
from mcp_proxy.core.seen import PINNED_KEYS
from mcp_proxy.core.trust_store import Repository


def add_repository_commands(actions: Any) -> None:
    """Registers `add-repository` and `move` in the `trust` group."""
    add = actions.add_parser(
        "add-repository", help="trust a profile repository by its root metadata; no host is asked"
    )
    add.add_argument("url", metavar="URL", help="the folder that holds metadata/ and targets/")
    add.add_argument("--root", required=True, metavar="root.json", help="as its publisher gave it")
    add.add_argument(
        "--profiles",
        default=repositories.EVERYTHING,
        metavar="NAMES",
        help="separated by commas; default: whatever it delegates",
    )
    add.add_argument("--yes", action="store_true", help="do not ask (logged)")
    add.set_defaults(run=run_add_repository)
    move = actions.add_parser("move", help="let another root answer for a profile's name")
    move.add_argument("name", metavar="NAME")
    move.add_argument("--to", required=True, metavar="keys|ID|URL", help="as `trust list` has it")
    move.add_argument("--yes", action="store_true", help="do not ask (logged)")
    move.set_defaults(run=run_move)


def run_add_repository(options: argparse.Namespace) -> int:
    """`trust add-repository`."""
    candidate = repositories.read_candidate(options.url, options.root, options.profiles)
    for line in _lines(candidate):
        render.say(line)
    if candidate.before == candidate.repository:
        render.say("It is trusted already.")
        return 0
    question = "Compare the fingerprint with its publisher's. Trust this repository?"
    if not render.confirm(question, options.yes):
        render.say("Nothing was changed.")
        return 1
    repositories.add(candidate, unasked=options.yes)
    render.say(
        f"Trusted: {candidate.repository.url} answers for {scope_words(candidate.repository)}."
    )
    render.data("mcp-proxy profile install NAME")
    return 0


def run_move(options: argparse.Namespace) -> int:
    """`trust move`: the one way to change a name's root (S2)."""
    wanted = repositories.read_move(options.name, options.to)
    record = wanted.record
    render.say(f"profile      {wanted.name}, version {record.version} is the highest seen here")
    render.say(f"until now    {_root_words(record.root)}")
    render.say(f"from now on  {_root_words(wanted.root)}")
    question = f"Only the new root may then deliver {wanted.name}. Move it?"
    if not render.confirm(question, options.yes):
        render.say("Nothing was changed.")
        return 1
    repositories.move(wanted, unasked=options.yes)
    render.say(f"From now on {_root_words(wanted.root)} for {wanted.name}. Install it from there:")
    what = "FILE" if wanted.root == PINNED_KEYS else wanted.name
    render.data(f"mcp-proxy profile install {what}")
    for gap in wanted.lacking:
        render.data(f"To be allowed anew: {gap.why}\n  {gap.next}")
    return 0


def scope_words(repository: Repository) -> str:
    """The names that a repository may answer for, in words."""
    if repository.profiles == (repositories.EVERYTHING,):
        return "every profile that it delegates"
    return ", ".join(repository.profiles)


def plain_repository(repository: Repository) -> dict[str, Any]:
    """A repository as `trust list --json` has it."""
    return {
        "repository": repository.id,
        "url": repository.url,
        "profiles": list(repository.profiles),
    }


def _lines(candidate: Candidate) -> list[str]:
    root, before = candidate.root, candidate.before
    until = time.strftime("%Y-%m-%d", time.gmtime(root.expires))
    late = ", so a newer one has to follow it" if root.expires < time.time() else ""
    return [
        f"repository   {candidate.repository.url}",
        f"fingerprint  {candidate.repository.id}",
        f"root         version {root.version}, expires {until}{late}",
        f"signed by    {root.threshold} of {len(root.keys)} keys",
        *(f"  {key.fingerprint}  {key.name}".rstrip() for key in root.keys),
        f"answers for  {scope_words(candidate.repository)}",
        *([] if before is None else [f"until now    {before.url}: {scope_words(before)}"]),
    ]


def _root_words(root: tuple[str, ...]) -> str:
    return "pinned keys answer" if root == PINNED_KEYS else f"repository {root[-1]} answers"
