"""HTTP+SSE of 2024-11-05: one stream and an endpoint, which may only be at the same origin."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Self

import pytest
from edges.fakes_http import FakeAuthorizer, Heard, Loopback, http

from mcp_proxy.core.answer import Question, Wishes
from mcp_proxy.core.authorization import Authorization
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.mcp_http_sse import endpoint_url, http_sse_wire
from mcp_proxy.edges.mcp_legacy import LegacyEra
from mcp_proxy.edges.mcp_wire import Ask, Halt, silent
from mcp_proxy.errors import CredentialError

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
RESULT = {"content": [{"type": "text", "text": "done"}]}
NAME = {"mode": "form", "message": "Name?"}
FORM = {"elicitation": {"form": {}}}
ENDPOINT = b"/messages/?session_id=abc"


class OldServer:
    """A server of 2024-11-05; `answer` gives the rows that a request is answered with."""

    def __init__(self, endpoint: bytes = ENDPOINT, prelude: bytes = b"") -> None:
        self.endpoint, self.prelude = endpoint, prelude
        self.streams: list[asyncio.StreamWriter] = []
        self.gets: list[Heard] = []
        self.posts: list[Heard] = []
        self.answer: Callable[[dict[str, Any]], list[Any]] = lambda row: [result(row)]
        self.post_status = 202
        self.over = asyncio.Event()

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
        if heard.method == "GET":
            self.gets.append(heard)
            self.streams.append(writer)
            writer.write(HEAD + self.prelude)
            if self.endpoint:
                writer.write(b"event: endpoint\ndata: " + self.endpoint + b"\n\n")
            await writer.drain()
            self.over = asyncio.Event()
            await self.over.wait()
            return None
        if heard.target == "/sse":
            return http(405)
        self.posts.append(heard)
        if self.post_status != 202:
            return http(self.post_status)
        message = heard.json()
        if message.get("method") == "initialize":
            value = {"protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": {}}
            self.say({"jsonrpc": "2.0", "id": message["id"], "result": value})
        elif "method" not in message or "id" in message:
            for row in self.answer(message):
                self.say(row)
        return http(202, b"Accepted")

    def say(self, row: Any) -> None:
        self.streams[-1].write(b"event: message\ndata: " + json.dumps(row).encode() + b"\n\n")

    def methods(self) -> list[str]:
        return [heard.json().get("method", "response") for heard in self.posts]


def result(row: dict[str, Any], value: Any = RESULT) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": row["id"], "result": value}


class Run:
    def __init__(self, server: OldServer, authorizer: Any = None) -> None:
        self.server = server
        self.loopback = Loopback(server)
        self.authorizer = authorizer or FakeAuthorizer(("Authorization", "Bearer old-secret"))

    async def __aenter__(self) -> Self:
        self.tasks = asyncio.all_tasks()
        await self.loopback.__aenter__()
        spec = self.loopback.spec("/sse", kind="mcp", features=("elicitation",))
        self.wire = http_sse_wire(spec, self.authorizer, LIMITS)
        self.era = LegacyEra(self.wire, iter(range(1, 100_000)))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self.era.close()
        await self.wire.close()
        await self.loopback.__aexit__()
        await asyncio.sleep(0)
        assert kind is not None or asyncio.all_tasks() == self.tasks

    async def ask(self, capabilities: Any = FORM, deadline_s: float = 5.0) -> Any:
        ask = Ask("tools/call", {"name": "t"}, None, (), Wishes(capabilities), silent)
        async with asyncio.timeout(deadline_s):
            return await self.era.ask(ask, Trip(deadline_s))


def test_an_old_server_is_spoken_to_over_its_stream_and_its_endpoint():
    async def main() -> OldServer:
        async with Run(OldServer()) as run:
            assert await run.ask() == RESULT
            assert await run.ask() == RESULT
            async with asyncio.timeout(5):
                await run.era.close()
                await run.wire.close()
                await run.loopback.closed.wait()
            return run.server

    server = asyncio.run(main())
    assert server.methods() == [
        "initialize",
        "notifications/initialized",
        "tools/call",
        "tools/call",
    ]
    assert len(server.gets) == 1
    assert server.gets[0].headers["accept"] == "text/event-stream"
    for heard in (*server.gets, *server.posts):
        assert heard.headers["authorization"] == "Bearer old-secret"
    for heard in server.posts:
        assert heard.target == "/messages/?session_id=abc"
        assert "mcp-session-id" not in heard.headers
        assert "mcp-protocol-version" not in heard.headers


def test_many_calls_at_once_find_their_answers():
    held: list[dict[str, Any]] = []

    def backwards(row: dict[str, Any]) -> list[Any]:
        held.append(row)
        done = held[::-1] if len(held) == 20 else []
        return [result(item, {"n": item["id"]}) for item in done]

    async def main() -> None:
        server = OldServer()
        server.answer = backwards
        async with Run(server) as run:
            answers = await asyncio.gather(*(run.ask() for _ in range(20)))
            assert len({answer["n"] for answer in answers}) == 20

    asyncio.run(main())


def test_an_old_server_may_ask():
    call: list[dict[str, Any]] = []

    def asks(row: dict[str, Any]) -> list[Any]:
        if "method" in row:
            call.append(row)
            question = {"jsonrpc": "2.0", "id": "s1", "method": "elicitation/create"}
            return [{**question, "params": NAME}]
        return [result(call[0], {"said": row["result"]})]

    async def main() -> None:
        server = OldServer()
        server.answer = asks
        async with Run(server) as run:
            halt = await run.ask()
            assert isinstance(halt, Halt)
            assert list(halt.asked.values()) == [Question("elicitation/create", NAME)]
            replies: Any = dict.fromkeys(halt.asked, NAME)
            assert await halt.resume(replies, silent, Trip(5)) == {"said": NAME}

    asyncio.run(main())


def test_a_stream_that_ends_fails_its_calls_and_the_next_era_begins_anew():
    async def main() -> None:
        server = OldServer()
        server.answer = lambda _row: []
        async with Run(server) as run:
            going = asyncio.create_task(run.ask())
            while "tools/call" not in server.methods():
                await asyncio.sleep(0.005)
            server.over.set()
            with pytest.raises(Broken) as caught:
                await going
            assert caught.value.again == "lost"
            assert run.era.is_over(caught.value)
            server.answer = lambda row: [result(row)]
            assert await run.ask() == RESULT
            assert len(server.gets) == 2

    asyncio.run(main())


def test_an_endpoint_that_knows_the_session_no_more_ends_the_era():
    async def main() -> None:
        server = OldServer()
        async with Run(server) as run:
            assert await run.ask() == RESULT
            server.post_status = 404
            with pytest.raises(Broken) as caught:
                await run.ask()
            assert run.era.is_over(caught.value)

    asyncio.run(main())


ELSEWHERE = [
    b"https://evil.example/messages",
    b"//evil.example/messages",
    b"http://127.0.0.1:1/messages",
    b"http://127.0.0.1/messages",
    b"https://127.0.0.1/messages",
    b"http://127.0.0.1.evil.example/messages",
    b"http://user@127.0.0.1/messages",
    b"\\\\evil.example/messages",
    b"/\\evil.example/messages",
    b"file:///etc/passwd",
    b"javascript:alert(1)",
    b"/a b",
    b"/a\x07b",
    b"/messages#x",
    "/mess\u00e4ges".encode(),
    b"/a/%2e%2e/b",
    b"/a%2fb",
    b"/a//b",
    b"/" + b"x" * 5000,
]


@pytest.mark.parametrize("endpoint", ELSEWHERE)
def test_s7_an_endpoint_elsewhere_gets_neither_message_nor_credential(endpoint: bytes):
    async def main() -> OldServer:
        async with Run(OldServer(endpoint)) as run:
            with pytest.raises(Broken) as caught:
                await run.ask()
            assert caught.value.id == "MCPX-U05"
            return run.server

    assert asyncio.run(main()).posts == []


def test_s7_a_second_endpoint_is_not_heeded():
    async def main() -> OldServer:
        async with Run(OldServer()) as run:
            assert await run.ask() == RESULT
            run.server.streams[-1].write(b"event: endpoint\ndata: /other\n\n")
            assert await run.ask() == RESULT
            return run.server

    assert {heard.target for heard in asyncio.run(main()).posts} == {ENDPOINT.decode()}


def test_s7_the_credentials_path_is_asked_about_the_endpoint_itself():
    class Bound(FakeAuthorizer):
        """Bound to /sse and what lies below."""

        async def authorization(self, spec: UpstreamSpec) -> Authorization | None:
            if "/sse" not in spec.url:
                raise CredentialError("MCPX-C04", "The credential is bound to another path.")
            return await super().authorization(spec)

    async def main(endpoint: bytes) -> OldServer:
        bound = Bound(("Authorization", "Bearer old-secret"))
        async with Run(OldServer(endpoint), bound) as run:
            if endpoint == ENDPOINT:
                with pytest.raises(CredentialError):
                    await run.ask()
            else:
                assert await run.ask() == RESULT
            return run.server

    assert asyncio.run(main(ENDPOINT)).posts == []
    assert asyncio.run(main(b"/sse/messages?x=1")).posts


@pytest.mark.parametrize(
    ("named", "url"),
    [
        (b"/messages/?session_id=a", "https://a.example/messages/?session_id=a"),
        (b"messages", "https://a.example/v1/messages"),
        (b"?s=1", "https://a.example/v1/sse?s=1"),
        (b"https://a.example:443/m?q=/..//#"[:-1], "https://a.example/m?q=/..//"),
        (b"HTTPS://A.EXAMPLE/m", "https://a.example/m"),
    ],
)
def test_an_endpoint_is_resolved_against_the_streams_url(named: bytes, url: str):
    assert endpoint_url("https://a.example/v1/sse", named, LIMITS) == url


@pytest.mark.parametrize("status", [401, 404, 500, 302])
def test_s9_a_stream_that_is_refused_or_redirected_is_not_opened(status: int):
    async def refuse(_heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return http(status, location="https://evil.example/sse")

    async def main() -> None:
        async with Run(refuse) as run:
            with pytest.raises(Broken) as caught:
                await run.ask()
            assert caught.value.status == status

    asyncio.run(main())


@pytest.mark.parametrize("prelude", [b"", b": \n\n", b"event: message\ndata: {}\n\n"])
def test_a_stream_that_names_no_endpoint_is_given_up(
    prelude: bytes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("mcp_proxy.edges.mcp_http_sse.ENDPOINT_WAIT_S", 0.2)

    async def main() -> None:
        async with Run(OldServer(b"", prelude)) as run:
            with pytest.raises(Broken, match="did not name its endpoint"):
                await run.ask()

    asyncio.run(main())


def test_s25_an_event_beyond_its_bound_ends_the_stream():
    async def main() -> None:
        async with Run(OldServer(b"x" * (LIMITS.sse_event_bytes + 1))) as run:
            with pytest.raises(Broken) as caught:
                await run.ask()
            assert caught.value.id == "MCPX-U05"

    asyncio.run(main())


def test_an_echoed_credential_does_not_leak():
    async def main() -> None:
        server = OldServer()
        server.answer = lambda row: [result(row, {"said": "Bearer old-secret"})]
        async with Run(server) as run:
            assert "old-secret" not in repr(await run.ask())

    asyncio.run(main())


def test_a_capability_that_came_later_opens_the_channel_anew_while_no_call_runs():
    async def main() -> OldServer:
        server = OldServer()
        async with Run(server) as run:
            assert await run.ask({}) == RESULT
            server.answer = lambda _row: []
            going = asyncio.create_task(run.ask({}))
            while server.methods().count("tools/call") < 2:
                await asyncio.sleep(0.005)
            last = server.posts[-1].json()
            server.answer = lambda row: [result(row)]
            assert await run.ask() == RESULT
            assert len(server.gets) == 1
            server.say(result(last))
            assert await going == RESULT
            assert await run.ask() == RESULT
            return server

    server = asyncio.run(main())
    assert len(server.gets) == 2
    opened = [heard.json() for heard in server.posts if b'"initialize"' in heard.body]
    assert [row["params"]["capabilities"] for row in opened] == [{}, FORM]
