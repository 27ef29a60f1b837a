"""Requests of every method: what reaches the road, and how each era's answers are worded."""

from typing import Any

import pytest
from core.session_driver import ALL, PREFIX, TASKS, Client, error, read, reply

from mcp_proxy import __version__
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.session import Call, Outcome

SERVER = {"name": "mcp-proxy", "version": __version__}
META = {PREFIX + "serverInfo": SERVER}
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
READ: dict[str, Any] = {"uri": "docs://readme"}
GET: dict[str, Any] = {"name": "greet", "arguments": {"who": "you"}}
COMPLETE: dict[str, Any] = {
    "ref": {"type": "ref/prompt", "name": "greet"},
    "argument": {"name": "who", "value": "y"},
    "context": {"arguments": {}},
}
BOTH_ERAS: dict[str, dict[str, Any]] = {
    "tools/call": {"name": "find", "arguments": {}},
    "resources/read": READ,
    "prompts/get": GET,
    "completion/complete": COMPLETE,
}
TASK = {"taskId": "t1"}
TASK_METHODS: dict[str, dict[str, Any]] = {
    "tasks/get": TASK,
    "tasks/update": {**TASK, "inputResponses": {"k": {"action": "accept"}}},
    "tasks/cancel": TASK,
}
RETRY = {"inputResponses": {"k": {"action": "decline"}}, "requestState": "sealed"}
RETRIED = ("tools/call", "resources/read", "prompts/get")


def legacy(version: str = "2025-11-25") -> Client:
    client = Client(ALL)
    client.handshake(version)
    return client


def the_call(outcomes: list[Outcome]) -> Call:
    (call,) = outcomes
    assert isinstance(call, Call)
    return call


def finished(client: Client, call: Call, result: dict[str, Any]) -> Any:
    return read(client.voice.finish(call.asked, result))


def failed(client: Client, call: Call, code: int, data: Any = None) -> Any:
    return read(client.voice.fail(call.asked, code, "no", data))["error"]


@pytest.mark.parametrize("method", BOTH_ERAS)
def test_a_request_of_either_era_reaches_the_road(method: str) -> None:
    params = BOTH_ERAS[method]
    client = legacy()
    for call in (
        the_call(client.ask(method, 1, **params, _meta={"progressToken": 5})),
        the_call(client.modern(method, 2, {"progressToken": 5}, **params)),
    ):
        assert (call.method, call.params) == (method, params)
        assert call.asked.progress_token == 5


@pytest.mark.parametrize("method", ["resources/subscribe", "resources/unsubscribe"])
def test_a_subscription_to_a_resource_is_a_legacy_request(method: str) -> None:
    assert the_call(legacy().ask(method, **READ)).params == READ
    assert error(Client(ALL).modern(method, **READ)) == (1, -32601)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        *(("resources/read", {}), ("resources/read", {"uri": 5}), ("resources/read", {"uri": []})),
        ("resources/read", {"uri": "x" * (LIMITS.uri_chars + 1)}),
        *(("prompts/get", {}), ("prompts/get", {"name": 1})),
        *(("prompts/get", {**GET, "arguments": []}), ("prompts/get", {**GET, "arguments": "x"})),
        *(("completion/complete", {**COMPLETE, key: "x"}) for key in COMPLETE),
        *(("completion/complete", {**COMPLETE, key: None}) for key in ("ref", "argument")),
    ],
)
def test_params_of_another_form_are_refused_in_both_eras(
    method: str, params: dict[str, Any]
) -> None:
    client = legacy()
    assert error(client.ask(method, **params)) == (1, -32602)
    assert error(client.modern(method, **params)) == (1, -32602)
    assert client.session.calls == {}


@pytest.mark.parametrize("method", RETRIED)
def test_a_modern_retry_keeps_its_replies_and_its_state(method: str) -> None:
    params = {**BOTH_ERAS[method], **RETRY}
    assert the_call(Client(ALL).modern(method, **params)).params == params


@pytest.mark.parametrize("method", RETRIED)
def test_a_legacy_request_has_no_replies_and_no_state(method: str) -> None:
    call = the_call(legacy().ask(method, **BOTH_ERAS[method], **RETRY))
    assert call.params == BOTH_ERAS[method]


@pytest.mark.parametrize("method", RETRIED)
@pytest.mark.parametrize(
    "again",
    [
        *({"inputResponses": []}, {"inputResponses": "x"}, {"requestState": 5}),
        {"requestState": {}},
        {"requestState": "x" * (LIMITS.sealed_chars + 1)},
        {"inputResponses": {str(number): {} for number in range(LIMITS.questions + 1)}},
    ],
)
def test_s15_replies_and_state_of_another_form_or_size_are_refused(
    method: str, again: dict[str, Any]
) -> None:
    outcomes = Client(ALL).modern(method, **BOTH_ERAS[method], **again)
    assert error(outcomes) == (1, -32602)


@pytest.mark.parametrize("method", TASK_METHODS)
def test_tasks_are_for_requests_that_declare_them(method: str) -> None:
    client = Client(ALL)
    params = TASK_METHODS[method]
    assert the_call(client.modern(method, 1, TASKS, **params)).params == params
    answer = reply(client.modern(method, 2, **params))["error"]
    assert answer["code"] == -32021
    assert answer["data"] == {"requiredCapabilities": {"extensions": {PREFIX + "tasks": {}}}}


