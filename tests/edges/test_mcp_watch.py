"""A standing wish to hear of changes: streams that open, break, are replaced and end."""

import asyncio
from collections.abc import Callable
from typing import Any, Self

import pytest
from edges.fakes_http import FakeAuthorizer, Handler, Heard, Loopback, http
from edges.fakes_mcp import META, RESULT, LegacyGateway, ModernGateway, error, event, result

from mcp_proxy.core.answer import Change, McpAnswer, Wishes
from mcp_proxy.core.limits import LIMITS, Limits
from mcp_proxy.core.request import McpRequest
from mcp_proxy.edges.mcp_listen import Wanted
from mcp_proxy.edges.mcp_watch import Watch
from mcp_proxy.edges.upstream_mcp import http_upstream
from mcp_proxy.errors import CredentialError

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
LISTS = [Change("tools"), Change("prompts"), Change("resources")]
CALL = McpRequest("tools/call", {"name": "t", "arguments": {}}, "t", (), retry_safe=False)
QUICK = LIMITS._replace(reconnect_first_ms=10, reconnect_max_ms=40)
NONE: frozenset[str] = frozenset()
A, B = frozenset({"doc://a"}), frozenset({"doc://b"})


class Stream:
    """One listen that a gateway holds open."""

    def __init__(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        self.id = heard.json()["id"]
        self.filter = heard.json()["params"]["notifications"]
        self.meta = heard.json()["params"]["_meta"]
        self.over = asyncio.Event()
        self._writer = writer

    def say(self, method: str, named: Any = ..., **params: Any) -> None:
        meta = {"_meta": {META + "subscriptionId": self.id if named is ... else named}}
        message = {"jsonrpc": "2.0", "method": f"notifications/{method}"}
        self._writer.write(event({**message, "params": {**params, **meta}}))

    def acknowledge(self) -> None:
        self.say("subscriptions/acknowledged", notifications=self.filter)

    def finish(self) -> None:
        value = {"resultType": "complete"}
        self._writer.write(event({"jsonrpc": "2.0", "id": self.id, "result": value}))
        self.over.set()

    def raw(self, data: bytes) -> None:
        self._writer.write(data)


class Talking(ModernGateway):
    """Keeps every listen open until told otherwise."""

    def __init__(self, *, acknowledges: bool = True) -> None:
        super().__init__(self.other)
        self.acknowledges = acknowledges
        self.refusal: Callable[[Heard], bytes] | None = None
        self.streams: list[Stream] = []
        self.asked = 0
        self.open = 0

    async def other(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
        if heard.json()["method"] != "subscriptions/listen":
            return result(heard, RESULT)
        self.asked += 1
        if self.refusal is not None:
            return self.refusal(heard)
        stream = Stream(heard, writer)
        writer.write(HEAD)
        if self.acknowledges:
            stream.acknowledge()
        self.streams.append(stream)
        self.open += 1
        try:
            await stream.over.wait()
        finally:
            self.open -= 1
        await writer.drain()
        return None

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
        if heard.method == "POST" and heard.json()["method"] == "subscriptions/listen":
            wants_tasks = "taskIds" in heard.json()["params"]["notifications"]
            tasks = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
            self.capabilities = tasks if wants_tasks else {}
        else:
            self.capabilities = {}
        return await super().__call__(heard, writer)


class Run:
    """One upstream that is watched."""

    def __init__(self, gateway: Handler, limits: Limits = QUICK) -> None:
        self.server = Loopback(gateway)
        self.limits = limits
        self.changes: list[Change] = []
        self.authorizer = FakeAuthorizer()

    async def __aenter__(self) -> Self:
        await self.server.__aenter__()
        spec = self.server.spec("/mcp", kind="mcp")
        self.upstream = http_upstream(spec, self.authorizer, self.limits)
        return self

    async def __aexit__(self, *_: object) -> None:
        async with asyncio.timeout(3):
            await self.upstream.close()
        await self.server.__aexit__()

    def watch(self, uris: frozenset[str] = NONE, tasks: frozenset[str] = NONE) -> None:
        self.upstream.watch(uris, tasks, self.changes.append)

    async def call(self) -> Any:
        return await self.upstream.call(CALL, Wishes({}), lambda _event: None, 5.0)


async def until(holds: Callable[[], Any], seconds: float = 3.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.002)


def test_a_wish_opens_one_stream_with_its_filter_and_hears_what_it_was_opened_for():
    async def main() -> None:
        gateway = Talking()
        async with Run(gateway) as run:
            run.watch(A | B, frozenset({"t1"}))
            run.watch(B | A, frozenset({"t1"}))
            await until(lambda: gateway.streams)
            stream = gateway.streams[0]
            assert stream.filter == {
                "toolsListChanged": True,
                "promptsListChanged": True,
                "resourcesListChanged": True,
                "resourceSubscriptions": ["doc://a", "doc://b"],
                "taskIds": ["t1"],
            }
            assert META + "logLevel" not in stream.meta
            stream.say("tools/list_changed")
            stream.say("prompts/list_changed")
            stream.say("resources/list_changed")
            stream.say("resources/updated", uri="doc://b")
            stream.say("tasks", taskId="t1", status="working", ttlMs=None)
            await until(lambda: len(run.changes) == 5)
            task = Change("task", params={"taskId": "t1", "status": "working", "ttlMs": None})
            assert run.changes == [*LISTS, Change("updated", "doc://b"), task]
            assert (gateway.asked, gateway.discovered) == (1, 1)
            assert await run.call() == McpAnswer(RESULT)

    asyncio.run(main())


def test_s14_what_nobody_asked_for_is_not_heard():
    async def main() -> None:
        gateway = Talking()
        async with Run(gateway) as run:
            run.watch(A, frozenset({"t1"}))
            await until(lambda: gateway.streams)
            stream = gateway.streams[0]
            stream.say("resources/updated", uri="doc://b")
            stream.say("resources/updated", uri="doc://a\u200b")
            stream.say("resources/updated", uri="doc://a/" + "x" * LIMITS.uri_chars)
            stream.say("resources/updated", uri=7)
            stream.say("resources/updated")
            stream.say("tasks", taskId="t2")
            stream.say("tasks", taskId=["t1"])
            stream.say("tools/list_changed", named=str(stream.id))
            stream.say("tools/list_changed", named=stream.id + 1)
            stream.say("tools/list_changed", named=None)
            stream.say("message", level="info", data="x")
            stream.say("progress", progressToken=stream.id, progress=1)
            stream.say("subscriptions/acknowledged", notifications={})
            stream.raw(event({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}))
            stream.raw(event({"jsonrpc": "2.0", "method": 7}))
            stream.say("resources/updated", uri="doc://a/part")
            await until(lambda: run.changes)
            assert run.changes == [Change("updated", "doc://a/part")]
            assert gateway.asked == 1

    asyncio.run(main())


def test_nothing_is_heard_before_the_acknowledgement():
    async def main() -> None:
        gateway = Talking(acknowledges=False)
        async with Run(gateway) as run:
            run.watch()
            await until(lambda: gateway.streams)
            gateway.streams[0].say("tools/list_changed")
            gateway.streams[0].acknowledge()
            gateway.streams[0].say("prompts/list_changed")
            await until(lambda: run.changes)
            assert run.changes == [Change("prompts")]

    asyncio.run(main())


@pytest.mark.parametrize("gracefully", [True, False])
def test_a_stream_that_ends_is_opened_again_and_what_may_be_missed_is_told_once(gracefully: bool):
    async def main() -> None:
        gateway = Talking()
        async with Run(gateway) as run:
            run.watch(A | B)
            await until(lambda: gateway.streams)
            stream = gateway.streams[0]
            stream.finish() if gracefully else stream.over.set()
            await until(lambda: len(gateway.streams) == 2)
            await until(lambda: len(run.changes) >= 5)
            await asyncio.sleep(0.05)
            updates = [Change("updated", "doc://a"), Change("updated", "doc://b")]
            assert run.changes == [*LISTS, *updates]
            assert gateway.streams[0].id != gateway.streams[1].id

    asyncio.run(main())


def test_a_request_on_the_stream_breaks_it():
    async def main() -> None:
        gateway = Talking()
        async with Run(gateway) as run:
            run.watch()
            await until(lambda: gateway.streams)
            gateway.streams[0].raw(event({"jsonrpc": "2.0", "id": 1, "method": "roots/list"}))
            await until(lambda: len(gateway.streams) == 2)

    asyncio.run(main())


def test_another_wish_takes_the_place_of_the_first_without_a_gap():
    async def main() -> None:
        gateway = Talking(acknowledges=False)
        async with Run(gateway) as run:
            run.watch(A)
            await until(lambda: gateway.streams)
            gateway.streams[0].acknowledge()
            gateway.streams[0].say("tools/list_changed")
            await until(lambda: run.changes)
            run.watch(B)
            await until(lambda: len(gateway.streams) == 2)
            gateway.streams[0].say("resources/updated", uri="doc://a")
            await until(lambda: len(run.changes) == 2)
            gateway.streams[1].acknowledge()
            await until(lambda: gateway.open == 1)
            gateway.streams[1].say("resources/updated", uri="doc://b")
            await until(lambda: len(run.changes) == 3)
            assert run.changes[1:] == [Change("updated", "doc://a"), Change("updated", "doc://b")]

    asyncio.run(main())


def test_of_many_wishes_in_a_row_only_the_last_one_stays():
    async def main() -> None:
        gateway = Talking()
        async with Run(gateway) as run:
            await run.call()
            for number in range(200):
                run.watch(frozenset({f"doc://{number}"}))
                if number % 10 == 0:
                    await asyncio.sleep(0.001)
            await until(lambda: gateway.open == 1 and gateway.streams[-1].id)
            await until(
                lambda: gateway.streams[-1].filter["resourceSubscriptions"] == ["doc://199"]
            )
            await asyncio.sleep(0.05)
            assert gateway.open == 1
            assert run.changes == []

    asyncio.run(main())


def test_s6_a_hearer_that_was_replaced_hears_nothing_more():
    async def main() -> None:
        gateway, later = Talking(), list[Change]()
        async with Run(gateway) as run:
            run.watch()
            await until(lambda: gateway.streams)
            run.upstream.watch(NONE, NONE, later.append)
            gateway.streams[0].say("tools/list_changed")
            await until(lambda: later)
            assert (run.changes, gateway.asked) == ([], 1)

    asyncio.run(main())


NOT_OFFERED = [
    lambda heard: error(heard, -32601, status=404),
    lambda heard: error(heard, -32601),
    lambda heard: error(heard, -32602, status=400),
    lambda heard: http(404),
    lambda heard: http(405),
]


@pytest.mark.parametrize("refusal", NOT_OFFERED)
def test_an_upstream_without_such_streams_is_asked_once(refusal: Callable[[Heard], bytes]):
    async def main() -> None:
        gateway = Talking()
        gateway.refusal = refusal
        async with Run(gateway) as run:
            run.watch()
            await until(lambda: gateway.asked)
            await asyncio.sleep(0.15)
            assert await run.call() == McpAnswer(RESULT)
            await asyncio.sleep(0.05)
            assert gateway.asked == 1
            gateway.refusal = None
            run.watch(A)
            await until(lambda: gateway.streams)

    asyncio.run(main())


def test_an_upstream_that_is_down_is_tried_less_and_less_often():
    async def main() -> None:
        gateway = Talking()
        gateway.refusal = lambda _heard: http(500)
        limits = LIMITS._replace(reconnect_first_ms=20, reconnect_max_ms=10_000)
        async with Run(gateway, limits) as run:
            run.watch()
            await asyncio.sleep(0.5)
            assert 2 <= gateway.asked <= 12  # each pause is longer; a busy loop asks 100 times

    asyncio.run(main())


def test_an_upstream_that_acknowledges_and_ends_at_once_causes_no_busy_loop():
    async def main() -> None:
        gateway = Talking()
        limits = LIMITS._replace(reconnect_first_ms=20, reconnect_max_ms=10_000)
        async with Run(gateway, limits) as run:
            run.watch()
            for _ in range(100):
                for stream in gateway.streams:
                    stream.over.set()
                await asyncio.sleep(0.005)
            assert 2 <= gateway.asked <= 12
            assert gateway.asked - 1 <= len(run.changes) / 3 <= gateway.asked

    asyncio.run(main())


def test_a_flood_of_events_breaks_the_stream_and_not_the_process():
    async def main() -> None:
        gateway = Talking()
        async with Run(gateway, QUICK._replace(sse_events=50)) as run:
            run.watch()
            await until(lambda: gateway.streams)
            gateway.streams[0].raw(b": keep-alive\n\n" * 60)
            await until(lambda: len(gateway.streams) == 2)

    asyncio.run(main())


def test_without_a_credential_nothing_is_tried_until_a_call_has_got_through():
    async def main() -> None:
        gateway = Talking()
        async with Run(gateway) as run:
            run.authorizer.header = CredentialError("MCPX-C01", "There is no credential.")
            run.watch()
            await asyncio.sleep(0.2)
            run.authorizer.header = None
            await asyncio.sleep(0.1)
            assert run.server.heard == []
            assert await run.call() == McpAnswer(RESULT)
            await until(lambda: gateway.streams)

    asyncio.run(main())


def test_a_gateway_that_became_legacy_is_listened_to_in_its_way():
    async def main() -> None:
        talking, legacy = Talking(), LegacyGateway(refusal=http(400))
        current: list[Any] = [talking]

        async def handler(heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
            if current[0] is legacy and heard.method == "GET":
                note = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
                writer.write(HEAD + event(note))
                await asyncio.Event().wait()
            return await current[0](heard, writer)

        async with Run(handler) as run:
            run.watch()
            await until(lambda: talking.streams)
            current[0] = legacy
            talking.streams[0].over.set()
            await until(lambda: legacy.opened)
            await until(lambda: Change("tools") in run.changes)
            assert await run.call() == McpAnswer(RESULT)

    asyncio.run(main())


def test_closing_ends_the_stream_and_leaves_nothing():
    async def main() -> None:
        gateway = Talking()
        async with Run(gateway) as run:
            tasks = len(asyncio.all_tasks())
            run.watch(A)
            await until(lambda: gateway.streams)
            await run.upstream.close()
            await until(lambda: gateway.open == 0)
            run.watch(B)
            await asyncio.sleep(0.05)
            assert gateway.asked == 1
            await until(lambda: len(asyncio.all_tasks()) <= tasks)

    asyncio.run(main())


def test_closing_does_not_wait_for_an_upstream_that_is_silent():
    async def never(_heard: Heard, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        async with Run(never) as run:
            run.watch()
            await asyncio.sleep(0.05)

    asyncio.run(main())


def test_a_source_that_fails_in_an_unknown_way_is_listened_to_again():
    class Odd:
        count = 0

        async def listen(self, *_: Any) -> None:
            self.count += 1
            raise RuntimeError

    async def main() -> int:
        odd = Odd()
        watch = Watch(odd, QUICK)
        watch.wish(Wanted(NONE, NONE), lambda _change: None)
        await until(lambda: odd.count >= 2)
        await watch.close()
        return odd.count

    assert asyncio.run(main()) >= 2
