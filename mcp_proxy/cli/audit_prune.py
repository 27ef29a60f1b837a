"""`mcp-proxy audit prune`: removes whole segments that have ended; the ledger says which."""

import argparse
from typing import Any

from mcp_proxy.app.audit_keys import find_signer
from mcp_proxy.app.audit_prune import Keep, Plan, plan_prune, prune
from mcp_proxy.cli import render
from mcp_proxy.core.audit_words import counted, size
from mcp_proxy.edges.places import Home, find_home
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.errors import UsageError

_COLUMNS = ("segment", "entries", "last entry", "KiB", "why")


def add_prune_command(commands: Any) -> None:
    """Registers `audit prune`."""
    parser = commands.add_parser(
        "prune",
        help="remove segments that are kept no longer",
        description="Removes whole segments of the log that have ended and are older or more than "
        "is kept; the ledger says which, and the rest still verifies.",
    )
    parser.add_argument(
        "--keep-days", type=_count, metavar="N", help="remove what ended more than N days ago"
    )
    parser.add_argument(
        "--keep-mib", type=_count, metavar="N", help="remove the oldest beyond N MiB in all"
    )
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be removed")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(run=run_prune)


def run_prune(options: argparse.Namespace) -> int:
    """`audit prune`; without bounds of its own, by those of the settings."""
    home = find_home()
    plan = plan_prune(home, _keep(home, options))
    _show(plan)
    if options.dry_run:
        due = sum(item.bytes for item in plan.segments)
        render.say(f"{_segments(len(plan.segments))}, {size(due)}; nothing was removed (dry run).")
        return 0
    if not (plan.segments or plan.recorded):
        return 0
    count = len(plan.segments)
    if count and not render.confirm(f"Remove {_segments(count)} for good?", options.yes):
        render.say("Nothing was removed.")
        return 1
    removed = prune(home, plan, find_signer(home), "command")
    render.say(f"Removed {_segments(removed)}; the ledger keeps how many entries each had.")
    return 0


def _keep(home: Home, options: argparse.Namespace) -> Keep:
    if options.keep_days is not None or options.keep_mib is not None:
        return Keep(options.keep_days or 0, options.keep_mib or 0)
    audit = read_settings(home).audit
    if not (audit.keep_days or audit.keep_mib):
        why = "Nothing says how long the log is kept: settings.toml has no [audit] keep_days."
        raise UsageError("MCPX-W01", why, "mcp-proxy audit prune --keep-days 90")
    return Keep(audit.keep_days, audit.keep_mib)


def _show(plan: Plan) -> None:
    rows = [
        (item.name, item.entries, item.last[:19].replace("T", " "), item.bytes // 1024, why)
        for items, why in ((plan.old, "age"), (plan.beyond, "size"))
        for item in items
    ]
    render.table("", _COLUMNS, rows, "No segment that has ended is to be removed.")
    for item in plan.odd:
        render.say(
            f"{item.path} is due, but stays: it does not fit the ledger, see: "
            "mcp-proxy audit verify",
            "bold yellow",
        )
    if plan.recorded:
        render.say(
            f"{_segments(len(plan.recorded))} that the ledger has pruned before: still there."
        )


def _segments(count: int) -> str:
    return counted(count, "segment")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 1 << 20:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {1 << 20}")
    return int(text)
