"""Calls of one session: what reaches the road, and what of its answers reaches the client."""

from typing import Any

import pytest
from core.session_driver import PREFIX, Client, envelope, error, read, reply

from mcp_proxy import __version__
from mcp_proxy.core.answer import Log, Progress
from mcp_proxy.core.eras import LEVELS, Asked
from mcp_proxy.core.session import Call, Cancel

SERVER = {"name": "mcp-proxy", "version": __version__}
RESULT = {"content": [{"type": "text", "text": "hi"}], "structuredContent": [1]}


def test_a_call_is_handed_to_the_road_whole() -> None:
    call = Client().call("x", progressToken="t", **{PREFIX + "logLevel": "error"})
    asked = Asked("x", "2026-07-28", "t", "error", {})
    assert call == Call(asked, "tools/call", {"name": "find", "arguments": {"q": 1}})


@pytest.mark.parametrize("arguments", [None, {}, [], "x", 0, False])
def test_arguments_reach_the_decision_as_they_are(arguments: Any) -> None:
    (call,) = Client().modern("tools/call", name="find", arguments=arguments)
    assert isinstance(call, Call)
    assert call.params == {"name": "find", "arguments": arguments}
    (call,) = Client().modern("tools/call", name="find")
    assert isinstance(call, Call)
    assert call.params == {"name": "find"}


@pytest.mark.parametrize("name", [None, 1, ["find"], {}])
def test_a_tools_name_is_a_string(name: Any) -> None:
    assert error(Client().modern("tools/call", name=name)) == (1, -32602)


@pytest.mark.parametrize(
    ("version", "kept"),
    [
        ("2025-11-25", {"content": RESULT["content"]}),
        ("2024-11-05", {"content": RESULT["content"]}),
    ],
)
def test_a_legacy_client_gets_no_modern_fields(version: str, kept: dict[str, Any]) -> None:
    client = Client()
    client.handshake(version)
    call = client.call(modern=False)
    answer = {**RESULT, "resultType": "complete", "_meta": {PREFIX + "serverInfo": {"name": "gw"}}}
    assert read(client.voice.finish(call.asked, answer))["result"] == kept


@pytest.mark.parametrize(
    ("version", "is_kept"),
    [("2025-11-25", True), ("2025-06-18", True), ("2025-03-26", False), ("2024-11-05", False)],
)
def test_structured_objects_reach_the_versions_that_have_them(version: str, is_kept: bool) -> None:
    client = Client()
    client.handshake(version)
    call = client.call(modern=False)
    answer = read(client.voice.finish(call.asked, {"content": [], "structuredContent": {"a": 1}}))
    assert ("structuredContent" in answer["result"]) is is_kept


def test_a_modern_client_gets_any_json_a_type_and_our_name() -> None:
    client = Client()
    call = client.call()
    meta = {"com.example/trace": 1, PREFIX + "serverInfo": {"name": "gateway"}}
    assert read(client.voice.finish(call.asked, {**RESULT, "_meta": meta}))["result"] == {
        **RESULT,
        "resultType": "complete",
        "_meta": {"com.example/trace": 1, PREFIX + "serverInfo": SERVER},
    }


@pytest.mark.parametrize("meta", [None, [1], "x", 5, True])
@pytest.mark.parametrize("modern", [True, False])
def test_a_hostile_meta_of_an_upstream_does_not_lose_the_answer(meta: Any, modern: bool) -> None:
    client = Client()
    client.handshake()
    call = client.call(modern=modern)
    answer = read(client.voice.finish(call.asked, {**RESULT, "_meta": meta}))["result"]
    assert answer["content"] == RESULT["content"]


@pytest.mark.parametrize("meta", [None, [1], "x", 5, {"progressToken": True}])
def test_a_hostile_meta_of_a_client_does_not_end_the_session(meta: Any) -> None:
    client = Client()
    client.handshake()
    (call,) = client.ask("tools/call", name="find", _meta=meta)
    assert isinstance(call, Call)
    assert call.asked.progress_token is None


def test_a_failed_call_is_an_error_under_its_id() -> None:
    client = Client()
    call = client.call("x")
    line = client.voice.fail(call.asked, -32602, "Unknown tool: find")
    assert read(line)["error"] == {"code": -32602, "message": "Unknown tool: find"}


def test_an_id_in_flight_is_not_taken_twice_and_is_free_again_after_the_answer() -> None:
    client = Client()
    client.handshake()
    call = client.call(7)
    assert error(client.modern("tools/call", 7, name="find")) == (7, -32600)
    assert error(client.ask("ping", 7)) == (7, -32600)
    assert isinstance(client.call("7"), Call), "a string is another id than a number"
    assert client.voice.finish(call.asked, RESULT) is not None
    assert isinstance(client.call(7), Call)


def test_a_call_is_answered_once() -> None:
    client = Client()
    call = client.call()
    assert client.voice.finish(call.asked, RESULT) is not None
    assert client.voice.finish(call.asked, RESULT) is None
    assert client.voice.fail(call.asked, -32603, "x") is None


def test_a_cancelled_call_is_answered_never() -> None:
    client = Client()
    call = client.call(7, progressToken=7, **{PREFIX + "logLevel": "debug"})
    assert client.tell("notifications/cancelled", requestId=7, reason="no") == [Cancel(7)]
    assert client.voice.finish(call.asked, RESULT) is None
    assert client.voice.fail(call.asked, -32603, "x") is None
    assert client.progress(call, 1) is None
    assert client.voice.beat(call.asked) is None
    assert client.log(call, "emergency") is None


