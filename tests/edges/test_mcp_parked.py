"""Calls of a legacy upstream that wait for the client, and its watch, as the road holds them."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any, Self

from edges.fakes_http import FakeAuthorizer, Heard, Loopback, http, json_answer
from edges.fakes_legacy import (
    ALL,
    FEATURES,
    HEAD,
    RESULT,
    LegacyServer,
    answer,
    asking,
    event,
    note,
)

from mcp_proxy.core.answer import (
    Answer,
    Change,
    Event,
    Failure,
    McpAnswer,
    Progress,
    Question,
    Questions,
    Told,
    Wishes,
)
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.request import McpRequest
from mcp_proxy.edges.upstream_mcp import http_upstream

CALL = McpRequest("tools/call", {"name": "t", "arguments": {}}, "t", (), retry_safe=True)
QUICK = LIMITS._replace(reconnect_first_ms=10, reconnect_max_ms=40)
FORM = {"mode": "form", "message": "Name?", "requestedSchema": {"type": "object"}}


class Run:
    """One upstream to one legacy server, by a client that can all."""

    def __init__(self, server: LegacyServer) -> None:
        self.server = server
        self.loopback = Loopback(self.handle)
        self.events: list[Event] = []

    async def handle(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
        if heard.method == "POST" and heard.json().get("method") == "server/discover":
            return http(400)
        return await self.server(heard, writer)

    async def __aenter__(self) -> Self:
        await self.loopback.__aenter__()
        spec = self.loopback.spec("/mcp", kind="mcp", features=FEATURES)
        self.upstream = http_upstream(spec, FakeAuthorizer(), QUICK)
        return self

    async def __aexit__(self, *_: object) -> None:
        async with asyncio.timeout(5):
            await self.upstream.close()
        await self.loopback.__aexit__()

    async def call(self, deadline_s: float = 5.0) -> Answer:
        wishes = Wishes(ALL, progress=True)
        return await self.upstream.call(CALL, wishes, self.events.append, deadline_s)

    async def ask(self) -> Questions:
        found = await self.call()
        assert isinstance(found, Questions), found
        return found


async def until(holds: Callable[[], Any], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.002)


def asks(*after: Any) -> Any:
    """A tool that asks once, waits for the reply, and then says the rest and answers."""

    async def tool(server: LegacyServer, heard: Heard, writer: asyncio.StreamWriter) -> None:
        asked_id = f"q{heard.json()['id']}"
        writer.write(HEAD + event(asking(asked_id, **FORM)))
        reply = await server.reply(asked_id)
        token = heard.json()["params"]["_meta"]["progressToken"]
        writer.write(event(note("progress", progressToken=token, progress=1)))
        value = RESULT if "result" in reply else {"content": [], "isError": True}
        writer.write(event(answer(heard, value)))
        await writer.drain()

    return tool


def test_a_legacy_call_waits_for_the_client_outside_of_any_deadline():
    async def main() -> None:
        server = LegacyServer(asks())
        async with Run(server) as run:
            found = await run.call(0.3)
            assert isinstance(found, Questions), found
            await asyncio.sleep(0.5)
            (key,) = found.asked
            assert found.asked[key] == Question("elicitation/create", FORM)
            later: list[Event] = []
            reply = {"action": "accept", "content": {"n": 1}}
            assert await found.parked.resume({key: reply}, later.append, 5.0) == McpAnswer(RESULT)
            assert (run.events, later) == ([], [Progress(1, None, None)])
            assert server.count("tools/call") == 1

    asyncio.run(main())


def test_a_refusing_client_is_told_to_a_legacy_upstream_as_an_error():
    async def main() -> None:
        async with Run(LegacyServer(asks())) as run:
            found = await run.ask()
            (key,) = found.asked
            resumed = await found.parked.resume({key: Told(-1, "no")}, run.events.append, 5.0)
            assert resumed == McpAnswer({"content": [], "isError": True})

    asyncio.run(main())


def test_a_resumed_call_that_hangs_ends_at_its_own_deadline_and_is_cancelled():
    async def hangs(server: LegacyServer, heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + event(asking("q", **FORM)))
        await asyncio.Event().wait()

    async def main() -> None:
        server = LegacyServer(hangs)
        async with Run(server) as run:
            found = await run.ask()
            (key,) = found.asked
            failure = await found.parked.resume({key: {"action": "decline"}}, print, 0.2)
            assert isinstance(failure, Failure)
            assert (failure.id, failure.sent) == ("MCPX-U02", "yes")
            await server.told("notifications/cancelled")

    asyncio.run(main())


def test_a_thousand_dropped_calls_leave_nothing_behind_and_are_cancelled_upstream():
    async def main() -> None:
        server = LegacyServer(asks())
        async with Run(server) as run:
            await drop_many(run, 20)
            gc.collect()
            objects, tasks = len(gc.get_objects()), len(asyncio.all_tasks())
            for _ in range(20):
                await drop_many(run, 50)
            await until(lambda: len(asyncio.all_tasks()) <= tasks + 5)
            gc.collect()
            assert len(gc.get_objects()) < objects + 3000

    asyncio.run(main())


async def drop_many(run: Run, count: int) -> None:
    for _ in range(count):
        await (await run.ask()).parked.drop()
    await until(lambda: run.server.count("notifications/cancelled") == count)
    run.server.posted.clear()
    run.loopback.heard.clear()


def test_calls_parked_at_the_end_are_ended():
    async def main() -> None:
        server = LegacyServer(asks())
        async with Run(server) as run:
            for _ in range(64):
                await run.ask()
            await run.upstream.close()
            assert server.count("notifications/cancelled") == 64
            assert server.deleted == ["session-1"]

    asyncio.run(main())


def test_a_watch_subscribes_again_in_a_new_session_and_tells_what_may_be_missed():
    async def speaks(server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        await server.told("resources/subscribe")
        writer.write(event(note("resources/updated", uri="doc://a")))
        await asyncio.Event().wait()

    async def main() -> None:
        offers = {"resources": {"subscribe": True}}
        server, changes = LegacyServer(stream=speaks, offers=offers), list[Change]()
        async with Run(server) as run:
            run.upstream.watch(frozenset({"doc://a"}), frozenset(), changes.append)
            await until(lambda: changes)
            server.sessions.remove("session-1")
            assert await run.call() == McpAnswer(RESULT)
            await until(lambda: server.count("resources/subscribe") == 2)
            await until(lambda: Change("tools") in changes)
            assert len(server.declared) == 2

    asyncio.run(main())


def test_what_a_watch_no_longer_wants_is_unsubscribed():
    async def main() -> None:
        server = LegacyServer(offers={"resources": {"subscribe": True}})
        async with Run(server) as run:
            run.upstream.watch(frozenset({"doc://a", "doc://b"}), frozenset(), print)
            await until(lambda: server.count("resources/subscribe") == 2)
            await asyncio.sleep(0.1)
            run.upstream.watch(frozenset({"doc://b", "doc://c"}), frozenset(), print)
            await until(lambda: server.count("resources/unsubscribe"))
            rows = [row for row in server.posted if "subscribe" in row.get("method", "")]
            told = [(row["method"].partition("/")[2], row["params"]["uri"]) for row in rows]
            assert sorted(told[:2]) == [("subscribe", "doc://a"), ("subscribe", "doc://b")]
            assert told[2:] == [("subscribe", "doc://c"), ("unsubscribe", "doc://a")]

    asyncio.run(main())


def test_a_call_parked_in_an_era_that_is_over_is_ended_with_the_upstream():
    async def modern(_server: LegacyServer, heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        row = {"code": -32022, "message": "no", "data": {"supported": ["2025-11-25"]}}
        return json_answer({"jsonrpc": "2.0", "id": heard.json()["id"], "error": row}, 400)

    async def main() -> None:
        server = LegacyServer(asks())
        async with Run(server) as run:
            tasks = asyncio.all_tasks()
            await run.ask()
            server.call = modern
            assert isinstance(await run.call(), Failure)
            await run.upstream.close()
            await until(lambda: asyncio.all_tasks() <= tasks)

    asyncio.run(main())
