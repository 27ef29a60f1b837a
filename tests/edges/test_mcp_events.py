"""What a gateway says during a call: handed on within its bounds."""

from typing import Any

import pytest

from mcp_proxy.core.answer import Event, Log, Progress, Wishes
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.mcp_events import CallEvents

ALL = ("progress", "logging")


def heard(*datas: Any) -> list[Event]:
    events: list[Event] = []
    call = CallEvents(ALL, Wishes({}, "debug"), events.append, LIMITS)
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


def test_s14_progress_is_bounded_in_number() -> None:
    events: list[Event] = []
    call = CallEvents(ALL, Wishes({}, progress=True), events.append, LIMITS)
    for progress in range(LIMITS.progress_events + 2):
        params = {"progressToken": 1, "progress": progress}
        call.hear({"method": "notifications/progress", "params": params}, 1)
    assert len(events) == LIMITS.progress_events


def said(features: tuple[str, ...], wishes: Wishes) -> list[Event]:
    """What is handed on of a progress note and one log message of each of three levels."""
    events: list[Event] = []
    call = CallEvents(features, wishes, events.append, LIMITS)
    note = {"progressToken": 1, "progress": 1}
    call.hear({"method": "notifications/progress", "params": note}, 1)
    for level in ("debug", "warning", "emergency", "loud", ["info"]):
        params = {"level": level, "data": 1}
        call.hear({"method": "notifications/message", "params": params}, 1)
    return events


def test_log_messages_below_the_level_of_the_request_are_dropped() -> None:
    assert said(ALL, Wishes({}, "warning")) == [
        Log("warning", None, 1),
        Log("emergency", None, 1),
    ]


@pytest.mark.parametrize("level", [None, "loud"])
def test_a_client_that_wants_no_log_messages_gets_none(level: str | None) -> None:
    assert said(ALL, Wishes({}, level, progress=True)) == [Progress(1, None, None)]


def test_s14_features_that_the_profile_does_not_name_are_not_handed_on() -> None:
    assert said((), Wishes({}, "debug", progress=True)) == []


def test_a_client_that_wants_no_progress_gets_none() -> None:
    assert said(("progress",), Wishes({})) == []
