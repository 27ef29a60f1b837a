"""`mcp-proxy credential`: set, allow, list, remove. Secrets come from a prompt or from stdin."""

import argparse
import getpass
import sys
from typing import Any

from mcp_proxy.app import credentials
from mcp_proxy.app.credentials import Listed, Wish
from mcp_proxy.cli import render
from mcp_proxy.core.binding import ENV, KINDS, Binding, plain_binding
from mcp_proxy.core.limits import LIMITS
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
    listing = actions.add_parser("list", help="names and bindings, never a secret")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(run=run_list)
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
    secret = None if wish.source else _read_secret(wish)
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


def run_list(options: argparse.Namespace) -> int:
    """`credential list`."""
    rows = credentials.list_credentials()
    if options.json:
        render.json_out([_plain(row) for row in rows])
        return 0
    columns = ["name", "kind", "for", "path", "profiles", "store"]
    render.table("Credentials", columns, [_cells(row) for row in rows], "No credential is set.")
    for row in rows:
        if row.problem is not None:
            render.say(f"{row.name}: {row.problem}")
    return 0


def run_remove(options: argparse.Namespace) -> int:
    """`credential remove`."""
    credentials.remove_credential(options.name)
    render.say(f"{options.name} is removed.")
    return 0


def _read_secret(wish: Wish) -> str:
    if sys.stdin.isatty():
        what = "user:password" if wish.kind == "basic" else "secret"
        try:
            return getpass.getpass(f"{what} for {wish.name} (not shown): ")
        except EOFError:
            raise UsageError(
                "MCPX-W01", "No secret was given.", "repeat the command and type it"
            ) from None
    data = sys.stdin.buffer.read(LIMITS.small_file_bytes + 1)
    if len(data) > LIMITS.small_file_bytes:
        raise UsageError("MCPX-W01", "The secret on stdin is larger than 1 MiB.")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise UsageError("MCPX-W01", "The secret on stdin is not UTF-8 text.") from None
    return text.removesuffix("\n").removesuffix("\r")


def _say_profiles(name: str, binding: Binding) -> None:
    if binding.profiles:
        allowed = ", ".join(profile for profile, _ in binding.profiles)
        render.say(f"Allowed to use {name}: {allowed}.")
        return
    render.say(
        f"No installed profile wants {name} for this origin and kind; to allow one: "
        f"mcp-proxy credential allow {name} --profile PROFILE"
    )


def _plain(row: Listed) -> dict[str, Any]:
    binding = None if row.binding is None else plain_binding(row.binding)
    return {
        "name": row.name,
        "store": row.store,
        "binding": binding,
        "problem": row.problem,
        **({"commands": row.commands} if row.commands else {}),
    }


def _cells(row: Listed) -> list[str]:
    if row.binding is None:
        return [row.name, "?", "?", "?", "?", row.store]
    binding = row.binding
    if binding.kind == ENV:
        return [
            row.name,
            f"env {binding.header}",
            ", ".join(row.commands) or "?",
            "",
            ", ".join(profile for profile, _ in binding.profiles) or "none",
            row.store,
        ]
    return [
        row.name,
        binding.kind if binding.kind != "header" else f"header {binding.header}",
        ", ".join(origin.text for origin in binding.origins),
        binding.path or "/",
        ", ".join(profile for profile, _ in binding.profiles) or "none",
        row.store,
    ]
