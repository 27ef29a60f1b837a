"""Whatever a server does, a call ends in one answer within its deadline and within its memory."""

import asyncio
import gzip
import json
import time
import tracemalloc
import zlib
from typing import Any

import pytest
from edges.fakes_http import FakeAuthorizer, Handler, Heard, Loopback, always, http, json_answer
from edges.fakes_mcp import RESULT, LegacyGateway, ModernGateway, Tool, event, response, result

from mcp_proxy.core.answer import Answer, Failure, HttpAnswer, McpAnswer, Wishes
from mcp_proxy.core.limits import LIMITS, Limits
from mcp_proxy.core.request import McpRequest, RestRequest
from mcp_proxy.edges.upstream_mcp import http_upstream
from mcp_proxy.edges.upstream_rest import RestUpstream

SMALL = LIMITS._replace(upstream_body_bytes=4096, sse_event_bytes=4096, sse_events=50)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def rest(handler: Handler, limits: Limits = SMALL, deadline_s: float = 2.0) -> Answer:
    async def main() -> Answer:
        async with Loopback(handler) as server:
            upstream = RestUpstream(server.spec(), FakeAuthorizer(), limits)
            request = RestRequest("POST", server.url + "/x", (), b"{}", retry_safe=False)
            answer = await upstream.call(
                request, Wishes({}, progress=True), lambda _event: None, deadline_s
            )
            await upstream.close()
            return answer

    return timed(main(), deadline_s)


def mcp(handler: Handler, limits: Limits = SMALL, deadline_s: float = 2.0) -> Answer:
    async def main() -> Answer:
        async with Loopback(handler) as server:
            spec = server.spec("/mcp", kind="mcp", features=("progress", "logging"))
            upstream = http_upstream(spec, FakeAuthorizer(), limits)
            request = McpRequest(
                "tools/call", {"name": "t", "arguments": {}}, "t", (), retry_safe=False
            )
            answer = await upstream.call(
                request, Wishes({}, progress=True), lambda _event: None, deadline_s
            )
            await upstream.close()
            return answer

    return timed(main(), deadline_s)


def timed(work: Any, deadline_s: float) -> Answer:
    begun = time.monotonic()
    answer: Answer = asyncio.run(work)
    assert time.monotonic() - begun < deadline_s + 2
    return answer


def raw(*parts: bytes) -> Handler:
    """Writes these bytes and hangs up."""

    async def handler(_heard: Heard, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return handler


def endless(head: bytes, piece: bytes, pause_s: float = 0.0) -> Handler:
    async def handler(_heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return handler


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


BROKEN = [
    b"",
    b"\r\n\r\n",
    b"garbage\r\n\r\n",
    b"\x00\xff\xfe" * 100,
    b"HTTP/1.1 banana OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    HEAD + b"Content-Length: 100\r\n\r\n{",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
    HEAD + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
    HEAD + b"Content-Encoding: gzip, gzip\r\nContent-Length: 2\r\n\r\n{}",
    HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"{}" * 500)[:-9],
    b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000 + b"\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
    b"HTTP/2 200\r\n\r\n",
]


@pytest.mark.parametrize("answer", BROKEN)
def test_a_broken_http_answer_is_a_failure(answer: bytes):
    for failure in (rest(raw(answer)), mcp(raw(answer))):
        assert isinstance(failure, Failure)
        assert failure.id in ("MCPX-U01", "MCPX-U03", "MCPX-U05")
        assert failure.text.isprintable()


def test_a_broken_answer_leaves_it_open_whether_the_call_was_done():
    failure = rest(raw(b""))
    assert isinstance(failure, Failure)
    assert failure.sent == "maybe"
    cut = rest(raw(HEAD + b"Content-Length: 100\r\n\r\n{"))
    assert isinstance(cut, Failure)
    assert cut.sent == "yes"


@pytest.mark.parametrize(
    "handler",
    [
        endless(HEAD + b"\r\n", b" " * 65536),
        endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk(b" " * 1000)),
    ],
)
def test_an_endless_body_is_too_large(handler: Handler):
    for failure in (rest(handler), mcp(handler)):
        assert isinstance(failure, Failure)
        assert failure.id == "MCPX-R01"
        assert "4096 bytes" in failure.text


@pytest.mark.parametrize(
    "handler",
    [
        endless(HEAD + b"Content-Length: 4000\r\n\r\n", b" ", 0.05),
        endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.05),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
        endless(b"HTTP/1.1 500 Oops\r\nContent-Length: 4000\r\n\r\n", b" ", 0.05),
    ],
)
def test_an_endless_drip_ends_at_the_deadline(handler: Handler):
    for failure in (rest(handler, deadline_s=0.4), mcp(handler, deadline_s=0.4)):
        assert isinstance(failure, Failure)
        assert failure.id == "MCPX-U02"


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = b"0" * (1 << 20)
    return b"".join(packer.compress(zeros) for _ in range(size >> 20)) + packer.flush()


