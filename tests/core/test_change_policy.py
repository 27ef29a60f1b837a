"""Laws of policy and results, version against version, over generated rules."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_proxy.core.approval import needed_approval
from mcp_proxy.core.change import NARROWER, WIDER
from mcp_proxy.core.change_policy import RESULT_FIELDS, judge_approval, judge_channels
from mcp_proxy.core.pick import apply_pick, parse_picks
from mcp_proxy.core.profile import ResultRules
from mcp_proxy.core.shape import picked

_NUMBERS = st.integers(0, 4) | st.sampled_from([1.0, 1.5])
_SCALARS = st.one_of(_NUMBERS, st.booleans(), st.sampled_from("ab"))
_LISTS = st.lists(_SCALARS, min_size=1, max_size=3)
_TESTS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("above", "at_least", "below", "at_most"), _SCALARS),
        **dict.fromkeys(("in", "not_in"), _LISTS),
        "is": _SCALARS,
        "present": st.booleans(),
        "matches": st.sampled_from(["^a", "b"]),
        "unheard_of": _SCALARS,
    },
).filter(lambda tests: 0 < len(tests) < 3)
_MAPS = st.dictionaries(st.sampled_from(["x", "y", "/x/z"]), _TESTS, min_size=1, max_size=2)
RULES = st.one_of(st.sampled_from(["never", "always"]), st.lists(_MAPS, min_size=1, max_size=2))
ARGUMENTS = st.dictionaries(
    st.sampled_from(["x", "y"]),
    st.one_of(_SCALARS, st.none(), st.just({"z": 2}), st.just([1])),
)
_KEYS = st.sampled_from(["a", "b", "*"])
PICKS = st.lists(st.lists(_KEYS, min_size=1, max_size=3).map(".".join), max_size=3).map(tuple)
ANSWERS = st.recursive(
    st.none() | st.integers(0, 2),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def nearby(draw: Any, rule: Any) -> Any:
    """The rule with one operand replaced, or another rule."""
    if not isinstance(rule, list) or draw(st.integers(0, 3)) == 0:
        return draw(RULES)
    index = draw(st.integers(0, len(rule) - 1))
    where = draw(st.sampled_from(sorted(rule[index])))
    operator = draw(st.sampled_from(sorted(rule[index][where])))
    operand = draw(_LISTS if operator in ("in", "not_in") else _SCALARS)
    tests = {**rule[index][where], operator: operand}
    changed = {**rule[index], where: tests}
    return [*rule[:index], changed, *rule[index + 1 :]]


def kind_of(judged: Any) -> str:
    ((kind, _),) = judged
    return str(kind)


@settings(max_examples=100)
@given(RULES.flatmap(lambda rule: st.tuples(st.just(rule), nearby(rule))), st.lists(ARGUMENTS))
def test_s5_a_narrower_approval_asks_wherever_the_old_one_asked(
    rules: tuple[Any, Any], calls: list[dict[str, Any]]
) -> None:
    old, new = rules
    if kind_of(judge_approval(old, new)) == NARROWER:
        missed = [
            one for one in calls if needed_approval(old, one) and not needed_approval(new, one)
        ]
        assert missed == []


def test_s5_a_condition_left_out_is_wider_though_it_seems_to_ask_more() -> None:
    """Without `sku` the old rule asked, since that cannot be judged; the new one does not."""
    old, new = [{"amount": {"above": 10}, "sku": {"matches": "^x"}}], [{"amount": {"above": 10}}]
    assert needed_approval(old, {"amount": 5}) is not None
    assert needed_approval(new, {"amount": 5}) is None
    assert kind_of(judge_approval(old, new)) == WIDER


def test_s5_an_operand_of_another_type_is_wider() -> None:
    old, new = [{"x": {"in": ["a"]}}], [{"x": {"in": ["a", 1]}}]
    assert needed_approval(old, {"x": 2}) is not None
    assert needed_approval(new, {"x": 2}) is None
    assert kind_of(judge_approval(old, new)) == WIDER


def test_approvals_are_told_in_words() -> None:
    ((_, words),) = judge_approval("never", [{"x": {"above": 5, "at_most": 9}}, {"y": {"is": "a"}}])
    assert words == 'asks a person: never -> when x above 5 and x at most 9 or y is "a"'


def test_s5_a_channel_that_the_default_may_lack_is_wider() -> None:
    assert kind_of(judge_channels((), ("client",))) == WIDER
    assert kind_of(judge_channels((), ("page", "terminal"))) == NARROWER
    assert kind_of(judge_channels(("page", "client"), ("client",))) == NARROWER
    assert kind_of(judge_channels(("page",), ("page", "client"))) == WIDER
    assert kind_of(judge_channels(("page",), ())) == WIDER


def part_of(whole: Any, part: Any) -> bool:
    """Whether `part` says nothing that `whole` does not."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and part_of(whole[key], part[key]) for key in part)
    if isinstance(whole, list) and isinstance(part, list):
        left = iter(whole)
        return all(any(part_of(item, one) for item in left) for one in part)
    return part is None or bool(whole == part)


@settings(max_examples=100)
@given(PICKS, PICKS, st.lists(ANSWERS, max_size=5))
def test_s5_a_narrower_pick_gives_a_part_of_what_the_old_one_gave(
    old: tuple[str, ...], new: tuple[str, ...], answers: list[Any]
) -> None:
    if old != new and kind_of(RESULT_FIELDS["pick"](old, new)) != WIDER:
        rules = [ResultRules("off", None, paths, 1, ()) for paths in (old, new)]
        for answer in answers:
            assert part_of(picked(answer, rules[0]), picked(answer, rules[1]))


def test_a_path_below_one_picked_is_narrower_and_one_beside_it_wider() -> None:
    judge = RESULT_FIELDS["pick"]
    assert kind_of(judge(("a",), ("a.b",))) == NARROWER
    assert kind_of(judge(("*.b",), ("a.b", "c.b.d"))) == NARROWER
    assert kind_of(judge(("a.b",), ("a",))) == WIDER
    assert kind_of(judge(("a.b",), ("*.b",))) == WIDER
    assert kind_of(judge(("a",), ())) == WIDER
    assert kind_of(judge(("a", "b"), ("`",))) == WIDER
    assert apply_pick({"a": {"b": 1, "c": 2}}, parse_picks(("a.b",))) == {"a": {"b": 1}}
