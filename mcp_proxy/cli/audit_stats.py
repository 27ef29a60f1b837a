"""`mcp-proxy audit stats`: calls, denials, durations, bytes and budgets, with small charts."""

import argparse
from collections.abc import Iterable
from typing import Any

from rich.text import Text

from mcp_proxy.app.audit_stats import Stats, read_stats
from mcp_proxy.cli import render
from mcp_proxy.cli.audit_options import add_span_options, filter_of, none_words
from mcp_proxy.cli.audit_show import tell_damage
from mcp_proxy.core.audit_numbers import DECISIONS, Durations, Numbers, columns_of
from mcp_proxy.core.audit_plain import plain_numbers
from mcp_proxy.core.audit_words import counted, minute, seconds, size
from mcp_proxy.core.text import one_sentence

_WIDE = 40
_COLOURS = {"allow": "green", "ask": "yellow", "deny": "red"}
_EIGHTHS = " ▏▎▍▌▋▊▉"
_FULL = "█"
_ROWS = 20
_NAME_CHARS = 40


def add_stats_command(commands: Any) -> None:
    """Registers `audit stats`."""
    stats = commands.add_parser(
        "stats",
        help="calls, denials, durations, bytes and budgets",
        description="Counts the log's calls by decision, day, tool and client, and shows what is "
        "taken of the limits.",
    )
    add_span_options(stats)
    stats.add_argument("--json", action="store_true", help="as JSON")
    stats.set_defaults(run=run_stats)


def run_stats(options: argparse.Namespace) -> int:
    """`audit stats`."""
    only = filter_of(options)
    stats = read_stats(only)
    if options.json:
        budgets = [budget._asdict() for budget in stats.budgets]
        render.json_out({**plain_numbers(stats.numbers), "budgets": budgets})
    else:
        _tell(stats)
    if only.profile is not None and not stats.numbers.entries:
        render.say(none_words(only))
    tell_damage(stats.damaged)
    for why in stats.unread:
        render.say(f"budgets not known: {why}")
    return 0


def bar(number: float, most: float, wide: int = _WIDE) -> str:
    """A lying bar, in eighths of a character; something is seen of whatever is not zero."""
    eighths = 0 if most <= 0 or number <= 0 else max(1, round(8 * wide * number / most))
    return (_FULL * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def _tell(stats: Stats) -> None:
    numbers = stats.numbers
    _tell_sums(numbers)
    if numbers.days:
        _tell_days(numbers)
    if numbers.tools:
        _tell_tools(numbers)
    _tell_counts("denied by", [(" ".join(key), n) for key, n in numbers.denials.most_common(_ROWS)])
    _tell_counts("errors", numbers.errors.most_common(_ROWS))
    _tell_counts("clients", numbers.clients.most_common(_ROWS))
    if stats.budgets:
        _tell_budgets(stats)


def _tell_sums(numbers: Numbers) -> None:
    first, last = (time[:19].replace("T", " ") for time in numbers.span)
    span = f" from {first} to {last} UTC" if first else ""
    render.data(f"{counted(numbers.entries, 'entry', 'entries')}{span}")
    calls = ", ".join(f"{numbers.decisions[kind]:,} {kind}" for kind in DECISIONS)
    failed = sum(numbers.errors.values())
    again = f" ({numbers.again:,} of them went on with a call)" if numbers.again else ""
    render.data(
        f"calls: {calls}{again}; {numbers.approved:,} approved, {failed:,} ended in an error, "
        f"{numbers.cancelled:,} cancelled, {numbers.unanswered:,} without an answer"
    )
    came = f"; {size(numbers.bytes)} came back"
    render.data(f"duration: {_percentiles(numbers.durations) or 'no call was answered'}{came}")


def _tell_days(numbers: Numbers) -> None:
    columns = columns_of(numbers.days)
    most = max(counts.total() for _, counts in columns)
    _head("calls by day")
    for day, counts in columns:
        line = Text(f"  {day}  ")
        for kind in DECISIONS:
            # Whole characters, so that colours meet cleanly; what is not zero can be seen.
            cells = max(round(_WIDE * counts[kind] / most), counts[kind] > 0)
            line.append(_FULL * cells, _COLOURS[kind])
        render.styled(line.append(f" {counts.total():,}{_denied(counts['deny'])}"))


def _denied(count: int) -> str:
    return f", {count:,} denied" if count else ""


def _tell_tools(numbers: Numbers) -> None:
    rows = sorted(numbers.tools.items(), key=lambda row: (-row[1].decisions.total(), row[0]))
    most = rows[0][1].decisions.total()
    render.data("")
    columns = ("tool", "profile", "calls", *DECISIONS[1:], "errors", "bytes", "p50 p95 p99", "")
    cells = (
        (
            *(name, profile, f"{tool.decisions.total():,}"),
            *(f"{tool.decisions[kind]:,}" for kind in DECISIONS[1:]),
            *(f"{tool.errors:,}", size(tool.bytes), _percentiles(tool.durations)),
            bar(tool.decisions.total(), most, 16),
        )
        for (profile, name), tool in rows[:_ROWS]
    )
    render.table("", columns, cells)
    if len(rows) > _ROWS:
        render.say(f"and {len(rows) - _ROWS} tools more; --json has all.")


def _tell_counts(title: str, rows: Iterable[tuple[str, int]]) -> None:
    rows = list(rows)
    if not rows:
        return
    names = [one_sentence(name, _NAME_CHARS) for name, _ in rows]
    wide, most = max(map(len, names)), rows[0][1]
    _head(title)
    for name, (_, count) in zip(names, rows, strict=True):
        render.data(f"  {name.ljust(wide)}  {bar(count, most, 24)} {count:,}")


def _tell_budgets(stats: Stats) -> None:
    render.data("")
    columns = ("limit", "tool", "profile", "taken", "", "until")
    cells = (
        (
            *(budget.words, budget.tool, budget.profile, f"{budget.taken:,}"),
            bar(budget.taken, budget.at_most, 16) or "-",
            minute(budget.ends_s),
        )
        for budget in stats.budgets
    )
    render.table("", columns, cells)


def _percentiles(durations: Durations) -> str:
    found = [(part, durations.percentile(part)) for part in (50, 95, 99)]
    return ", ".join(f"p{part} {seconds(ms)}" for part, ms in found if ms is not None)


def _head(title: str) -> None:
    render.data("")
    render.styled(Text(title, "bold"))
