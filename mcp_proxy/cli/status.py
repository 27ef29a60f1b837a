"""`mcp-proxy status`: what is paused, and whether credentials are in order; never a secret."""

import argparse
from typing import Any

from mcp_proxy.app.login_status import PAUSED, READY, RENEWS, UNTRIED, Row, read_status
from mcp_proxy.cli import render
from mcp_proxy.cli.login import minute

_LACKING = 4


def add_commands(subparsers: Any) -> None:
    """Registers `status`."""
    parser = subparsers.add_parser(
        "status", help="what is paused, and whether credentials and logins are in order"
    )
    parser.add_argument("profile", metavar="PROFILE", nargs="?", help="without it, all installed")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run_status)


def run_status(options: argparse.Namespace) -> int:
    """`status`; exits with 4 where something is lacking."""
    rows = read_status(options.profile)
    if options.json:
        render.json_out([_plain(row) for row in rows])
    else:
        has_tools = any(row.tool for row in rows)
        columns = [
            "profile",
            "upstream",
            "credential",
            "kind",
            "state",
            "issuer",
            "scopes",
            "until",
            *(["tool"] if has_tools else []),
        ]
        cells = (_cells(row)[: len(columns)] for row in rows)
        render.table("", columns, cells, "No upstream here needs a credential.")
        for row in rows:
            if row.why:
                place = f"{row.profile} {row.upstream or row.tool}".strip()
                render.say(f"{place}: {row.why}")
                render.say(f"next:  {row.next}")
    return _LACKING if any(map(_is_lacking, rows)) else 0


def _is_lacking(row: Row) -> bool:
    return row.state not in (READY, RENEWS, UNTRIED, PAUSED)


def _plain(row: Row) -> dict[str, Any]:
    until = None if row.expires_s is None else int(row.expires_s)
    plain = {**row._asdict(), "scopes": list(row.scopes), "expires": until}
    del plain["expires_s"]
    return plain


def _cells(row: Row) -> list[str]:
    until = "" if row.expires_s is None else minute(row.expires_s)
    first = [row.profile, row.upstream, row.credential, row.kind, row.state]
    return [*first, row.issuer, " ".join(row.scopes), until, row.tool]
