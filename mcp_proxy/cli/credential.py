"""`mcp-proxy credential`: set, allow, remove, and the group; secrets by prompt or stdin."""

import argparse
from typing import Any

from mcp_proxy.app import credentials
from mcp_proxy.app.credential_before import bound_before
from mcp_proxy.app.credentials import Wish
from mcp_proxy.app.keychain_store import store_name
from mcp_proxy.cli import credential_list, credential_rotate, render
from mcp_proxy.cli.secret_input import add_files, given_secret
from mcp_proxy.core.binding import CLIENT, CLIENT_METHODS, KINDS, Binding
from mcp_proxy.edges.installs import list_installed
from mcp_proxy.edges.places import find_home
from mcp_proxy.errors import UsageError


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
    _add_place(parser)
    parser.add_argument("--path", default="", metavar="PREFIX", help="only below this path")
    parser.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="PROFILE",
        help="who may use it; without it, the installed profiles that name it for this origin",
    )
    parser.add_argument(
        "--kind", choices=(*KINDS, CLIENT), default="bearer", help="default: bearer"
    )
    named = parser.add_mutually_exclusive_group()
    named.add_argument("--header", metavar="NAME", help="the header, for --kind header")
    named.add_argument(
        "--parameter", metavar="NAME", help="the query's parameter, for --kind query"
    )
    _add_client(parser)
    parser.add_argument(
        "--from",
        dest="source",
        metavar="env:VAR|cmd:[...]",
        help="take it from this variable, or from this command's output, instead of storing it",
    )
    parser.set_defaults(run=run_set)


def _add_place(parser: argparse.ArgumentParser) -> None:
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
    place.add_argument(
        "--issuer",
        default="",
        metavar="URL",
        help="the authorization server that gets it, for --kind client",
    )


def _add_client(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--client-id", default="", metavar="ID", help="our id there, for --kind client"
    )
    parser.add_argument(
        "--method",
        choices=CLIENT_METHODS,
        default="",
        help="how the client proves itself; default: client_secret_basic",
    )
    add_files(parser)


def run_set(options: argparse.Namespace) -> int:
    """`credential set`."""
    wish = Wish(
        options.name,
        options.origin,
        options.path,
        options.kind,
        _named_place(options),
        options.profile,
        options.source,
        options.command,
        options.issuer,
        options.client_id,
        options.method,
    )
    credentials.check_wish(wish)
    secret = given_secret(options, wish.kind)
    before = bound_before(wish.name)
    binding = credentials.set_credential(wish, secret)
    place = wish.source or f"the {store_name(find_home())}"
    target = binding.issuer or ", ".join(origin.text for origin in binding.origins)
    if wish.command:
        target = f"the variable {binding.header} of {wish.command}'s command as it is trusted now"
    render.say(f"{wish.name} is in {place}, for {target} only.")
    if before:
        render.say(f"It replaces the one of that name, which was {before}.")
    if wish.source and wish.source.startswith("env:"):
        render.say("The client that starts mcp-proxy must have that variable in its environment.")
    if wish.source:
        credential_rotate.say_trial(wish.source, binding)
    _say_profiles(wish.name, binding)
    return 0


def _named_place(options: argparse.Namespace) -> str | None:
    if (options.parameter is not None and options.kind != "query") or (
        options.header is not None and options.kind == "query"
    ):
        why = "--header goes with --kind header, and --parameter with --kind query."
        raise UsageError("MCPX-W01", why, "mcp-proxy credential set --help")
    place: str | None = options.header or options.parameter
    return place


def run_allow(options: argparse.Namespace) -> int:
    """`credential allow`."""
    binding = credentials.allow_credential(options.name, options.profile)
    if options.profile not in list_installed(find_home()):
        render.say(f"The profile {options.profile} is not installed here; it may once it is.")
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
