"""What a gateway says during a call: handed on within its bounds."""

from typing import Any

from mcp_proxy.core.answer import Event, Log
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.mcp_events import CallEvents


def heard(*datas: Any) -> list[Event]:
    events: list[Event] = []
    call = CallEvents(("progress", "logging"), events.append, LIMITS)
    for data in datas:
        params = {"level": "info", "data": data}
        call.hear({"method": "notifications/message", "params": params}, 1)
    return events


def test_s14_log_messages_are_bounded_in_all() -> None:
    large = "x" * (LIMITS.log_bytes // 2)
    assert heard(large, "y", large, "z", large) == [
        Log("info", None, large),
        Log("info", None, "y"),
    ]


def test_s14_a_log_message_above_the_bound_is_dropped() -> None:
    assert heard({"a": ["x" * LIMITS.log_bytes]}) == []
