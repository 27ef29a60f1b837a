"""`mcp-proxy trust`: whose signatures count on this machine, and which commands may be started."""

import argparse
from typing import Any

from mcp_proxy.app import commands, repositories, trust
from mcp_proxy.app.commands import Candidate
from mcp_proxy.cli import render
from mcp_proxy.cli.trust_repository import (
    add_repository_commands,
    plain_repository,
    scope_words,
)
from mcp_proxy.core.command import plain_command


def add_commands(subparsers: Any) -> None:
    """Registers the group."""
    group = subparsers.add_parser("trust", help="whose signatures count, and for which profiles")
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="trust a key for some profile names")
    add.add_argument("key", metavar="KEY-LINE|FILE", help="as `profile sign` prints it last")
    add.add_argument(
        "--profiles",
        required=True,
        metavar="NAMES",
        help="separated by commas; at least three characters and a trailing * for a family",
    )
    add.add_argument("--yes", action="store_true", help="do not ask (logged)")
    add.set_defaults(run=run_add)
    add_repository_commands(actions)
    listing = actions.add_parser("list", help="the trusted keys, repositories and commands")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(run=run_list)
    remove = actions.add_parser("remove", help="trust a key or a repository no longer")
    remove.add_argument("key", metavar="NAME|FINGERPRINT|URL")
    remove.set_defaults(run=run_remove)
    _add_command(actions)


def _add_command(actions: Any) -> None:
    command = actions.add_parser(
        "command", help="let a profile's local server be started on this machine"
    )
    command.add_argument("profile", metavar="PROFILE", help="an installed profile")
    command.add_argument("upstream", metavar="UPSTREAM", help="its name in `profile show PROFILE`")
    choice = command.add_mutually_exclusive_group()
    choice.add_argument("--remove", action="store_true", help="trust it no longer")
    choice.add_argument("--yes", action="store_true", help="do not ask (logged)")
    command.set_defaults(run=run_command)


def run_add(options: argparse.Namespace) -> int:
    """`trust add`."""
    key = trust.read_key(options.key, options.profiles)
    scopes = ", ".join(key.profiles)
    render.say(f"key          {key.name}")
    render.say(f"fingerprint  {key.keyid}")
    render.say(f"may sign     {scopes}")
    question = "Compare the fingerprint with its owner's. Trust this key?"
    if not render.confirm(question, options.yes):
        render.say("Nothing was changed.")
        return 1
    before = trust.add(key, unasked=options.yes)
    if before is not None:
        render.say(f"Until now it could sign {', '.join(before.profiles)}.")
    render.say(f"Trusted: {key.name} may sign {scopes}.")
    return 0


def run_list(options: argparse.Namespace) -> int:
    """`trust list`."""
    keys, trusted = trust.list_keys(), commands.list_commands()
    held = repositories.list_repositories()
    if options.json:
        plain = [{"keyid": key.keyid, "name": key.name, "profiles": key.profiles} for key in keys]
        rows = (*map(plain_repository, held), *map(_plain, trusted))
        render.json_out([*plain, *rows])
        return 0
    signers = [(key.name, ", ".join(key.profiles), key.keyid) for key in keys]
    none = "" if held else "No key is trusted; next: mcp-proxy trust add KEY-LINE --profiles NAMES"
    if keys or not held:
        render.table("Trusted keys", ["name", "may sign", "fingerprint"], signers, none)
    if held:
        cells = [(item.url, scope_words(item), item.id) for item in held]
        render.table("Trusted repositories", ["URL", "answers for", "fingerprint"], cells)
    if trusted:
        columns = ["upstream", "executable", "command", "environment"]
        render.table("Trusted commands", columns, [_cells(row) for row in trusted])
    for row in trusted:
        if row.problem is not None:
            render.fail(row.problem)
    return 0


def run_command(options: argparse.Namespace) -> int:
    """`trust command`."""
    if options.remove:
        commands.untrust(options.profile, options.upstream)
        render.say(f"The command of {options.profile}/{options.upstream} is trusted no longer.")
        return 0
    candidate = commands.prepare(options.profile, options.upstream)
    _show(candidate)
    if candidate.before == candidate.record:
        render.say("It is trusted already.")
        return 0
    if not render.confirm("Let mcp-proxy start this program as you?", options.yes):
        render.say("Nothing was changed.")
        return 1
    lacking = commands.trust(candidate, unasked=options.yes)
    render.say(f"Trusted: the command of {candidate.place.text}, exactly as shown.")
    for gap in lacking:
        render.data(f"Still missing: {gap.why}\n  {gap.next}")
    return 0


def run_remove(options: argparse.Namespace) -> int:
    """`trust remove`: a repository by its id or URL, or a key."""
    if repositories.find(options.key):
        repository = repositories.find_one(options.key)
        repositories.remove(repository)
        render.say(f"{repository.url} is trusted no longer; what is from it is refused.")
        return 0
    key = trust.remove(options.key)
    render.say(f"{key.name} ({key.keyid}) is trusted no longer; what it alone signed is refused.")
    return 0


def _show(candidate: Candidate) -> None:
    """Word by word, so that none can pass for two, or for a line of ours."""
    record = candidate.record
    render.say(f"upstream     {candidate.place.text}")
    render.say(f"executable   {record.executable}")
    for number, word in enumerate(record.argv):
        render.say(f"word {number:<7} {render.quoted(word)}")
    for name, value in candidate.environment:
        render.say(f"variable     {name}={render.quoted(value)}")
    if candidate.variable:
        render.say(f"variable     {candidate.variable} (the credential)")
    if candidate.fetches:
        render.say(
            "It fetches a package and runs it. A version is not a content pin: what the registry "
            "serves under it, and what that depends on, runs as you.",
            "bold yellow",
        )
    render.say(
        "The program runs with your rights, in an empty folder, with your HOME and no other of "
        "your variables. mcp-proxy records where it lies, not what is in it."
    )
    if candidate.before is not None and candidate.before != record:
        words = " ".join(map(render.quoted, candidate.before.argv))
        render.say(f"Until now: {candidate.before.executable}, started as {words}")


def _plain(row: commands.Listed) -> dict[str, Any]:
    return {
        "profile": row.place.profile,
        "upstream": row.place.upstream,
        **plain_command(row.record),
        "problem": None if row.problem is None else row.problem.why,
    }


def _cells(row: commands.Listed) -> tuple[str, ...]:
    record = row.record
    words = " ".join(map(render.quoted, record.argv))
    return (row.place.text, record.executable, words, " ".join(record.environment))
