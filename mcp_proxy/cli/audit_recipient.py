"""`mcp-proxy audit recipient`: the key of an organisation that verifies and opens its logs."""

import argparse
from typing import Any

from mcp_proxy.app.recipient_keys import find_recipient_key
from mcp_proxy.cli import render
from mcp_proxy.cli.audit_options import KEY_HELP


def add_recipient_command(commands: Any) -> None:
    """Registers `audit recipient`."""
    parser = commands.add_parser(
        "recipient",
        help="print the line of an organisation's key, for audit.recipient in profiles",
        description="Prints the public line of an organisation's key: a profile that names it has "
        "its log protected for, and its arguments sealed to, whoever has the private half.",
    )
    parser.add_argument("key", metavar="NAME|env:VAR", help=KEY_HELP)
    parser.add_argument("--new", action="store_true", help="make it if it is lacking")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run_recipient)


def run_recipient(options: argparse.Namespace) -> int:
    """`audit recipient`; the line is the last one of stdout."""
    found = find_recipient_key(options.key, make=options.new)
    recipient = found.recipient
    if found.made:
        render.say(f"The key {recipient.name} is made; its private half stays on this machine.")
        render.say("Whoever has it opens the log of every profile that names its line, so keep it")
        render.say("on a machine of your own, not on one whose log it is to verify.")
    if options.json:
        told = {"name": recipient.name, "id": recipient.id, "line": recipient.line}
        render.json_out(told | {"made": found.made})
        return 0
    render.say("In the profile's source:")
    render.say(f'  audit: {{recipient: "{recipient.line}"}}')
    render.data(recipient.line)
    return 0
