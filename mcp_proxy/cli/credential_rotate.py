"""`mcp-proxy credential rotate`: the new secret comes typed, from stdin, files or a reference."""

import argparse
import sys
from typing import Any

from mcp_proxy.app import credential_rotate
from mcp_proxy.app.reference_trial import try_reference
from mcp_proxy.cli import render
from mcp_proxy.cli.secret_input import add_files, given_secret
from mcp_proxy.core.binding import Binding
from mcp_proxy.core.keychain_words import rewrite_words


def add_command(actions: Any) -> None:
    """Registers it under `credential`."""
    parser = actions.add_parser("rotate", help="replace the secret, keep what it may be used for")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--from",
        dest="source",
        metavar="REF",
        help='env:VAR, or cmd:["PROGRAM","WORD"] of a password manager, from now on',
    )
    add_files(parser)
    parser.set_defaults(run=run_rotate)


def say_trial(reference: str, binding: Binding) -> None:
    """Tries a reference that was stored, and warns where it gives nothing."""
    failure = try_reference(reference, binding)
    if failure:
        render.say(f"warning: {reference} gives no secret now. {failure}", "bold yellow")


def run_rotate(options: argparse.Namespace) -> int:
    """`credential rotate`."""
    binding = credential_rotate.binding_of(options.name, options.source)
    secret = given_secret(options, binding.kind)
    where = credential_rotate.rotate(options.name, secret, options.source)
    did = "is taken" if options.source else "has its new secret,"
    render.say(f"{options.name} {did} from {where}; it may be used as before.")
    render.say("Running profiles take it at their next request.")
    if options.source:
        say_trial(where, binding)
    words = rewrite_words(sys.platform)
    if where == "keychain" and words:
        render.say(words)
    return 0
