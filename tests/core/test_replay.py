"""Past calls against another version: what is told is true, whatever else was in the call."""

from typing import Any

import pytest
from core.tool_samples import REST, rest_tool, rule
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_proxy.core.audit import keyed
from mcp_proxy.core.audit_spans import Spans
from mcp_proxy.core.profile import Limit, Tool
from mcp_proxy.core.ready import Ready, ready_tool
from mcp_proxy.core.recipient import RANDOM_BYTES, recipient_of
from mcp_proxy.core.replay import UNKNOWN, Past, Verdict, past_call, replay
from mcp_proxy.core.replay_counts import Counts
from mcp_proxy.core.sealed_arguments import NOTHING, Known, known_arguments, seal_arguments
from mcp_proxy.edges.zones import find_zone

ARGUMENTS = {
    "who": rule("body", "/who"),
    "amount": rule("body", "/amount"),
    "note": rule("body", "/note"),
}
KEY = b"k" * 16
PRIVATE = b"p" * 32
DAY = 86_400.0


def schema(maximum: int = 100, required: tuple[str, ...] = ("who",)) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "who": {"type": "string", "minLength": 1},
            "amount": {"type": "integer", "maximum": maximum},
            "note": {"type": "string", "maxLength": 5},
        },
        "required": list(required),
        "additionalProperties": False,
    }


def tool(**changes: Any) -> Tool:
    return rest_tool(ARGUMENTS, enforced=changes.pop("enforced", schema()), **changes)


def ready(made: Tool) -> Ready:
    return ready_tool(made, REST, None, find_zone("UTC"))


def past(known: Known, was: Verdict | None = None, at_s: float = 0.0) -> Past:
    made = Verdict("allow", "allow") if was is None else was
    asked = made.rule.startswith("approval.")
    entry = {
        "call": "01JD0000000000000000000000:1",
        "time": "2026-11-22T14:00:00.000000Z",
        "tool": "tool",
        "decision": "allow" if asked else made.now,
        "rule": made.rule,
        "error": made.error,
    }
    return past_call(entry, at_s, known, Spans())


def whole(made: Tool, arguments: Any) -> Verdict:
    return replay(ready(made), None, past(Known(arguments, "sealed")), Counts())


def in_part(old: Tool, new: Tool, arguments: dict[str, Any], seen: set[str]) -> Verdict:
    """Of a call of the old tool, of whose arguments only these were kept."""
    values = {name: arguments[name] for name in arguments if name in seen}
    known = Known(values, "part") if values else NOTHING
    return replay(ready(new), old, past(known, whole(old, arguments)), Counts())


SUM = Limit("sum", "amount", "day", 30, "")
CALLS = Limit("calls", "", "day", 1, "")
# Looks like a key of GitHub's.
SECRET = "ghp_" + "aB3dE6gH9" * 4
CHOICES: dict[str, list[Any]] = {
    "enforced": [schema(), schema(10), schema(50), schema(100, ("who", "note")), schema(100, ())],
    "approval": ["never", "always", [{"amount": {"above": 20}}], [{"who": {"is": "eve"}}]],
    "constraints": [(), ({"sum": "amount", "at_most": 40},)],
    "limits": [(), (SUM,), (CALLS,), (SUM._replace(at_most=5), CALLS)],
    "constants": [{}, {"note": "x"}],
    "outward": ["allow", "deny"],
}
TOOLS = st.builds(tool, **{name: st.sampled_from(held) for name, held in CHOICES.items()})


@st.composite
def versions(draw: st.DrawFn) -> tuple[Tool, Tool]:
    """A tool, and the same with a field or two as another has them."""
    old = draw(TOOLS)
    names = draw(st.sets(st.sampled_from(sorted(CHOICES)), min_size=1, max_size=2))
    return old, old._replace(**{name: draw(st.sampled_from(CHOICES[name])) for name in names})


