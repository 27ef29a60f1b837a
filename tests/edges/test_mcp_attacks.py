"""Upstreams that lie, repeat, stall and die at the worst moment: what must hold all the same."""

import asyncio
from typing import Any

import pytest
from edges.fakes_http import Heard, http
from edges.fakes_legacy import (
    ALL,
    HEAD,
    RESULT,
    LegacyServer,
    Run,
    answer,
    asking,
    done,
    event,
)
from edges.test_mcp_duplex import Ear, FakeChannel, Table, run, settle

from mcp_proxy.core.answer import Wishes
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.gateway_listing import read_listing
from mcp_proxy.edges.mcp_duplex import DuplexWire
from mcp_proxy.edges.mcp_era import Gateway
from mcp_proxy.edges.mcp_legacy import LegacyEra
from mcp_proxy.edges.mcp_wire import Ask, Halt, silent
from mcp_proxy.edges.single_flight import SingleFlight

NAME = {"mode": "form", "message": "Name?"}
ACCEPT = {"action": "accept", "content": {"name": "Ann"}}
DUPLEX = UpstreamSpec("stdio", "", None, 2_000, ("elicitation", "roots"))


def tool(capabilities: Any = ALL) -> Ask:
    return Ask("tools/call", {"name": "t"}, None, (), Wishes(capabilities), silent)


@pytest.mark.parametrize("named", [[], {}, [1], None, 1.0, True])
def test_s25_a_cancellation_of_what_is_no_id_disturbs_no_other_message(named: Any) -> None:
    async def work(table: Table) -> None:
        first = await table.ask()
        table.channel.say(method="notifications/cancelled", params={"requestId": named})
        table.channel.say(id=table.ids, result={"n": 1})
        assert await first == {"n": 1}

    run(work)


def test_a_question_taken_back_frees_its_place_and_is_answered_no_more() -> None:
    async def work(table: Table) -> None:
        ear = Ear()
        await table.ask(ear=ear)
        for number in range(LIMITS.questions_open + LIMITS.stray_lines + 2):
            table.channel.say(id=f"s{number}", method="elicitation/create", params={})
            params = {"requestId": f"s{number}"}
            table.channel.say(method="notifications/cancelled", params=params)
        await settle()
        assert table.channel.dropped == 0
        before = len(table.channel.sent)
        await table.wire.notify({"jsonrpc": "2.0", "id": "s0", "result": {}}, (), Trip(5))
        assert len(table.channel.sent) == before

    run(work)


def test_a_server_may_ping_while_it_is_asked_for_its_era() -> None:
    async def work(table: Table) -> None:
        ear = Ear(Broken("MCPX-U05", "No."))
        probe = await table.ask("server/discover", ear)
        table.channel.say(id="p", method="ping")
        table.channel.say(id="r", method="roots/list")
        await settle()
        assert [row["id"] for row in table.channel.sent[1:]] == ["p", "r"]
        assert table.channel.sent[1]["result"] == {}
        assert table.channel.sent[2]["error"]["code"] == -32601
        table.channel.say(id=table.ids, result={"n": 1})
        assert await probe == {"n": 1}
        assert ear.heard == []

    run(work, begun=False)


def test_a_channel_that_is_lost_while_it_is_checked_takes_no_message() -> None:
    """Else it went to the next server, whose answer nobody would wait for."""

    async def work(table: Table) -> None:
        async def check() -> None:
            table.channel.lost(Broken("MCPX-U01", "It ended.", over=True))

        before = len(table.channel.sent)
        setattr(table.channel, "check", check)  # noqa: B010
        with pytest.raises(Broken) as raised:
            await table.wire.request(
                {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {}},
                (),
                Ear(),
                Trip(5),
            )
        assert (raised.value.again, raised.value.over) == ("unsent", True)
        assert len(table.channel.sent) == before

    run(work)


