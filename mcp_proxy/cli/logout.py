"""`mcp-proxy logout PROFILE`: revoke a login's tokens, and delete them."""

import argparse
from typing import Any

from mcp_proxy.app.logout import Ended, logout
from mcp_proxy.cli import render


def add_commands(subparsers: Any) -> None:
    """Registers `logout`."""
    parser = subparsers.add_parser("logout", help="revoke a login at its server, then delete it")
    parser.add_argument(
        "profile",
        metavar="PROFILE|SOURCE.yaml",
        help="an installed profile, or a publisher's own source",
    )
    parser.add_argument(
        "upstream", metavar="UPSTREAM", nargs="?", help="where the profile has more than one login"
    )
    parser.add_argument(
        "--local", action="store_true", help="delete it here without telling the server"
    )
    parser.set_defaults(run=run_logout)


def run_logout(options: argparse.Namespace) -> int:
    """`logout`."""
    ended = logout(options.profile, options.upstream, local=options.local)
    render.say(_sentence(ended))
    if ended.others:
        render.say(f"The login was also that of {', '.join(ended.others)}.")
    return 0


def _sentence(ended: Ended) -> str:
    name, issuer = ended.credential, ended.issuer
    if not ended.was_there:
        return f"Nobody is logged in with {name}; nothing was done."
    if ended.revoked:
        return f"{name} is revoked at {issuer} and deleted here."
    heard = "was not told" if ended.has_endpoint else "has no way to revoke them"
    return f"{name} is deleted here. Its tokens are good until they end, for {issuer} {heard}."
