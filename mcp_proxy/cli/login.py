"""`mcp-proxy login PROFILE`: log in where a profile's upstream wants OAuth."""

import argparse
import time
from typing import Any

from mcp_proxy.app.login import Done, login
from mcp_proxy.app.login_place import is_source
from mcp_proxy.app.login_way import LoginWish
from mcp_proxy.cli import render


def add_commands(subparsers: Any) -> None:
    """Registers `login`."""
    parser = subparsers.add_parser("login", help="log in to an upstream that wants OAuth")
    parser.add_argument(
        "profile",
        metavar="PROFILE|SOURCE.yaml",
        help="an installed profile; or the source of one you make, to capture a gateway's listing",
    )
    parser.add_argument(
        "upstream", metavar="UPSTREAM", nargs="?", help="where the profile has more than one login"
    )
    parser.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="S",
        help="ask for this scope too; may be repeated",
    )
    parser.add_argument("--client-id", metavar="ID", help="the client that the server knows")
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--no-browser", action="store_true", help="print the address in place of opening it"
    )
    way.add_argument(
        "--device", action="store_true", help="log in on another device, with a code shown here"
    )
    parser.add_argument(
        "--id-token-from",
        metavar="env:VAR",
        help="for the grant id_jag: the identity provider's ID token, from a variable or cmd:[...]",
    )
    parser.set_defaults(run=run_login)


def run_login(options: argparse.Namespace) -> int:
    """`login`."""
    scopes = tuple(dict.fromkeys(word for text in options.scope for word in text.split()))
    wish = LoginWish(
        options.profile,
        options.upstream,
        scopes,
        options.client_id,
        options.device,
        options.no_browser,
        options.id_token_from,
    )
    done = login(wish, render.say)
    _say_done(done)
    if is_source(wish.profile):
        _say_purpose(wish.profile, done.profile)
    return 0


def _say_purpose(source: str, name: str) -> None:
    again = f"mcp-proxy profile import {name}"
    if source != f"{name}.yaml":
        again += f" -o {source}"
    render.say(f"This login is for capturing the listings that {source} names.")
    render.say("A profile that is installed from it here, by the same trust root, uses it too.")
    render.say(f"Next, where the source has no tools yet: {again} --select '*'  (or --pick)")
    render.say(f"Next, where it has: mcp-proxy profile build {source}")


def _say_done(done: Done) -> None:
    tokens = done.tokens
    origins = ", ".join(origin.text for origin in tokens.binding.origins)
    render.say(f"Logged in: {done.credential} at {tokens.server.issuer}, for {origins} only.")
    if tokens.scopes:
        render.say(f"Scopes: {' '.join(tokens.scopes)}")
    if done.refused:
        render.say(f"Asked for, but not granted: {' '.join(done.refused)}")
    profiles = ", ".join(profile for profile, _ in tokens.binding.profiles)
    render.say(f"Allowed to use it: {profiles}. Running clients use it from now on.")
    if tokens.refresh is None and tokens.grant == "authorization_code":
        end = "ends when the server says so"
        if tokens.expires_s is not None:
            end = f"ends {minute(tokens.expires_s)}"
        render.say(f"It cannot be renewed without you: it {end}.")


def minute(seconds: float) -> str:
    """A moment as a person reads it, to the minute, UTC; `seconds` of the epoch."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
