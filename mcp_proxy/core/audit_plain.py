"""The numbers of a log as plain JSON values, for programs that read `audit stats --json`."""

from typing import Any

from mcp_proxy.core.audit_numbers import DECISIONS, Durations, Numbers

_PERCENTILES = (50, 95, 99)


def plain_numbers(numbers: Numbers) -> dict[str, Any]:
    """Every count; durations in milliseconds, null where no call was answered."""
    return {
        "entries": numbers.entries,
        "first": numbers.span.first or None,
        "last": numbers.span.last or None,
        "calls": {kind: numbers.decisions[kind] for kind in DECISIONS},
        "again": numbers.again,
        "approved": numbers.approved,
        "cancelled": numbers.cancelled,
        "unanswered": numbers.unanswered,
        "bytes": numbers.bytes,
        "ms": _percentiles(numbers.durations),
        "days": {day: dict(numbers.days[day]) for day in sorted(numbers.days)},
        "tools": [
            {
                "profile": profile or None,
                "tool": name,
                **{kind: tool.decisions[kind] for kind in DECISIONS},
                "errors": tool.errors,
                "bytes": tool.bytes,
                "ms": _percentiles(tool.durations),
            }
            for (profile, name), tool in sorted(numbers.tools.items())
        ],
        "denials": [
            {"rule": rule, "error": error or None, "calls": count}
            for (rule, error), count in numbers.denials.most_common()
        ],
        "errors": dict(numbers.errors.most_common()),
        "clients": dict(numbers.clients.most_common()),
        "commands": dict(numbers.commands.most_common()),
        "events": dict(numbers.notes.most_common()),
    }


def _percentiles(durations: Durations) -> dict[str, int | None]:
    return {f"p{part}": durations.percentile(part) for part in _PERCENTILES}