USUAL = st.fixed_dictionaries(
    {"who": st.sampled_from(["ada", "eve", SECRET])},
    optional={"amount": st.sampled_from([1, 15, 25, 45, 60]), "note": st.just("hi")},
)
ODD = st.fixed_dictionaries(
    {},
    optional={
        "who": st.just(""),
        "amount": st.integers(-5, 120),
        "note": st.just("too long"),
        "more": st.just(1),
    },
)
CALLED = USUAL | USUAL | ODD


@given(versions(), CALLED, st.sets(st.sampled_from(["who", "amount", "note", "more"])))
@settings(max_examples=150)
def test_what_is_told_of_a_part_is_what_the_whole_would_tell(
    pair: tuple[Tool, Tool], arguments: dict[str, Any], seen: set[str]
) -> None:
    old, new = pair
    told, truth = in_part(old, new, arguments, seen), whole(new, arguments)
    assert told.now in (UNKNOWN, truth.now)
    if told.now == "ask":
        assert told.rule == truth.rule


@given(TOOLS, CALLED)
def test_a_call_of_the_same_version_ends_as_it_did(old: Tool, arguments: dict[str, Any]) -> None:
    made = whole(old, arguments)
    told = in_part(old, old, arguments, set())
    assert (told.now, told.rule) == (made.now, made.rule) or told.now == UNKNOWN
    if made.now != "deny":
        assert told.now == made.now


def test_what_has_not_changed_needs_no_arguments() -> None:
    old = tool(approval=[{"amount": {"above": 20}}], constraints=({"sum": "amount", "at_most": 9},))
    new = old._replace(approval="always")
    told = in_part(old, new, {"who": "ada", "amount": 5}, set())
    assert (told.now, told.rule, told.why) == (
        *("ask", "approval.always"),
        "by what has not changed since",
    )


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (tool(enforced=schema(10)), "has other rules"),
        (tool(constraints=({"sum": "amount", "at_most": 40},)), "has other rules"),
        (tool(approval=[{"amount": {"above": 5}}]), "the approval looks at others"),
        (tool(limits=(SUM,)), "limit sum counts others"),
    ],
)
def test_what_cannot_be_told_says_why(new: Tool, why: str) -> None:
    told = in_part(tool(), new, {"who": "ada", "amount": 5}, {"who"})
    assert told.now == UNKNOWN
    assert why in told.why
    assert in_part(tool(), new, {"who": "ada", "amount": 5}, {"who", "amount"}).now != UNKNOWN or (
        "has other rules" in why
    )


def test_without_the_version_of_then_only_a_sure_denial_is_told() -> None:
    new = tool(enforced=schema(10))
    for values, now in (({"amount": 11}, "deny"), ({"amount": 9}, UNKNOWN), ({}, UNKNOWN)):
        told = replay(ready(new), None, past(Known(values, "part")), Counts())
        assert told.now == now
    told = replay(ready(new), None, past(Known({"amount": 11}, "part")), Counts())
    assert (told.rule, told.error) == ("schema.maximum", "MCPX-D01")


def test_a_tool_that_is_gone_denies_whatever_was_in_the_call() -> None:
    told = replay(None, None, past(NOTHING), Counts())
    assert (told.now, told.error) == ("deny", "MCPX-D05")


def test_a_tool_that_the_log_does_not_name_is_not_known() -> None:
    told = replay(None, None, past(NOTHING)._replace(tool=None), Counts())
    assert told.now == UNKNOWN


def test_limits_are_counted_over_the_calls_and_begin_anew_with_each_window() -> None:
    counts, new = Counts(), ready(tool(limits=(SUM._replace(by="who"),)))

    def at(day: float, who: str, amount: int) -> str:
        known = Known({"who": who, "amount": amount}, "sealed")
        return replay(new, None, past(known, at_s=day * DAY), counts).now

    assert [at(0, "ada", 20), at(0, "ada", 20), at(0, "eve", 20)] == ["allow", "deny", "allow"]
    assert [at(0, "ada", 10), at(0.5, "ada", 1), at(1, "ada", 30)] == ["allow", "deny", "allow"]


