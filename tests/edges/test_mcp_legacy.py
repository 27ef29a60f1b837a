"""Legacy upstreams that ask, and sessions that say something by themselves."""

import asyncio
from typing import Any

import pytest
from edges.fakes_http import Heard, http
from edges.fakes_legacy import (
    ALL,
    FEATURES,
    HEAD,
    RESULT,
    Handler,
    LegacyServer,
    Run,
    answer,
    asking,
    done,
    event,
    note,
)
from edges.fakes_mcp import error, result

from mcp_proxy.core.answer import Change, Question, Told
from mcp_proxy.edges.attempts import Broken
from mcp_proxy.edges.mcp_listen import Wanted
from mcp_proxy.edges.mcp_wire import GatewayError, Halt

NAME = {"mode": "form", "message": "Name?"}
ACCEPT = {"action": "accept", "content": {"name": "Ann"}}
AGREED = {"action": "accept"}
LINK = {"mode": "url", "message": "Sign in", "url": "https://a.example/x", "elicitationId": "e1"}


async def curious(server: LegacyServer, heard: Heard, writer: asyncio.StreamWriter) -> None:
    """Asks for a name on the call's own stream, and answers with what it got."""
    writer.write(HEAD + event(asking("s1", **NAME)))
    reply = await server.reply("s1")
    writer.write(event(answer(heard, {"said": reply.get("result", reply.get("error"))})))
    await writer.drain()


