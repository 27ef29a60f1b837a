"""Laws of constraints, limits and result guards, version against version."""

from datetime import UTC
from typing import Any

import pytest
from core.change_samples import Edit, changes, line_of, reverted
from core.tool_samples import rest_tool, rule
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_proxy.core.change import NARROWER, SAME, WIDER, Change
from mcp_proxy.core.change_policy import RESULT_FIELDS
from mcp_proxy.core.change_rules import rule_changes
from mcp_proxy.core.changes import is_wider
from mcp_proxy.core.constraints import Moment, first_broken
from mcp_proxy.core.profile import Limit, Tool
from mcp_proxy.core.shown import Shown

NAMES = ("a", "b", "c")
SCHEMA = {
    "type": "object",
    "properties": {name: {} for name in NAMES},
    "additionalProperties": False,
}
_NAMES = st.sampled_from(NAMES)
RULES = st.one_of(
    st.builds(lambda names: {"one_of": names}, st.lists(_NAMES, min_size=2, max_size=2)),
    st.builds(lambda one, other: {"given": one, "requires": [other]}, _NAMES, _NAMES),
    st.builds(
        lambda one, operator, other: {"argument": one, operator: other},
        _NAMES,
        st.sampled_from(["before", "after", "at_most", "at_least"]),
        _NAMES,
    ),
    st.builds(
        lambda place, most: {"sum": place, "at_most": most},
        _NAMES,
        st.one_of(
            st.integers(0, 5), st.just(2.5), st.builds(lambda one: {"argument": one}, _NAMES)
        ),
    ),
    st.builds(lambda days: {"days": days}, st.lists(st.integers(0, 6), min_size=1, max_size=3)),
    st.builds(
        lambda first, last: {"between": [first, last]}, st.integers(0, 1439), st.integers(0, 1439)
    ),
)
_VALUES = st.one_of(
    st.integers(0, 4),
    st.sampled_from([1.5, True, None, "2026-01-01", "2027-01-01T00:00:00Z", [1, 2], []]),
)
CALLS = st.lists(
    st.tuples(st.dictionaries(_NAMES, _VALUES), st.integers(0, 14 * 86_400)), max_size=20
)


def tool(*constraints: dict[str, Any], limits: tuple[Limit, ...] = ()) -> Tool:
    arguments = {name: rule("query", name) for name in NAMES}
    return rest_tool(arguments, enforced=SCHEMA, constraints=constraints, limits=limits)


def made_of(old: Tool, new: Tool, tools: frozenset[str] = frozenset()) -> list[Change]:
    return list(rule_changes("tool x", old, new, tools))


def kinds(old: Tool, new: Tool, tools: frozenset[str] = frozenset()) -> list[str]:
    return [change.kind for change in made_of(old, new, tools)]


def nearby(rules: list[dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """The rules with others, without some, or with other bounds."""
    numbers = st.integers(0, 6)
    closer = [
        st.just(one) | st.builds(lambda most, one=one: {**one, "at_most": most}, numbers)
        if "sum" in one
        else st.just(one)
        for one in rules
    ]
    return st.tuples(*closer, RULES).flatmap(st.permutations).map(
        lambda all_: list(all_)[: len(rules) + 1]
    ) | st.lists(RULES, max_size=2)


@settings(max_examples=150)
@given(
    st.lists(RULES, max_size=2).flatmap(lambda rules: st.tuples(st.just(rules), nearby(rules))),
    CALLS,
)
def test_s5_where_no_rule_is_wider_each_call_let_through_was_let_through_before(
    rules: tuple[list[Any], list[Any]], calls: list[tuple[dict[str, Any], int]]
) -> None:
    old, new = rules
    if is_wider(rule_changes("tool x", tool(*old), tool(*new))):
        return
    shown = Shown()
    for arguments, now_s in calls:
        at = Moment(float(now_s), UTC)
        if first_broken(tuple(new), arguments, at, shown) is None:
            assert first_broken(tuple(old), arguments, at, shown) is None


SHOWN = {"shown": "a", "by": "find", "field": "id", "within_s": 600, "same": {"b": "customer"}}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"sum": "a", "at_most": 5}, {"sum": "a", "at_most": 4}),
        (SHOWN, {**SHOWN, "within_s": 60}),
        ({"days": [0, 1, 2]}, {"days": [1]}),
        ({"days": [0, 1], "between": [1, 2]}, {"days": [0], "between": [1, 2]}),
    ],
)
def test_s5_a_closer_bound_is_narrower_and_the_old_one_again_wider(old: Any, new: Any) -> None:
    assert kinds(tool(old), tool(new)) == [NARROWER]
    assert WIDER in kinds(tool(new), tool(old))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"sum": "a", "at_most": 5}, {"sum": "b", "at_most": 5}),
        ({"sum": "a", "at_most": 5}, {"sum": "a", "at_most": {"argument": "b"}}),
        (SHOWN, {**SHOWN, "same": {}}),
        (SHOWN, {**SHOWN, "field": "total"}),
        ({"between": [1, 5]}, {"between": [2, 4]}),
        ({"argument": "a", "before": "b"}, {"argument": "a", "after": "b"}),
        ({"days": [0, "x"]}, {"days": [0]}),
    ],
)
def test_s5_a_rule_that_is_not_known_to_be_closer_is_wider(old: Any, new: Any) -> None:
    assert WIDER in kinds(tool(old), tool(new))


