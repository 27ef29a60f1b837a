"""Decisions: the steps in their order, each with the text that the model acts on."""

import json
from typing import Any

import pytest
from core.tool_samples import MCP, REST, decided, mcp_tool, rest_tool, rule
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.policy import Allow, Ask, Deny, decide
from mcp_proxy.core.ready import ready_tool
from mcp_proxy.core.request import McpRequest, RestRequest

ENFORCED = {
    "allOf": [
        {
            "type": "object",
            "properties": {
                "customer": {"type": "string", "maxLength": 20},
                "amount": {"type": "integer"},
                "note": {"type": ["string", "null"]},
                "limit": {"type": "integer"},
            },
            "required": ["customer"],
        },
        {"properties": {"amount": {"minimum": 1, "maximum": 50_000}}},
    ],
    "unevaluatedProperties": False,
}
REFUND = rest_tool(
    {
        "customer": rule("path", "customer"),
        "amount": rule("body", "/amount"),
        "note": rule("body", "/note"),
        "limit": rule("query", "limit"),
        "tenant": rule("header", "X-Tenant"),
    },
    path="/customers/{customer}/refunds",
    enforced=ENFORCED,
    constants={"tenant": "acme"},
    defaults={"limit": 20},
)


def denied(arguments: Any) -> Deny:
    decision = decided(REFUND, arguments)
    assert isinstance(decision, Deny), decision
    return decision


def test_a_call_within_the_rules_is_allowed_with_its_request() -> None:
    decision = decided(REFUND, {"customer": "c1", "amount": 100})
    assert decision == Allow(
        "allow",
        RestRequest(
            "POST",
            "https://api.example.com/v1/customers/c1/refunds?limit=20",
            (("X-Tenant", "acme"), ("Content-Type", "application/json")),
            b'{"amount":100}',
            retry_safe=False,
        ),
        {"limit": 20, "customer": "c1", "amount": 100, "tenant": "acme"},
    )


@pytest.mark.parametrize(
    ("arguments", "rule_name", "words"),
    [
        ([], "object", "arguments: must be an object"),
        (None, "object", "arguments: must be an object"),
        ({"customer": "c", "tenant": "evil"}, "constant", "tenant: is set by the profile"),
        (
            {"customer": "c", "admin": 1},
            "unknown",
            "admin: is not known; this tool takes: customer",
        ),
        ({"customer": None}, "null", "customer: must not be null"),
        ({"customer": "c", "limit": None}, "null", "limit: must not be null"),
        ({}, "schema.required", "customer: is required"),
        ({"customer": "c", "amount": 70_000}, "schema.maximum", "amount: must be at most 50000"),
        ({"customer": "c", "amount": 1.5}, "schema.type", "amount: must be of type integer"),
        ({"customer": "c", "amount": None}, "schema.type", "amount: must be of type integer"),
        ({"customer": "../x"}, "request", "customer: must not hold a slash"),
    ],
)
def test_a_denial_names_the_argument_and_the_rule(
    arguments: Any, rule_name: str, words: str
) -> None:
    decision = denied(arguments)
    assert (decision.id, decision.rule) == ("MCPX-D01", rule_name)
    assert words in decision.text


def test_s6_an_expired_profile_denies_every_call() -> None:
    ready = ready_tool(REFUND, REST, 100)
    late = decide(ready, {"customer": "c"}, 101.0)
    assert isinstance(late, Deny)
    assert late.id == "MCPX-P06"
    assert isinstance(decide(ready, {"customer": "c"}, 100.0), Allow)
    assert isinstance(decide(ready, [], 101.0), Deny)


@given(st.text(min_size=9), st.sampled_from(["customer", "amount", "limit", "note"]))
def test_s25_a_denial_never_holds_a_value(canary: str, name: str) -> None:
    arguments = {"customer": "c", name: "\x01§" + canary + "§/"}
    decision = decided(REFUND, arguments)
    if isinstance(decision, Deny):
        assert canary + "§" not in decision.text


