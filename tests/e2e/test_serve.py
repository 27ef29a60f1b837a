"""The installed command as a client sees it: raw bytes, both eras, real upstreams on loopback."""

import json
import queue
from typing import Any

import pytest
from e2e.client import RawClient, text_of
from e2e.stage import Stage

ERAS = pytest.mark.parametrize("modern", [True, False], ids=["modern", "legacy"])
NAMES = ["find_customer", "find_invoices", "refund_invoice", "exchange_rate", "export_statement"]


def greet(client: RawClient, modern: bool) -> Any:
    if modern:
        return client.request("server/discover")["result"]
    return client.handshake()


@ERAS
def test_the_profile_s_tools_are_listed(stage: Stage, modern: bool) -> None:
    with stage.serve() as client:
        greet(client, modern)
        tools = client.request("tools/list", modern=modern)["result"]["tools"]
        assert [tool["name"] for tool in tools] == NAMES
        assert "tenant" not in json.dumps(tools)
        assert client.end() == 0


@ERAS
def test_an_allowed_call_is_answered_cleaned_and_picked(stage: Stage, modern: bool) -> None:
    with stage.serve() as client:
        greet(client, modern)
        result = client.call("find_invoices", {"customer": "cus_0001"}, modern=modern)
        rows = json.loads(text_of(result))["data"]
        assert not result.get("isError", False)
        assert [sorted(row) for row in rows] == [["currency", "id", "note", "status", "total"]] * 3
        assert rows[1]["note"] == "Rush order, call first"
        assert result["structuredContent"] == {"data": rows}


@ERAS
def test_a_gateway_call_passes_progress_through(stage: Stage, modern: bool) -> None:
    with stage.serve() as client:
        greet(client, modern)
        params = {"name": "export_statement", "arguments": {"month": "2026-05"}}
        params["_meta"] = {"progressToken": "p1"}
        answer = client.request("tools/call", params, modern=modern)
        assert text_of(answer["result"]) == "Statement 2026-05: 3 pages."
        steps = [note["params"] for note in client.kept]
        assert [(step["progressToken"], step["progress"]) for step in steps] == [
            ("p1", 1),
            ("p1", 2),
            ("p1", 3),
        ]


@ERAS
@pytest.mark.parametrize(
    ("tool", "arguments", "error"),
    [
        ("refund_invoice", {"invoice_id": "inv_1003", "amount": 25_000}, "MCPX-D14"),
        ("refund_invoice", {"invoice_id": "inv_1003", "amount": 60_000}, "MCPX-D01"),
        ("refund_invoice", {"invoice_id": "../customers", "amount": 5}, "MCPX-D01"),
        ("refund_invoice", {"amount": 5}, "MCPX-D01"),
        ("find_invoices", {"customer": "cus_0001", "extra": 1}, "MCPX-D01"),
        ("find_customer", {"customer": "cus_0001/../../refunds"}, "MCPX-D01"),
    ],
)
def test_a_denied_call_never_reaches_the_upstream(
    stage: Stage, modern: bool, tool: str, arguments: Any, error: str
) -> None:
    before = len(stage.api.seen)
    with stage.serve() as client:
        greet(client, modern)
        result = client.call(tool, arguments, modern=modern)
        assert result["isError"] is True
        assert error in text_of(result)
        assert client.end() == 0
    assert len(stage.api.seen) == before
    assert [entry["error"] for entry in stage.log() if entry["kind"] == "decided"][-1] == error


@ERAS
def test_a_constant_cannot_be_chosen_by_the_client(stage: Stage, modern: bool) -> None:
    before = len(stage.api.seen)
    with stage.serve() as client:
        greet(client, modern)
        arguments = {"customer": "cus_0001", "tenant": "other"}
        result = client.call("find_invoices", arguments, modern=modern)
        assert result["isError"] is True
        assert "tenant" in text_of(result)
    assert len(stage.api.seen) == before


@ERAS
def test_a_tool_that_the_profile_does_not_name_is_unknown(stage: Stage, modern: bool) -> None:
    with stage.serve() as client:
        greet(client, modern)
        assert client.call("delete_account", {"account": "x"}, modern=modern)["code"] == -32602


