"""Constraints, limits, approvals and result guards: what they become, and what is refused."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workshop.source_samples import (
    API,
    HEAD,
    build_tools,
    entry_of,
    read_text,
    tool_of,
    write_files,
)

from mcp_proxy.core.budget import Unreckoned, reckon
from mcp_proxy.core.constraint_forms import kind_of_rule
from mcp_proxy.core.profile import Limit
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.source_keys import ToolSource

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHOP: dict[str, Any] = copy.deepcopy(API)
_BODY = SHOP["paths"]["/orders"]["post"]["requestBody"]["content"]["application/json"]["schema"]
_BODY["required"] += ["amount", "lines"]
_BODY["properties"].update(
    amount={"type": "integer", "minimum": 0},
    note={"type": "string"},
    kind={"type": "string", "enum": ["big", "small"]},
    gift={"type": "boolean"},
    start={"type": "string", "format": "date"},
    end={"type": "string", "format": "date"},
    tip={"type": "integer", "minimum": 0},
    lines={
        "type": "array",
        "items": {
            "type": "object",
            "required": ["amount"],
            "properties": {
                "amount": {"type": "integer", "minimum": 0},
                "tip": {"type": "integer", "minimum": 0},
            },
        },
    },
)
FIND = """\
  find:
    upstream: shop
    operation: getOrder
    effect: read
    description: d
    arguments: {id: {from: path.id}, X-Tenant: {constant: acme}}
    result: {pick: [id, buyer], redact: [{field: buyer.mail}]}
"""
MAKE = """\
  make:
    upstream: shop
    operation: createOrder
    effect: write
    description: d
