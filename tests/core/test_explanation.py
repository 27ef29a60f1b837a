"""A call in words: what decided, what would be sent, what becomes of the answer."""

from typing import Any

import pytest
from core.tool_samples import MCP, PLAIN, REST, rest_tool, rule
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.explained_results import result_steps
from mcp_proxy.core.explained_rules import Used, channel_line, limit_lines
from mcp_proxy.core.explanation import Explanation, explain
from mcp_proxy.core.freshness import Freshness
from mcp_proxy.core.plan import Going
from mcp_proxy.core.planning import Planner
from mcp_proxy.core.policy import decide
from mcp_proxy.core.profile import AuditRules, Header, Limit, Profile, Tool
from mcp_proxy.core.ready import Ready, ready_tool
from mcp_proxy.core.task_register import TaskRegister

HEADER = Header(
    *("billing", 1, "Billing", "", 0, None, "UTC", ()),
    upstreams={"api": REST},
    audit=AuditRules(("who",), "deny"),
    tools=("tool",),
)
ACME = "mcpxr1:S70N3kbXhfU6no9T/+gIJVziilP3/T87GIJazyBhW3M=:acme"
PROFILE = Profile(HEADER, sha256_hex(b""), "", b"[]", {}, {}, {})
TOOL = rest_tool(
    {
        "who": rule("path", "id"),
        "amount": rule("body", "/money/amount"),
        "tenant": rule("header", "X-Tenant"),
        "whole": rule("body", "/whole"),
    },
    path="/people/{id}",
    enforced={"type": "object", "properties": {"amount": {"maximum": 10}}, "required": ["who"]},
    constants={"tenant": "acme"},
    defaults={"whole": True},
)
BY_ALL = (
    "a person may answer by a page in the browser, mcp-proxy approve in a terminal, "
    "the client's own question"
)


def explained(tool: Tool, arguments: Any, **freshness: Any) -> Explanation:
    ready = ready_tool(tool, REST, None)
    decision = decide(ready, arguments, 0.0)
    return explain(PROFILE._replace(**freshness), ready, decision, arguments, 0.0)


def test_every_argument_tells_where_it_comes_from_and_where_it_goes() -> None:
    words = explained(TOOL, {"who": "ada", "amount": 5})
    assert words.decision == "allow"
    assert {item.name: (item.origin, item.place) for item in words.arguments} == {
        "who": ("given", "path.id"),
        "amount": ("given", "body#/money/amount"),
        "tenant": ("constant", "header.X-Tenant"),
        "whole": ("default", "body#/whole"),
    }
    assert words.clear == ("who",)


def test_a_default_without_a_place_is_not_sent_and_says_so() -> None:
    stray = explained(TOOL._replace(defaults={"stray": 1}), {"who": "ada"})
    assert ("stray", "nowhere") in {(item.name, item.place) for item in stray.arguments}


@pytest.mark.parametrize(
    ("arguments", "found", "meaning"),
    [
        ({"who": "ada", "amount": 11}, "schema.maximum", "maximum in the schema"),
        ({"amount": 1}, "schema.required", "required in the schema"),
        ({"who": "ada", "tenant": "b"}, "constant", "sets this argument itself"),
        ({"who": "ada", "more": 1}, "unknown", "only the arguments"),
        ({"who": "a/b"}, "request", "no argument may change"),
        ([], "object", "one JSON object"),
    ],
)
def test_a_denial_names_its_rule_and_nothing_that_never_happens(
    arguments: Any, found: str, meaning: str
) -> None:
    words = explained(TOOL, arguments)
    assert (words.decision, words.id, words.rule) == ("deny", "MCPX-D01", found)
    assert meaning in words.meaning
    assert (words.arguments, words.sending, words.results) == ((), (), ())


def test_each_condition_of_an_approval_tells_what_it_came_to() -> None:
    asking = TOOL._replace(
        approval=[{"amount": {"above": 3}, "who": {"is": "bob"}}, {"whole": {"above": 1}}]
    )
    words = explained(asking, {"who": "ada", "amount": 5})
    assert (words.decision, words.id) == ("ask", None)
    assert words.approval == (
        'amount above 3 (holds) and who is "bob" (does not hold): does not ask',
        "whole above 1 (cannot be judged): asks",
        "the call waits for a person's yes",
        BY_ALL,
    )
    silent = asking._replace(approval=[{"amount": {"above": 3}}])
    assert explained(silent, {"who": "ada", "amount": 1}).approval == (
        "amount above 3 (does not hold): does not ask",
    )


@given(
    st.dictionaries(
        st.sampled_from(["who", "amount", "tenant", "whole", "more"]),
        st.one_of(st.integers(-20, 20), st.text(max_size=3), st.none(), st.booleans()),
    ),
    st.sampled_from(["never", "always", [{"amount": {"above": 3}}]]),
)
def test_it_says_what_serve_plans(arguments: Any, approval: Any) -> None:
    ready = ready_tool(TOOL._replace(approval=approval), REST, None)

    class Contract:
        def ready(self, _tool: str, _now_s: float) -> Ready:
            return ready

    params = {"name": "tool", "arguments": arguments}
    planner = Planner(Contract(), TaskRegister(1))
    plan = planner.plan("tools/call", params, {}, 0.0)
    words = explained(ready.tool, arguments)
    if isinstance(plan, Going):
        assert (words.id, words.rule) == (None, plan.allow.rule)
        assert {item.name: item.value for item in words.arguments} == plan.allow.arguments
    else:
        assert (words.id, words.rule, words.text, None) == plan.deny