def test_s5_a_rule_more_is_narrower_and_one_less_wider() -> None:
    one, other = {"given": "a", "requires": ["b"]}, {"one_of": ["a", "c"]}
    assert kinds(tool(one), tool(one, other)) == [NARROWER]
    assert kinds(tool(one, other), tool(one)) == [WIDER]
    assert kinds(tool(one, other), tool(other, one)) == [SAME]


def test_s5_a_rule_more_whose_refusal_would_tell_new_words_is_wider() -> None:
    assert kinds(tool(), tool(SHOWN), frozenset({"find"})) == [NARROWER]
    assert kinds(tool(), tool(SHOWN)) == [WIDER]
    assert kinds(tool(), tool({"given": "obey me", "requires": ["a"]})) == [WIDER]
    assert kinds(tool(), tool({"sum": "/a/obey me", "at_most": 1})) == [WIDER]
    assert kinds(tool(), tool({"obey": ["a", "b"]})) == [WIDER]
    assert kinds(tool(), tool({"sum": "a", "at_most": {"argument": "obey"}})) == [WIDER]


def limit(at_most: int = 5, of: str = "", by: str = "", name: str = "") -> Limit:
    own = "/".join(filter(None, ("sum" if of else "calls", of, "day", by)))
    return Limit(name or own, of, "day", at_most, by)


def test_s5_a_limit_more_or_lower_is_narrower_one_less_or_higher_wider() -> None:
    few, many, summed = limit(3), limit(9), limit(100, "a", "b")
    assert kinds(tool(limits=(many,)), tool(limits=(few,))) == [NARROWER]
    assert kinds(tool(limits=(few,)), tool(limits=(many,))) == [WIDER]
    assert kinds(tool(limits=(few,)), tool(limits=(few, summed))) == [NARROWER]
    assert kinds(tool(limits=(few, summed)), tool(limits=(few,))) == [WIDER]
    assert kinds(tool(limits=(few, summed)), tool(limits=(summed, few))) == [SAME]


def test_s5_a_renamed_limit_is_wider_since_it_forgets_what_was_spent() -> None:
    old, new = tool(limits=(limit(5),)), tool(limits=(limit(5, name="calls/day2"),))
    assert WIDER in kinds(old, new)
    apart = tool(limits=(limit(100, "a", "b"),))
    assert WIDER in kinds(tool(limits=(limit(100, "a"),)), apart)
    same_name = tool(limits=(limit(5)._replace(by="b"),))
    assert kinds(tool(limits=(limit(5),)), same_name) == [WIDER]


def result(**values: Any) -> Edit:
    return lambda lines: line_of(lines, "order")["result"].update(values)


@pytest.mark.parametrize(
    "values",
    [
        {"redact": ["email"]},
        {"redact_fields": ["buyer.mail"]},
        {"max_items": 10},
        {"mark": True},
        {"instructions": "withhold"},
        {"binary_bytes": 10},
    ],
)
def test_s5_a_guard_of_results_more_is_narrower_and_taken_back_wider(
    values: dict[str, Any],
) -> None:
    assert [change.kind for change in changes(result(**values))] == [NARROWER]
    assert is_wider(reverted(result(**values)))


def test_s5_html_kept_instructions_ignored_and_secrets_let_out_are_wider() -> None:
    for edit in (
        result(html="keep"),
        result(instructions="ignore"),
        lambda lines: line_of(lines, "order").update(outward="allow"),
    ):
        assert is_wider(changes(edit))
        assert [change.kind for change in reverted(edit)] == [NARROWER]


def test_lists_written_as_rows_are_the_same_and_so_is_what_is_remembered() -> None:
    assert [one.kind for one in changes(result(text="rows"))] == [SAME]
    remembered = changes(lambda lines: line_of(lines, "order").update(shows=["total"]))
    assert [one.kind for one in remembered] == [SAME]


def test_a_bound_of_none_is_the_highest() -> None:
    judge = RESULT_FIELDS["max_items"]
    assert [kind for kind, _ in judge(0, 5)] == [NARROWER]
    assert [kind for kind, _ in judge(5, 0)] == [WIDER]
    assert [kind for kind, _ in judge(5, 6)] == [WIDER]


def test_rules_are_told_in_words() -> None:
    made = made_of(tool(), tool(SHOWN, {"days": [0, 4], "between": [480, 1080]}))
    assert [change.words for change in made] == [
        "held to: a was shown by find (as id) in the last 10 m, for the same b (its customer)",
        "held to: called only on mon, fri between 08:00 and 18:00",
    ]
    (more,) = made_of(tool(), tool(limits=(limit(200_000, "a", "b"),)))
    assert more.words == "limited to: at most 200,000 of a per day, for each b"


def test_s5_a_media_type_less_is_narrower_and_the_last_one_wider() -> None:
    judge = RESULT_FIELDS["types"]
    both = ("image/png", "application/pdf")

    assert [kind for kind, _ in judge(both, both[:1])] == [NARROWER]
    assert [kind for kind, _ in judge(both[:1], both)] == [WIDER]
    # Where none is listed, a gateway's images and files of every type are let through.
    assert [kind for kind, _ in judge(both[:1], ())] == [WIDER]


def test_s5_a_bound_of_a_rule_that_held_nowhere_is_wider() -> None:
    shown = {"shown": "a", "by": "t", "field": "id", "within_s": 600.5, "same": {}}
    days = {"days": [0, 9]}

    for old, new in ((shown, {**shown, "within_s": 600}), (days, {"days": [0]})):
        assert WIDER in kinds(tool(old), tool(new), frozenset("t"))