@pytest.mark.parametrize("method", TASK_METHODS)
def test_tasks_are_of_the_modern_era(method: str) -> None:
    client = legacy()
    assert error(client.ask(method, **TASK_METHODS[method])) == (1, -32601)
    without = ALL._replace(capabilities={"tools": {}})
    assert error(Client(without).modern(method, 1, TASKS, **TASK)) == (1, -32601)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        *(("tasks/get", {}), ("tasks/get", {"taskId": 1}), ("tasks/update", TASK)),
        ("tasks/update", {**TASK, "inputResponses": []}),
        ("tasks/cancel", {"taskId": "x" * (LIMITS.task_id_chars + 1)}),
    ],
)
def test_a_task_request_of_another_form_is_refused(method: str, params: dict[str, Any]) -> None:
    assert error(Client(ALL).modern(method, 1, TASKS, **params)) == (1, -32602)


@pytest.mark.parametrize("method", BOTH_ERAS)
def test_every_modern_result_has_a_type_and_our_name(method: str) -> None:
    client = Client(ALL)
    call = client.called(method, **BOTH_ERAS[method])
    meta = {"com.example/trace": None, PREFIX + "serverInfo": 1, PREFIX + "subscriptionId": "l"}
    result = finished(client, call, {"x": [None], "_meta": meta})["result"]
    assert (result["resultType"], result["x"]) == ("complete", [None])
    assert result["_meta"] == {"com.example/trace": None, **META}


@pytest.mark.parametrize("method", BOTH_ERAS)
@pytest.mark.parametrize("version", LEGACY)
def test_no_legacy_result_has_what_its_version_does_not_know(method: str, version: str) -> None:
    client = legacy(version)
    call = the_call(client.ask(method, **BOTH_ERAS[method]))
    meta = {"com.example/trace": 1, PREFIX + "subscriptionId": "l"}
    given = {"x": [None], "resultType": "complete", "_meta": meta}
    result = finished(client, call, given)["result"]
    assert result == {"x": [None], "_meta": {"com.example/trace": 1}}


@pytest.mark.parametrize(
    ("given", "told"),
    [(5000, 5000), (0, 0), (-1, 0), (None, 0), (True, 0), (1.5, 0), ("x", 0)],
)
def test_a_read_tells_a_modern_client_how_long_it_may_be_kept(given: Any, told: int) -> None:
    client = Client(ALL)
    contents = [{"uri": "docs://readme", "text": "hi"}]
    answer = {"contents": contents, "ttlMs": given, "cacheScope": "public"}
    result = finished(client, client.called("resources/read", **READ), answer)["result"]
    assert result == {
        "resultType": "complete",
        "contents": contents,
        "ttlMs": told,
        "cacheScope": "private",
        "_meta": META,
    }
    client = legacy()
    call = the_call(client.ask("resources/read", **READ))
    assert finished(client, call, answer)["result"] == {"contents": contents}


@pytest.mark.parametrize("version", LEGACY)
@pytest.mark.parametrize("kind", ["audio", "resource_link", "of-tomorrow"])
def test_content_of_a_kind_that_a_version_does_not_know_is_not_lost(
    version: str, kind: str
) -> None:
    client = legacy(version)
    content = [{"type": kind, "data": None, "future": {"a": [1]}}]
    call = client.call(modern=False)
    assert finished(client, call, {"content": content})["result"] == {"content": content}


@pytest.mark.parametrize("result_type", ["input_required", "task"])
def test_a_result_that_is_no_end_passes_to_a_modern_client(result_type: str) -> None:
    client = Client(ALL)
    given = {"resultType": result_type, "taskId": "t1", "ttlMs": None, "inputRequests": {}}
    result = finished(client, client.called("tools/call", name="find"), given)["result"]
    assert result == {**given, "_meta": META}
    asked = client.called("resources/read", **READ)
    assert "cacheScope" not in finished(client, asked, given)["result"]


@pytest.mark.parametrize("result_type", ["input_required", "task", "of-tomorrow", None, {}])
def test_a_legacy_client_never_gets_a_result_that_is_no_end(result_type: Any) -> None:
    client = legacy()
    answer = finished(client, client.call(modern=False), {"resultType": result_type})
    assert answer["error"]["code"] == -32603


def test_a_modern_client_never_gets_a_result_of_an_unknown_type() -> None:
    client = Client(ALL)
    for result_type in ("of-tomorrow", None, ["task"]):
        answer = finished(client, client.call(), {"resultType": result_type})
        assert answer["error"]["code"] == -32603


@pytest.mark.parametrize("code", [-32002, -32602])
def test_a_missing_resource_is_told_in_each_eras_own_way(code: int) -> None:
    client = legacy()
    call = the_call(client.ask("resources/read", **READ))
    assert failed(client, call, code) == {"code": -32002, "message": "no", "data": READ}
    call = client.called("resources/read", **READ)
    assert failed(client, call, code) == {"code": -32602, "message": "no", "data": READ}


@pytest.mark.parametrize(
    ("code", "modern"), [(-32002, -32602), (-32042, -32603), (-32021, -32021), (7, 7)]
)
def test_codes_that_an_era_lost_are_renamed(code: int, modern: int) -> None:
    client = legacy()
    call = client.call(modern=False)
    assert failed(client, call, code, {"a": None}) == {
        "code": code,
        "message": "no",
        "data": {"a": None},
    }
    call = client.call()
    assert failed(client, call, code)["code"] == modern


def test_an_unknown_tool_stays_an_invalid_param_in_both_eras() -> None:
    client = legacy()
    assert failed(client, client.call(1, modern=False), -32602) == {"code": -32602, "message": "no"}
    assert failed(client, client.call(2), -32602)["code"] == -32602
