"""What an approval covers, and what a person sees of it (S17)."""

import json
import time
from typing import Any

import pytest
from core.tool_samples import MCP, REST, mcp_tool, rest_tool, rule
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.approval_request import (
    Subject,
    View,
    digest_of,
    dump_view,
    parse_view,
    summary_of,
    view_of,
)
from mcp_proxy.core.budget import Used
from mcp_proxy.core.passage import Need
from mcp_proxy.core.plan import Going, Label
from mcp_proxy.core.policy import Allow, Ask, decide
from mcp_proxy.core.profile import Limit, Tool
from mcp_proxy.core.ready import ready_tool
from mcp_proxy.core.request import McpRequest, RestRequest
from mcp_proxy.core.results import Rejected

SUBJECT = Subject("billing", "d" * 64, "keys: 1")
PLACES = {name: rule("body", f"/{name}") for name in ("customer", "amount", "note")}
REFUND = rest_tool(PLACES, name="refund", effect="destructive", approval="always")
WITH = "api, with the credential billing-api"
GIVEN = {"customer": "ada", "amount": 500}


def going(tool: Tool = REFUND, arguments: Any = GIVEN, spec: Any = REST) -> Going:
    """The call of a tool that asks."""
    made = decide(ready_tool(tool, spec, None), arguments, 0.0)
    assert isinstance(made, Ask)
    label = Label(tool.name, tool.upstream, tool.effect, is_tool=True)
    need = Need(made.rule, made.reservations)
    ready = ready_tool(tool, spec, None)
    return Going(label, arguments, Allow(*made), spec, tool.upstream, _admit, ready, need=need)


def _admit(_answer: Any) -> Rejected:
    raise AssertionError("nothing is answered here")


def with_request(**changed: Any) -> Going:
    base = going()
    request = base.allow.request._replace(**changed)
    return base._replace(allow=base.allow._replace(request=request))


OTHERS = {
    "method": with_request(method="PUT"),
    "address": with_request(url="https://api.example.com/v1/invoices?"),
    "a header's value": with_request(headers=(("Content-Type", "application/json "),)),
    "a header's name": with_request(headers=(("Content-type", "application/json"),)),
    "no header": with_request(headers=()),
    "one byte of the body": with_request(body=b'{"customer":"ada","amount":501}'),
    "a byte that is no UTF-8": with_request(body=b'{"customer":"ada","amount":\xff}'),
    "no body": with_request(body=None),
    "tool": going()._replace(label=Label("other", "api", "destructive", is_tool=True)),
    "upstream": going()._replace(upstream="other"),
    "credential": going(spec=REST._replace(auth=REST.auth._replace(credential="other"))),
    "no credential": going(spec=REST._replace(auth=None)),
    "rule": going()._replace(need=Need("approval.when", ())),
}


@pytest.mark.parametrize("what", OTHERS)
def test_s17_the_digest_covers(what: str) -> None:
    digests = {digest_of(item, SUBJECT) for item in (going(), OTHERS[what])}
    assert len(digests) == 2


@pytest.mark.parametrize("field", Subject._fields)
def test_s17_the_digest_covers_profile_version_and_trust_root(field: str) -> None:
    other = SUBJECT._replace(**{field: "x"})
    assert digest_of(going(), SUBJECT) != digest_of(going(), other)


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "other"},
        {"params": {"name": "upstream_tool", "arguments": {"customer": "adb"}}},
        {"headers": (("Mcp-Param-Customer", "adb"),)},
        {"method": "tools/other"},
    ],
)
def test_s17_the_digest_covers_a_gateways_call(changed: Any) -> None:
    tool = mcp_tool({"customer": rule("argument", "/customer")}, approval="always")
    one = going(tool, {"customer": "ada"}, MCP)
    request = one.allow.request
    assert isinstance(request, McpRequest)
    other = one._replace(allow=one.allow._replace(request=request._replace(**changed)))
    assert digest_of(one, SUBJECT) != digest_of(other, SUBJECT)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
def test_s17_two_calls_of_one_digest_send_the_same_json(one: Any, other: Any) -> None:
    tool = mcp_tool({"value": rule("argument", "/value")}, approval="always")
    base = going(tool, {}, MCP)

    def told(value: Any) -> tuple[str, str]:
        request = base.allow.request
        assert isinstance(request, McpRequest)
        params = {"name": "t", "arguments": {"value": value}}
        changed = base._replace(allow=base.allow._replace(request=request._replace(params=params)))
        return digest_of(changed, SUBJECT), json.dumps(params, sort_keys=True)

    first, second = told(one), told(other)
    assert (first[0] == second[0]) == (first[1] == second[1])


