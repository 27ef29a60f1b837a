"""`mcp-proxy audit key`: the public key that the ledger's notes are verified with."""

import argparse
from typing import Any

from mcp_proxy.app.audit_keys import ensure_key, read_public
from mcp_proxy.cli import render
from mcp_proxy.edges.places import ensure_home


def add_key_command(commands: Any) -> None:
    """Registers `audit key`."""
    parser = commands.add_parser(
        "key",
        help="the key to verify the log with; makes it at need",
        description="Prints the public key that whoever checks a copy of the log needs; the first "
        "run makes the key that signs it, in keychain or vault.",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run_key)


def run_key(options: argparse.Namespace) -> int:
    """`audit key`; the verifier line is the last line of stdout."""
    home = ensure_home()
    before = read_public(home)
    signer = ensure_key(home)
    line = signer.verifier.line
    if before is None:
        render.say("The audit log's key is made. From now on what is logged here gets signed.")
    elif before.verifier != line:
        render.say("The audit log has another key now. What was signed before is verified with:")
        render.say(f"  {before.verifier}")
    if options.json:
        render.json_out({"verifier": line, "seal": signer.seal})
        return 0
    render.say("Keep this line elsewhere; whoever checks a copy of the log needs it:")
    render.say("  mcp-proxy audit verify --key LINE")
    render.data(line)
    return 0
