"""`mcp-proxy audit tail | show | verify`."""

import argparse
from typing import Any

from mcp_proxy.app.audit_log import Filter, Verification, read_entries, verify_log
from mcp_proxy.cli import render

_KINDS = ("open", "decided", "answered", "cancelled", "note", "close")
_COLUMNS = ("time", "kind", "tool", "result", "detail")


def add_commands(subparsers: Any) -> None:
    """Register the group."""
    group = subparsers.add_parser("audit", help="read and verify the local log")
    commands = group.add_subparsers(dest="action", metavar="ACTION", required=True)
    tail = commands.add_parser("tail", help="the newest entries")
    tail.add_argument("-n", type=_count, default=20, metavar="N", help="how many (default 20)")
    show = commands.add_parser("show", help="all entries, or those that match")
    show.add_argument("--kind", choices=_KINDS)
    show.add_argument("--tool", metavar="NAME", help="calls of this tool")
    show.add_argument("--decision", choices=("allow", "deny"))
    verify = commands.add_parser("verify", help="check every chain and clear value; 0 good, 1 bad")
    for parser, run in ((tail, _tail), (show, _show), (verify, _verify)):
        parser.add_argument("--json", action="store_true", help="as JSON")
        parser.set_defaults(run=run)


def _tail(options: argparse.Namespace) -> int:
    return _print(read_entries(Filter(), options.n), options.json)


def _show(options: argparse.Namespace) -> int:
    only = Filter(options.kind, options.tool, options.decision)
    return _print(read_entries(only), options.json)


def _print(entries: list[dict[str, Any]], as_json: bool) -> int:
    if as_json:
        render.json_out(entries)
        return 0
    rows = ([_cell(entry, column) for column in _COLUMNS] for entry in entries)
    render.table("", _COLUMNS, rows, "No entries.")
    return 0


def _cell(entry: dict[str, Any], column: str) -> str:
    if column == "detail":
        return _detail(entry)
    if column == "time":
        return str(entry["time"])[:19].replace("T", " ")
    names = ("decision", "outcome", "error") if column == "result" else (column,)
    return " ".join(str(entry[name]) for name in names if entry.get(name) is not None)


def _detail(entry: dict[str, Any]) -> str:
    match entry["kind"]:
        case "open":
            who = (f"pid {entry['pid']}", entry["profile"], entry["client"]["name"])
            return " ".join(word for word in who if word)
        case "decided":
            values = ", ".join(f"{key}={value}" for key, value in entry.get("values", {}).items())
            return f"#{entry['seq']} {entry['rule']}" + (f"; {values}" if values else "")
        case "answered":
            return f"#{entry['call']} {entry['bytes']} bytes in {entry['ms']} ms"
        case "cancelled":
            return f"#{entry['call']} sent: {entry['sent']}"
        case "note":
            return f"{entry['what']} {_facts(entry)}".strip()
        case _:
            return str(entry.get("reason", ""))


def _facts(entry: dict[str, Any]) -> str:
    facts = entry.get("facts") or {}
    return ", ".join(f"{key}={value}" for key, value in facts.items()) or str(
        entry.get("count", "")
    )


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no count")
    return int(text)


def _verify(options: argparse.Namespace) -> int:
    verification = verify_log()
    if options.json:
        findings = [finding._asdict() for finding in verification.findings]
        report = {**verification._asdict(), "findings": findings, "good": verification.good}
        render.json_out(report)
    else:
        _tell(verification)
    return 0 if verification.good else 1


def _tell(verification: Verification) -> None:
    for finding in verification.findings:
        at = f":{finding.line}" if finding.line else ""
        render.data(f"{'BAD ' if finding.bad else 'TORN'} {finding.path}{at} {finding.what}")
    span = f", {verification.first} to {verification.last}" if verification.first else ""
    word = "OK" if verification.good else "DAMAGED"
    render.data(
        f"{word}: {verification.entries} entries in {verification.segments} segments"
        f"{span}; {verification.open_segments} without a close entry (running, or ended by a kill)"
    )
    render.say("Until the log has a ledger it is corruption-evident: it shows damage and edits of")
    render.say("single segments, not the removal of whole ones (README, The log).")
