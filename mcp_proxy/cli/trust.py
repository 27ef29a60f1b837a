"""`mcp-proxy trust`: add, list, remove. Who may sign which profiles on this machine."""

import argparse
from typing import Any

from mcp_proxy.app import trust
from mcp_proxy.cli import render


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
    listing = actions.add_parser("list", help="the trusted keys")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(run=run_list)
    remove = actions.add_parser("remove", help="trust a key no longer")
    remove.add_argument("key", metavar="NAME|FINGERPRINT")
    remove.set_defaults(run=run_remove)


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
    keys = trust.list_keys()
    if options.json:
        render.json_out(
            [{"keyid": key.keyid, "name": key.name, "profiles": key.profiles} for key in keys]
        )
        return 0
    rows = [(key.name, ", ".join(key.profiles), key.keyid) for key in keys]
    none = "No key is trusted; next: mcp-proxy trust add KEY-LINE --profiles NAMES"
    render.table("Trusted keys", ["name", "may sign", "fingerprint"], rows, none)
    return 0


def run_remove(options: argparse.Namespace) -> int:
    """`trust remove`."""
    key = trust.remove(options.key)
    render.say(f"{key.name} ({key.keyid}) is trusted no longer; what it alone signed is refused.")
    return 0