def test_s17_the_person_sees_what_is_hashed() -> None:
    call = going()
    request = call.allow.request
    assert isinstance(request, RestRequest)
    view = view_of(call, REFUND, SUBJECT, "Refund an invoice")
    assert view.request_lines == (
        f"POST {request.url}",
        "Content-Type: application/json",
        "",
        '{"customer":"ada","amount":500}',
    )
    assert view.title == "Refund an invoice"
    assert view.words == (
        f"Destroys, or changes what cannot be changed back: refund at {WITH}.",
        'customer is "ada".',
        "amount is 500.",
    )
    assert view.rule_words == ("Every call of this tool is asked for.",)


def test_arguments_tell_where_they_come_from() -> None:
    tool = REFUND._replace(defaults={"note": "by chat"}, constants={"customer": "acme"})
    view = view_of(going(tool, {"amount": 5}), tool, SUBJECT)
    assert {item.name: item.origin for item in view.arguments} == {
        "amount": "given",
        "note": "default",
        "customer": "constant",
    }
    assert 'note is "by chat" (the profile\'s default).' in view.words


DAILY = "at most 5 calls per day: this call takes 1"


def test_the_rule_that_asks_and_the_limits_are_told_apart() -> None:
    limit = Limit("calls/day", "", "day", 5, "")
    when = [{"amount": {"above": 100}}, {"customer": {"is": "eve"}}]
    tool = REFUND._replace(approval=when, limits=(limit,))
    view = view_of(going(tool), tool, SUBJECT, used=(Used("calls/day", 3, 2),))
    assert view.rule_words == ("It is asked for where amount above 100 (holds).",)
    assert view.limits == (f"{DAILY}; when it was asked, 3 were taken and 2 left.",)
    (unknown,) = view_of(going(tool), tool, SUBJECT).limits
    assert unknown == f"{DAILY}."


SUM = Limit("sum/amount/day", "amount", "day", 1_000, "")


@pytest.mark.parametrize(
    ("changes", "arguments", "typed"),
    [
        ({"limits": (SUM,)}, GIVEN, ("amount", "500")),
        ({"approval": [{"note": {"present": True}}]}, {**GIVEN, "note": "ab"}, ("note", "ab")),
        ({}, GIVEN, ("customer", "ada")),
        ({}, {"customer": "a\u200bda", "amount": 7}, ("amount", "7")),
        ({}, {"customer": " ada", "note": "x" * 41}, ("tool", "refund")),
        ({}, {"customer": [1], "note": True}, ("tool", "refund")),
        ({"effect": "write"}, GIVEN, ("", "")),
    ],
)
def test_s22_of_a_destructive_call_the_amount_or_the_name_is_typed(
    changes: Any, arguments: Any, typed: tuple[str, str]
) -> None:
    tool = REFUND._replace(**changes)
    view = view_of(going(tool, arguments), tool, SUBJECT)
    assert (view.confirm_label, view.confirm_value) == typed


@given(st.text(st.characters()), JSON)
def test_a_view_is_read_back_as_it_was_written(text: str, value: Any) -> None:
    tool = mcp_tool({"value": rule("argument", "/value")}, approval="always")
    view = view_of(going(tool, {"value": value}, MCP), tool, SUBJECT, text)
    assert parse_view(dump_view(view)) == view
    assert dump_view(view).isascii()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tool": 1}', "null"])
def test_anything_else_is_no_view(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        parse_view(text)


def test_s25_a_summary_is_one_clean_line() -> None:
    view: View = view_of(
        going(arguments={"customer": "a\n\x1b[2Jb", "note": "n" * 300}), REFUND, SUBJECT
    )
    summary = summary_of(view)
    assert "\n" not in summary
    assert "\x1b" not in summary
    assert len(summary) <= 160


def test_s22_the_order_of_the_client_s_arguments_chooses_nothing() -> None:
    arguments = [{"amount": 90_000, "customer": "yes"}, {"customer": "yes", "amount": 90_000}]
    typed = [view_of(going(arguments=item), REFUND, SUBJECT) for item in arguments]
    assert [view.confirm_label for view in typed] == ["customer", "customer"]


def test_a_huge_value_is_not_looked_through_for_what_may_be_typed() -> None:
    arguments = {"customer": "\u200b" * 3_000_000, "amount": 500}
    began = time.process_time()
    assert view_of(going(arguments=arguments), REFUND, SUBJECT).confirm_label == "amount"
    assert time.process_time() - began < 2
