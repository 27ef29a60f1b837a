"""What a log comes to: counts, percentiles and days, each against a plain reckoning."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.audit_numbers import UNKNOWN, Durations, Numbers, columns_of
from mcp_proxy.core.audit_plain import plain_numbers
from mcp_proxy.core.report_html import Report, page

ABOUT = {"profile": "billing", "client": {"name": "host"}, "segment": "S"}


def decided(decision: str = "allow", tool: str | None = "find", **more: Any) -> dict[str, Any]:
    entry = {"time": "2026-11-22T14:00:00.000000Z", "kind": "decided", "tool": tool, **ABOUT}
    return entry | {"decision": decision, "rule": "allow", "error": None} | more


def answered(outcome: str = "ok", ms: Any = 12, **more: Any) -> dict[str, Any]:
    entry = {"time": "2026-11-22T14:00:01.000000Z", "kind": "answered", "tool": "find", **ABOUT}
    return entry | {"outcome": outcome, "error": None, "bytes": 100, "ms": ms} | more


def of(*entries: dict[str, Any]) -> Numbers:
    numbers = Numbers()
    for entry in entries:
        numbers.add(entry)
    return numbers


def test_a_call_that_went_on_is_one_call_however_often_it_was_decided() -> None:
    numbers = of(
        decided("ask", trace="a-1"),
        decided(trace="a-1", approval="cd" * 16),
        answered("asked"),
        decided(trace="a-1"),
        answered(),
        decided(trace="a-2"),
        decided(),
        decided(trace=None),
    )
    assert (numbers.calls, numbers.again) == (4, 2)
    assert plain_numbers(numbers)["again"] == 2
    many = of(*(decided(trace=f"a-{number}") for number in range(10_000)))
    assert (many.calls, many.again) == (10_000, 0)


def test_every_kind_is_counted_where_it_belongs() -> None:
    numbers = of(
        {"time": "2026-11-22T13:59:59.000000Z", "kind": "open", **ABOUT},
        decided(approval="cd" * 16),
        answered(),
        decided("deny", None, rule="tools of the profile", error="MCPX-D05"),
        decided("ask"),
        decided(),
        answered("error", 2_345, error="MCPX-U01"),
        decided(),
        answered("asked"),
        decided(),
        {"time": "2026-11-23T00:00:00.000000Z", "kind": "cancelled", "tool": "find", **ABOUT},
        {"time": "2026-11-23T00:00:01.000000Z", "kind": "note", "what": "malformed", "count": 3},
        {"time": "2026-11-23T00:00:02.000000Z", "kind": "admin", "what": "pause", "facts": {}},
        {"time": "2026-11-23T00:00:03.000000Z", "kind": "refused", "profile": None, "error": "x"},
    )
    told = plain_numbers(numbers)
    assert told["calls"] == {"allow": 4, "ask": 1, "deny": 1}
    assert (told["entries"], told["cancelled"], told["bytes"]) == (14, 1, 200)
    assert told["approved"] == 1
    assert told["ms"] == {"p50": 12, "p95": 2_350, "p99": 2_350}, "three digits, rounded up"
    assert told["denials"] == [{"rule": "tools of the profile", "error": "MCPX-D05", "calls": 1}]
    assert told["errors"] == {"MCPX-U01": 1}
    assert told["events"] == {"malformed": 3, "profile refused": 1}
    assert told["commands"] == {"pause": 1}
    assert told["clients"] == {"host": 6}
    assert [tool["tool"] for tool in told["tools"]] == [UNKNOWN, "find"]
    assert told["first"] == "2026-11-22T13:59:59.000000Z"
    assert told["last"] == "2026-11-23T00:00:03.000000Z"


def test_an_empty_log_has_no_numbers_but_zeros() -> None:
    told = plain_numbers(of())
    assert (told["entries"], told["first"], told["ms"]["p99"]) == (0, None, None)
    assert told["days"] == {}
    assert columns_of({}) == []


@given(st.lists(st.integers(0, 300_000), min_size=1), st.sampled_from((50, 95, 99)))
def test_a_percentile_is_the_nearest_rank_to_three_digits(times: list[int], part: int) -> None:
    durations = Durations()
    for ms in times:
        durations.add(ms)
    found = durations.percentile(part)
    exact = sorted(times)[-(-len(times) * part // 100) - 1]
    assert found is not None
    assert exact <= found < exact + max(1, exact // 100 + 1)
    assert sum(durations.histogram((10, 1_000))) == len(times)


def test_what_is_held_does_not_grow_with_the_entries() -> None:
    durations = Durations()
    for ms in range(0, 10_000_000, 97):
        durations.add(ms)
    assert len(vars(durations)["_counts"]) < 5_000
    numbers = of(*(decided(tool=f"tool{number}") for number in range(10_050)))
    assert len(numbers.tools) == 10_001
    assert sum(tool.decisions.total() for tool in numbers.tools.values()) == 10_050


def test_days_without_calls_have_a_column_and_long_times_have_one_a_month() -> None:
    days = {"2026-02-27": Counter(allow=2), "2026-03-02": Counter(deny=1)}
    assert [label for label, _ in columns_of(days)] == ["02-27", "02-28", "03-01", "03-02"]
    days["2026-07-01"] = Counter(allow=5)
    assert columns_of(days) == [
        ("2026-02", Counter(allow=2)),
        ("2026-03", Counter(deny=1)),
        ("2026-07", Counter(allow=5)),
    ]


def test_numbers_that_are_none_count_as_zero() -> None:
    numbers = of(answered(ms="12"), answered(ms=None), answered(ms=-5))
    assert numbers.durations.percentile(99) == 0


def test_a_call_without_an_end_is_counted_however_many_come_after_it() -> None:
    numbers = of(
        decided(call="S:1"),
        decided(call="S:2"),
        decided("deny", call="S:3"),
        answered(call="S:1"),
        answered(call="S:0"),  # of a time before the first entry here
        decided(call="S:4"),
        {**answered(call="S:4"), "kind": "cancelled"},
    )
    assert (numbers.unanswered, plain_numbers(numbers)["unanswered"]) == (1, 1)
    many = of(*(decided(call=f"S:{number}") for number in range(10_000)))
    assert many.unanswered == 10_000
    assert b"without an answer" in page(Report(many, (), True, (), "", "", ""))
    assert b"without an answer" not in page(Report(of(), (), True, (), "", "", ""))