async def silent(_server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
    """Asks for a name, and nothing more."""
    writer.write(HEAD + event(asking("s1", **NAME)))
    await asyncio.Event().wait()


def test_a_question_on_the_calls_stream_halts_it_and_the_reply_is_posted():
    async def main() -> None:
        async with Run(LegacyServer(curious)) as run:
            halt = await run.halted()
            assert list(halt.asked.values()) == [Question("elicitation/create", NAME)]
            key = next(iter(halt.asked))
            assert await run.resume(halt, {key: ACCEPT}) == {"said": ACCEPT}
            reply = await run.server.reply("s1")
            assert reply == {"jsonrpc": "2.0", "id": "s1", "result": ACCEPT}

    asyncio.run(main())


def test_a_clients_refusal_reaches_the_upstream_as_an_error():
    async def main() -> None:
        async with Run(LegacyServer(curious)) as run:
            halt = await run.halted()
            said = {"code": -1, "message": "no", "data": {"x": None}}
            told = Told(-1, "no", {"x": None})
            assert await run.resume(halt, dict.fromkeys(halt.asked, told)) == {"said": said}

    asyncio.run(main())


def test_s14_only_what_was_declared_is_asked_and_nothing_else_is_advertised():
    async def asks_all(server: LegacyServer, heard: Heard, writer: asyncio.StreamWriter) -> None:
        url = {**NAME, "mode": "url"}
        writer.write(HEAD + event(asking(1, **url)) + event(asking(2, "sampling/createMessage")))
        writer.write(event(asking(3, "roots/list")) + event(asking(4, "ping")))
        writer.write(event(asking(5, "tools/call")) + event(asking("6", **NAME)))
        for asked_id in (1, 2, 3, 4, 5, "6"):
            await server.reply(asked_id)
        writer.write(event(answer(heard)))
        await writer.drain()

    async def main() -> LegacyServer:
        async with Run(LegacyServer(asks_all)) as run:
            halt = await run.halted({"elicitation": {"form": {}}})
            assert list(halt.asked.values()) == [Question("elicitation/create", NAME)]
            assert await run.resume(halt, dict.fromkeys(halt.asked, ACCEPT)) == RESULT
            return run.server

    server = asyncio.run(main())
    assert server.declared == [{"elicitation": {"form": {}}}]
    replies = {row["id"]: row for row in server.posted if "method" not in row}
    assert {key: row["error"]["code"] for key, row in replies.items() if "error" in row} == {
        1: -32601,
        2: -32601,
        3: -32601,
        5: -32601,
    }
    assert replies[4]["result"] == {}


def test_questions_that_came_together_are_asked_together_and_the_missing_one_again():
    async def asks_two(server: LegacyServer, heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + event(asking(1, **NAME)) + event(asking(2, "roots/list")))
        await server.reply(1)
        await server.reply(2)
        writer.write(event(answer(heard)))
        await writer.drain()

    async def main() -> None:
        async with Run(LegacyServer(asks_two)) as run:
            halt = await run.halted()
            first, second = halt.asked
            assert [item.method for item in halt.asked.values()] == [
                "elicitation/create",
                "roots/list",
            ]
            again = await run.resume(halt, {first: ACCEPT})
            assert isinstance(again, Halt)
            assert again.asked == {second: Question("roots/list", {})}
            assert await run.resume(again, {second: {"roots": []}}) == RESULT

    asyncio.run(main())


def test_a_question_that_the_upstream_takes_back_is_not_answered():
    async def withdraws(server: LegacyServer, heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + event(asking(1, **NAME)) + event(asking(2, **NAME)))
        await server.reply(2)
        writer.write(event(answer(heard)))
        await writer.drain()

    async def main() -> LegacyServer:
        async with Run(LegacyServer(withdraws)) as run:
            halt = await run.halted()
            first, second = halt.asked
            session: Any = run.era.session
            session.told(note("cancelled", requestId=1))
            assert await run.resume(halt, {first: ACCEPT, second: ACCEPT}) == RESULT
            return run.server

    server = asyncio.run(main())
    assert [row["id"] for row in server.posted if "method" not in row] == [2]


@pytest.mark.parametrize("by_drop", [True, False])
def test_a_halted_call_that_nobody_resumes_is_cancelled_upstream(by_drop: bool):
    async def main() -> None:
        async with Run(LegacyServer(silent)) as run:
            halt = await run.halted()
            if by_drop:
                await halt.drop()
                await halt.drop()
            else:
                await run.era.close()
            call = await run.server.told("tools/call")
            cancelled = await run.server.told("notifications/cancelled")
            assert cancelled["params"]["requestId"] == call["id"]
            assert "error" in await run.server.reply("s1")
            async with asyncio.timeout(5):
                await run.loopback.closed.wait()

    asyncio.run(main())


def test_a_cancelled_resume_is_cancelled_upstream():
    async def main() -> None:
        async with Run(LegacyServer(silent)) as run:
            halt = await run.halted()
            with pytest.raises(TimeoutError):
                await run.resume(halt, dict.fromkeys(halt.asked, ACCEPT), 0.2)
            await run.server.told("notifications/cancelled")

    asyncio.run(main())


def test_the_clients_time_is_not_the_calls():
    async def main() -> None:
        async with Run(LegacyServer(curious)) as run:
            async with asyncio.timeout(5):
                halt = await run.ask(deadline_s=0.3)
            assert isinstance(halt, Halt)
            await asyncio.sleep(0.5)
            assert await run.resume(halt, dict.fromkeys(halt.asked, ACCEPT)) == {"said": ACCEPT}

    asyncio.run(main())


def test_a_call_that_fails_while_it_is_halted_is_not_begun_again():
    async def breaks(_server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + event(asking(1, **NAME)))
        await writer.drain()

    async def main() -> None:
        async with Run(LegacyServer(breaks)) as run:
            halt = await run.halted()
            with pytest.raises(Broken) as caught:
                await run.resume(halt, dict.fromkeys(halt.asked, ACCEPT))
            assert caught.value.again == "never"
            assert run.server.count("tools/call") == 1

    asyncio.run(main())


def test_a_question_on_the_sessions_stream_belongs_to_the_oldest_call_that_can_be_asked():
    asked = asyncio.Event()

    async def stream(server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        await asked.wait()
        writer.write(event(asking(7, **NAME)))
        await asyncio.Event().wait()

    async def call(server: LegacyServer, heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        if server.count("tools/call") == 3:
            asked.set()
        await server.reply(7)
        return result(heard, RESULT)

    async def main() -> None:
        async with Run(LegacyServer(call, stream)) as run:
            await run.era.begin(ALL)
            first = asyncio.create_task(run.ask({"sampling": {}}))
            await run.server.told("tools/call")
            rest = [asyncio.create_task(run.ask()) for _ in range(2)]
            halts = [task for task in rest if not task.done()]
            ready, _ = await asyncio.wait(halts, return_when=asyncio.FIRST_COMPLETED)
            assert ready == {rest[0]}
            halt = rest[0].result()
            assert isinstance(halt, Halt)
            assert await run.resume(halt, dict.fromkeys(halt.asked, ACCEPT)) == RESULT
            assert await first == await rest[1] == RESULT

    asyncio.run(main())


def test_a_call_whose_client_stays_away_takes_no_question_of_the_next_call():
    asked = [asyncio.Event(), asyncio.Event()]

    async def stream(server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        for number, event_ in enumerate(asked):
            await event_.wait()
            writer.write(event(asking(number, **NAME)))
        await asyncio.Event().wait()

    async def call(server: LegacyServer, heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        number = server.count("tools/call") - 1
        asked[number].set()
        await server.reply(number)
        return result(heard, RESULT)

    async def main() -> None:
        async with Run(LegacyServer(call, stream)) as run:
            await run.era.begin(ALL)
            away = await run.halted()
            async with asyncio.timeout(2):
                halt = await run.halted()
            assert await run.resume(halt, dict.fromkeys(halt.asked, ACCEPT)) == RESULT
            assert await run.resume(away, dict.fromkeys(away.asked, ACCEPT)) == RESULT

    asyncio.run(main())


def test_a_question_between_calls_waits_for_the_next_one():
    async def stream(_server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        many = (event(asking(number, **NAME)) for number in range(20))
        writer.write(HEAD + b"".join(many) + event(asking("ping", "ping")))
        await asyncio.Event().wait()

    async def main() -> LegacyServer:
        async with Run(LegacyServer(done, stream)) as run:
            await run.era.begin(ALL)
            assert (await run.server.reply("ping"))["result"] == {}
            refused = [await run.server.reply(number) for number in range(16, 20)]
            assert {row["error"]["code"] for row in refused} == {-32603}
            await run.ask()
            return run.server

    server = asyncio.run(main())
    # The call was answered at once: whoever asked beside it hears that nobody will answer.
    assert {row["id"] for row in server.posted if "error" in row} == set(range(20))


def test_the_sessions_stream_is_there_before_the_first_call():
    async def stream(_server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(HEAD)
        await asyncio.Event().wait()

    async def main() -> list[str]:
        async with Run(LegacyServer(done, stream)) as run:
            started = asyncio.get_running_loop().time()
            assert await run.ask() == RESULT
            assert asyncio.get_running_loop().time() - started >= 0.2
            return [row.method for row in run.loopback.heard]

    assert asyncio.run(main())[:4] == ["POST", "POST", "GET", "POST"]


@pytest.mark.parametrize("status", [404, 405, 400, 302, 200])
def test_a_session_without_a_stream_works(status: int):
    async def stream(*_: object) -> bytes:
        return http(status)

    async def main() -> None:
        async with Run(LegacyServer(done, stream)) as run:
            assert await run.ask() == RESULT
            assert await run.ask() == RESULT
            assert len(run.server.gets) == 1
            assert len(run.server.sessions) == 1

    asyncio.run(main())


def test_no_stream_is_opened_where_the_profile_names_nothing_that_needs_one():
    async def main() -> None:
        async with Run(LegacyServer(), features=("progress",)) as run:
            assert await run.ask({}) == RESULT
            assert run.server.gets == []

    asyncio.run(main())


def test_a_capability_that_came_later_opens_the_session_anew_once():
    async def main() -> None:
        async with Run(LegacyServer()) as run:
            form = {"elicitation": {"form": {}}}
            for capabilities in ({}, form, {}, {"sampling": {}}, form, {}):
                assert await run.ask(capabilities) == RESULT
            assert run.server.declared == [{}, form, {**form, "sampling": {}}]
        assert run.server.deleted == ["session-1", "session-2", "session-3"]

    asyncio.run(main())


def test_progress_and_logs_on_the_sessions_stream_find_their_call():
    async def stream(server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        call = await server.told("tools/call")
        writer.write(event(note("progress", progressToken=call["id"], progress=1)))
        writer.write(event(note("message", level="error", data="x")))
        writer.write(event(asking("end", "ping")))
        await asyncio.Event().wait()

    async def call(server: LegacyServer, heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        await server.reply("end")
        return result(heard, RESULT)

    async def main() -> None:
        async with Run(LegacyServer(call, stream)) as run:
            assert await run.ask(level="error") == RESULT
            methods = [message["method"] for message, _ in run.heard]
            assert methods == ["notifications/progress", "notifications/message"]
            assert {request_id for _, request_id in run.heard} == {
                (await run.server.told("tools/call"))["id"]
            }

    asyncio.run(main())


def test_the_log_level_is_set_where_it_is_another_one():
    async def main() -> list[str]:
        async with Run(LegacyServer(offers={"logging": {}})) as run:
            for level in (None, "error", "error", "info"):
                assert await run.ask(level=level) == RESULT
            return [
                row["params"]["level"]
                for row in run.server.posted
                if row.get("method") == "logging/setLevel"
            ]

    assert asyncio.run(main()) == ["error", "info"]


@pytest.mark.parametrize(("offers", "features"), [({}, FEATURES), ({"logging": {}}, ("progress",))])
def test_no_log_level_is_set_where_there_are_no_logs(offers: Any, features: tuple[str, ...]):
    async def main() -> None:
        async with Run(LegacyServer(offers=offers), features) as run:
            assert await run.ask({}, level="error") == RESULT
            assert run.server.count("logging/setLevel") == 0

    asyncio.run(main())


@pytest.mark.parametrize("promised", [True, False])
def test_changed_roots_are_told_where_that_was_promised(promised: bool):
    async def main() -> None:
        async with Run(LegacyServer()) as run:
            run.era.roots_changed()
            await run.ask({"roots": {"listChanged": True} if promised else {}})
            run.era.roots_changed()
        assert run.server.count("notifications/roots/list_changed") == promised

    asyncio.run(main())


def linked(*later: bytes | None) -> Any:
    """Refuses with a page to open, then answers."""

    async def call(server: LegacyServer, heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        if server.count("tools/call") == 1:
            return error(heard, -32042, "sign in", data={"elicitations": [LINK]})
        return result(heard, RESULT)

    return call


def test_a_call_that_needs_a_page_first_is_repeated_once_the_person_has_been_there():
    go = asyncio.Event()

    async def stream(_server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        await go.wait()
        writer.write(event(note("elicitation/complete", elicitationId="e1")))
        await asyncio.Event().wait()

    async def main() -> None:
        async with Run(LegacyServer(linked(), stream)) as run:
            halt = await run.halted()
            assert list(halt.asked.values()) == [Question("elicitation/create", LINK)]
            agreed = dict.fromkeys(halt.asked, AGREED)
            going = asyncio.create_task(run.resume(halt, agreed))
            await asyncio.sleep(0.1)
            assert run.server.count("tools/call") == 1
            go.set()
            assert await going == RESULT

    asyncio.run(main())


def test_without_word_from_the_upstream_half_of_the_time_is_the_persons():
    async def main() -> None:
        async with Run(LegacyServer(linked())) as run:
            halt = await run.halted()
            agreed = dict.fromkeys(halt.asked, AGREED)
            assert await run.resume(halt, agreed, 0.6) == RESULT

    asyncio.run(main())


@pytest.mark.parametrize("reply", [None, {"action": "decline"}, Told(1, "")])
def test_a_page_that_the_person_does_not_open_leaves_the_upstreams_error(reply: Any):
    async def main() -> None:
        async with Run(LegacyServer(linked())) as run:
            halt = await run.halted()
            with pytest.raises(GatewayError) as caught:
                await run.resume(halt, {} if reply is None else dict.fromkeys(halt.asked, reply))
            assert caught.value.code == -32042
            assert run.server.count("tools/call") == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("capabilities", "data"),
    [
        ({"elicitation": {"form": {}}}, {"elicitations": [LINK]}),
        (ALL, None),
        (ALL, {"elicitations": []}),
        (ALL, {"elicitations": [LINK] * 17}),
        (ALL, {"elicitations": [NAME]}),
        (ALL, {"elicitations": ["x"]}),
    ],
)
def test_s14_pages_that_may_not_be_asked_for_are_an_error(capabilities: Any, data: Any):
    async def call(_server: LegacyServer, heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return error(heard, -32042, data=data)

    async def main() -> None:
        async with Run(LegacyServer(call)) as run:
            with pytest.raises(GatewayError):
                await run.ask(capabilities)

    asyncio.run(main())


def test_a_watch_hears_changes_and_subscribes_to_its_resources_once():
    go = asyncio.Event()

    async def stream(server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        await go.wait()
        writer.write(event(note("tools/list_changed")) + event(note("tasks", taskId="t")))
        writer.write(event(note("resources/updated", uri="doc://a")))
        writer.write(event(note("resources/updated", uri="doc://other")))
        writer.write(event(asking("end", "ping")))
        await asyncio.Event().wait()

    async def main() -> None:
        offers = {"resources": {"subscribe": True}, "tools": {}}
        async with Run(LegacyServer(done, stream, offers), features=()) as run:
            changes: list[Change] = []
            wanted = Wanted(frozenset({"doc://a"}), frozenset())
            watches = [
                asyncio.create_task(run.era.listen(wanted, go.set, changes.append))
                for _ in range(2)
            ]
            await run.server.reply("end")
            assert changes == [
                Change("tools"),
                Change("tools"),
                Change("updated", "doc://a"),
                Change("updated", "doc://a"),
            ]
            for watch in watches:
                watch.cancel()
            await asyncio.wait(watches)
            await run.server.told("resources/unsubscribe")
            assert run.server.count("resources/subscribe") == 1
            assert run.server.count("resources/unsubscribe") == 1

    asyncio.run(main())


def test_a_watch_ends_where_something_may_have_been_missed():
    closing = [asyncio.Event()]

    async def stream(_server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        await writer.drain()
        await (closing.pop().wait() if closing else asyncio.Event().wait())

    async def main() -> None:
        async with Run(LegacyServer(done, stream), features=()) as run:
            over = closing[0]
            wanted = Wanted(frozenset(), frozenset())
            async with asyncio.timeout(5):
                await run.era.listen(wanted, over.set, lambda _change: None)
            assert len(run.server.gets) == 2
            assert len(run.server.sessions) == 1

    asyncio.run(main())


def test_a_session_that_the_stream_says_is_gone_is_opened_anew():
    async def stream(server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> Any:
        if len(server.gets) == 2:
            return http(404)
        writer.write(HEAD)
        await writer.drain()
        if len(server.gets) > 2:
            await asyncio.Event().wait()
        return None

    async def main() -> None:
        async with Run(LegacyServer(done, stream)) as run:
            await run.ask()
            first = run.era.session
            async with asyncio.timeout(5):
                while run.era.session is first:
                    await asyncio.sleep(0.01)
            assert await run.ask() == RESULT
            assert run.server.sessions == ["session-1", "session-2"]

    asyncio.run(main())


@pytest.mark.parametrize(("code", "kept"), [(-32602, True), (-32603, True), (-32000, False)])
def test_a_request_that_is_refused_keeps_its_session(code: int, kept: bool):
    async def call(_server: LegacyServer, heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return error(heard, code, status=400)

    async def main() -> None:
        async with Run(LegacyServer(call)) as run:
            for _ in range(2):
                with pytest.raises(GatewayError):
                    await run.ask()
            assert len(run.server.sessions) == (1 if kept else 2)
            assert run.server.count("tools/call") == 2

    asyncio.run(main())


def test_a_handshake_that_is_never_answered_holds_up_no_later_call():
    class Late(LegacyServer):
        async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
            if not self.gets and b"initialize" in heard.body:
                self.gets.append(heard)
                await asyncio.Event().wait()
            return await super().__call__(heard, writer)

    async def main() -> None:
        async with Run(Late(), ()) as run:
            spec = run.wire.spec._replace(deadline_ms=300)
            run.wire.spec = spec
            with pytest.raises(Broken, match="did not open a session"):
                await run.ask()
            assert await run.ask() == RESULT

    asyncio.run(main())


def roots_alone_are_asked(asks: Handler) -> None:
    """Of all that `asks` sends, the roots alone come to be asked, and the call ends well."""

    async def main() -> None:
        async with Run(LegacyServer(asks)) as run:
            halt = await run.halted()
            assert list(halt.asked.values()) == [Question("roots/list", {})]
            assert await run.resume(halt, dict.fromkeys(halt.asked, ACCEPT)) == RESULT

    asyncio.run(main())


def test_a_question_with_null_params_is_one_without():
    async def asks(server: LegacyServer, heard: Heard, writer: asyncio.StreamWriter) -> None:
        row = {"jsonrpc": "2.0", "id": 1, "method": "roots/list", "params": None}
        writer.write(HEAD + event(row))
        await server.reply(1)
        writer.write(event(answer(heard)))
        await writer.drain()

    roots_alone_are_asked(asks)


def test_a_question_taken_back_at_once_is_never_asked():
    async def asks(server: LegacyServer, heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + event(asking(1, **NAME)) + event(note("cancelled", requestId=1)))
        writer.write(event(asking(2, "roots/list")))
        await server.reply(2)
        writer.write(event(answer(heard)))
        await writer.drain()

    roots_alone_are_asked(asks)


def test_s14_a_question_that_waits_goes_to_no_call_that_did_not_declare_it():
    async def stream(_server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + event(asking(7, **NAME)) + event(asking("end", "ping")))
        await asyncio.Event().wait()

    async def call(server: LegacyServer, heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        if server.count("tools/call") > 2:
            await server.reply(7)
        return result(heard, RESULT)

    async def main() -> None:
        async with Run(LegacyServer(call, stream)) as run:
            await run.era.begin(ALL)
            await run.server.reply("end")
            assert await run.ask({}) == RESULT
            assert await run.ask({"sampling": {}}) == RESULT
            halt = await run.halted()
            assert list(halt.asked.values()) == [Question("elicitation/create", NAME)]
            assert await run.resume(halt, dict.fromkeys(halt.asked, ACCEPT)) == RESULT

    asyncio.run(main())


def test_an_upstream_without_such_a_stream_has_not_lost_its_session():
    async def stream(*_: object) -> bytes:
        return http(404)

    async def main() -> None:
        async with Run(LegacyServer(done, stream), ()) as run:
            watch = run.era.listen(Wanted(frozenset(), frozenset()), int, lambda _change: None)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await watch
            assert (len(run.server.gets), len(run.server.sessions)) == (1, 1)

    asyncio.run(main())
