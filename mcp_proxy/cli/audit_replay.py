"""`mcp-proxy audit replay PROFILE`: past calls against another version: what would now happen."""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from mcp_proxy.app.audit_replay import Replay, Replayed, open_replay
from mcp_proxy.cli import render
from mcp_proxy.cli.audit_options import KEY_HELP, add_time_options, filter_of
from mcp_proxy.cli.audit_show import tell_damage
from mcp_proxy.core.replay import UNKNOWN

_WORDS = {"allow": "allowed", "ask": "asked", "deny": "denied", UNKNOWN: "not known"}
_NO_NAME = "(unknown)"


class Sum(NamedTuple):
    """What calls of one tool have in common: then and now, each with its rule."""

    tool: str
    was: str
    was_rule: str
    now: str
    rule: str
    why: str


def add_replay_command(commands: Any) -> None:
    """Registers `audit replay`."""
    parser = commands.add_parser(
        "replay",
        help="past calls against another version of their profile: what would now happen",
        description="Decides the log's calls of a profile anew, by another version of it; nothing "
        "is sent or logged.",
    )
    parser.add_argument("profile", metavar="PROFILE", help="whose calls; its installed version")
    parser.add_argument("--file", metavar="FILE", help="another version: a source, built or signed")
    add_time_options(parser)
    parser.add_argument(
        "--recipient-key",
        metavar="NAME|env:VAR",
        help=f"opens arguments sealed to an organisation: {KEY_HELP}",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run_replay)


def run_replay(options: argparse.Namespace) -> int:
    """`audit replay`: 0 whatever the calls would come to; nothing is sent or logged."""
    replay = open_replay(filter_of(options), options.file, options.recipient_key)
    sums: Counter[Sum] = Counter()
    rows = _counted(replay, sums)
    if options.json:
        _print_json(replay, rows, sums)
    else:
        _print_lines(replay, rows, sums)
    tell_damage(replay.damaged)
    return 0


def _counted(replay: Replay, sums: Counter[Sum]) -> Iterator[Replayed]:
    for row in replay:
        past, verdict = row
        tool, now = past.tool or _NO_NAME, (verdict.now, verdict.rule, verdict.why)
        sums[Sum(tool, past.was, past.rule, *now)] += 1
        yield row


def _print_lines(replay: Replay, rows: Iterator[Replayed], sums: Counter[Sum]) -> None:
    """Each call that would end otherwise, then the sums of all."""
    for past, verdict in rows:
        if verdict.now not in (past.was, UNKNOWN):
            change = f"{_WORDS[past.was]} -> {_WORDS[verdict.now]}"
            when = past.time[:19].replace("T", " ")
            render.data(f"{when}  {past.tool:<20}  {change:<19}  {past.call}  {verdict.rule}")
        if not render.is_read():
            return
    columns = ("calls", "tool", "was", "would be", "rule", "")
    render.table("", columns, [_cells(*item) for item in _sorted(sums)], "No calls.")
    if sums:
        _tell(replay, sums)


def _cells(row: Sum, count: int) -> tuple[object, ...]:
    was = _WORDS[row.was] + (f" ({row.was_rule})" if row.was == "deny" else "")
    return count, row.tool, was, _WORDS[row.now], row.rule, row.why


def _tell(replay: Replay, sums: Counter[Sum]) -> None:
    header = replay.profile.header
    total = sums.total()
    unknown = sum(count for row, count in sums.items() if row.now == UNKNOWN)
    same = sum(count for row, count in sums.items() if row.now == row.was)
    render.say(
        f"Of {total} decisions, {header.profile} version {header.version} would decide "
        f"{same} as they were, {total - same - unknown} otherwise; {unknown} cannot be told."
    )
    if unknown:
        render.say(_help_words(replay.sealed > 0))
    render.say("Limits are counted from the first of these calls on. Pauses, drift, credentials")
    render.say("and grants are of the moment, and not looked at.")


def _help_words(is_sealed: bool) -> str:
    if is_sealed:
        return "Arguments are sealed to a key that is not at hand: --recipient-key NAME or env:VAR."
    return "Of calls to come all is known where the profile has audit: {arguments: sealed}."


def _print_json(replay: Replay, rows: Iterator[Replayed], sums: Counter[Sum]) -> None:
    """One object, written call by call: a log may be larger than memory."""
    header, before = replay.profile.header, ""
    names = {"profile": header.profile, "version": header.version, "digest": replay.profile.digest}
    render.data(f'{json.dumps(names)[:-1]}, "calls": [', end="")
    for row in rows:
        render.data(f"{before}\n  {json.dumps(_plain(row))}", end="")
        before = ","
        if not render.is_read():
            return
    told = [{**row._asdict(), "calls": count} for row, count in _sorted(sums)]
    lines = ",\n".join(f"  {json.dumps(one)}" for one in told)
    render.data(f'\n], "sums": [\n{lines}\n]}}')


def _plain(row: Replayed) -> dict[str, Any]:
    past, verdict = row
    return {
        "call": past.call,
        "time": past.time,
        "tool": past.tool,
        "was": past.was,
        "was_rule": past.rule,
        **verdict._asdict(),
        "known": past.known.source,
    }


def _sorted(sums: Counter[Sum]) -> list[tuple[Sum, int]]:
    return sorted(sums.items(), key=lambda item: (item[0].tool, -item[1], item[0]))
