"""What a decision costs with every kind of rule, limits by two counts and a condition of approval.

The best of some rounds counts: what else the machine does can only make one slower. Some machines
are slower in all rounds, so the bound is a number of times that parsing 2 KB of JSON takes there.
"""

import json
import time
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from core.tool_samples import REST, rest_tool, rule

from mcp_proxy.core.constraint_forms import kind_of_rule
from mcp_proxy.core.policy import Allow, decide
from mcp_proxy.core.profile import Limit
from mcp_proxy.core.ready import ready_tool
from mcp_proxy.core.shown import Shown

pytestmark = [pytest.mark.slow, pytest.mark.alone]

NAMES = ("invoice", "customer", "amount", "lines", "start", "end", "note", "currency")
RULED = rest_tool(
    {name: rule("body", f"/{name}") for name in NAMES},
    constraints=(
        {"one_of": ["invoice", "order"]},
        {"given": "currency", "requires": ["amount"]},
        {"argument": "start", "before": "end"},
        {"sum": "/lines/*/amount", "at_most": {"argument": "amount"}},
        {
            "shown": "invoice",
            "by": "find",
            "field": "data.id",
            "within_s": 600,
            "same": {"customer": "customer"},
        },
        {"days": [0, 1, 2, 3, 4, 5, 6], "between": [0, 1439]},
    ),
    limits=(
        Limit("calls/minute", "", "minute", 5, ""),
        Limit("sum/amount/day/customer", "amount", "day", 10**6, "customer"),
    ),
    approval=[{"amount": {"above": 10_000}}],
)
CALL = {
    "invoice": "inv_1",
    "customer": "c1",
    "amount": 500,
    "lines": [{"amount": 100}] * 5,
    "start": "2026-01-01",
    "end": "2026-02-01",
    "note": "as agreed on the phone with the customer " * 8,
    "currency": "EUR",
}


TEXT = json.dumps(
    [{"id": f"inv_{number:06}", "total": number, "open": True} for number in range(44)]
)


def best_us(work: Callable[[], object]) -> float:
    """The least of all rounds' medians, in microseconds."""
    medians = []
    for _ in range(200):
        taken = []
        for _ in range(20):
            began = time.perf_counter()
            work()
            taken.append(time.perf_counter() - began)
        medians.append(sorted(taken)[10] * 1e6)
    return min(medians)


def test_six_rules_and_two_limits_add_a_few_parses_of_2_kb() -> None:
    assert 1_900 < len(TEXT) < 2_200
    assert all(map(kind_of_rule, RULED.constraints))
    shown = Shown()
    rows = [{"id": f"inv_{number}"} for number in range(50)]
    page = {"structuredContent": {"data": rows}}
    shown.of_call("find", ("data.id",), {"customer": "c1"}, 0.0)(page)
    ready = ready_tool(RULED, REST, None, ZoneInfo("Europe/Berlin"))
    bare = ready_tool(RULED._replace(constraints=(), limits=()), REST, None)
    assert isinstance(decide(ready, CALL, 1.0, shown), Allow)
    parse_us = best_us(lambda: json.loads(TEXT))
    bare_us = best_us(lambda: decide(bare, CALL, 1.0, shown))
    ruled_us = best_us(lambda: decide(ready, CALL, 1.0, shown))
    print(f"a decision: p50 {bare_us:.0f} us; with six rules and two limits {ruled_us:.0f} us")
    print(f"parsing 2 KB: {parse_us:.0f} us")
    assert ruled_us - bare_us < 10 * parse_us
    assert ruled_us < 20 * parse_us