@pytest.mark.parametrize("name", ["\x1b[2J", "a\u202eb", "x" * 65, "a b", ""])
def test_s25_a_name_of_the_clients_own_making_is_not_repeated(name: str) -> None:
    decision = denied({"customer": "c", name: 1})
    assert decision.rule == "unknown"
    assert not name or name not in decision.text


def test_the_hidden_name_of_a_constant_is_not_listed() -> None:
    assert "tenant" not in denied({"customer": "c", "other": 1}).text


def test_null_is_sent_in_a_body_where_the_schema_allows_it() -> None:
    decision = decided(REFUND, {"customer": "c", "note": None})
    assert isinstance(decision, Allow)
    assert isinstance(decision.request, RestRequest)
    assert decision.request.body == b'{"note":null}'


def test_an_integral_float_is_forwarded_as_an_integer() -> None:
    decision = decided(REFUND, {"customer": "c", "amount": 5.0, "limit": 1e3})
    assert isinstance(decision, Allow)
    assert isinstance(decision.request, RestRequest)
    assert decision.request.body == b'{"amount":5}'
    assert decision.request.url.endswith("?limit=1000")


def test_integers_up_to_the_bound_stay_exact() -> None:
    tool = mcp_tool({"n": rule("argument", "/n")})
    for number in (2**53 + 1, 2**63 - 1, -(2**63) + 1):
        decision = decided(tool, {"n": number}, upstream=MCP)
        assert isinstance(decision, Allow)
        assert isinstance(decision.request, McpRequest)
        assert json.dumps(decision.request.params["arguments"]) == f'{{"n": {number}}}'


def test_the_clients_arguments_are_not_changed() -> None:
    arguments = {"customer": "c", "amount": 5.0}
    decided(REFUND, arguments)
    assert arguments == {"customer": "c", "amount": 5.0}
    assert isinstance(arguments["amount"], float)


def test_a_call_that_needs_approval_is_asked_about_after_all_other_rules() -> None:
    tool = REFUND._replace(approval="always")
    asked = decided(tool, {"customer": "c", "amount": 5})
    assert isinstance(asked, Ask)
    assert asked.rule == "approval.always"
    assert isinstance(decided(tool, {"customer": "c", "amount": 0}), Deny)


def test_approval_sees_defaults_and_constants() -> None:
    by_default = REFUND._replace(approval=[{"limit": {"at_least": 20}}])
    by_constant = REFUND._replace(approval=[{"tenant": {"in": ["acme"]}}])
    assert isinstance(decided(by_default, {"customer": "c"}), Ask)
    assert isinstance(decided(by_default, {"customer": "c", "limit": 1}), Allow)
    assert isinstance(decided(by_constant, {"customer": "c"}), Ask)


SECRET = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"


@pytest.mark.parametrize("note", [SECRET, f"see {SECRET}.", SECRET[:9] + "\u200b" + SECRET[9:]])
def test_a_secret_does_not_leave_in_an_argument(note: str) -> None:
    decision = denied({"customer": "c", "note": note})
    assert (decision.id, decision.rule) == ("MCPX-D15", "outward.secrets")
    assert decision.text.startswith("The call was not made. note holds what looks like a secret")
    allowing = REFUND._replace(outward="allow")
    assert isinstance(decided(allowing, {"customer": "c", "note": SECRET}), Allow)


def test_where_a_secret_stands_deep_the_argument_is_named_alone() -> None:
    tool = mcp_tool({"a": rule("argument", "/a")})
    for value in ({"b": [{"c": SECRET}]}, {SECRET: 1}, [SECRET], {"x": {SECRET: 1}}):
        decision = decided(tool, {"a": value}, upstream=MCP)
        assert isinstance(decision, Deny)
        assert decision.text.startswith("The call was not made. a holds")
    allowing = tool._replace(outward="allow")
    assert isinstance(decided(allowing, {"a": SECRET}, upstream=MCP), Allow)


def test_a_secret_of_the_publisher_s_is_none_of_the_model_s() -> None:
    tool = REFUND._replace(constants={"tenant": SECRET}, defaults={"note": SECRET})
    assert isinstance(decided(tool, {"customer": "c"}), Allow)