class Server(FakeChannel):
    """A legacy local server that asks for a name under the id 0 and then waits."""

    async def send(self, data: bytes) -> None:
        await super().send(data)
        message = self.sent[-1]
        if message.get("method") == "initialize":
            told = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {}}
            self.say(id=message["id"], result=told)
        elif message.get("method") == "tools/call":
            self.say(id=0, method="elicitation/create", params=NAME)


async def legacy_over(channel: FakeChannel) -> tuple[DuplexWire, LegacyEra]:
    wire = DuplexWire(DUPLEX, channel, LIMITS)
    return wire, LegacyEra(wire, iter(range(1, 1_000)))


def test_s15_what_a_dead_server_asked_is_not_answered_to_the_next_one() -> None:
    async def main() -> None:
        channel = Server()
        wire, era = await legacy_over(channel)
        old = await era.ask(tool(), Trip(5))
        assert isinstance(old, Halt)
        channel.lost(Broken("MCPX-U01", "It ended.", again="lost", over=True))
        new = await era.ask(tool(), Trip(5))
        assert isinstance(new, Halt)
        with pytest.raises(Broken):
            await old.resume(dict.fromkeys(old.asked, ACCEPT), silent, Trip(5))
        await settle()
        assert [row for row in channel.sent if "method" not in row] == []
        await new.drop()
        await era.close()
        await wire.close()

    asyncio.run(main())


def test_a_search_that_is_given_up_fails_those_who_wait_for_it_and_cancels_none() -> None:
    """A cancelled call would never be answered."""

    async def main() -> None:
        async def find() -> int:
            await asyncio.Event().wait()
            return 1

        flight = SingleFlight(find)
        waiters = [asyncio.create_task(flight.get()) for _ in range(2)]
        await asyncio.sleep(0)
        waiters[0].cancel()
        await asyncio.wait({waiters[0]})
        assert waiters[0].cancelled()
        await flight.close()
        await asyncio.wait({waiters[1]})
        broken = waiters[1].exception()
        assert isinstance(broken, Broken)
        assert broken.again == "unsent"

    asyncio.run(main())


def test_as_many_halted_calls_as_may_run_can_all_be_answered() -> None:
    """Each holds its connection while it waits, and its answer needs another one."""

    async def asks(server: LegacyServer, heard: Heard, writer: asyncio.StreamWriter) -> None:
        asked_id = f"q{heard.json()['id']}"
        writer.write(HEAD + event(asking(asked_id, **NAME)))
        await server.reply(asked_id)
        writer.write(event(answer(heard)))
        await writer.drain()

    async def main() -> None:
        limits = LIMITS._replace(calls_in_flight=4, parked_calls=0)
        async with Run(LegacyServer(asks), limits=limits) as run:
            halts = await asyncio.gather(*(run.halted() for _ in range(4)))
            answers = (run.resume(halt, dict.fromkeys(halt.asked, ACCEPT), 3) for halt in halts)
            assert await asyncio.gather(*answers) == [RESULT] * 4

    asyncio.run(main())


def test_a_session_that_could_not_be_begun_is_ended() -> None:
    class Refusing(LegacyServer):
        async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
            if heard.method == "POST" and heard.json()["method"] == "notifications/initialized":
                return http(500)
            return await super().__call__(heard, writer)

    async def main() -> None:
        async with Run(Refusing()) as run:
            with pytest.raises(Broken):
                await run.ask()
            assert run.server.deleted == run.server.sessions == ["session-1"]

    asyncio.run(main())


