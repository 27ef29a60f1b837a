"""`mcp-proxy audit erase`: takes the readable values and the key of one call out of the log."""

import argparse
from typing import Any

from mcp_proxy.app.audit_erase import Call, erase_call, find_call, is_erased, still_aside
from mcp_proxy.app.audit_keys import find_signer
from mcp_proxy.cli import render
from mcp_proxy.edges.places import Home, find_home


def add_erase_command(commands: Any) -> None:
    """Registers `audit erase`."""
    erase = commands.add_parser(
        "erase",
        help="make a call's values unreadable, for good",
        description="Takes the readable values and the key of one call out of the log; the ledger "
        "says so, and the log still verifies.",
    )
    erase.add_argument("call", metavar="CALL", help="as `audit show` names it: ULID:NUMBER")
    erase.add_argument("--yes", action="store_true", help="do not ask")
    erase.set_defaults(run=run_erase)


def run_erase(options: argparse.Namespace) -> int:
    """`audit erase`."""
    home = find_home()
    call = find_call(home, options.call)
    if is_erased(home, call):
        render.say("Nothing of this call is readable: it was erased before.")
        _show_aside(home, call)
        return 0
    if not render.confirm(_question(options.call, call), options.yes):
        render.say("Nothing was erased.")
        return 1
    erase_call(home, call, find_signer(home))
    render.say(f"Erased {options.call}; the ledger says so, and the log still verifies.")
    _show_aside(home, call)
    return 0


def _show_aside(home: Home, call: Call) -> None:
    for path in still_aside(home, call):
        render.say(
            f"{path}, which doctor --fix put aside, may still hold the request for its approval. "
            f"Remove it with what lies beside it: rm '{path}'*",
            "bold yellow",
        )


def _question(name: str, call: Call) -> str:
    about = "of which the log has no entry"
    if call.entry:
        time = str(call.entry.get("time"))[:19].replace("T", " ")
        about = f"{call.entry.get('tool')}, {time} UTC"
    return f"Erase the readable values and the key of {name} ({about}) for good?"