def test_both_eras_are_served_in_one_process(stage: Stage) -> None:
    with stage.serve() as client:
        client.handshake()
        legacy = client.call("find_customer", {"customer": "cus_0001"}, modern=False)
        modern = client.call("find_customer", {"customer": "cus_0001"})
        assert "resultType" not in legacy
        assert modern["resultType"] == "complete"
        assert text_of(legacy) == text_of(modern)


def test_an_upstream_s_error_is_told_in_one_sentence(stage: Stage) -> None:
    with stage.serve() as client:
        result = client.call("find_customer", {"customer": "cus_0009"})
        assert result["isError"] is True
        assert "There is no such customer." in text_of(result)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list"', -32700),
        (b"[]", -32600),
        (b"42", -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"no/such"}', -32601),
        (b"[" * 200_000, -32602),
    ],
)
def test_a_bad_line_is_answered_and_does_not_end_the_process(
    stage: Stage, line: bytes, code: int
) -> None:
    with stage.serve() as client:
        client.handshake()
        client.send_bytes(line + b"\n")
        assert client.read()["error"]["code"] == code
        assert client.request("ping", modern=False)["result"] == {}
        assert client.end() == 0


def test_eight_calls_are_in_flight_side_by_side(stage: Stage) -> None:
    with stage.serve() as client:
        client.handshake()
        stage.gate.close()
        try:
            params = {"name": "find_customer", "arguments": {"customer": "cus_0001"}}
            started = [client.start("tools/call", params, modern=False) for _ in range(8)]
            assert stage.gate.wait_for(8)
        finally:
            stage.gate.open()
        assert all("Nordlicht" in text_of(client.reply(item)["result"]) for item in started)


@ERAS
def test_a_cancelled_call_is_never_answered(stage: Stage, modern: bool) -> None:
    with stage.serve() as client:
        greet(client, modern)
        stage.gate.close()
        try:
            params = {"name": "find_customer", "arguments": {"customer": "cus_0001"}}
            started = client.start("tools/call", params, modern=modern)
            assert stage.gate.wait_for(1)
            note = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
            client.send({**note, "params": {"requestId": started, "reason": "changed my mind"}})
            client.request("tools/list", modern=modern)
        finally:
            stage.gate.open()
        with pytest.raises(queue.Empty):
            client.read(0.3)
        assert client.end() == 0
    assert [entry["kind"] for entry in stage.log()][-2:] == ["cancelled", "close"]


def test_nothing_but_frames_is_on_stdout(stage: Stage) -> None:
    with stage.serve() as client:
        client.handshake()
        client.call("find_invoices", {"customer": "cus_0001"}, modern=False)
        client.end()
        assert all(json.loads(line)["jsonrpc"] == "2.0" for line in client.stdout.splitlines())


@ERAS
@pytest.mark.parametrize(
    ("tool", "arguments", "server"),
    [
        ("find_invoices", {"customer": "cus_0001"}, "api"),
        ("export_statement", {"month": "2026-05"}, "gateway"),
    ],
)
def test_a_clients_trace_goes_on_to_the_upstream_by_the_span_in_the_log(
    stage: Stage, modern: bool, tool: str, arguments: Any, server: str
) -> None:
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    before = len(getattr(stage, server).seen)
    with stage.serve() as client:
        greet(client, modern)
        meta = {"traceparent": f"00-{trace}-{span}-01", "baggage": "user=ada"}
        params = {"name": tool, "arguments": arguments, "_meta": meta}
        assert "result" in client.request("tools/call", params, modern=modern)
        assert client.end() == 0
    decided = [row for row in stage.log() if row["kind"] == "decided"][-1]
    assert decided["trace"].startswith(trace + "-")
    assert decided["parent"] == span
    calls = [seen for seen in getattr(stage, server).seen[before:] if "traceparent" in seen.headers]
    (sent,) = calls
    assert sent.headers["traceparent"] == f"00-{decided['trace']}-01"
    assert "baggage" not in sent.headers
    assert b"user=ada" not in (sent.body or b"")