def test_a_question_to_the_client_takes_nothing_of_a_limit() -> None:
    counts, new = Counts(), ready(tool(limits=(CALLS,)))
    call = past(Known({"who": "ada"}, "sealed"))
    leg = call._replace(is_leg=True)
    assert [replay(new, None, one, counts).now for one in (leg, leg, call)] == ["allow"] * 3
    assert replay(new, None, call, counts) == Verdict("deny", "limit.calls", "MCPX-D13")


def test_a_call_whose_upstream_asked_back_takes_of_a_limit_once() -> None:
    counts, spans, new = Counts(), Spans(), ready(tool(limits=(CALLS,)))
    entry = {"call": "x:1", "time": "", "tool": "tool", "error": None, "rule": "allow"}

    def now(decision: str, trace: str) -> str:
        known = Known({"who": "ada"}, "sealed")
        told = {**entry, "decision": decision, "trace": trace}
        return replay(new, None, past_call(told, 0.0, known, spans), counts).now

    assert [now("ask", "a-1"), now("allow", "a-1"), now("allow", "a-1")] == ["allow"] * 3
    assert now("allow", "a-2") == "deny"


def test_whoever_was_asked_was_asked_also_where_the_answer_was_no() -> None:
    entry = {"call": "x:1", "time": "", "tool": "tool", "error": "MCPX-D12"}
    denied = {**entry, "decision": "deny", "rule": "approval.always"}
    assert past_call(denied, 0.0, NOTHING, Spans()).was == "ask"
    assert past_call({**denied, "rule": "paused"}, 0.0, NOTHING, Spans()).was == "deny"


def entry_of(arguments: Any) -> dict[str, Any]:
    return {"args": keyed(KEY, arguments)}


def row_of(clear: dict[str, Any], sealed: str | None = None) -> dict[str, Any]:
    row: dict[str, Any] = {"seq": 1, "key": KEY.hex(), "clear": clear}
    return row if sealed is None else {**row, "sealed": sealed}


def sealed_of(arguments: Any) -> str:
    public = recipient_of(PRIVATE, "x").public
    return seal_arguments(public, arguments, bytes(range(RANDOM_BYTES)))


def test_all_arguments_are_known_by_the_seal_or_by_a_digest_that_fits_the_clear_ones() -> None:
    arguments = {"who": "ada", "amount": 5}
    entry, sealed = entry_of(arguments), sealed_of(arguments)
    seen, half = row_of(arguments), row_of({"who": "ada"})
    assert known_arguments(entry, row_of({}, sealed), (PRIVATE,)) == Known(arguments, "sealed")
    assert known_arguments(entry, seen, ()) == Known(arguments, "clear")
    assert known_arguments(entry, half, ()) == Known({"who": "ada"}, "part")
    assert known_arguments(entry, row_of({}), ()) == NOTHING
    assert known_arguments(entry, None, (PRIVATE,)) == NOTHING


def test_a_seal_that_is_another_keys_damaged_or_of_another_call_proves_nothing() -> None:
    entry = entry_of({"who": "ada", "amount": 5})
    other = sealed_of({"who": "eve"})
    for sealed, private in ((other, PRIVATE), (other, b"q" * 32), ("rubbish", PRIVATE)):
        row = row_of({"who": "ada"}, sealed)
        assert known_arguments(entry, row, (private,)) == Known({"who": "ada"}, "part")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_whatever_was_sealed_is_known_again(value: Any) -> None:
    arguments = {"value": value}
    row = row_of({}, sealed_of(arguments))
    known = known_arguments(entry_of(arguments), row, (b"q" * 32, PRIVATE))
    assert known == Known(arguments, "sealed")
