"""Constraints one by one: what holds and what is broken; what cannot be judged is broken."""

import json
import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from core.tool_samples import REST, rest_tool, rule
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.constraint_forms import kind_of_rule
from mcp_proxy.core.constraints import Broken, Moment, first_broken, judge_rule
from mcp_proxy.core.policy import Allow, Deny, decide
from mcp_proxy.core.ready import ready_tool
from mcp_proxy.core.shown import Shown

BERLIN = ZoneInfo("Europe/Berlin")
NOON = Moment(datetime(2026, 1, 2, 12, tzinfo=UTC).timestamp(), BERLIN)  # a Friday
SHOWN_RULE = {
    "shown": "invoice",
    "by": "find_invoices",
    "field": "data.id",
    "within_s": 600,
    "same": {"customer": "customer"},
}


def broken(constraint: dict[str, Any], arguments: dict[str, Any]) -> Broken | None:
    return judge_rule(constraint, arguments, NOON, Shown())


def at(day: int, hour: int, minute: int = 0, month: int = 1) -> Moment:
    moment = datetime(2026, month, day, hour, minute, tzinfo=BERLIN)
    return Moment(moment.timestamp(), BERLIN)


@pytest.mark.parametrize(
    ("constraint", "good", "bad"),
    [
        (
            {"one_of": ["a", "/b/c"]},
            [{"a": 1}, {"b": {"c": ""}}, {"a": False, "b": {}}],
            [{}, {"a": 1, "b": {"c": 1}}, {"a": None}, {"a": 1, "b": {"c": None}}, {"b": 1}],
        ),
        (
            {"given": "a", "requires": ["b", "/c/d"]},
            [{}, {"b": 1}, {"a": 1, "b": 0, "c": {"d": ""}}],
            [{"a": 1}, {"a": None}, {"a": 1, "b": 1}, {"a": 1, "b": None, "c": {"d": 1}}],
        ),
        (
            {"argument": "a", "before": "b"},
            [
                {},
                {"b": "x"},
                {"a": "2024-02-29", "b": "2024-03-01"},
                {"a": "2026-01-01T01:00:00+02:00", "b": "2025-12-31T23:00:00.001Z"},
                {"a": "2016-12-31T23:59:60Z", "b": "2017-01-01T00:00:00Z"},
            ],
            [
                {"a": "2026-01-01"},
                {"a": "2026-01-01", "b": None},
                {"a": "2026-01-01", "b": "2026-01-01"},
                {"a": "2026-01-01", "b": "2026-01-02T00:00:00Z"},
                {"a": "2026-01-01T00:00:00", "b": "2026-01-02T00:00:00"},
                {"a": "2026-01-01T24:00:00Z", "b": "2027-01-01T00:00:00Z"},
                {"a": "2026-01-01T12:00:60Z", "b": "2027-01-01T00:00:00Z"},
                {"a": "2025-02-29", "b": "2026-01-01"},
                {"a": 1, "b": 2},
            ],
        ),
        (
            {"argument": "a", "at_most": "b"},
            [{"a": 1, "b": 1.0}, {"a": -0.5, "b": 0}, {"a": "2026-01-01", "b": "2026-01-01"}],
            [
                {"a": True, "b": 2},
                {"a": 1, "b": True},
                {"a": "1", "b": 2},
                {"a": "1", "b": "2"},
                {"a": 2**53 + 1, "b": 2.0**53},
                {"a": [1], "b": 2},
                {"a": None, "b": 2},
            ],
        ),
        (
            {"argument": "/lines/*/amount", "at_least": "least"},
            [{"lines": [], "least": 9}, {"lines": [{"amount": 9}, {"amount": 10}], "least": 9}],
            [
                {"lines": [{"amount": 9}, {"amount": 8}], "least": 9},
                {"lines": [{"amount": 9}, {}], "least": 9},
                {"lines": {"*": {"amount": 99}}, "least": 9},
            ],
        ),
        (
            {"sum": "/lines/*/amount", "at_most": 50_000},
            [{}, {"lines": []}, {"lines": [{"amount": 50_000}]}, {"lines": [{"amount": 0.5}] * 9}],
            [
                {"lines": [{"amount": 25_000}, {"amount": 25_000}, {"amount": 0.001}]},
                {"lines": [{"amount": 1}, {}]},
                {"lines": [{"amount": 1}, {"amount": None}]},
                {"lines": [{"amount": True}]},
                {"lines": [{"amount": "1"}]},
                {"lines": {"a": {"amount": 99_999}}},
                {"lines": None},
                {"lines": [{"amount": 2**63 - 1}] * 3},
            ],
        ),
        (
            {"sum": "parts", "at_most": {"argument": "total"}},
            [{"parts": [0.1, 0.2], "total": 0.3}, {"parts": [], "total": 0}, {"total": None}],
            [{"parts": [0.1, 0.2], "total": 0.29}, {"parts": [1]}, {"parts": [], "total": "9"}],
        ),
    ],
)
def test_a_rule_holds_where_it_is_known_to_hold_and_nowhere_else(
    constraint: dict[str, Any], good: list[Any], bad: list[Any]
) -> None:
    assert [broken(constraint, arguments) for arguments in good] == [None] * len(good)
    kind = next(iter(constraint))
    assert [(broken(constraint, item) or Broken("", "")).kind for item in bad] == [kind] * len(bad)


