"""Our requests to a legacy client: ids of our own, answered once, bounded, withdrawn."""

from typing import Any

import pytest
from core.session_driver import ALL, Client, notes, read

from mcp_proxy.core.answer import Question
from mcp_proxy.core.jsonrpc import Told
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.session import Answered

ELICIT = Question("elicitation/create", {"message": "Name?", "requestedSchema": {}})


def asked(client: Client, question: Question = ELICIT) -> Any:
    put = client.voice.question(question)
    assert put is not None
    request_id, line = put
    message = read(line)
    assert message["id"] == request_id
    return message


def legacy() -> Client:
    client = Client(ALL)
    client.handshake()
    return client


def answer(client: Client, request_id: Any, **body: Any) -> list[Any]:
    return client.say({"jsonrpc": "2.0", "id": request_id, **body})


def test_a_question_is_a_request_under_an_id_of_ours() -> None:
    client = legacy()
    first, second = asked(client), asked(client, Question("roots/list", {}))
    assert first == {
        "jsonrpc": "2.0",
        "id": "mcp-proxy-1",
        "method": "elicitation/create",
        "params": {"message": "Name?", "requestedSchema": {}},
    }
    assert second == {"jsonrpc": "2.0", "id": "mcp-proxy-2", "method": "roots/list"}


def test_a_modern_client_is_never_sent_a_request() -> None:
    client = Client(ALL)
    client.modern("server/discover")
    assert client.voice.question(ELICIT) is None


def test_the_answer_is_told_once() -> None:
    client = legacy()
    request_id = asked(client)["id"]
    result = {"action": "accept", "content": {"n": None}}
    assert answer(client, request_id, result=result) == [Answered(request_id, result)]
    assert answer(client, request_id, result=result) == []


def test_an_error_of_the_client_is_an_answer() -> None:
    client = legacy()
    request_id = asked(client)["id"]
    said = answer(client, request_id, error={"code": -1, "message": "no", "data": [1]})
    assert said == [Answered(request_id, Told(-1, "no", [1]))]


@pytest.mark.parametrize(
    "body",
    [
        *({"result": None}, {"result": []}, {"result": "yes"}, {"error": None}, {"error": "no"}),
        *({"error": {}}, {"error": {"code": "1", "message": "no"}}),
        *({"error": {"code": True, "message": "no"}}, {"error": {"code": 1, "message": None}}),
        {"result": {"action": "accept"}, "error": {"code": 1, "message": "no"}},
    ],
)
def test_a_malformed_answer_is_noted_and_ends_the_wait(body: dict[str, Any]) -> None:
    client = legacy()
    request_id = asked(client)["id"]
    outcomes = answer(client, request_id, **body)
    assert notes(outcomes) == ["invalid"]
    (answered,) = [item for item in outcomes if isinstance(item, Answered)]
    assert isinstance(answered.reply, Told)


@pytest.mark.parametrize("request_id", ["mcp-proxy-2", "MCP-PROXY-1", 1, None, ["mcp-proxy-1"]])
def test_an_answer_to_what_was_not_asked_is_passed_over(request_id: Any) -> None:
    client = legacy()
    asked(client)
    assert answer(client, request_id, result={}) == []
    assert len(answer(client, "mcp-proxy-1", result={})) == 1


def test_a_withdrawn_question_is_cancelled_and_its_late_answer_passed_over() -> None:
    client = legacy()
    request_id = asked(client)["id"]
    told = read(client.voice.withdraw(request_id))
    assert told["method"] == "notifications/cancelled"
    assert told["params"]["requestId"] == request_id
    assert client.voice.withdraw(request_id) is None
    assert answer(client, request_id, result={}) == []


def test_an_answered_question_is_not_withdrawn() -> None:
    client = legacy()
    request_id = asked(client)["id"]
    answer(client, request_id, result={})
    assert client.voice.withdraw(request_id) is None


def test_open_questions_are_bounded() -> None:
    client = legacy()
    ids = [asked(client)["id"] for _ in range(LIMITS.questions_open)]
    assert client.voice.question(ELICIT) is None
    answer(client, ids[0], result={})
    assert asked(client)["id"] not in ids


def test_the_clients_own_ids_are_apart_from_ours() -> None:
    client = legacy()
    request_id = asked(client)["id"]
    call = client.call(request_id)
    assert len(answer(client, request_id, result={})) == 1
    assert client.voice.finish(call.asked, {"content": []}) is not None
