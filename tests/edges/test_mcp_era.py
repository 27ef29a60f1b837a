"""Which era an upstream speaks, over one channel and over the transport of 2024-11-05."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Self

import pytest
from edges.fakes_http import FakeAuthorizer, Heard, Loopback, http
from edges.fakes_mcp import MODERN, RESULT

from mcp_proxy.core.answer import Answer, Change, Failure, McpAnswer, Wishes
from mcp_proxy.core.limits import LIMITS, Limits
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.request import McpRequest
from mcp_proxy.edges.attempts import Broken
from mcp_proxy.edges.mcp_duplex import DuplexWire
from mcp_proxy.edges.mcp_era import Gateway
from mcp_proxy.edges.upstream_mcp import McpUpstream, http_upstream

CALL = McpRequest("tools/call", {"name": "t", "arguments": {}}, "t", (), retry_safe=False)
SPEC = UpstreamSpec("stdio", "", None, 5000, ())
QUICK = LIMITS._replace(era_probe_ms=50, reconnect_first_ms=10, reconnect_max_ms=40)
META = "io.modelcontextprotocol/"

Talk = Callable[["FakeChannel", dict[str, Any]], None]


class FakeChannel:
    """A channel to a server that is a function of each message."""

    def __init__(self, *talks: Talk) -> None:
        self.talks = list(talks)
        self.opened = 0
        self.heard: list[dict[str, Any]] = []

    async def open(self, received: Callable[[bytes], None], lost: Callable[[Broken], None]) -> None:
        self.opened += 1
        self.talk = self.talks.pop(0) if len(self.talks) > 1 else self.talks[0]
        self._received, self._lost = received, lost

    async def check(self) -> None:
        """Always to be used."""

    async def send(self, data: bytes) -> None:
        message = json.loads(data)
        self.heard.append(message)
        self.talk(self, message)

    async def close(self) -> None:
        """Nothing is held."""

    def say(self, message: dict[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        asyncio.get_running_loop().call_soon(self._received, data)

    def answer(self, message: dict[str, Any], value: Any) -> None:
        self.say({"id": message["id"], "result": value})

    def refuse(self, message: dict[str, Any], code: int, data: Any = None) -> None:
        self.say({"id": message["id"], "error": {"code": code, "message": "no", "data": data}})

    def end(self) -> None:
        broken = Broken("MCPX-U01", "The server has ended.", again="lost", over=True)
        asyncio.get_running_loop().call_soon(self._lost, broken)

    def drop(self) -> None:
        """Asked for by the wire where the server is to end at once."""

    def methods(self) -> list[str]:
        return [message.get("method", "response") for message in self.heard]


def modern(channel: FakeChannel, message: dict[str, Any]) -> None:
    method = message["method"]
    if "id" not in message:
        return
    if method == "initialize":
        channel.refuse(message, -32022, {"supported": [MODERN]})
    elif method == "server/discover":
        channel.answer(message, {"supportedVersions": [MODERN]})
    elif method == "subscriptions/listen":
        meta = {"_meta": {META + "subscriptionId": message["id"]}}
        names = ("subscriptions/acknowledged", "tools/list_changed")
        for name in names:
            channel.say({"method": f"notifications/{name}", "params": meta})
    elif message["params"]["name"] != "silent":
        channel.answer(message, RESULT)


def legacy(channel: FakeChannel, message: dict[str, Any]) -> None:
    if message.get("method") == "initialize":
        channel.answer(message, {"protocolVersion": "2025-06-18", "capabilities": {}})
    elif message.get("method") == "tools/call":
        channel.answer(message, RESULT)


def refusing(code: int, data: Any = None) -> Talk:
    def talk(channel: FakeChannel, message: dict[str, Any]) -> None:
        if message.get("method") == "server/discover":
            channel.refuse(message, code, data)
        else:
            legacy(channel, message)

    return talk


def ending(channel: FakeChannel, message: dict[str, Any]) -> None:
    if message.get("method") == "server/discover":
        channel.end()
    else:
        legacy(channel, message)


def slow(channel: FakeChannel, message: dict[str, Any]) -> None:
    """A modern server that is still starting when it is asked for its era."""
    if message["method"] != "server/discover" or channel.methods().count("server/discover") > 1:
        modern(channel, message)


class Run:
    """One upstream behind one channel."""

    def __init__(self, *talks: Talk, limits: Limits = QUICK) -> None:
        self.channel = FakeChannel(*talks)
        self.limits = limits

    async def __aenter__(self) -> Self:
        wire = DuplexWire(SPEC, self.channel, self.limits)
        self.upstream = McpUpstream(SPEC, Gateway(wire), self.limits)
        return self

    async def __aexit__(self, *_: object) -> None:
        async with asyncio.timeout(3):
            await self.upstream.close()

    async def call(self, request: McpRequest = CALL, deadline_s: float = 3.0) -> Answer:
        return await self.upstream.call(request, Wishes({}), lambda _event: None, deadline_s)


def called(*talks: Talk, times: int = 1) -> tuple[list[Answer], list[str]]:
    async def main() -> tuple[list[Answer], list[str]]:
        async with Run(*talks) as run:
            return [await run.call() for _ in range(times)], run.channel.methods()

    return asyncio.run(main())


HANDSHAKE = ["server/discover", "initialize", "notifications/initialized"]


def test_a_modern_server_on_one_channel_is_found_by_its_answer():
    answers, methods = called(modern, times=2)
    assert answers == [McpAnswer(RESULT)] * 2
    assert methods == ["server/discover", "tools/call", "tools/call"]


@pytest.mark.parametrize("code", [-32601, -32600, -32602, -32603, -32000, -32002, 0])
def test_any_other_error_than_a_modern_one_means_a_legacy_server(code: int):
    answers, methods = called(refusing(code), times=2)
    assert answers == [McpAnswer(RESULT)] * 2
    assert methods == [*HANDSHAKE, "tools/call", "tools/call"]


def test_a_server_that_names_legacy_versions_alone_is_legacy():
    assert called(refusing(-32022, {"supported": ["2025-11-25"]}))[0] == [McpAnswer(RESULT)]


def test_silence_means_a_legacy_server_and_nothing_is_cancelled():
    answers, methods = called(legacy)
    assert answers == [McpAnswer(RESULT)]
    assert methods == [*HANDSHAKE, "tools/call"]


def test_a_silent_server_is_legacy_within_half_of_a_short_deadline():
    async def main() -> Answer:
        channel = FakeChannel(legacy)
        spec = SPEC._replace(deadline_ms=400)
        upstream = McpUpstream(spec, Gateway(DuplexWire(spec, channel, LIMITS)), LIMITS)
        answer = await upstream.call(CALL, Wishes({}), lambda _event: None, 0.4)
        await upstream.close()
        return answer

    assert asyncio.run(main()) == McpAnswer(RESULT)


def test_a_server_that_ends_at_the_probe_is_legacy():
    async def main() -> None:
        async with Run(ending) as run:
            assert await run.call() == McpAnswer(RESULT)
            assert run.channel.opened == 2
            assert run.channel.methods() == [*HANDSHAKE, "tools/call"]

    asyncio.run(main())


def test_a_modern_server_that_was_too_slow_for_the_probe_is_found_all_the_same():
    answers, methods = called(slow, times=2)
    assert answers == [McpAnswer(RESULT)] * 2
    found = ["server/discover", "initialize", "server/discover", "tools/call", "tools/call"]
    assert methods == found


def test_a_server_started_anew_is_asked_for_its_era_again():
    async def main() -> None:
        async with Run(modern, legacy) as run:
            assert await run.call() == McpAnswer(RESULT)
            run.channel.end()
            await asyncio.sleep(0.01)
            assert await run.call() == McpAnswer(RESULT)
            assert run.channel.methods()[2:] == [*HANDSHAKE, "tools/call"]

    asyncio.run(main())


def test_giving_up_a_modern_call_on_one_channel_is_said():
    async def main() -> None:
        async with Run(modern) as run:
            silent = CALL._replace(params={"name": "silent", "arguments": {}})
            failure = await run.call(silent, 0.1)
            assert isinstance(failure, Failure)
            await run.upstream.close()
            call, note = run.channel.heard[-2:]
            assert note["method"] == "notifications/cancelled"
            assert note["params"]["requestId"] == call["id"]

    asyncio.run(main())


def test_changes_come_over_the_channel_and_the_listen_is_cancelled_at_the_end():
    async def main() -> None:
        changes: list[Change] = []
        async with Run(modern) as run:
            run.upstream.watch(frozenset(), frozenset(), changes.append)
            await until(lambda: changes)
            assert await run.call() == McpAnswer(RESULT)
            await run.upstream.close()
            listen = next(one for one in run.channel.heard if one["method"].endswith("listen"))
            assert run.channel.heard[-1]["params"]["requestId"] == listen["id"]
        assert changes == [Change("tools")]

    asyncio.run(main())


def test_the_changes_of_a_server_started_anew_are_listened_to_again():
    async def main() -> None:
        changes: list[Change] = []
        async with Run(modern) as run:
            run.upstream.watch(frozenset({"a:b"}), frozenset(), changes.append)
            await until(lambda: changes)
            run.channel.end()
            await until(lambda: len(changes) >= 5)
            assert Change("updated", "a:b") in changes
            assert run.channel.opened == 2

    asyncio.run(main())


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(3):
        while not holds():
            await asyncio.sleep(0.002)


class OldServer:
    """HTTP+SSE of 2024-11-05: a stream that names its endpoint, and POSTs to that."""

    def __init__(self, refusal: bytes) -> None:
        self.refusal = refusal
        self.streams: list[asyncio.StreamWriter] = []
        self.heard: list[str] = []

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
        if heard.method == "GET":
            head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
            writer.write(f"{head}event: endpoint\ndata: /mcp/messages?s=1\n\n".encode())
            self.streams.append(writer)
            await asyncio.Event().wait()
        if heard.target == "/mcp":
            return self.refusal
        message = heard.json()
        self.heard.append(message.get("method", "response"))
        if "id" in message:
            value = {"protocolVersion": "2024-11-05", "capabilities": {}}
            given = value if message["method"] == "initialize" else RESULT
            row = {"jsonrpc": "2.0", "id": message["id"], "result": given}
            self.streams[-1].write(f"event: message\ndata: {json.dumps(row)}\n\n".encode())
        return http(202)


def over_http(handler: Any, use: Callable[[McpUpstream], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Loopback(handler) as server:
            spec = server.spec("/mcp", kind="mcp")
            upstream = http_upstream(spec, FakeAuthorizer(), QUICK)
            await use(upstream)
            async with asyncio.timeout(3):
                await upstream.close()

    asyncio.run(main())


@pytest.mark.parametrize("status", [400, 404, 405])
def test_a_server_that_takes_no_post_is_spoken_to_over_its_stream(status: int):
    server = OldServer(http(status))

    async def use(upstream: McpUpstream) -> None:
        for _ in range(2):
            answer = await upstream.call(CALL, Wishes({}), lambda _event: None, 3.0)
            assert answer == McpAnswer(RESULT)

    over_http(server, use)
    assert server.heard == ["initialize", "notifications/initialized", "tools/call", "tools/call"]
    assert len(server.streams) == 1


def test_a_stream_that_ended_is_opened_anew_at_the_next_call():
    server = OldServer(http(405))

    async def use(upstream: McpUpstream) -> None:
        for _ in range(2):
            answer = await upstream.call(CALL, Wishes({}), lambda _event: None, 3.0)
            assert answer == McpAnswer(RESULT)
            server.streams[-1].close()
            await asyncio.sleep(0.05)

    over_http(server, use)
    assert len(server.streams) == 2


def test_a_server_that_takes_neither_says_how_it_refused_the_first():
    async def nothing(heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return http(404 if heard.method == "POST" else 500)

    async def use(upstream: McpUpstream) -> None:
        failure = await upstream.call(CALL, Wishes({}), lambda _event: None, 3.0)
        assert isinstance(failure, Failure)
        assert (failure.id, failure.status) == ("MCPX-U03", 404)

    over_http(nothing, use)