@pytest.mark.parametrize(
    ("constraint", "open_at", "shut_at"),
    [
        ({"days": [4]}, [at(2, 0), at(2, 23, 59)], [at(1, 23, 59), at(3, 0)]),
        (
            {"between": [480, 1080]},
            [at(2, 8), at(2, 17, 59), at(4, 12), at(1, 8, 0, 7)],
            [at(2, 7, 59), at(2, 18), at(2, 0), at(1, 7, 59, 7)],
        ),
        ({"between": [1320, 360]}, [at(2, 22), at(2, 5, 59), at(2, 0)], [at(2, 6), at(2, 21, 59)]),
        ({"between": [1, 0]}, [at(2, 0, 1), at(2, 23, 59)], [at(2, 0)]),
        ({"between": [1320, 0]}, [at(2, 22)], [at(2, 0), at(2, 21, 59)]),
        (
            {"days": [4], "between": [1320, 360]},
            [at(2, 22), at(3, 5, 59)],
            [at(2, 5, 59), at(3, 6), at(3, 22)],
        ),
    ],
)
def test_hours_are_the_profile_s_and_a_night_belongs_to_the_day_it_begins_on(
    constraint: dict[str, Any], open_at: list[Moment], shut_at: list[Moment]
) -> None:
    judged = [judge_rule(constraint, {}, moment, Shown()) for moment in open_at]
    assert judged == [None] * len(open_at)
    assert all(judge_rule(constraint, {}, moment, Shown()) for moment in shut_at)


def test_hours_of_a_zone_that_is_not_known_here_are_never_open() -> None:
    found = judge_rule({"between": [0, 1439]}, {}, Moment(NOON.now_s, None), Shown())
    assert found is not None
    assert "time zone that this computer does not know" in found.text


@pytest.mark.parametrize(
    "constraint",
    [
        {"newer": 1},
        {"one_of": ["a"]},
        {"one_of": "ab"},
        {"one_of": ["a", 1]},
        {"one_of": ["a", "/b/*"]},
        {"one_of": ["a", "b"], "newer": True},
        {"given": "a", "requires": []},
        {"given": "a"},
        {"argument": "a"},
        {"argument": "a", "before": "b", "after": "c"},
        {"argument": "a", "at_most": 5},
        {"argument": "a", "beside": "b"},
        {"sum": "a", "at_most": True},
        {"sum": "a", "at_most": {"argument": "b", "newer": 1}},
        {"sum": "a", "at_least": 1},
        {**SHOWN_RULE, "within_s": 0},
        {**SHOWN_RULE, "same": ["customer"]},
        {key: SHOWN_RULE[key] for key in ("shown", "by", "field", "within_s")},
        {"days": []},
        {"days": [7]},
        {"days": [True]},
        {"days": [0], "until": [1, 2]},
        {"between": [5, 5]},
        {"between": [1440, 5]},
        {"between": [0, 1440]},
        {"between": [0.0, 5]},
    ],
)
def test_a_rule_of_another_form_is_broken_by_every_call(constraint: dict[str, Any]) -> None:
    assert kind_of_rule(constraint) is None
    found = broken(constraint, {"a": "2026-01-01", "b": "2026-01-02", "c": "2025-01-01"})
    assert found == Broken("unknown", "A rule of the profile is none that this version knows")


def test_the_first_broken_rule_is_told() -> None:
    rules = ({"one_of": ["a", "b"]}, {"sum": "a", "at_most": 1}, {"given": "a", "requires": ["c"]})
    found = first_broken(rules, {"a": 2}, NOON, Shown())
    assert found is not None
    assert found.kind == "sum"
    assert first_broken(rules, {"a": 1, "c": 1}, NOON, Shown()) is None
    assert first_broken((), {}, NOON, Shown()) is None


REFUND = rest_tool(
    {"invoice": rule("body", "/invoice"), "customer": rule("body", "/customer")},
    constraints=(SHOWN_RULE,),
)


def test_a_denial_says_what_to_do_first() -> None:
    made = decide(ready_tool(REFUND, REST, None, BERLIN), {"invoice": "i", "customer": "c"}, 0.0)
    assert made == Deny(
        "MCPX-D14",
        "constraint.shown",
        "The call was not made. invoice must be what find_invoices has shown in the last "
        "10 minutes, for the same customer. Call find_invoices first.",
    )


def test_a_call_within_its_constraints_is_allowed() -> None:
    shown = Shown()
    result = {"structuredContent": {"data": [{"id": "i"}]}}
    shown.of_call("find_invoices", ("data.id",), {"customer": "c"}, 0.0)(result)
    ready = ready_tool(REFUND, REST, None, BERLIN)
    call = {"invoice": "i", "customer": "c"}
    assert isinstance(decide(ready, call, 600.0, shown), Allow)
    assert isinstance(decide(ready, call, 600.1, shown), Deny)
    assert isinstance(decide(ready, {**call, "customer": "d"}, 0.0, shown), Deny)
    assert isinstance(decide(ready, {"invoice": "i"}, 0.0, shown), Deny)


CANARY = "§canary§"


@given(
    st.sampled_from(
        [
            {"one_of": ["a", "b"]},
            {"given": "a", "requires": ["c"]},
            {"argument": "a", "before": "b"},
            {"argument": "a", "at_least": "b"},
            {"sum": "a", "at_most": 1},
            {"shown": "a", "by": "find", "field": "id", "within_s": 1, "same": {"b": "b"}},
        ]
    ),
    st.recursive(
        st.just(CANARY) | st.integers(10**9, 10**10),
        lambda inner: st.lists(inner) | st.dictionaries(st.just(CANARY), inner),
        max_leaves=4,
    ),
)
def test_s25_what_is_told_of_a_broken_rule_holds_no_value(
    constraint: dict[str, Any], value: Any
) -> None:
    found = broken(constraint, {"a": value, "b": CANARY})
    assert found is not None or value == []  # a sum of 0
    told = "" if found is None else found.text
    assert CANARY not in told
    assert not any(number in told for number in re.findall("[0-9]{10}", json.dumps(value)))