def test_a_gzip_bomb_stays_small():
    packed = bomb(300 << 20)
    answer = http(200, packed, content_type="application/json", content_encoding="gzip")
    tracemalloc.start()
    failure = rest(always(answer), LIMITS._replace(upstream_body_bytes=1 << 20), 10.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(failure, Failure)
    assert failure.id == "MCPX-R01"
    assert peak < len(packed) + (8 << 20)


def test_a_gzip_bomb_in_an_error_or_a_stream_stays_small():
    packed = bomb(100 << 20)
    refused = http(500, packed, content_type="application/json", content_encoding="gzip")
    failure = rest(always(refused), LIMITS, 10.0)
    assert isinstance(failure, Failure)
    assert failure.status == 500
    streamed = http(200, packed, content_type="text/event-stream", content_encoding="gzip")
    failure = mcp(always(streamed), SMALL, 10.0)
    assert isinstance(failure, Failure)
    assert failure.id == "MCPX-U05"


def test_a_compressed_answer_is_read():
    body = json.dumps({"rows": list(range(5000))}).encode()
    packed = gzip.compress(body)
    answer = http(200, packed, content_type="application/json", content_encoding="GZip")
    assert rest(always(answer), LIMITS) == HttpAnswer(200, "application/json", body)


WRONG = [
    http(200, b"<html>", content_type="text/html"),
    http(200, b"{}"),
    http(200, b"not json", content_type="application/json"),
    http(200, b'{"jsonrpc":"2.0","id":1,"id":1,"result":{}}', content_type="application/json"),
    http(200, b"[" * 4000, content_type="application/json"),
    http(200, b"\xff\xfe", content_type="application/json"),
    json_answer([{"jsonrpc": "2.0", "id": 2, "result": {}}]),
    json_answer({"id": 2, "result": {}}),
    json_answer({"jsonrpc": "2.0", "id": 99, "result": {}}),
    json_answer({"jsonrpc": "2.0", "id": "2", "result": {}}),
    json_answer({"jsonrpc": "2.0", "id": True, "result": {}}),
    json_answer({"jsonrpc": "2.0", "id": None, "result": {}}),
    json_answer({"jsonrpc": "2.0", "id": 2}),
    json_answer({"jsonrpc": "2.0", "id": 2, "result": [1]}),
    json_answer({"jsonrpc": "2.0", "id": 2, "error": "no"}),
    json_answer({"jsonrpc": "2.0", "id": 2, "error": {"code": "x"}}),
    http(202),
    http(204),
    http(200, content_type="text/event-stream"),
    http(200, b"data: {}\n\n", content_type="text/event-stream"),
    http(200, b"data: nope\n\n", content_type="text/event-stream"),
    http(200, b'data: {"jsonrpc":"2.0","id":', content_type="text/event-stream"),
    http(200, b"data: 1\n\n" * 3, content_type="text/event-stream"),
    http(200, b":\n" * 60, content_type="text/event-stream"),
    http(200, b"\n" * 60, content_type="text/event-stream"),
    http(200, b"data: " + b"x" * 5000, content_type="text/event-stream"),
    http(200, b"data: x\n" * 5000, content_type="text/event-stream"),
    http(200, b'data: {"jsonrpc":"2.0","method":7}\n\n', content_type="text/event-stream"),
]


def tool_of(answer: bytes) -> Tool:
    async def tool(_heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return answer

    return tool


@pytest.mark.parametrize("answer", WRONG)
def test_an_answer_that_breaks_the_protocol_is_a_failure(answer: bytes):
    for gateway in (ModernGateway, LegacyGateway):
        failure = mcp(gateway(tool_of(answer)))
        assert isinstance(failure, Failure)
        assert failure.id == "MCPX-U05", failure.text
        assert failure.sent == "yes"


@pytest.mark.parametrize("answer", [*WRONG, http(404, b"x"), http(418)])
def test_a_server_that_is_no_gateway_at_all_is_a_failure(answer: bytes):
    failure = mcp(always(answer))
    assert isinstance(failure, Failure)
    assert failure.sent == "no"


def test_a_stream_cut_off_or_silent_is_a_failure():
    note = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}
    cut = mcp(ModernGateway(raw(STREAM, chunk(event(note)))))
    assert isinstance(cut, Failure)
    assert cut.id == "MCPX-U01"
    silent = mcp(ModernGateway(endless(STREAM, chunk(b": alive\n"), 0.05)), deadline_s=0.5)
    assert isinstance(silent, Failure)
    assert silent.id == "MCPX-U02"


def test_a_flood_of_events_is_cut_off():
    note = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info"}}
    failure = mcp(ModernGateway(endless(STREAM, chunk(event(note)))))
    assert isinstance(failure, Failure)
    assert "more than 50 events" in failure.text


def test_a_flood_of_requests_in_a_legacy_stream_is_cut_off():
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    failure = mcp(LegacyGateway(endless(STREAM, chunk(event(ping)))))
    assert isinstance(failure, Failure)
    assert failure.id == "MCPX-U05"


def test_an_answer_cut_into_single_bytes_is_read():
    async def drip(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)
        data = b"\xef\xbb\xbf" + event(response(heard)).replace(b"\n", b"\r\n")
        for at in range(len(data)):
            writer.write(chunk(data[at : at + 1]))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    assert mcp(ModernGateway(drip)) == McpAnswer(RESULT)


def test_a_handshake_that_hangs_ends_at_the_calls_deadline():
    class Slow(LegacyGateway):
        async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
            if b'"initialize"' in heard.body:
                await asyncio.Event().wait()
            return await super().__call__(heard, writer)

    failure = mcp(Slow(), deadline_s=0.4)
    assert isinstance(failure, Failure)
    assert (failure.id, failure.sent) == ("MCPX-U02", "no")


def test_two_answers_at_once_do_not_reach_the_next_call():
    async def twice(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return result(heard, RESULT) + result(heard, {"content": "smuggled"})

    async def main() -> list[Answer]:
        async with Loopback(ModernGateway(twice)) as server:
            upstream = http_upstream(server.spec("/mcp", kind="mcp"), FakeAuthorizer(), SMALL)
            request = McpRequest(
                "tools/call", {"name": "t", "arguments": {}}, "t", (), retry_safe=False
            )
            answers = [
                await upstream.call(request, Wishes({}, progress=True), print, 2.0)
                for _ in range(3)
            ]
            await upstream.close()
            return answers

    for answer in asyncio.run(main()):
        assert answer == McpAnswer(RESULT) or isinstance(answer, Failure)
