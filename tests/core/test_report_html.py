"""The report as a file: all it tells, nothing that runs or is fetched, no markup of others."""

import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.audit_budget import Budget
from mcp_proxy.core.audit_claims import Property
from mcp_proxy.core.audit_numbers import Numbers
from mcp_proxy.core.report_charts import ceiling, meter, stacked
from mcp_proxy.core.report_html import Report, page

HOSTILE = "</title><script src=//evil.example>alert(1)</script><img onerror='x'>\"'&\u202e"
BUDGET = Budget("billing", "refund", "per_day", "at most 9 of amount per day", 8, 9, 0.0, 2)
CLAIM = Property("entries", "entries are as written", "proven", "whoever", "9 entries")


class _Seen(HTMLParser):
    """Elements, attributes and text of a page."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names[tag] += 1
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def numbers_of(name: str) -> Numbers:
    numbers = Numbers()
    about = {"tool": name, "profile": name, "client": {"name": name}}
    entries: list[dict[str, Any]] = [
        {"kind": "decided", "decision": "allow", "rule": name, "error": None},
        {"kind": "answered", "outcome": "error", "error": name, "bytes": 2_048, "ms": 1_500},
        {"kind": "decided", "decision": "deny", "rule": name, "error": "MCPX-D13"},
        {"kind": "note", "what": name, "count": 2},
        {"kind": "admin", "what": name, "facts": {"x": name}},
    ]
    for entry in entries:
        numbers.add({"time": "2026-11-22T14:00:00.000000Z", **about, **entry})
    return numbers


def seen(name: str = "find", **changes: Any) -> _Seen:
    report = Report(numbers_of(name), (BUDGET,), True, (CLAIM,), "now", "1.0")
    return _Seen(page(report._replace(**changes)).decode())


def test_the_page_tells_calls_denials_durations_errors_budgets_and_what_is_proven() -> None:
    text = seen().text
    for told in (
        "From 2026-11-22 to 2026-11-22 the assistants on this account made 2 calls: 1 allowed, ",
        "0 of them approved by a person, 0 put back to ask first, and 1 denied",
        "a limit of the profile is reached",
        "Half of the calls took at most 1.5 s",
        "at most 9 of amount per day",
        "8 of 9 at most, of one value",
        "No damage was found in the log.",
        "whoever",
    ):
        assert told in text


def test_damage_and_a_part_of_the_log_are_said() -> None:
    text = seen(is_good=False, asked="since 2026-11-01").text
    assert "The log is damaged" in text
    assert "Only entries since 2026-11-01." in text


def test_an_empty_log_makes_a_page_too() -> None:
    text = seen(numbers=Numbers(), budgets=(), claims=()).text
    assert "The log holds no calls of this time." in text


@pytest.mark.parametrize("name", ["find", HOSTILE])
def test_s25_nothing_on_the_page_runs_or_is_fetched(name: str) -> None:
    found = seen(name)
    assert not {"script", "img", "link", "iframe", "object", "base", "a"} & set(found.names)
    assert not [key for key, _ in found.attributes if key.startswith("on") or key == "style"]
    assert not [key for key, _ in found.attributes if key in {"src", "href", "xlink:href"}]
    policy = next(value for key, value in found.attributes if key == "content" and value)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert found.names["style"] == 1


@given(st.text(max_size=60))
def test_s25_text_of_the_log_never_becomes_markup(name: str) -> None:
    found, usual = seen(name), seen("ä")
    found.names.pop("bdi", None)
    usual.names.pop("bdi", None)
    assert found.names == usual.names


def test_s25_what_cannot_be_seen_stands_as_a_mark() -> None:
    assert "\u202e" not in seen(HOSTILE).text
    assert "[U+202E]" in seen(HOSTILE).text


def test_bars_of_a_column_stand_on_each_other_and_fill_what_they_count() -> None:
    plot = stacked("p", [("a", {"allow": 30, "deny": 20})], {"allow": "fine", "deny": "not"})
    rows = re.findall(r'class="(\w+)" x=".*?" y="(.*?)" width=".*?" height="(.*?)"', plot)
    (one, top_of_one, high_one), (two, top_of_two, high_two) = rows
    assert (one, two) == ("allow", "deny")
    assert float(high_one) / float(high_two) == pytest.approx(1.5)
    assert float(top_of_two) + float(high_two) == pytest.approx(float(top_of_one))
    assert "<title>a: 30 fine</title>" in plot


@pytest.mark.parametrize(
    ("taken", "kind", "wide"),
    [(0, "allow", "0.0"), (79, "allow", "158.0"), (80, "ask", "160.0"), (100, "deny", "200.0")],
)
def test_a_meter_warns_before_a_limit_is_reached(taken: int, kind: str, wide: str) -> None:
    assert f'class="{kind}" x="0" y="2" width="{wide}"' in meter("m", taken, 100)
    assert 'class="deny"' in meter("m", 1, 0), "of nothing, all is taken"


@given(st.integers(0, 10**15))
def test_an_axis_ends_at_a_round_number_not_far_above(number: int) -> None:
    top = ceiling(number)
    assert number <= top <= max(1, number * 5 // 2 + 1)
    assert str(top).rstrip("0") in {"1", "2", "5"}
