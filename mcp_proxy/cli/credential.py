"""`mcp-proxy credential`: set, allow, remove, and the group; secrets by prompt or stdin."""

import argparse
from typing import Any

from mcp_proxy.app import credentials
from mcp_proxy.app.credentials import Wish
from mcp_proxy.cli import credential_list, credential_rotate, render
from mcp_proxy.cli.secret_input import read_secret
from mcp_proxy.core.binding import KINDS, Binding


def add_commands(subparsers: Any) -> None:
    """Registers the group."""
    group = subparsers.add_parser(
        "credential", help="secrets in the keychain, and who may use them"
    )
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_set(actions)
    allow = actions.add_parser("allow", help="let one more profile use a credential")
    allow.add_argument("name", metavar="NAME")
    allow.add_argument("--profile", required=True, metavar="PROFILE")
    allow.set_defaults(run=run_allow)
    credential_list.add_command(actions)
    credential_rotate.add_command(actions)
    remove = actions.add_parser("remove", help="remove a credential from this machine")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=run_remove)


def _add_set(actions: Any) -> None:
    parser = actions.add_parser(
        "set", help="store a secret, asked for without echo or read from stdin"
    )
    parser.add_argument("name", metavar="NAME", help="the name that profiles give it")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument(
        "--origin",
        action="append",
        default=[],
        metavar="URL",
        help="where it may be sent, such as https://api.example.com; may be repeated",
    )
    place.add_argument(
        "--command",
        metavar="PROFILE/UPSTREAM",
        help="the local server that gets it in its environment, once its command is trusted",
    )
    parser.add_argument("--path", default="", metavar="PREFIX", help="only below this path")
    parser.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="PROFILE",
        help="who may use it; without it, the installed profiles that name it for this origin",
    )
    parser.add_argument("--kind", choices=KINDS, default="bearer", help="default: bearer")
    parser.add_argument("--header", metavar="NAME", help="the header, for --kind header")
    parser.add_argument(
        "--from",
        dest="source",
        metavar="env:VAR",
        help="take it from this variable at each start instead of the keychain",
    )
    parser.set_defaults(run=run_set)


def run_set(options: argparse.Namespace) -> int:
    """`credential set`."""
    wish = Wish(
        options.name,
        options.origin,
        options.path,
        options.kind,
        options.header,
        options.profile,
        options.source,
        options.command,
    )
    credentials.check_wish(wish)
    secret = None if wish.source else read_secret(wish.name, wish.kind)
    binding = credentials.set_credential(wish, secret)
    place = wish.source or "the keychain"
    target = ", ".join(origin.text for origin in binding.origins)
    if wish.command:
        target = f"the variable {binding.header} of {wish.command}'s command as it is trusted now"
    render.say(f"{wish.name} is in {place}, for {target} only.")
    if wish.source:
        render.say("The client that starts mcp-proxy must have that variable in its environment.")
    _say_profiles(wish.name, binding)
    return 0


def run_allow(options: argparse.Namespace) -> int:
    """`credential allow`."""
    binding = credentials.allow_credential(options.name, options.profile)
    _say_profiles(options.name, binding)
    return 0


def run_remove(options: argparse.Namespace) -> int:
    """`credential remove`."""
    credentials.remove_credential(options.name)
    render.say(f"{options.name} is removed.")
    return 0


def _say_profiles(name: str, binding: Binding) -> None:
    if binding.profiles:
        allowed = ", ".join(profile for profile, _ in binding.profiles)
        render.say(f"Allowed to use {name}: {allowed}.")
        return
    render.say(
        f"No installed profile wants {name} for this origin and kind; to allow one: "
        f"mcp-proxy credential allow {name} --profile PROFILE"
    )