def test_the_late_answer_to_a_cancelled_call_is_not_given_to_its_successor() -> None:
    client = Client()
    first = client.call(7, progressToken=7)
    client.tell("notifications/cancelled", requestId=7)
    second = client.call(7, progressToken=7)
    assert client.voice.finish(first.asked, RESULT) is None
    assert client.progress(first, 5) is None
    assert client.progress(second, 1) is not None
    assert client.voice.finish(second.asked, RESULT) is not None


@pytest.mark.parametrize("request_id", [99, "7", True, 7.0, None, [7]])
def test_a_cancel_of_what_does_not_run_is_passed_over(request_id: Any) -> None:
    client = Client()
    call = client.call(7)
    assert client.tell("notifications/cancelled", requestId=request_id) == []
    assert client.voice.finish(call.asked, RESULT) is not None


def test_progress_bears_the_clients_token_and_only_grows() -> None:
    client = Client()
    call = client.call(progressToken="p")
    assert client.progress(call, 1) == {
        "jsonrpc": "2.0",
        "method": "notifications/progress",
        "params": {"progressToken": "p", "progress": 1, "total": 10, "message": "working"},
    }
    assert client.progress(call, 1) is None
    assert client.progress(call, 0.5) is None
    assert client.progress(call, 2) is not None
    bare = read(client.voice.progress(call.asked, Progress(3, None, None)))
    assert bare["params"] == {"progressToken": "p", "progress": 3}


def test_progress_that_was_not_asked_for_is_not_told() -> None:
    client = Client()
    call = client.call()
    assert client.progress(call, 1) is None
    assert client.voice.beat(call.asked) is None


@pytest.mark.parametrize("progress", [0, -5, 0.1, 1e9, 1e300, 2**62])
def test_our_own_sign_of_life_is_above_the_last_progress_and_leaves_room(progress: float) -> None:
    client = Client()
    call = client.call(progressToken="p")
    client.progress(call, progress)
    told = [read(client.voice.beat(call.asked))["params"]["progress"] for _ in range(3)]
    assert progress < told[0] < told[1] < told[2]
    assert client.progress(call, progress * 2 + 1 if progress >= 0 else 0) is not None


def test_progress_ends_with_the_call() -> None:
    client = Client()
    call = client.call(progressToken="p")
    client.voice.finish(call.asked, RESULT)
    assert client.progress(call, 1) is None
    again = client.call(progressToken="p")
    assert client.progress(again, 1) is not None


def test_a_modern_request_hears_no_log_unless_it_asks() -> None:
    client = Client()
    call = client.call()
    assert [client.log(call, level) for level in LEVELS] == [None] * 8


@pytest.mark.parametrize("asked", LEVELS)
def test_a_modern_request_hears_its_level_and_above(asked: str) -> None:
    client = Client()
    call = client.call(**{PREFIX + "logLevel": asked})
    heard = [level for level in LEVELS if client.log(call, level) is not None]
    assert heard == list(LEVELS[LEVELS.index(asked) :])


def test_a_log_message_is_worded_as_the_protocol_does() -> None:
    client = Client()
    call = client.call(**{PREFIX + "logLevel": "info"})
    assert client.log(call, "error") == {
        "jsonrpc": "2.0",
        "method": "notifications/message",
        "params": {"level": "error", "logger": "billing", "data": {"a": 1}},
    }
    bare = read(client.voice.log(call.asked, Log("error", None, "x")))
    assert bare["params"] == {"level": "error", "data": "x"}
    assert client.log(call, "loud") is None


@pytest.mark.parametrize("level", ["loud", 3, None, ["info"], {"a": 1}])
def test_a_modern_request_with_an_unknown_level_is_refused(level: Any) -> None:
    meta = {PREFIX + "logLevel": level}
    outcomes = Client().modern("tools/call", 1, meta, name="find")
    if level is None:
        assert isinstance(outcomes[0], Call)
    else:
        assert error(outcomes) == (1, -32602)


def test_a_legacy_client_sets_the_level_once_for_all_calls() -> None:
    client = Client()
    client.handshake()
    call = client.call(1, modern=False)
    assert client.log(call, "info") is not None
    assert client.log(call, "debug") is None
    client.ask("logging/setLevel", 2, level="error")
    assert client.log(call, "warning") is None
    assert client.log(call, "error") is not None
    modern = client.call(3)
    assert client.log(modern, "emergency") is None, "a modern request is bound by its own alone"


def test_the_level_of_one_request_is_not_that_of_the_next() -> None:
    client = Client()
    client.call(1, **{PREFIX + "logLevel": "debug"})
    assert client.log(client.call(2), "emergency") is None


def test_era_and_wording_are_the_requests_own() -> None:
    client = Client()
    client.handshake()
    legacy, modern = client.call(1, modern=False), client.call(2)
    assert "resultType" not in read(client.voice.finish(legacy.asked, RESULT))["result"]
    assert "resultType" in read(client.voice.finish(modern.asked, RESULT))["result"]


def test_a_call_in_flight_survives_a_second_handshake() -> None:
    client = Client()
    client.handshake("2025-11-25")
    call = client.call(1, modern=False)
    client.handshake("2024-11-05")
    structured = {"content": [], "structuredContent": {"a": 1}}
    assert "structuredContent" in read(client.voice.finish(call.asked, structured))["result"]


def test_a_call_names_its_client_to_the_log() -> None:
    client = Client()
    meta = envelope(**{PREFIX + "clientInfo": {"name": "host", "version": "2"}})
    client.ask("tools/call", name="find", _meta=meta)
    assert client.session.client == {"name": "host", "version": "2"}


def test_a_malformed_repetition_does_not_answer_a_call_in_flight_twice() -> None:
    client = Client()
    call = client.call(7)
    repeated = reply(client.send(b'{"jsonrpc":"2.0","id":7,"method":"ping","params":[]}'))
    assert repeated["error"]["code"] == -32602
    assert client.voice.finish(call.asked, RESULT) is not None
