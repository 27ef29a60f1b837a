"""The report of `audit report`: the log's numbers, the budgets, and what of the log is proven."""

from typing import NamedTuple

from mcp_proxy import __version__
from mcp_proxy.app.audit_means import verify_home
from mcp_proxy.app.audit_stats import Stats, read_stats
from mcp_proxy.core.audit_filter import Filter
from mcp_proxy.core.audit_words import minute
from mcp_proxy.core.report_html import Report, page
from mcp_proxy.edges import clock


class Made(NamedTuple):
    """The page, and the numbers that it was made of; `is_good` is the log's verdict."""

    html: bytes
    stats: Stats
    is_good: bool


def make_report(only: Filter) -> Made:
    """Reads and verifies the whole log. Raises HomeError: a file is not safe or not readable."""
    stats, found = read_stats(only), verify_home()
    report = Report(
        *(stats.numbers, stats.budgets, found.good, found.properties),
        *(minute(clock.now_s()), __version__, _asked(only)),
    )
    return Made(page(report), stats, found.good)


def _asked(only: Filter) -> str:
    parts = (("since", only.since), ("until", only.until), ("of the profile", only.profile))
    return ", ".join(f"{word} {value}" for word, value in parts if value is not None)
