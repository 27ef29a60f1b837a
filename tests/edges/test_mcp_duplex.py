"""JSON-RPC over one channel: whom each message belongs to, and what ends with the channel."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges.attempts import Broken, Trip
from mcp_proxy.edges.mcp_duplex import DuplexWire
from mcp_proxy.edges.mcp_wire import GatewayError

SPEC = UpstreamSpec("stdio", "", None, 5_000, ())
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"


class FakeChannel:
    """Records what is sent; the test plays the other side."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.opened = self.dropped = self.closed = 0
        self.refusal: Broken | None = None

    async def open(self, received: Callable[[bytes], None], lost: Callable[[Broken], None]) -> None:
        self.opened += 1
        self.received, self.lost = received, lost

    async def check(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def send(self, data: bytes) -> None:
        self.sent.append(json.loads(data))

    def drop(self) -> None:
        self.dropped += 1

    async def close(self) -> None:
        self.closed += 1

    def say(self, **message: Any) -> None:
        self.received(json.dumps({"jsonrpc": "2.0", **message}).encode())


class Ear:
    """A listener that keeps what it hears."""

    def __init__(self, refusal: Broken | None = None) -> None:
        self.heard: list[str] = []
        self.refusal = refusal

    def notified(self, message: dict[str, Any]) -> None:
        self.heard.append(message["method"])

    async def asked(self, message: dict[str, Any]) -> None:
        self.heard.append(f"? {message['method']}")
        if self.refusal is not None:
            raise self.refusal


Asking = asyncio.Task[dict[str, Any]]


class Table:
    """A wire with an open channel, and an ear of its own."""

    def __init__(self) -> None:
        self.channel = FakeChannel()
        self.wire = DuplexWire(SPEC, self.channel, LIMITS)
        self.ear = Ear()
        self.ids = 0

    async def ask(self, method: str = "tools/call", ear: Ear | None = None) -> Asking:
        """A request that waits for its answer; ids from 1."""
        self.ids += 1
        message = {"jsonrpc": "2.0", "id": self.ids, "method": method, "params": {}}

        async def go() -> dict[str, Any]:
            result, headers = await self.wire.request(message, (), ear or Ear(), Trip(5))
            assert headers == {}
            return result

        task = asyncio.create_task(go())
        await settle()
        return task

    async def begin(self) -> None:
        handshake = await self.ask("server/discover")
        self.channel.say(id=self.ids, result={})
        await handshake


async def settle() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


def run(work: Callable[[Table], Awaitable[None]], *, begun: bool = True) -> None:
    async def go() -> None:
        table = Table()
        if begun:
            await table.begin()
            table.wire.hear(table.ear)
        await work(table)
        await table.wire.close()

    asyncio.run(go())


def test_answers_find_their_requests_in_any_order() -> None:
    async def work(table: Table) -> None:
        first, second = await table.ask(), await table.ask()
        table.channel.say(id=3, result={"n": 2})
        table.channel.say(id=2, result={"n": 1})
        assert (await first, await second) == ({"n": 1}, {"n": 2})

    run(work)


@pytest.mark.parametrize(
    "answer", [{"id": 9}, {"id": "2"}, {"id": True}, {"id": 2.0}, {"id": None}, {}]
)
def test_an_answer_to_nobody_answers_nothing(answer: dict[str, Any]) -> None:
    async def work(table: Table) -> None:
        asking = await table.ask()
        table.channel.say(**answer, result={"stolen": True})
        table.channel.say(id=2, result={"mine": True})
        table.channel.say(id=2, result={"twice": True})
        assert await asking == {"mine": True}

    run(work)


def test_an_error_without_an_id_is_that_of_the_only_call() -> None:
    async def work(table: Table) -> None:
        listening, asking = await table.ask("subscriptions/listen"), await table.ask()
        table.channel.say(id=None, error={"code": -32700, "message": "what?"})
        with pytest.raises(GatewayError) as caught:
            await asking
        assert (caught.value.code, caught.value.status) == (-32700, 200)
        assert not listening.done()
        listening.cancel()

    run(work)


def test_progress_goes_to_the_request_of_its_token() -> None:
    async def work(table: Table) -> None:
        ears = [Ear(), Ear()]
        askings = [await table.ask(ear=ear) for ear in ears]
        table.channel.say(method="notifications/progress", params={"progressToken": 3})
        table.channel.say(method="notifications/progress", params={"progressToken": "3"})
        assert [ear.heard for ear in ears] == [[], ["notifications/progress"]]
        for task in askings:
            task.cancel()

    run(work)


def test_a_subscription_s_messages_go_to_the_one_who_listens() -> None:
    async def work(table: Table) -> None:
        ear, other = Ear(), Ear()
        listening, asking = await table.ask("subscriptions/listen", ear), await table.ask(ear=other)
        params = {"_meta": {SUBSCRIPTION: 2}}
        table.channel.say(method="notifications/tools/list_changed", params=params)
        table.channel.say(method="notifications/cancelled", params={"requestId": 2})
        assert ear.heard == ["notifications/tools/list_changed", "notifications/cancelled"]
        assert (other.heard, table.ear.heard) == ([], [])
        listening.cancel()
        asking.cancel()

    run(work)


def test_logs_and_questions_go_to_the_only_call_and_else_to_whoever_hears() -> None:
    async def work(table: Table) -> None:
        ears = [Ear(), Ear()]
        first = await table.ask(ear=ears[0])
        table.channel.say(method="notifications/message", params={})
        table.channel.say(id="q1", method="elicitation/create", params={})
        table.channel.say(method="notifications/tools/list_changed")
        second = await table.ask(ear=ears[1])
        table.channel.say(method="notifications/message", params={})
        table.channel.say(id="q2", method="roots/list", params={})
        await settle()
        assert ears[0].heard == ["notifications/message", "? elicitation/create"]
        assert ears[1].heard == []
        changed, logged, asked = (
            "notifications/tools/list_changed",
            "notifications/message",
            "? roots/list",
        )
        assert table.ear.heard == [changed, logged, asked]
        first.cancel()
        second.cancel()

    run(work)


def test_a_question_withdrawn_is_told_to_whom_it_was_asked() -> None:
    async def work(table: Table) -> None:
        ear = Ear()
        asking = await table.ask(ear=ear)
        table.channel.say(id=7, method="sampling/createMessage", params={})
        table.channel.say(method="notifications/cancelled", params={"requestId": 7})
        await settle()
        assert ear.heard[-1:] == ["? sampling/createMessage"]
        assert "notifications/cancelled" in ear.heard
        asking.cancel()

    run(work)


def test_a_question_that_nobody_hears_is_answered_here() -> None:
    async def work(table: Table) -> None:
        await table.begin()
        table.channel.say(id="a", method="ping")
        table.channel.say(id="b", method="roots/list")
        await settle()
        answers = table.channel.sent[-2:]
        assert answers[0] == {"jsonrpc": "2.0", "id": "a", "result": {}}
        assert (answers[1]["id"], answers[1]["error"]["code"]) == ("b", -32601)

    run(work, begun=False)


def test_a_question_that_the_era_forbids_fails_its_call() -> None:
    async def work(table: Table) -> None:
        asking = await table.ask(ear=Ear(Broken("MCPX-U05", "Forbidden.")))
        table.channel.say(id="q", method="roots/list")
        with pytest.raises(Broken, match="Forbidden"):
            await asking

    run(work)


def test_a_reply_is_sent_once_and_only_to_a_question_of_this_channel() -> None:
    async def work(table: Table) -> None:
        table.channel.say(id="q", method="roots/list")
        await settle()
        before = len(table.channel.sent)
        for answered in ("q", "q", "another"):
            reply = {"jsonrpc": "2.0", "id": answered, "result": {}}
            await table.wire.notify(reply, (), Trip(1))
        assert [item["id"] for item in table.channel.sent[before:]] == ["q"]

    run(work)


def test_more_questions_than_can_wait_are_not_kept() -> None:
    async def work(table: Table) -> None:
        for number in range(LIMITS.questions_open + 50):
            table.channel.say(id=number, method="roots/list")
        await settle()
        assert len(table.ear.heard) == LIMITS.questions_open

    run(work)


def test_a_lost_channel_fails_all_and_says_that_they_were_sent() -> None:
    async def work(table: Table) -> None:
        turns: list[str] = []
        await table.wire.attend((), turns.append, listening=True)
        trips = [Trip(5), Trip(5)]
        tasks = [
            asyncio.create_task(
                table.wire.request(
                    {"jsonrpc": "2.0", "id": 50 + number, "method": "tools/call", "params": {}},
                    (),
                    Ear(),
                    trip,
                )
            )
            for number, trip in enumerate(trips)
        ]
        await settle()
        table.channel.lost(Broken("MCPX-U01", "It ended.", over=True))
        for task in tasks:
            with pytest.raises(Broken, match="It ended") as caught:
                await task
            assert (caught.value.again, caught.value.over) == ("lost", True)
        assert [trip.sent for trip in trips] == ["maybe", "maybe"]
        assert turns == ["gone"]

    run(work)


def test_after_a_loss_only_a_handshake_opens_the_channel_again() -> None:
    async def work(table: Table) -> None:
        old = table.channel.received
        table.channel.lost(Broken("MCPX-U01", "It ended.", over=True))
        asking = await table.ask()
        with pytest.raises(Broken) as caught:
            await asking
        assert (caught.value.again, caught.value.over) == ("unsent", True)
        assert table.channel.opened == 1
        handshake = await table.ask("initialize")
        old(json.dumps({"jsonrpc": "2.0", "id": table.ids, "result": {"old": 1}}).encode())
        table.channel.say(id=table.ids, result={"new": 1})
        assert await handshake == {"new": 1}
        assert table.channel.opened == 2

    run(work)


def test_a_channel_that_may_not_be_used_any_more_ends_what_waits_on_it() -> None:
    async def work(table: Table) -> None:
        waiting = await table.ask()
        table.channel.refusal = Broken("MCPX-U01", "Changed.", again="unsent", over=True)
        refused = await table.ask()
        for task in (waiting, refused):
            with pytest.raises(Broken, match="Changed"):
                await task
        assert [item["id"] for item in table.channel.sent] == [1, 2]

    run(work)


GARBAGE = [b"log line", b"{", b"[]", b"1", b'{"id":1}', b'{"jsonrpc":"1.0"}', b"\xff"]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_some_garbage_is_borne_and_more_ends_the_channel(garbage: bytes) -> None:
    async def work(table: Table) -> None:
        asking = await table.ask()
        for _ in range(LIMITS.stray_lines):
            table.channel.received(garbage)
            table.channel.received(b"  ")
        assert table.channel.dropped == 0
        table.channel.received(garbage)
        assert table.channel.dropped == 1
        with pytest.raises(Broken) as caught:
            await asking
        assert caught.value.id == "MCPX-U05"
        table.channel.say(id=2, result={})

    run(work)


def test_closing_fails_what_waits() -> None:
    async def work(table: Table) -> None:
        asking = await table.ask()
        await table.wire.close()
        with pytest.raises(Broken):
            await asking
        assert table.channel.closed == 1

    run(work)