"""
WRITE = MAKE.replace("make", "other")


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    write_files(tmp_path, SHOP)


def made(folder: Path, *lines: str) -> Any:
    """The tool `make` with these lines of YAML."""
    text = FIND + MAKE + "".join(f"    {line}\n" for line in lines)
    return tool_of(build_tools(folder, text), "make")


def rules(folder: Path, *items: str) -> tuple[dict[str, Any], ...]:
    found: tuple[dict[str, Any], ...] = made(
        folder, "constraints:", *(f"  - {item}" for item in items)
    ).constraints
    return found


def refused(folder: Path, *lines: str) -> str:
    with pytest.raises(SourceError) as caught:
        made(folder, *lines)
    return caught.value.why


def rule_refused(folder: Path, item: str) -> str:
    return refused(folder, "constraints:", f"  - {item}")


def test_each_form_of_a_constraint_becomes_the_payloads(tmp_path: Path) -> None:
    found = rules(
        tmp_path,
        "{one_of: [note, gift]}",
        "{given: note, requires: [gift, /buyer/name]}",
        "{argument: start, before: end}",
        "{argument: /lines/*/tip, at_most: tip}",
        "{sum: /lines/*/amount, at_most: 50000}",
        "{sum: /lines/*/amount, at_most: {argument: amount}}",
        "{shown: sku, by: find, field: id, within: 10m, same: {/buyer/name: id}}",
        '{days: [fri, mon], between: ["22:00", "06:30"]}',
        '{between: ["08:00", "18:00"]}',
    )
    assert found == (
        {"one_of": ["note", "gift"]},
        {"given": "note", "requires": ["gift", "/buyer/name"]},
        {"argument": "start", "before": "end"},
        {"argument": "/lines/*/tip", "at_most": "tip"},
        {"sum": "/lines/*/amount", "at_most": 50000},
        {"sum": "/lines/*/amount", "at_most": {"argument": "amount"}},
        {
            "shown": "sku",
            "by": "find",
            "field": "id",
            "within_s": 600,
            "same": {"/buyer/name": "id"},
        },
        {"days": [0, 4], "between": [1320, 390]},
        {"between": [480, 1080]},
    )
    assert None not in [kind_of_rule(one) for one in found]


def test_a_tool_remembers_the_fields_that_rules_of_others_name(tmp_path: Path) -> None:
    shown = "{shown: sku, by: find, field: '%s', within: 1h}"
    text = FIND + MAKE + "    constraints:\n"
    text += "".join(f"      - {shown % field}\n" for field in ("id", "`id`", "id"))
    with pytest.raises(SourceError, match="stands here twice"):
        build_tools(tmp_path, text)
    built = build_tools(tmp_path, text.rsplit("      - ", 1)[0])
    assert tool_of(built, "find").shows == ("id", "`id`")
    assert tool_of(built, "make").shows == ()
    assert parse_payload(built.payload, "", "").header.requires == ("constraints", "result-guards")


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("{one_of: [note, nothing]}", "nothing is no argument of the tool; it has"),
        ("{one_of: [note, sku]}", "sku is always given, so no other could be"),
        ("{one_of: [note]}", "constraints.0.one_of"),
        ("{one_of: [note, /note]}", "note stands here twice"),
        ("{given: note, requires: [sku]}", "is always given, so the rule says nothing"),
        ("{given: note, requires: [/buyer/age]}", "the operation describes no age at buyer"),
        ("{given: note}", "requires: is missing; add it"),
        ("{argument: amount, before: end}", "compares times: amount and end must both be texts"),
        ("{argument: amount, at_most: note}", "are never both numbers or both times"),
        ("{argument: start}", "write one of before, after, at_most, at_least"),
        ("{argument: start, before: end, after: end}", "write one of before, after"),
        ("{argument: start, before: start}", "start stands here twice"),
        ("{argument: start, before: /lines/*/tip}", "* stands for many values; name one"),
        ("{sum: note, at_most: 5}", "note holds no numbers"),
        ("{sum: /amount/*, at_most: 5}", "amount is no list, so * stands for nothing"),
        ("{sum: /lines/*/amount, at_most: {argument: note}}", "note is no number"),
        ("{sum: amount, at_most: much}", "constraints.0.at_most: write a number, or {argument"),
        ("{shown: sku, by: nobody, field: id, within: 1m}", "nobody is no tool of this profile"),
        ("{shown: sku, by: make, field: id, within: 1m}", "make is no read tool"),
        ("{shown: sku, by: find, field: total, within: 1m}", "picks id, buyer, which leaves total"),
        ("{shown: sku, by: find, field: buyer.mail, within: 1m}", "masks buyer.mail"),
        ("{shown: sku, by: find, field: id.x, within: 1m}", "the response has no field id.x"),
        ("{shown: sku, by: find, field: a..b, within: 1m}", "is no field path"),
        ("{shown: sku, by: find, field: id, within: 2d}", "write a time such as 10m"),
        ("{shown: sku, by: find, field: id, within: 25h}", "write at most 24h"),
        ("{shown: lines, by: find, field: id, within: 1m}", "write lines/* for its items"),
        ("{shown: sku, by: find, field: id, within: 1m, same: {sku: no}}", "of find: no is no"),
        ("{days: [mon, mon]}", "mon stands here twice"),
        ("{days: [mon, tue, wed, thu, fri, sat, sun]}", "holds every day"),
        ("{days: [someday]}", "write mon, tue"),
        ('{between: ["08:00"]}', "constraints.0.between"),
        ('{between: ["08:00", "24:00"]}', "write a time of day in quotes"),
        ('{between: ["08:00", "08:00"]}', "holds the same time twice"),
        ("{sometimes: 5}", "write a rule: one_of, given, argument, sum, shown, days or between"),
    ],
)
def test_a_constraint_that_cannot_be_meant_is_refused(tmp_path: Path, rule: str, told: str) -> None:
    assert told in rule_refused(tmp_path, rule)


def test_limits_bear_the_names_under_which_they_are_counted(tmp_path: Path) -> None:
    one = made(tmp_path, "limits: {calls: 5/minute}")
    assert one.limits == (Limit("calls/minute", "", "minute", 5, ""),)
    many = made(
        tmp_path,
        "limits:",
        "  calls: [5/minute, 100/day]",
        "  sum:",
        "    - {of: amount, per: day, at_most: 200000, by: sku}",
        "    - {of: /lines/*/amount, per: month, at_most: 9}",
    )
    assert [limit.rule for limit in many.limits] == [
        "calls/minute",
        "calls/day",
        "sum/amount/day/sku",
        "sum//lines/*/amount/month",
    ]


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ("{}", "limits nothing; write such as calls: 5/minute"),
        ("{calls: 0/minute}", "write a rate such as 5/minute"),
        ("{calls: 5/week}", "write a rate such as 5/minute"),
        ("{calls: [5/day, 6/day]}", "calls/day stands here twice; keep the lower one"),
        ("{sum: {of: note, per: day, at_most: 5}}", "must be whole numbers of at least 0"),
        ("{sum: {of: tip, per: day, at_most: 5}}", "a call need not give tip, and would go"),
        ("{sum: {of: /lines/*/tip, per: day, at_most: 5}}", "need not give /lines/*/tip"),
        ("{sum: {of: amount, per: day, at_most: 0}}", "limits.sum.at_most"),
        ("{sum: {of: amount, per: week, at_most: 5}}", "write second, minute, hour, day or month"),
        ("{sum: {of: amount, per: day, at_most: 5, by: note}}", "a call need not give note"),
        ("{sum: {of: amount, per: day, at_most: 5, by: lines}}", "must be a text, a whole number"),
        ("{sum: {of: nothing, per: day, at_most: 5}}", "nothing is no argument of the tool"),
    ],
)
def test_a_limit_that_a_call_could_slip_past_is_refused(
    tmp_path: Path, limits: str, told: str
) -> None:
    assert told in refused(tmp_path, f"limits: {limits}")


def test_a_sum_of_what_has_a_default_or_is_narrowed_is_taken(tmp_path: Path) -> None:
    limits = "limits: {sum: {of: tip, per: day, at_most: 5}}"
    assert made(tmp_path, "arguments: {tip: {default: 1}, '*': {}}", limits).limits
    assert made(tmp_path, "arguments: {tip: {required: true}, '*': {}}", limits).limits
    count = limits.replace("tip", "count")
    needed = "arguments: {count: {required: true}, '*': {}}"
    assert "whole numbers" in refused(tmp_path, needed, count)
    whole = needed.replace("true", "true, type: integer")
    assert made(tmp_path, whole, count).limits


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("{note: {above: 5}}", "is never a number, so every call would ask"),
        ("{amount: {matches: a}}", "is never a text, so every call would ask"),
        ("{amount: {above: 10, below: 5}}", "is met by no call, so nobody would be asked"),
        ("{amount: {above: 5, below: 5}}", "is met by no call, so nobody would be asked"),
        ("{amount: {above: 5, at_most: 5}}", "is met by no call, so nobody would be asked"),
        ("{amount: {below: 0}}", "is met by no call, so nobody would be asked"),
        ("{kind: {is: gold}}", "is met by no call, so nobody would be asked"),
        ("{kind: {in: [gold, silver]}}", "is met by no call, so nobody would be asked"),
        ("{/lines/*/tip: {present: true}}", "* stands for many values; name one"),
        ("{/lines/*/tip: {above: 5}}", "* stands for many values; name one"),
        ("{/lines/0/tip: {present: true}}", "the operation describes no 0 at lines"),
    ],
)
def test_a_condition_that_no_call_could_meet_is_refused(
    tmp_path: Path, when: str, told: str
) -> None:
    assert told in refused(tmp_path, f"approval: {{when: {when}}}")


@pytest.mark.parametrize(
    "when",
    [
        "{amount: {at_most: 0}}",
        "{amount: {at_least: 5, at_most: 5}}",
        "{amount: {above: 5, below: 5.5}}",
        "{kind: {in: [gold, big]}}",
        "{kind: {is: 5}}",
        "{note: {present: false}}",
    ],
)
def test_a_condition_that_some_call_meets_or_that_cannot_be_judged_is_taken(
    tmp_path: Path, when: str
) -> None:
    assert made(tmp_path, f"approval: {{when: {when}}}").approval


def test_s17_an_approval_by_nobody_is_refused(tmp_path: Path) -> None:
    assert "approval.by" in refused(tmp_path, "approval: {when: {amount: {above: 5}}, by: []}")


def test_the_ways_of_approval_and_what_becomes_of_secrets_are_kept(tmp_path: Path) -> None:
    tool = made(tmp_path, "approval: {when: {amount: {above: 5}}, by: [client, page, client]}")
    assert tool.channels == ("client", "page")
    assert tool.outward == "deny"
    assert made(tmp_path, "outward: {secrets: allow}").outward == "allow"
    assert "write deny or allow" in refused(tmp_path, "outward: {secrets: maybe}")


def test_result_guards_become_the_payloads(tmp_path: Path) -> None:
    rules = made(
        tmp_path,
        "result:",
        "  redact: [email, secret, {national_id: [us, de]}, {field: data.note}]",
        "  max_items: 50",
        "  text: rows",
        "  html: keep",
        "  mark: true",
        "  instructions: withhold",
        "  types: [image/png]",
        "  max_binary: 200KiB",
    ).result
    assert rules.redact == ("email", "secret", "national_id.us", "national_id.de")
    assert rules.redact_fields == ("data.note",)
    assert (rules.max_items, rules.text, rules.html, rules.mark) == (50, "rows", "keep", True)
    assert (rules.instructions, rules.binary_bytes) == ("withhold", 200 * 1024)


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (
            "{redact: [mail]}",
            "iban, secret, {national_id: [COUNTRY]} or {field: PATH}",
        ),
        ("{redact: [{national_id: [xx]}]}", "xx is none of the countries known here"),
        ("{redact: [{national_id: []}]}", "national_id"),
        ("{redact: [{field: total}], pick: [id]}", "total is not picked, so there is nothing"),
        ("{redact: [{field: a..b}]}", "is no field path"),
        ("{redact: [5]}", "write a detector, {field: PATH} or {national_id: [COUNTRY]}"),
        ("{max_items: 0}", "result.max_items"),
        ("{max_bytes: 1KiB, max_binary: 2KiB}", "is above max_bytes"),
        ("{instructions: obey}", "write ignore, flag or withhold"),
    ],
)
def test_a_result_guard_that_cannot_be_meant_is_refused(
    tmp_path: Path, result: str, told: str
) -> None:
    assert told in refused(tmp_path, f"result: {result}")


def test_a_masked_field_that_the_answer_cannot_have_is_refused(tmp_path: Path) -> None:
    text = FIND.replace("buyer.mail", "buyer.phone")
    with pytest.raises(SourceError, match=r"the response has no field buyer\.phone"):
        build_tools(tmp_path, text)


STRICT = FIND.replace("result: {pick: [id, buyer], redact: [{field: buyer.mail}]}", "result: {%s}")


@pytest.mark.parametrize(
    ("rules", "is_published"),
    [
        ("validate: strict", True),
        ("validate: strict, max_items: 5", True),
        ("validate: strict, redact: [email]", False),
        ("validate: strict, redact: [{field: total}]", False),
        ("validate: strip", False),
    ],
)
def test_a_schema_is_published_only_of_answers_that_stay_as_it_says(
    tmp_path: Path, rules: str, is_published: bool
) -> None:
    built = build_tools(tmp_path, STRICT % rules)
    assert ("outputSchema" in entry_of(built, "find")) is is_published


def test_a_list_that_may_be_cut_too_short_has_no_published_schema(tmp_path: Path) -> None:
    api = copy.deepcopy(SHOP)
    tags = {"type": "array", "minItems": 9, "items": {"type": "string"}}
    api["components"]["schemas"]["Order"]["properties"]["tags"] = tags
    write_files(tmp_path, api)
    whole = build_tools(tmp_path, STRICT % "validate: strict")
    cut = build_tools(tmp_path, STRICT % "validate: strict, max_items: 5")
    assert "outputSchema" in entry_of(whole, "find")
    assert "outputSchema" not in entry_of(cut, "find")


def test_the_rules_in_the_readme_are_written_right(tmp_path: Path) -> None:
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        block = file.read().split("a test reads them -->\n```yaml\n")[1].split("```")[0]
    source = read_text(tmp_path, HEAD + "tools:\n" + WRITE + block).profile.tools["other"]
    assert isinstance(source, ToolSource)
    assert len(source.constraints) == 6
    assert source.limits is not None
    assert source.result.max_items == 50


_PLACES = st.sampled_from(
    ["note", "gift", "start", "end", "amount", "tip", "sku", "lines", "/lines/*/amount"]
)
_RULES = st.one_of(
    st.fixed_dictionaries({"one_of": st.lists(_PLACES, min_size=2, max_size=3)}),
    st.fixed_dictionaries({"given": _PLACES, "requires": st.lists(_PLACES, min_size=1)}),
    st.builds(
        lambda one, operator, other: {"argument": one, operator: other},
        _PLACES,
        st.sampled_from(["before", "after", "at_most", "at_least"]),
        _PLACES,
    ),
    st.fixed_dictionaries(
        {
            "sum": _PLACES,
            "at_most": st.integers(0, 9) | st.fixed_dictionaries({"argument": _PLACES}),
        }
    ),
    st.fixed_dictionaries(
        {
            "shown": _PLACES,
            "by": st.just("find"),
            "field": st.sampled_from(["id", "`id`", "buyer", "buyer.mail"]),
            "within": st.sampled_from(["1s", "10m", "24h"]),
            "same": st.dictionaries(_PLACES, st.just("id"), max_size=1),
        }
    ),
)
_LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "calls": st.sampled_from(["5/minute", "1/day", ["1/second", "2/month"]]),
        "sum": st.fixed_dictionaries(
            {"of": _PLACES, "per": st.just("day"), "at_most": st.integers(1, 9)},
            optional={"by": _PLACES},
        ),
    },
)
_CALL = {"sku": "ab", "buyer": {"mail": "m"}, "amount": 3, "lines": [{"amount": 1}]}


@settings(max_examples=30, deadline=None)
@given(st.lists(_RULES, max_size=1), _LIMITS)
def test_whatever_builds_is_read_back_and_reckoned(
    tmp_path_factory: pytest.TempPathFactory, constraints: list[Any], limits: Any
) -> None:
    folder = tmp_path_factory.mktemp("built")
    write_files(folder, SHOP)
    block = {"constraints": constraints, **({"limits": limits} if limits else {})}
    lines = [f"{key}: {json.dumps(value)}" for key, value in block.items()]
    try:
        tool = made(folder, *lines)
    except SourceError:
        return
    assert None not in [kind_of_rule(rule) for rule in tool.constraints]
    assert not isinstance(reckon(tool.limits, _CALL), Unreckoned)
