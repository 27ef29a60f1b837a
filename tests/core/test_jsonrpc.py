"""One line, one frame: what is a message, what is answered, and under which id."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.jsonrpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    Bad,
    Batch,
    Gathering,
    Message,
    Response,
    Told,
    error_line,
    notification_line,
    parse_frame,
    reply_of,
    request_line,
    result_line,
    spliced_result_line,
)


def bad(line: bytes) -> Bad:
    frame = parse_frame(line)
    assert isinstance(frame, Bad)
    return frame


@pytest.mark.parametrize("request_id", [1, 0, -1, "a", "", "1", 2**53])
def test_a_request_keeps_its_id_and_its_type(request_id: Any) -> None:
    line = json.dumps({"jsonrpc": "2.0", "id": request_id, "method": "ping"}).encode()
    frame = parse_frame(line)
    assert frame == Message(request_id, "ping", {})
    assert isinstance(frame, Message)
    assert type(frame.id) is type(request_id)


def test_a_message_without_an_id_is_a_notification() -> None:
    assert parse_frame(b'{"jsonrpc":"2.0","method":"m","params":{"a":1}}') == Message(
        None, "m", {"a": 1}
    )


@pytest.mark.parametrize("text", ["null", "true", "false", "1.0", "1.5", "[]", "{}"])
def test_an_id_is_a_string_or_an_integer(text: str) -> None:
    frame = bad(b'{"jsonrpc":"2.0","id":%s,"method":"ping"}' % text.encode())
    assert frame == Bad(None, INVALID_REQUEST, "An id is a string or an integer")


@pytest.mark.parametrize(
    ("line", "request_id"),
    [
        (b"1", None),
        (b'"x"', None),
        (b"null", None),
        (b"{}", None),
        (b'{"id":7}', 7),
        (b'{"jsonrpc":"1.0","id":7,"method":"ping"}', 7),
        (b'{"jsonrpc":2.0,"id":7,"method":"ping"}', 7),
        (b'{"jsonrpc":"2.0","id":7}', 7),
        (b'{"jsonrpc":"2.0","id":7,"method":5}', 7),
        (b"[]", None),
    ],
)
def test_what_is_no_message_is_an_invalid_request(line: bytes, request_id: Any) -> None:
    frame = bad(line)
    assert (frame.code, frame.id, frame.answerable) == (INVALID_REQUEST, request_id, True)


@pytest.mark.parametrize("params", ["[]", "1", "null", '"x"'])
def test_params_are_an_object(params: str) -> None:
    frame = bad(b'{"jsonrpc":"2.0","id":7,"method":"m","params":%s}' % params.encode())
    assert (frame.code, frame.id, frame.answerable) == (INVALID_PARAMS, 7, True)
    frame = bad(b'{"jsonrpc":"2.0","method":"m","params":%s}' % params.encode())
    assert not frame.answerable


def test_a_line_that_is_not_json_is_answered_without_an_id() -> None:
    frame = bad(b'{"jsonrpc":"2.0","id":7,')
    assert (frame.code, frame.id, frame.answerable) == (PARSE_ERROR, None, True)


@pytest.mark.parametrize(
    "argument",
    [b'{"a":1,"a":2}', b"NaN", b"9223372036854775808", b"[" * 70 + b"]" * 70, b'"\\ud800"'],
)
def test_s25_the_sender_of_a_refused_request_learns_it_under_its_id(argument: bytes) -> None:
    head = b'{"jsonrpc":"2.0","method":"tools/call","params":{"arguments":'
    frame = bad(b'%s%s},"id":"x"}' % (head, argument))
    assert (frame.code, frame.id, frame.answerable) == (INVALID_PARAMS, "x", True)
    assert not bad(b"%s%s}}" % (head, argument)).answerable


def test_a_response_is_told_from_a_request() -> None:
    body = {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert parse_frame(json.dumps(body).encode()) == Response(1, body)


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        ({"result": {"a": None}}, {"a": None}),
        ({"result": {}, "error": None}, {}),
        ({"error": {"code": -1, "message": "no"}}, Told(-1, "no")),
        ({"error": {"code": -1, "message": "no", "data": 0}}, Told(-1, "no", 0)),
        ({"result": {}, "error": {"code": -1, "message": "no"}}, None),
        ({"result": []}, None),
        ({"error": {"code": 1.0, "message": "no"}}, None),
        ({"error": []}, None),
    ],
)
def test_a_response_is_a_result_or_an_error_or_neither(body: dict[str, Any], reply: Any) -> None:
    assert reply_of(Response("x", body)) == reply


def test_a_batch_is_told_once_all_its_answers_are_there() -> None:
    gathering = Gathering([b"1\n"], {"a", "b", "c"})
    assert gathering.add("a", b"2\n") is None
    assert gathering.add("b", None) is None
    assert gathering.add("c", b"3\n") == b"[1,2,3]\n"
    assert Gathering([], {"a"}).add("a", None) is None, "no answer is no empty array"


def test_an_array_is_a_batch() -> None:
    assert parse_frame(b"[1,2]") == Batch([1, 2])


def test_lines_are_compact_json_with_a_newline() -> None:
    assert result_line(1, {"a": "ü"}) == '{"jsonrpc":"2.0","id":1,"result":{"a":"ü"}}\n'.encode()
    assert spliced_result_line("x", b'{"tools":', b"[1]", b"}") == (
        b'{"jsonrpc":"2.0","id":"x","result":{"tools":[1]}}\n'
    )
    assert error_line(None, -32700, "no") == (
        b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}\n'
    )
    assert error_line(2, 1003, "no", {"id": "MCPX-P03"}) == (
        b'{"jsonrpc":"2.0","id":2,"error":{"code":1003,"message":"no","data":{"id":"MCPX-P03"}}}\n'
    )
    assert request_line("a", "m", {}) == b'{"jsonrpc":"2.0","id":"a","method":"m"}\n'
    assert request_line(1, "m", {"a": None}) == (
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":null}}\n'
    )
    assert notification_line("m", {}) == b'{"jsonrpc":"2.0","method":"m","params":{}}\n'


@given(st.binary())
def test_any_line_becomes_a_frame(line: bytes) -> None:
    assert isinstance(parse_frame(line), Message | Response | Bad | Batch)


@given(st.text(), st.integers())
def test_a_hostile_id_cannot_break_the_line_it_is_answered_in(text: str, number: int) -> None:
    for request_id in (text, number):
        line = error_line(request_id, -32600, "no")
        assert line.count(b"\n") == 1
        assert json.loads(line)["error"]["code"] == -32600
