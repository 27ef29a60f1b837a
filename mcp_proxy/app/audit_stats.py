"""The log in numbers, and what is taken of the limits of the installed profiles."""

from typing import NamedTuple

from mcp_proxy.app.audit_log import Reading
from mcp_proxy.app.audit_stream import Damage
from mcp_proxy.core.audit_budget import Budget
from mcp_proxy.core.audit_filter import Filter
from mcp_proxy.core.audit_numbers import Numbers
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.profile_lines import parse_tool
from mcp_proxy.core.rule_words import limit_words
from mcp_proxy.core.windows import window
from mcp_proxy.edges import clock
from mcp_proxy.edges.authorizer import root_text
from mcp_proxy.edges.installs import list_installed
from mcp_proxy.edges.ledger import Scope, Spent, spent
from mcp_proxy.edges.places import Home, find_home
from mcp_proxy.edges.profile_store import load_profile
from mcp_proxy.edges.state_db import StateDb, Transaction
from mcp_proxy.edges.state_mark import read_mark
from mcp_proxy.edges.zones import find_zone
from mcp_proxy.errors import McpProxyError


class Stats(NamedTuple):
    """Numbers of what passed the filter; the budgets are as of now, whatever the filter.

    `unread` says of which profiles the budgets are not known, and why.
    """

    numbers: Numbers
    damaged: tuple[Damage, ...]
    budgets: tuple[Budget, ...]
    unread: tuple[str, ...]


def read_stats(only: Filter) -> Stats:
    """Reads the log once. Raises HomeError: a file of the log is not safe or not readable."""
    home = find_home()
    numbers, reading = Numbers(), Reading(home, only)
    for entry in reading:
        numbers.add(entry)
    budgets: list[Budget] = []
    unread: list[str] = []
    for name in list_installed(home):
        if only.profile not in (None, name):
            continue
        try:
            budgets += _budgets(home, load_profile(home, name, clock.now_s()))
        except McpProxyError as error:
            unread.append(f"{name}: {error.why}")
    return Stats(numbers, tuple(reading.damaged), tuple(budgets), tuple(unread))


def _budgets(home: Home, profile: Profile) -> list[Budget]:
    """Raises HomeError."""
    if read_mark(home) is None:
        return _counted(None, profile)
    state = StateDb(home)
    try:
        return state.look_now(lambda tx: _counted(tx, profile))
    finally:
        state.close()


def _counted(tx: Transaction | None, profile: Profile) -> list[Budget]:
    """Every limit of the profile's tools; nothing is taken where there is no state.db yet."""
    zone = find_zone(profile.header.timezone)
    if zone is None:
        return []
    name, budgets = profile.header.profile, []
    for line in profile.tool_lines.items():
        tool = parse_tool(line[1], line[0])
        scope = Scope(name, root_text(profile.root), tool.name)
        rows = (
            spent(tx, scope, tool.limits, zone)
            if tx is not None
            else tuple(
                Spent(one, 0, one.at_most, window(one.per, clock.now_s(), zone).ends_s, 0)
                for one in tool.limits
            )
        )
        budgets += [_budget(name, tool.name, row) for row in rows]
    return budgets


def _budget(profile: str, tool: str, row: Spent) -> Budget:
    limit = row.limit
    words = limit_words(limit)
    return Budget(
        *(profile, tool, limit.rule, words, row.taken, limit.at_most, row.ends_s, row.values)
    )
