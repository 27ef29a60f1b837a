"""The report as one HTML file: what was called, denied, spent and proven, for who decides on it.

No script, nothing fetched, which its own policy forbids besides. Whatever comes from the log is
escaped, what cannot be seen stands as a mark. Counts and names alone: no argument of any call.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from mcp_proxy.core.audit_budget import Budget
from mcp_proxy.core.audit_claims import Property
from mcp_proxy.core.audit_numbers import DECISIONS, Numbers, ToolNumbers, columns_of
from mcp_proxy.core.audit_words import minute, seconds, size
from mcp_proxy.core.report_charts import bars, meter, stacked
from mcp_proxy.core.report_style import STYLE
from mcp_proxy.core.report_table import Markup, escaped, section, table
from mcp_proxy.errors import CATALOG

_WORDS = {"allow": "allowed", "ask": "put back to ask first", "deny": "denied"}
_BOUNDS_MS = (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)
_ROWS = 20


class Report(NamedTuple):
    """All that the page tells. `made` and `asked` are text, `is_good` the log's own verdict.

    `asked` says what part of the log was asked for, "" for all of it. `budgets` are as of `made`.
    """

    numbers: Numbers
    budgets: tuple[Budget, ...]
    is_good: bool
    claims: tuple[Property, ...]
    made: str
    version: str
    asked: str = ""


def page(report: Report) -> bytes:
    """The whole file, UTF-8."""
    numbers = report.numbers
    sections = (
        section("Calls by day", _days(numbers)),
        section("Calls by tool", _tools(numbers)),
        section("Denied, by rule", _denials(numbers)),
        section("Limits of the profiles, now", _budgets(report.budgets)),
        section("How long calls took", _durations(numbers)),
        section("Calls that ended in an error", _errors(numbers)),
        section("Who called", _counts(numbers.clients.most_common(), "client, as it named itself")),
        section("Administrative commands", _counts(numbers.commands.most_common(), "command")),
        section("Other events", _counts(numbers.notes.most_common(), "event")),
        section("Can this be relied on?", _claims(report)),
    )
    body = f"{_head(report)}{_tiles(numbers)}{''.join(sections)}{_foot(report)}"
    return _document("mcp-proxy: audit report", body).encode()


def _document(title: str, body: str) -> str:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n"
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def _head(report: Report) -> str:
    span, counts = report.numbers.span, report.numbers.decisions
    total, again = report.numbers.calls, report.numbers.again
    more = f", and {_many(again, 'time')} went on with one" if again else ""
    asked = f"<p>Only entries {escaped(report.asked)}.</p>" if report.asked else ""
    told = (
        f"From {_day(span.first)} to {_day(span.last)} the assistants on this account made "
        f"{_many(total, 'call')}{more}: {counts['allow']:,} allowed, "
        f"{report.numbers.approved:,} of them approved by a person, "
        f"{counts['ask']:,} put back to ask first, and {counts['deny']:,} "
        "denied before anything was sent."
        if total
        else "The log holds no calls of this time."
    )
    return (
        '<p class="quiet">mcp-proxy</p><h1>What the assistants did</h1>'
        f'<p class="lead">{told}</p>{asked}'
    )


def _tiles(numbers: Numbers) -> str:
    failed = sum(numbers.errors.values())
    slow = numbers.durations.percentile(95)
    lost = numbers.unanswered
    tiles = (
        (f"{numbers.decisions['allow']:,}", "allowed"),
        (f"{numbers.decisions['deny']:,}", "denied"),
        (f"{numbers.approved:,}", "approved by a person"),
        (f"{failed:,}", "ended in an error"),
        ("none" if slow is None else seconds(slow), "or less, 95 of 100 calls"),
        (size(numbers.bytes), "came back"),
        *([(f"{lost:,}", "without an answer")] if lost else []),
    )
    inner = "".join(
        f'<div class="tile"><b>{value}</b><span>{name}</span></div>' for value, name in tiles
    )
    return f'<div class="tiles">{inner}</div>'


def _days(numbers: Numbers) -> str:
    columns = columns_of(numbers.days)
    if not columns:
        return "<p>No calls.</p>"
    keys = "".join(
        f'<span><svg class="key" viewBox="0 0 10 10" aria-hidden="true">'
        f'<rect class="{kind}" width="10" height="10"/></svg>{_WORDS[kind]}</span>'
        for kind in DECISIONS
    )
    plot = stacked("Calls by day, by what was decided", columns, _WORDS)
    return f'<p class="legend quiet">{keys}</p>{plot}'


def _tools(numbers: Numbers) -> str:
    rows = sorted(numbers.tools.items(), key=lambda row: (-_calls(row[1]), row[0]))
    if not rows:
        return "<p>No calls.</p>"
    plot = bars(
        "Calls by tool",
        [(name, _calls(tool), f"{_calls(tool):,}") for (_, name), tool in rows[:_ROWS]],
    )
    heads = (
        "tool",
        "profile",
        "*allowed",
        "*asked",
        "*denied",
        "*errors",
        "*p50",
        "*p95",
        "*came back",
    )
    return plot + table(heads, [_tool_row(*name, tool) for name, tool in rows[: 5 * _ROWS]])


def _tool_row(profile: str, name: str, tool: ToolNumbers) -> tuple[str, ...]:
    times = (tool.durations.percentile(part) for part in (50, 95))
    return (
        *(name, profile),
        *(f"{tool.decisions[kind]:,}" for kind in DECISIONS),
        f"{tool.errors:,}",
        *("" if ms is None else seconds(ms) for ms in times),
        size(tool.bytes),
    )


def _denials(numbers: Numbers) -> str:
    rows = numbers.denials.most_common(5 * _ROWS)
    if not rows:
        return "<p>Nothing was denied.</p>"
    plot = bars(
        "Denials by rule", [(rule, count, f"{count:,}") for (rule, _), count in rows[:_ROWS]]
    )
    cells = [(rule, _meaning(error), error, f"{count:,}") for (rule, error), count in rows]
    return plot + table(("rule", "because", "error", "*calls"), cells)


def _errors(numbers: Numbers) -> str:
    rows = numbers.errors.most_common(2 * _ROWS)
    if not rows:
        return "<p>None.</p>"
    cells = [(_meaning(error), error, f"{count:,}") for error, count in rows]
    return table(("because", "error", "*calls"), cells)


def _meaning(error: str) -> str:
    return CATALOG[error].what if error in CATALOG else ""


def _durations(numbers: Numbers) -> str:
    p50, p95, p99 = (numbers.durations.percentile(part) for part in (50, 95, 99))
    if p50 is None or p95 is None or p99 is None:
        return "<p>No call was answered.</p>"
    counts = numbers.durations.histogram(_BOUNDS_MS)
    labels = [f"up to {seconds(bound)}" for bound in _BOUNDS_MS] + [
        f"above {seconds(_BOUNDS_MS[-1])}"
    ]
    rows = [(label, count, f"{count:,}") for label, count in zip(labels, counts, strict=True)]
    told = (
        f"Half of the calls took at most {seconds(p50)}, 95 of 100 at most {seconds(p95)}, "
        f"99 of 100 at most {seconds(p99)}."
    )
    return f"<p>{told}</p>{bars('Calls by how long they took', rows)}"


def _budgets(budgets: tuple[Budget, ...]) -> str:
    if not budgets:
        return "<p>No installed profile has a limit, or none could be read.</p>"
    heads = ("tool", "profile", "limit", "", "*taken", "until")
    return table(heads, map(_budget, budgets))


def _budget(budget: Budget) -> tuple[str | Markup, ...]:
    most = " at most, of one value" if budget.values > 1 else ""
    plot = meter(f"{budget.taken:,} of {budget.at_most:,} taken", budget.taken, budget.at_most)
    taken = f"{budget.taken:,} of {budget.at_most:,}{most}"
    told = (budget.tool, budget.profile, budget.words)
    return (*told, Markup(plot), taken, minute(budget.ends_s))


def _claims(report: Report) -> str:
    good = ("good", "No damage was found in the log. What that proves, and against whom:")
    bad = ("bad", "The log is damaged: mcp-proxy audit verify names the places.")
    kind, words = good if report.is_good else bad
    rows = [(claim.name, _state(claim), claim.against, claim.detail) for claim in report.claims]
    shown = table(("property", "state", "against whom", "more"), rows)
    return f'<p class="{kind}">{words}</p>{shown}'


def _state(claim: Property) -> Markup:
    kind = claim.state if claim.state in {"proven", "broken"} else "quiet"
    return Markup(f'<span class="{kind}">{escaped(claim.state)}</span>')


def _counts(rows: Sequence[tuple[str, int]], what: str) -> str:
    if not rows:
        return "<p>None.</p>"
    return table((what, "*count"), [(name, f"{count:,}") for name, count in rows[: 2 * _ROWS]])


def _foot(report: Report) -> str:
    return (
        f'<p class="quiet">Made {escaped(report.made)} by mcp-proxy {escaped(report.version)} '
        f"from {report.numbers.entries:,} entries of the log on this computer. Times are UTC. "
        "The report holds names and counts, no arguments and no results of calls.</p>"
    )


def _calls(tool: ToolNumbers) -> int:
    return sum(tool.decisions.values())


def _day(time: str) -> str:
    return escaped(time[:10])


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
