"""What read tools show is remembered by the planner: as the model gets it, when it was asked."""

import json
from typing import Any

from core.tool_samples import MCP, REST, mcp_tool, rest_tool, rule

from mcp_proxy.core.answer import HttpAnswer, McpAnswer
from mcp_proxy.core.plan import Going, Holdings, Label, ReadyPrompt, ReadyResource, Refused
from mcp_proxy.core.planning import Planner
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.profile import FEATURES, ResultRules, Tool, UpstreamSpec
from mcp_proxy.core.ready import Ready, ready_tool
from mcp_proxy.core.results import Admitted, Rejected
from mcp_proxy.core.task_register import TaskRegister

FIND = rest_tool(
    {"customer": rule("query", "customer"), "limit": rule("query", "limit")},
    method="GET",
    name="find",
    effect="read",
    defaults={"limit": 5},
    shows=("data.id",),
)
REFUND = rest_tool(
    {"invoice": rule("body", "/invoice"), "customer": rule("body", "/customer")},
    name="refund",
    constraints=(
        {
            "shown": "invoice",
            "by": "find",
            "field": "data.id",
            "within_s": 600,
            "same": {"customer": "customer"},
        },
    ),
)
GATEWAY_FIND = mcp_tool(
    {"customer": rule("argument", "/customer")}, name="find", shows=("data.id",), effect="read"
)
CAN = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
TEXT = {"content": [{"type": "text", "text": '{"data":[{"id":"i1"}]}'}]}
CALL = {"invoice": "i1", "customer": "anna"}


class Shop:
    """Fills `Contract` with these two tools."""

    def __init__(self, find: Tool, upstream: UpstreamSpec) -> None:
        self._tools = {"find": find, "refund": REFUND}
        self._upstream = upstream

    def ready(self, tool: str, _now_s: float) -> Ready | Deny:
        return ready_tool(self._tools[tool], self._upstream, None)

    def stopped(self, _tool: str | None, _now_s: float) -> Deny | None:
        return None

    def label(self, _tool: str) -> Label:
        raise AssertionError

    def resource(self, _uri: str, _now_s: float) -> ReadyResource | Deny:
        raise AssertionError

    def prompt(self, _name: str, _now_s: float) -> ReadyPrompt | Deny:
        raise AssertionError

    def holdings(self, _now_s: float) -> Holdings | Deny:
        raise AssertionError


def planner(find: Tool = FIND, upstream: UpstreamSpec = REST) -> Planner:
    return Planner(Shop(find, upstream), TaskRegister(1))


def planned(made: Planner, tool: str, arguments: dict[str, Any], now_s: float) -> Going | Refused:
    plan = made.plan("tools/call", {"name": tool, "arguments": arguments}, CAN, now_s)
    assert isinstance(plan, (Going, Refused))
    return plan


def find(made: Planner, now_s: float, customer: str, value: Any) -> Admitted | Rejected:
    plan = planned(made, "find", {"customer": customer}, now_s)
    assert isinstance(plan, Going)
    return plan.admit(HttpAnswer(200, "application/json", json.dumps(value).encode()))


def may_refund(made: Planner, now_s: float, **more: Any) -> bool:
    return isinstance(planned(made, "refund", CALL | more, now_s), Going)


def test_an_invoice_is_refunded_for_ten_minutes_after_it_was_shown() -> None:
    made = planner()
    assert not may_refund(made, 1000.0)
    find(made, 1000.0, "anna", {"data": [{"id": "i1"}]})
    assert may_refund(made, 1000.0)
    assert may_refund(made, 1600.0)
    assert not may_refund(made, 1660.0)
    assert not may_refund(made, 1001.0, customer="ben")
    assert not may_refund(made, 1001.0, invoice="i2")


def test_its_time_is_that_of_the_question_not_of_the_answer() -> None:
    made = planner()
    early = planned(made, "find", {"customer": "anna"}, 1000.0)
    assert isinstance(early, Going)
    assert may_refund(made, 1300.0) is False
    early.admit(HttpAnswer(200, "application/json", b'{"data":[{"id":"i1"}]}'))
    assert may_refund(made, 1600.0)
    assert not may_refund(made, 1600.1)


def test_a_clock_set_back_shows_nothing_that_is_still_to_come() -> None:
    made = planner()
    find(made, 1000.0, "anna", {"data": [{"id": "i1"}]})
    assert not may_refund(made, 999.0)


def test_a_field_that_the_model_did_not_get_was_not_shown() -> None:
    rules = ResultRules("off", None, ("data.total",), 1 << 20, ())
    made = planner(FIND._replace(result=rules))
    find(made, 1000.0, "anna", {"data": [{"id": "i1", "total": 5}]})
    assert not may_refund(made, 1000.0)


def test_an_answer_that_was_withheld_shows_nothing() -> None:
    rules = ResultRules("off", None, (), 10, ())
    made = planner(FIND._replace(result=rules))
    assert isinstance(find(made, 1000.0, "anna", {"data": [{"id": "i1"}]}), Rejected)
    assert not may_refund(made, 1000.0)


def test_a_tool_that_no_rule_refers_to_is_not_remembered() -> None:
    made = planner(FIND._replace(shows=()))
    find(made, 1000.0, "anna", {"data": [{"id": "i1"}]})
    assert not may_refund(made, 1000.0)


def test_the_text_of_a_gateway_s_answer_shows_values_too() -> None:
    made = planner(GATEWAY_FIND)
    plan = planned(made, "find", {"customer": "anna"}, 1000.0)
    assert isinstance(plan, Going)
    plan.admit(McpAnswer(TEXT))
    assert may_refund(made, 1000.0)


def test_the_result_of_a_task_shows_values_as_of_its_call() -> None:
    made = planner(GATEWAY_FIND, MCP._replace(features=FEATURES))
    plan = planned(made, "find", {"customer": "anna"}, 1000.0)
    assert isinstance(plan, Going)
    task = {
        "taskId": "t1",
        "status": "working",
        "ttlMs": None,
        "createdAt": "",
        "lastUpdatedAt": "",
    }
    assert isinstance(plan.admit(McpAnswer({**task, "resultType": "task"})), Admitted)
    asked = made.plan("tasks/get", {"taskId": "t1"}, CAN, 1300.0)
    assert isinstance(asked, Going)
    assert not may_refund(made, 1300.0)
    asked.admit(McpAnswer({**task, "status": "completed", "result": TEXT}))
    assert may_refund(made, 1600.0)
    assert not may_refund(made, 1600.1)