def test_the_result_rules_stand_in_the_order_of_doing() -> None:
    rules = PLAIN._replace(validate="strip", schema={}, pick=("a.b",), max_bytes=2_048)
    steps = result_steps(rules, REST)
    assert [step.name for step in steps] == [
        *("bound", "parse", "validate", "pick", "clean", "html", "bound", "orders")
    ]
    assert "kept: a.b" in steps[3].words
    assert "2,048 bytes" in steps[6].words
    assert "block by block" in result_steps(PLAIN, MCP)[1].words
    assert (
        "also application/pdf"
        in result_steps(PLAIN._replace(types=("application/pdf",)), REST)[1].words
    )


def test_each_guard_that_a_profile_names_is_a_step_of_its_own() -> None:
    rules = PLAIN._replace(
        redact=("email",),
        redact_fields=("a.note",),
        max_items=50,
        binary_bytes=1_024,
        html="keep",
        text="rows",
        mark=True,
        instructions="withhold",
    )
    steps = {step.name: step.words for step in result_steps(rules, REST)}
    assert list(steps) == [
        *("bound", "parse", "validate", "pick", "clean", "cut", "redact", "binary"),
        *("orders", "text", "mark"),
    ]
    assert steps["redact"].endswith("by the same mask: email, the field a.note")
    assert "MCPX-R04" in steps["orders"]
    assert "JSON is taken" in steps["parse"]


RULED = TOOL._replace(
    constraints=(
        {"given": "amount", "requires": ["who"]},
        {"shown": "who", "by": "find", "field": "id", "within_s": 600, "same": {}},
        {"sum": "amount", "at_most": 4},
    ),
    limits=(
        Limit("calls/day", "", "day", 9, ""),
        Limit("sum/amount/day/who", "amount", "day", 500, "who"),
    ),
)


def test_each_constraint_and_limit_tells_what_it_came_to() -> None:
    words = explained(RULED._replace(constraints=RULED.constraints[:1]), {"who": "a", "amount": 3})
    assert words.decision == "allow"
    assert words.constraints == ("with amount comes who: holds",)
    assert words.limits == (
        "at most 9 calls per day: this call takes 1",
        'at most 500 of amount per day, for each who: this call takes 3 for "a"',
    )


def test_a_broken_constraint_is_told_beside_those_that_hold() -> None:
    words = explained(RULED, {"who": "ada", "amount": 5})
    assert (words.decision, words.id) == ("deny", "MCPX-D14")
    assert [line.rpartition(": ")[2] for line in words.constraints] == [
        *("holds", "holds, if it was shown", "broken")
    ]
    assert (words.approval, words.results) == ((), ())


def test_what_is_taken_and_left_is_told_where_it_is_known() -> None:
    used = (Used("calls/day", 4, 5), Used("sum/amount/day/who", 300, 200))
    calls, summed = limit_lines(RULED.limits, {"who": "ada", "amount": 5}, used)
    assert calls == "at most 9 calls per day: this call takes 1; 4 taken now, 5 left"
    assert summed.endswith('takes 5 for "ada"; of one who at most 300 taken now, 200 left')
    assert "cannot be counted" in limit_lines(RULED.limits, {"who": "ada", "amount": -1})[1]


def test_the_ways_of_a_destructive_tool_leave_the_client_out() -> None:
    assert "client" not in channel_line(TOOL._replace(effect="destructive"))
    assert channel_line(TOOL._replace(channels=("client",))).endswith("the client's own question")


@pytest.mark.parametrize(
    ("rules", "whose"),
    [
        (AuditRules((), "deny"), ""),
        (AuditRules((), "deny", ACME), ""),
        (AuditRules((), "deny", "", "sealed"), "this home"),
        (AuditRules((), "deny", ACME, "sealed"), "acme"),
    ],
)
def test_whose_key_opens_the_arguments_in_the_log_is_told(rules: AuditRules, whose: str) -> None:
    told = explained(TOOL, {"who": "ada"}, header=HEADER._replace(audit=rules))
    assert told.sealed == whose


def test_only_what_may_be_repeated_says_so() -> None:
    once = explained(TOOL, {"who": "ada"}).sending
    often = explained(TOOL._replace(retry="safe"), {"who": "ada"}).sending
    assert "it is repeated only where nothing of it had left this machine" in once
    assert "it may be repeated where the upstream is busy or the answer was lost" in often


@pytest.mark.parametrize(
    ("until_s", "words"),
    [(1, "it holds"), (0, "first half"), (-7_200, "second half"), (-14_400, "nothing may")],
)
def test_s19_the_standing_of_a_repository_s_word_is_told(until_s: int, words: str) -> None:
    told = explained(TOOL, {"who": "ada"}, freshness=Freshness(until_s, 14_400)).freshness
    assert "4 hours of grace" in told
    assert words in told
