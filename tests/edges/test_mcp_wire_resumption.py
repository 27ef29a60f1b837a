"""Streams that break before the answer: gone on with where they were left, within bounds."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from edges.fakes_http import Heard, http, json_answer
from edges.fakes_legacy import (
    FEATURES,
    HEAD,
    RESULT,
    LegacyServer,
    Run,
    answer,
    asking,
    done,
    event,
    note,
)

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.mcp_http_stream import HEAD_WAIT_S
from mcp_proxy.edges.mcp_listen import Wanted
from mcp_proxy.edges.mcp_wire import Halt

NAME = {"mode": "form", "message": "Name?"}
AGREED = {"action": "accept"}
QUIET = ("progress",)


def primed(name: str = "p1", retry_ms: int | None = 100) -> Any:
    """A call's stream that ends after its first event, which holds nothing but its id."""

    async def call(_server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + event("", name, retry_ms))
        await writer.drain()

    return call


async def answers(server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
    """The rest of the call's stream."""
    row = await server.told("tools/call")
    reply = {"jsonrpc": "2.0", "id": row["id"], "result": RESULT}
    writer.write(HEAD + event(reply, "p2"))
    await writer.drain()


def test_a_stream_that_ends_early_is_gone_on_with_after_the_pause_it_wished():
    async def main() -> LegacyServer:
        async with Run(LegacyServer(primed(retry_ms=300), answers), QUIET) as run:
            started = asyncio.get_running_loop().time()
            assert await run.ask({}) == RESULT
            assert 0.3 <= asyncio.get_running_loop().time() - started < 1.5
            return run.server

    server = asyncio.run(main())
    assert server.count("tools/call") == 1
    headers = server.gets[0].headers
    assert headers["last-event-id"] == "p1"
    assert headers["mcp-session-id"] == "session-1"
    assert headers["mcp-protocol-version"] == "2025-11-25"


def test_a_connection_that_is_lost_is_gone_on_with_too():
    async def cut(_server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        chunked = HEAD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        data = event("", "p1", 100)
        writer.write(chunked + b"%x\r\n%s\r\n" % (len(data), data) + b"ffff\r\ndata: ")
        await writer.drain()

    async def main() -> None:
        async with Run(LegacyServer(cut, answers), QUIET) as run:
            assert await run.ask({}) == RESULT

    asyncio.run(main())


def test_each_connection_goes_on_from_the_last_event_of_all():
    async def parts(server: LegacyServer, heard: Heard, writer: asyncio.StreamWriter) -> None:
        step = len(server.gets)
        if step == 4:
            return await answers(server, heard, writer)
        token = (await server.told("tools/call"))["id"]
        step_note = note("progress", progressToken=token, progress=step)
        # The second connection brings nothing.
        writer.write(HEAD + (b"" if step == 2 else event(step_note, f"e{step}")))
        await writer.drain()
        return None

    async def main() -> list[str]:
        async with Run(LegacyServer(primed(), parts), QUIET) as run:
            assert await run.ask({}) == RESULT
            assert [row["params"]["progress"] for row, _ in run.heard] == [1, 3]
            return [row.headers["last-event-id"] for row in run.server.gets]

    assert asyncio.run(main()) == ["p1", "e1", "e1", "e3"]


def test_a_question_after_the_break_is_asked():
    async def asks(server: LegacyServer, heard: Heard, writer: asyncio.StreamWriter) -> None:
        if "last-event-id" not in heard.headers:
            writer.write(HEAD)
            await asyncio.Event().wait()
        writer.write(HEAD + event(asking(9, **NAME), "p2"))
        await server.reply(9)
        row = await server.told("tools/call")
        writer.write(event({"jsonrpc": "2.0", "id": row["id"], "result": RESULT}))
        await writer.drain()

    async def main() -> None:
        async with Run(LegacyServer(primed(), asks)) as run:
            halt = await run.halted()
            again = await run.resume(halt, dict.fromkeys(halt.asked, AGREED))
            assert again == RESULT

    asyncio.run(main())


def test_a_stream_goes_on_while_the_client_thinks():
    async def asks(_server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + event(asking(9, **NAME), "p1", 100))
        await writer.drain()

    async def resumes(server: LegacyServer, heard: Heard, writer: asyncio.StreamWriter) -> None:
        if "last-event-id" not in heard.headers:
            writer.write(HEAD)
            await asyncio.Event().wait()
        if any("method" not in row for row in server.posted):
            return await answers(server, heard, writer)
        writer.write(HEAD)
        await writer.drain()
        return None

    async def main() -> None:
        async with Run(LegacyServer(asks, resumes)) as run:
            halt = await run.ask(deadline_s=0.3)
            assert isinstance(halt, Halt)
            await asyncio.sleep(0.5)
            again = await run.resume(halt, dict.fromkeys(halt.asked, AGREED))
            assert again == RESULT

    asyncio.run(main())


def test_a_resumed_call_waits_no_longer_than_its_new_deadline():
    async def asks(server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + event(asking(9, **NAME), "p1"))
        await server.reply(9)
        writer.write(event("", "p2", 30_000))
        await writer.drain()

    async def main() -> None:
        async with Run(LegacyServer(asks)) as run:
            halt = await run.halted()
            started = asyncio.get_running_loop().time()
            with pytest.raises(Broken, match="closed its event stream"):
                await run.resume(halt, dict.fromkeys(halt.asked, AGREED), 5.0)
            assert asyncio.get_running_loop().time() - started < 2

    asyncio.run(main())


@pytest.mark.parametrize("refusal", [http(404), http(405), http(400), http(204), http(200)])
def test_an_upstream_that_does_not_go_on_has_lost_the_call_and_nothing_is_repeated(refusal: bytes):
    async def stream(*_: object) -> bytes:
        return refusal

    async def main() -> None:
        async with Run(LegacyServer(primed(), stream), QUIET) as run:
            with pytest.raises(Broken) as caught:
                await run.ask({})
            assert (caught.value.again, caught.value.status) == ("lost", None)
            assert (len(run.server.gets), run.server.count("tools/call")) == (1, 1)
            assert run.server.sessions == ["session-1"]

    asyncio.run(main())


@pytest.mark.parametrize(
    "first", [b"", event(""), event("", "x" * 2000), event("", "a\x07b"), event("", "ü")]
)
def test_s25_a_stream_without_a_place_to_go_on_from_is_lost(first: bytes):
    async def call(_server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + first)
        await writer.drain()

    async def main() -> None:
        async with Run(LegacyServer(call, answers), QUIET) as run:
            with pytest.raises(Broken, match="closed its event stream"):
                await run.ask({})
            assert run.server.gets == []

    asyncio.run(main())


@pytest.mark.parametrize("rest", [b"", b": still here\n\n", b"retry: 1\n\n"])
def test_s25_a_stream_that_always_breaks_is_followed_no_longer_than_the_call_lasts(rest: bytes):
    async def stream(_server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + rest)
        await writer.drain()

    async def main() -> int:
        async with Run(LegacyServer(primed(retry_ms=0), stream), QUIET) as run:
            with pytest.raises((Broken, TimeoutError)):
                await run.ask({}, deadline_s=2.0)
            return len(run.server.gets)

    # 100 ms apart at the least, and ever longer where nothing comes.
    assert 3 <= asyncio.run(main()) <= 10


def test_s25_a_pause_beyond_the_deadline_is_not_waited_for():
    async def main() -> None:
        async with Run(LegacyServer(primed(retry_ms=999_999_999), answers), QUIET) as run:
            async with asyncio.timeout(2):
                with pytest.raises(Broken, match="closed its event stream"):
                    await run.ask({}, deadline_s=20)

    asyncio.run(main())


def test_s9_going_on_follows_no_redirect():
    async def stream(*_: object) -> bytes:
        return http(307, location="/mcp")

    async def main() -> None:
        async with Run(LegacyServer(primed(), stream), QUIET) as run:
            with pytest.raises(Broken):
                await run.ask({})
            assert len(run.server.gets) == 1

    asyncio.run(main())


def test_a_session_stream_goes_on_from_its_last_event_and_nothing_was_missed():
    async def stream(server: LegacyServer, heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + event(note("tools/list_changed"), f"g{len(server.gets)}", 100))
        await writer.drain()
        if heard.headers.get("last-event-id") == "g2":
            await asyncio.Event().wait()

    async def main() -> list[str | None]:
        async with Run(LegacyServer(done, stream), ()) as run:
            watch = run.era.listen(Wanted(frozenset(), frozenset()), int, lambda _change: None)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.5):
                    await watch
            return [row.headers.get("last-event-id") for row in run.server.gets]

    assert asyncio.run(main()) == [None, "g1", "g2"]


def test_a_session_stream_without_a_head_holds_the_first_call_up_for_two_seconds_only():
    async def stream(*_: object) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        async with Run(LegacyServer(done, stream), FEATURES) as run:
            started = asyncio.get_running_loop().time()
            assert await run.ask() == RESULT
            assert asyncio.get_running_loop().time() - started < HEAD_WAIT_S + 1
            async with asyncio.timeout(1):
                assert await run.ask() == RESULT

    asyncio.run(main())


FLOODS: list[Callable[[int], Any]] = [
    lambda n: asking(n, **NAME),
    lambda n: asking(f"{n}", "ping"),
    lambda n: asking(n, "unknown/method"),
    lambda n: asking("x" * 5000, **NAME),
    lambda n: asking(None, **NAME),
    lambda n: asking(7, **NAME),
    lambda n: {"jsonrpc": "2.0", "id": 1000 + n, "result": RESULT},
    lambda n: note("message", level="error", data="x"),
    lambda n: note("cancelled", requestId=n),
    lambda n: note("cancelled", requestId=[n]),
    lambda n: {"jsonrpc": "2.0", "method": n, "params": {}},
    lambda n: {"jsonrpc": "2.0", "method": n, "id": n, "params": n},
]


@pytest.mark.parametrize("row", FLOODS)
def test_s14_a_flood_on_the_sessions_stream_disturbs_no_call(row: Callable[[int], Any]):
    async def stream(_server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"".join(event(row(number)) for number in range(3000)))
        await writer.drain()
        await asyncio.Event().wait()

    async def main() -> None:
        limits = LIMITS._replace(sse_events=2000)
        async with Run(LegacyServer(done, stream), FEATURES, limits) as run:
            async with asyncio.timeout(10):
                assert await run.ask({}) == RESULT
                outcome = await run.ask()
            if isinstance(outcome, Halt):
                assert len(outcome.asked) <= LIMITS.questions
                await outcome.drop()
            assert len([row for row in run.server.posted if "method" not in row]) < 1000

    asyncio.run(main())


@pytest.mark.parametrize("row", FLOODS)
def test_s14_a_flood_on_the_calls_stream_ends_in_one_answer(row: Callable[[int], Any]):
    async def call(_server: LegacyServer, heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"".join(event(row(number)) for number in range(1500)))
        writer.write(event(answer(heard)))
        await writer.drain()

    async def main() -> None:
        async with Run(LegacyServer(call)) as run:
            async with asyncio.timeout(10):
                (outcome,) = await asyncio.gather(run.ask(), return_exceptions=True)
            if isinstance(outcome, Halt):
                assert len(outcome.asked) <= LIMITS.questions
                await outcome.drop()
            elif isinstance(outcome, Broken):
                assert outcome.id == "MCPX-U05"
            else:
                assert outcome == RESULT

    asyncio.run(main())


def test_an_answer_to_another_request_on_the_calls_stream_is_refused():
    async def call(_server: LegacyServer, heard: Heard, writer: asyncio.StreamWriter) -> None:
        foreign = {**answer(heard), "id": heard.json()["id"] + 1}
        writer.write(HEAD + event(foreign) + event(answer(heard)))
        await writer.drain()

    async def main() -> None:
        async with Run(LegacyServer(call)) as run:
            with pytest.raises(Broken, match="belongs to another request"):
                await run.ask()

    asyncio.run(main())


def test_a_reply_that_the_upstream_refuses_ends_the_call():
    class Deaf(LegacyServer):
        async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
            if heard.method == "POST" and "method" not in heard.json():
                return json_answer({"error": "what?"}, 400)
            return await super().__call__(heard, writer)

    async def asks(_server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + event(asking(1, **NAME)))
        await asyncio.Event().wait()

    async def main() -> None:
        async with Run(Deaf(asks)) as run:
            halt = await run.halted()
            with pytest.raises(Broken) as caught:
                await run.resume(halt, dict.fromkeys(halt.asked, AGREED))
            assert (caught.value.status, caught.value.again) == (400, "never")
            await run.server.told("notifications/cancelled")

    asyncio.run(main())


def test_a_session_stream_whose_credential_is_refused_is_not_tried_again():
    async def stream(*_: object) -> bytes:
        return http(401)

    async def main() -> None:
        limits = LIMITS._replace(sse_retry_min_ms=1, sse_retry_max_ms=1)
        async with Run(LegacyServer(done, stream), FEATURES, limits) as run:
            assert await run.ask() == RESULT
            await asyncio.sleep(0.7)
            assert len(run.server.gets) == 1

    asyncio.run(main())


def test_a_busy_session_stream_is_tried_again():
    async def stream(server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> Any:
        if len(server.gets) == 1:
            return http(503)
        writer.write(HEAD + event(asking(1, "ping")))
        return await asyncio.Event().wait()

    async def main() -> None:
        async with Run(LegacyServer(done, stream)) as run:
            assert await run.ask() == RESULT
            assert (await run.server.reply(1))["result"] == {}

    asyncio.run(main())


def test_a_stream_of_the_modern_era_is_never_gone_on_with():
    async def main() -> None:
        async with Run(LegacyServer(primed(), answers), QUIET) as run:
            await run.era.begin()
            row = {"jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": {}}
            headers = (("Mcp-Method", "tools/call"), ("Mcp-Session-Id", "session-1"))
            session: Any = run.era.session
            with pytest.raises(Broken, match="closed its event stream"):
                await run.wire.request(row, headers, session, Trip(5))
            assert run.server.gets == []

    asyncio.run(main())