def test_a_session_given_up_for_a_400_is_ended_too() -> None:
    async def refuses(_server: Any, _heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
        return http(400)

    async def main() -> None:
        async with Run(LegacyServer(refuses)) as run:
            for _ in range(3):
                with pytest.raises(Broken):
                    await run.ask({})
            assert run.server.count("tools/call") == 3
            assert run.server.deleted == run.server.sessions[:2]
        assert run.server.deleted == run.server.sessions

    asyncio.run(main())


def test_s14_a_question_between_calls_is_not_kept_for_ever() -> None:
    async def stream(server: LegacyServer, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + event(asking("early", **NAME)))
        await writer.drain()
        await server.reply("early")
        await asyncio.Event().wait()

    async def main() -> None:
        limits = LIMITS._replace(question_waits_ms=50)
        async with Run(LegacyServer(done, stream), limits=limits) as run:
            await run.era.begin(ALL)
            assert (await run.server.reply("early"))["error"]["code"] == -32603
            assert await run.ask() == RESULT

    asyncio.run(main())


@pytest.mark.parametrize("wrong", [[False], ["1"], [1.5], [None]])
def test_an_answer_on_the_sessions_stream_finds_its_call_by_id(wrong: list[Any]) -> None:
    """Some servers send it there (their POST's stream ends without one)."""
    lines: list[asyncio.StreamWriter] = []

    async def stream(_server: Any, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        await writer.drain()
        lines.append(writer)
        await asyncio.Event().wait()

    async def elsewhere(_server: Any, heard: Heard, writer: asyncio.StreamWriter) -> None:
        for bad in wrong:
            lines[0].write(event({"jsonrpc": "2.0", "id": bad, "result": {"not": "ours"}}))
        for _ in range(2):
            lines[0].write(event(answer(heard)))
        writer.write(HEAD)
        await asyncio.Event().wait()

    async def main() -> None:
        async with Run(LegacyServer(elsewhere, stream)) as run:
            assert await run.ask({"roots": {}}) == RESULT
            assert await run.ask({}) == RESULT
            assert run.server.count("tools/call") == 2

    asyncio.run(main())


class Pages:
    """A wire whose every page of a list is large, and names the next one."""

    def __init__(self, cursor_chars: int, entry_chars: int) -> None:
        self.cursor_chars, self.entry_chars = cursor_chars, entry_chars
        self.pages = 0

    async def fetch(self, _ask: Ask, _trip: Trip) -> dict[str, Any]:
        self.pages += 1
        cursor = f"{self.pages}".rjust(self.cursor_chars, "c")
        entry = {"name": f"n{self.pages}", "description": "d" * self.entry_chars}
        return {"tools": [entry], "nextCursor": cursor}


@pytest.mark.parametrize(("cursor_chars", "entry_chars"), [(1, 1 << 20), (1 << 20, 1)])
def test_s25_a_listing_is_bounded_in_bytes(cursor_chars: int, entry_chars: int) -> None:
    async def main() -> None:
        pages: Any = Pages(cursor_chars, entry_chars)
        limits = LIMITS._replace(listing_bytes=8 << 20)
        with pytest.raises(Broken, match="lists above"):
            await read_listing(pages, limits, 20, Wishes({}))
        assert pages.pages <= 10

    asyncio.run(main())


def test_a_closed_gateway_opens_nothing_any_more() -> None:
    async def main() -> None:
        channel = FakeChannel()
        gateway = Gateway(DuplexWire(DUPLEX, channel, LIMITS))
        await gateway.close()
        with pytest.raises(Broken):
            await gateway.ask(tool(), Trip(5))
        assert channel.opened == 0

    asyncio.run(main())


def test_a_question_that_outlives_its_session_is_answered_nowhere() -> None:
    async def stream(_server: Any, _heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + event(asking("early", **NAME)))
        await writer.drain()
        await asyncio.Event().wait()

    async def main() -> None:
        limits = LIMITS._replace(question_waits_ms=100)
        async with Run(LegacyServer(done, stream), limits=limits) as run:
            await run.era.begin(ALL)
            await asyncio.sleep(0.05)
            await run.era.close()
            await asyncio.sleep(0.15)
            assert run.server.deleted == ["session-1"]
            assert [row for row in run.server.posted if "method" not in row] == []

    asyncio.run(main())
