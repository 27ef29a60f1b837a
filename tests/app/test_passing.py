"""A call that needs a person's yes: asked, waited for, let through once (S17)."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from app.approval_world import (
    BROKEN,
    DECLINED,
    FORMS,
    LOST,
    REFUSED,
    Client,
    Process,
    World,
    accepts,
    play,
    read,
    until,
)

from mcp_proxy.app.answers import Answers
from mcp_proxy.app.passing import Passing
from mcp_proxy.core.approval_request import parse_view
from mcp_proxy.core.outcome import Result
from mcp_proxy.core.policy import Deny
from mcp_proxy.edges import admin_policy, approvals, ledger
from mcp_proxy.edges.approval_page import Verdict
from mcp_proxy.edges.boot import read_clocks
from mcp_proxy.edges.pauses import EVERYTHING, Paused, change_pauses
from mcp_proxy.edges.settings import Settings
from mcp_proxy.edges.settings_approval import ApprovalSettings
from mcp_proxy.edges.state_db import StateBusy

Scene = Callable[[World, Process], Awaitable[None]]


@pytest.fixture
def beside(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Plays a scene with one world and one process of it; calls wait for `wait_s` seconds."""

    def run(scene: Scene, wait_s: float = 10) -> None:
        approval = ApprovalSettings()._replace(wait=wait_s, show="terminal")
        settings = Settings(approval=approval)
        monkeypatch.setattr("mcp_proxy.app.person.read_settings", lambda _home: settings)

        async def whole() -> None:
            world = World(os.path.join(tmp_path, "home"))
            process = Process(world)
            await scene(world, process)
            await process.end()

        play(whole)

    return run


def test_s17_a_call_waits_is_approved_and_goes_once(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        client = Client()
        call = asyncio.create_task(process.call("refund", client, amount=500))
        (request,) = await process.asked()
        await until(lambda: client.waited == [True])
        assert world.sent == []
        view = parse_view(request.view)
        assert (view.confirm_label, view.confirm_value) == ("amount", "500")
        assert view.request_lines[0] == "POST https://api.example.com/refund"
        assert view.request_lines[-1] == '{"customer":"ada","amount":500}'
        assert await process.say(request, yes=True)
        assert read(await call)[0] is None
        assert client.waited == [True, False]
        assert len(world.sent) == 1
        process.log.close("over")
        kinds = [what for what, _ in world.events()]
        assert kinds.index("approval asked") < kinds.index("decided")
        decided = next(row for what, row in world.events() if what == "decided")
        assert decided["approval"] == request.id

    beside(scene)


def test_a_call_below_the_threshold_asks_nobody(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        assert read(await process.call("refund", Client(), amount=100))[0] is None
        assert await process.state.look(approvals.open_requests) == ()

    beside(scene)


def test_s17_a_no_is_read_by_the_model_and_holds(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        call = asyncio.create_task(process.call("refund", Client(), amount=500))
        (request,) = await process.asked()
        assert await process.say(request, yes=False, word="Ask the customer first.")
        error, text = read(await call)
        assert error == "MCPX-D12"
        assert "Ask the customer first." in text
        again = read(await process.call("refund", Client(), amount=500))
        assert again == (error, text)
        assert world.sent == []

    beside(scene)


def test_s17_after_the_deadline_a_yes_lets_the_same_call_through_unasked(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        error, text = read(await process.call("refund", Client(), amount=500))
        assert error == "MCPX-D03"
        assert "make exactly the same call again" in text
        assert "mcp-proxy approve" in text
        (request,) = await process.asked()
        for secret in (request.id, request.code, "http"):
            assert secret not in text
        assert await process.say(request, yes=True)
        assert read(await process.call("refund", Client(), amount=500))[0] is None
        assert len(world.sent) == 1

    beside(scene, 0.2)


@pytest.mark.parametrize("changed", [{"amount": 501}, {"amount": 500, "customer": "adb"}])
def test_s17_one_byte_changed_after_the_yes_is_asked_anew(beside: Any, changed: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        await process.call("refund", Client(), amount=500)
        (request,) = await process.asked()
        assert await process.say(request, yes=True)
        error, _ = read(await process.call("refund", Client(), **changed))
        assert error == "MCPX-D03"
        assert world.sent == []
        (other,) = await process.asked()
        assert other.digest != request.digest

    beside(scene, 0.2)


def test_s17_of_two_waiters_one_yes_lets_one_through(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        other = Process(world)
        clients = [Client(), Client(), Client()]
        calls = [
            asyncio.create_task(one.call("refund", client, amount=500))
            for one, client in zip((process, other, process), clients, strict=True)
        ]
        (request,) = await process.asked()
        await until(lambda: all(client.waited for client in clients))
        assert len(await process.asked()) == 1
        assert await process.say(request, yes=True)
        await until(lambda: bool(world.sent))
        (again,) = await process.asked()
        assert again.id != request.id
        assert await process.say(again, yes=False)
        ends = sorted(str(read(end)[0]) for end in await asyncio.gather(*calls))
        assert ends == ["MCPX-D12", "MCPX-D12", "None"]
        assert len(world.sent) == 1
        await other.end()

    beside(scene)


def test_a_yes_for_several_times_is_for_so_many(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        call = asyncio.create_task(process.call("note", Client()))
        (request,) = await process.asked()
        assert await process.say(request, yes=True, times=2, minutes=5)
        assert read(await call)[0] is None
        assert read(await process.call("note", Client()))[0] is None
        third = asyncio.create_task(process.call("note", Client()))
        (again,) = await process.asked()
        assert again.id != request.id
        third.cancel()
        assert len(world.sent) == 2

    beside(scene)


def test_s17_a_destructive_call_is_approved_once_alone(beside: Any) -> None:
    async def scene(_world: World, process: Process) -> None:
        await process.call("refund", Client(), amount=500)
        (request,) = await process.asked()
        assert not await process.say(request, yes=True, times=2, minutes=5)
        assert not await process.say(request, yes=True, times=1, minutes=481)
        assert await process.say(request, yes=True)

    beside(scene, 0.2)


def test_s17_the_person_is_shown_what_is_left_and_is_not_asked_for_what_does_not_fit(
    beside: Any,
) -> None:
    async def scene(world: World, process: Process) -> None:
        call = asyncio.create_task(process.call("refund", Client(), amount=600))
        (request,) = await process.asked()
        (limit,) = parse_view(request.view).limits
        assert limit.endswith(
            "this call takes 600; when it was asked, 0 were taken and 1,000 left."
        )
        assert await process.say(request, yes=True)
        assert read(await call)[0] is None
        call = asyncio.create_task(process.call("refund", Client(), amount=300))
        (request,) = await process.asked()
        assert parse_view(request.view).limits[0].endswith("600 were taken and 400 left.")
        assert await process.say(request, yes=True)
        assert read(await call)[0] is None
        assert read(await process.call("refund", Client(), amount=101))[0] == "MCPX-D13"
        assert await process.state.look(approvals.open_requests) == ()

    beside(scene)


def test_s17_limits_hold_whoever_approves(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        for amount in (600, 400):
            call = asyncio.create_task(process.call("refund", Client(), amount=amount))
            (request,) = await process.asked()
            assert await process.say(request, yes=True)
            assert read(await call)[0] is None
        error, text = read(await process.call("refund", Client(), amount=500))
        assert error == "MCPX-D13"
        assert "nothing left until" in text
        assert await process.state.look(approvals.open_requests) == ()
        assert read(await process.call("refund", Client(), amount=1))[0] == "MCPX-D13"
        assert len(world.sent) == 2

    beside(scene)


def test_s17_what_never_left_keeps_its_yes_and_what_may_have_left_does_not(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        world.answer = REFUSED
        call = asyncio.create_task(process.call("refund", Client(), amount=900))
        (request,) = await process.asked()
        assert await process.say(request, yes=True)
        assert read(await call)[0] == "MCPX-U01"
        world.answer = LOST
        assert read(await process.call("refund", Client(), amount=900))[0] == "MCPX-U02"
        assert len(world.sent) == 2
        assert read(await process.call("refund", Client(), amount=101))[0] == "MCPX-D13"
        assert await process.state.look(lambda tx: approvals.usable(tx, request.digest)) is None

    beside(scene)


def test_what_changed_during_the_wait_is_decided_again(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        call = asyncio.create_task(process.call("refund", Client(), amount=500))
        (request,) = await process.asked()
        world.refusal = Deny("MCPX-D11", "paused", "The profile is paused.")
        assert await process.say(request, yes=True)
        assert read(await call)[0] == "MCPX-D11"
        assert world.sent == []

    beside(scene)


@pytest.mark.parametrize("replies", [(), (None,)], ids=["terminal", "client too"])
def test_s6_a_pause_ends_the_wait_of_a_call_at_once(beside: Any, replies: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        client = Client(*replies, can=FORMS if replies else {})
        call = asyncio.create_task(process.call("note", client))
        (request,) = await process.asked()
        await until(lambda: client.waited == [True])
        change_pauses(world.home, lambda _held: (Paused("billing", "refund", 0, ""),))
        await asyncio.sleep(0.5)
        assert not call.done(), "another tool's"
        change_pauses(world.home, lambda _held: (Paused("billing", "note", 0, "month end"),))
        async with asyncio.timeout(2):
            error, text = read(await call)
        assert error == "MCPX-D11"
        assert "month end" in text
        assert world.sent == []
        assert client.waited[-1] is False
        assert (await process.asked()) == (request,), "a person may still answer it"

    beside(scene)


def test_s6_a_pause_ends_the_wait_for_a_client_that_alone_may_approve(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        call = asyncio.create_task(process.call("odd", Client(None, can=FORMS)))
        await process.asked()
        change_pauses(world.home, lambda _held: (EVERYTHING,))
        async with asyncio.timeout(2):
            assert read(await call)[0] == "MCPX-D11"

    beside(scene)


def test_s17_a_yes_of_the_clients_form_is_one(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        client = Client(accepts(decision="approve"), can=FORMS)
        assert read(await process.call("note", client))[0] is None
        (asked,) = client.asked
        message = asked["approval"].params["message"]
        assert "GET https://api.example.com/note?customer=ada" in message
        assert len(world.sent) == 1
        given = [row for what, row in world.events() if what == "approval given"]
        assert [row["facts"]["by"] for row in given] == ["client"]

    beside(scene)


def test_s17_a_no_of_the_clients_form_is_one(beside: Any) -> None:
    async def scene(_world: World, process: Process) -> None:
        client = Client(accepts(decision="deny", word="Not\x1b[2J today"), can=FORMS)
        error, text = read(await process.call("note", client))
        assert error == "MCPX-D12"
        assert '"Not today"' in text

    beside(scene)


@pytest.mark.parametrize(
    "reply",
    [
        DECLINED,
        {"action": "cancel"},
        BROKEN,
        accepts(),
        accepts(decision="later"),
        accepts(decision=True),
        {"action": "accept"},
        {"action": "accept", "content": "approve"},
        {"action": "approve", "content": {"decision": "approve"}},
    ],
)
def test_s17_any_other_reply_is_unknown_and_the_others_are_waited_for(
    beside: Any, reply: Any
) -> None:
    async def scene(world: World, process: Process) -> None:
        client = Client(reply, can=FORMS)
        call = asyncio.create_task(process.call("note", client))
        (request,) = await process.asked()
        await until(lambda: "approval unknown" in [what for what, _ in world.events()])
        assert not call.done()
        assert await process.say(request, yes=True)
        assert read(await call)[0] is None

    beside(scene)


def test_s17_a_client_that_gave_no_answer_is_not_asked_again(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        client = Client(DECLINED, can=FORMS)
        first = asyncio.create_task(process.call("note", client))
        await until(lambda: "approval unknown" in [what for what, _ in world.events()])
        second = Client(can=FORMS)
        again = asyncio.create_task(process.call("note", second))
        await until(lambda: second.waited == [True])
        (request,) = await process.asked()
        assert await process.say(request, yes=True, times=2)
        assert [read(await call)[0] for call in (first, again)] == [None, None]
        assert (len(client.asked), len(second.asked)) == (1, 0)

    beside(scene)


def test_a_form_that_was_withdrawn_is_shown_again_and_never_twice_at_once(beside: Any) -> None:
    async def scene(_world: World, process: Process) -> None:
        client = Client(None, accepts(decision="approve"), can=FORMS)
        first = asyncio.create_task(process.call("note", client))
        await until(lambda: len(client.asked) == 1)
        second = asyncio.create_task(process.call("note", client))
        await until(lambda: client.waited == [True, True])
        for call in (second, first):
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        assert len(client.asked) == 1
        assert read(await process.call("note", client))[0] is None
        assert len(client.asked) == 2

    beside(scene)


def test_where_the_client_alone_may_approve_its_decline_ends_the_wait(beside: Any) -> None:
    async def scene(_world: World, process: Process) -> None:
        error, text = read(await process.call("odd", Client(DECLINED, can=FORMS)))
        assert error == "MCPX-D03"
        assert "terminal" not in text
        assert read(await process.call("odd", Client()))[0] == "MCPX-D03"
        (request,) = await process.asked()
        assert not await process.say(request, yes=True)

    beside(scene)


def test_a_destructive_call_is_not_asked_of_the_client(beside: Any) -> None:
    async def scene(_world: World, process: Process) -> None:
        client = Client(can=FORMS)
        assert read(await process.call("refund", client, amount=500))[0] == "MCPX-D03"
        assert client.asked == []

    beside(scene, 0.2)


def test_a_client_that_answers_later_than_the_terminal_is_let_go(beside: Any) -> None:
    async def scene(_world: World, process: Process) -> None:
        client = Client(None, can=FORMS)
        call = asyncio.create_task(process.call("note", client))
        (request,) = await process.asked()
        assert await process.say(request, yes=True)
        assert read(await call)[0] is None

    beside(scene)


def test_s17_a_modern_client_is_asked_and_comes_again_with_the_yes(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        client = Client(modern=True, can={"elicitation": {"form": {}}})
        asked = await process.call("note", client)
        assert isinstance(asked, Result)
        assert asked.value["resultType"] == "input_required"
        assert world.sent == []
        state = asked.value["requestState"]
        reply = {"approval": accepts(decision="approve")}
        client.brings = {"requestState": state, "inputResponses": reply}
        assert read(await process.call("note", client))[0] is None
        assert len(world.sent) == 1
        decided = [row["decision"] for what, row in world.events() if what == "decided"]
        assert decided == ["ask", "allow"]

    beside(scene)


def test_s15_a_seal_with_other_arguments_is_no_approval(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        client = Client(modern=True, can={"elicitation": {"form": {}}})
        asked = await process.call("note", client)
        assert isinstance(asked, Result)
        reply = {"approval": accepts(decision="approve")}
        client.brings = {"requestState": asked.value["requestState"], "inputResponses": reply}
        again = await process.call("note", client, customer="eve")
        assert isinstance(again, Result)
        assert again.value["resultType"] == "input_required"
        assert world.sent == []

    beside(scene)


def test_a_modern_client_that_declines_is_not_asked_again(beside: Any) -> None:
    async def scene(_world: World, process: Process) -> None:
        client = Client(modern=True, can={"elicitation": {"form": {}}})
        asked = await process.call("note", client)
        assert isinstance(asked, Result)
        state = asked.value["requestState"]
        client.brings = {"requestState": state, "inputResponses": {"approval": DECLINED}}
        call = asyncio.create_task(process.call("note", client))
        await until(lambda: bool(client.waited))
        (request,) = await process.asked()
        assert await process.say(request, yes=True)
        assert read(await call)[0] is None

    beside(scene)


def test_a_call_too_large_to_be_read_is_not_asked(beside: Any) -> None:
    async def scene(_world: World, process: Process) -> None:
        error, text = read(
            await process.call("refund", Client(), customer="a" * 40_000, amount=500)
        )
        assert error == "MCPX-D03"
        assert "too large for a person to check" in text
        assert await process.state.look(approvals.open_requests) == ()

    beside(scene)


def test_a_person_is_asked_32_things_at_once_and_no_more(beside: Any) -> None:
    async def scene(_world: World, process: Process) -> None:
        calls = [
            asyncio.create_task(process.call("note", Client(), amount=number))
            for number in range(33)
        ]
        ends = [read(end) for end in await asyncio.gather(*calls)]
        assert {error for error, _ in ends} == {"MCPX-D03"}
        assert sum("32 calls wait for a person already" in text for _, text in ends) == 1

    beside(scene, 0.2)


def test_s17_the_administrator_takes_channels_away(
    beside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = admin_policy.FREE._replace(channels=frozenset({"terminal"}))

    async def scene(_world: World, process: Process) -> None:
        client = Client(can=FORMS)
        assert read(await process.call("note", client))[0] == "MCPX-D03"
        assert client.asked == []
        (request,) = await process.asked()
        assert request.channels == ("terminal",)
        monkeypatch.setattr("mcp_proxy.app.person.read_policy", lambda: none)
        error, text = read(await process.call("note", Client(), amount=1))
        assert error == "MCPX-D03"
        assert "administrator" in text

    none = bound._replace(channels=frozenset())
    monkeypatch.setattr("mcp_proxy.app.person.read_policy", lambda: bound)
    beside(scene, 0.2)


def test_s17_a_channel_taken_away_while_the_form_is_open_approves_nothing(
    beside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = admin_policy.FREE._replace(channels=frozenset({"terminal"}))

    async def scene(world: World, process: Process) -> None:
        client = Client(modern=True, can=FORMS)
        asked = await process.call("note", client)
        assert isinstance(asked, Result)
        monkeypatch.setattr("mcp_proxy.app.person.read_policy", lambda: bound)
        monkeypatch.setattr("mcp_proxy.app.answers.read_policy", lambda: bound)
        reply = {"approval": accepts(decision="approve")}
        client.brings = {"requestState": asked.value["requestState"], "inputResponses": reply}
        assert read(await process.call("note", client))[0] == "MCPX-D03"
        assert world.sent == []
        (request,) = await process.asked()
        verdict = Verdict(yes=True, times=1, minutes=10, word="", typed="")
        told = await Answers(process.state, process.log).by_page(request.id, verdict)
        assert told.heading == "Nothing was recorded"
        assert (await process.asked())[0].state == "asked"
        process.log.close("over")
        assert "approval given" not in [what for what, _ in world.events()]

    beside(scene, 0.2)


def test_s18_without_its_database_nothing_that_asks_or_counts_passes(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        assert read(await process.call("refund", Client(), amount=1))[0] is None
        os.unlink(os.path.join(world.home.state, "state.db"))
        error, text = read(await process.call("refund", Client(), amount=1))
        assert error == "MCPX-D16"
        assert "doctor --fix" in text
        assert read(await process.call("note", Client()))[0] == "MCPX-D16"
        assert len(world.sent) == 1

    beside(scene)


def test_s17_what_cannot_be_logged_is_not_asked(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        with open(os.path.join(world.home.state, "audit"), "w", encoding="utf-8"):
            pass  # a file where the folder would be made
        assert read(await process.call("note", Client()))[0] == "MCPX-A01"
        assert world.sent == []
        os.unlink(os.path.join(world.home.state, "audit"))

    beside(scene)


@pytest.mark.parametrize("times", [1, 2])
def test_s17_a_call_that_is_cancelled_while_it_takes_gives_all_back(
    beside: Any, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    async def scene(world: World, process: Process) -> None:
        await process.call("refund", Client(), amount=900)
        (request,) = await process.asked()
        assert await process.say(request, yes=True)
        calls: list[asyncio.Task[Any]] = []
        loop, spend = asyncio.get_running_loop(), approvals.spend

        def cancelling(tx: Any, digest: str) -> Any:
            for _ in range(times):
                loop.call_soon_threadsafe(calls[0].cancel)
                time.sleep(0.05)
            return spend(tx, digest)

        monkeypatch.setattr(approvals, "spend", cancelling)
        calls.append(asyncio.create_task(process.call("refund", Client(), amount=900)))
        with pytest.raises(asyncio.CancelledError):
            await calls[0]
        await asyncio.sleep(0.2)
        monkeypatch.setattr(approvals, "spend", spend)
        assert world.sent == []
        assert read(await process.call("refund", Client(), amount=900))[0] is None

    beside(scene, 0.2)


def test_s18_a_clock_set_back_denies_what_changes_something(
    beside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def set_back(tx: Any, *_: Any) -> None:
        raise AssertionError("nothing is reserved")

    async def scene(world: World, process: Process) -> None:
        assert read(await process.call("refund", Client(), amount=1))[0] is None
        late = read_clocks()._replace(wall_s=read_clocks().wall_s - 3_600)
        process.state._now = lambda: late
        monkeypatch.setattr(ledger, "reserve", set_back)
        error, text = read(await process.call("refund", Client(), amount=1))
        assert error == "MCPX-D16"
        assert "clock was set back" in text
        assert len(world.sent) == 1

    beside(scene)


def test_s18_an_unknown_time_zone_counts_nothing(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        process.gate = Passing(world.home, world.profile, process.state, process.log, None)
        process.road._gate = process.gate
        error, text = read(await process.call("refund", Client(), amount=1))
        assert error == "MCPX-D16"
        assert "time zone" in text

    beside(scene)


def test_s17_what_comes_too_late_for_its_yes_does_not_leave(
    beside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was stopped between the yes and the first byte, and wakes up much later."""

    async def scene(world: World, process: Process) -> None:
        await process.call("note", Client())
        (request,) = await process.asked()
        assert await process.say(request, yes=True, minutes=1)
        spend = approvals.spend

        def stopped(tx: Any, digest: str) -> Any:
            later = read_clocks()
            later = later._replace(wall_s=later.wall_s + 61, boot_s=later.boot_s + 61)
            process.state._now = lambda: later
            return spend(tx, digest)

        monkeypatch.setattr(approvals, "spend", stopped)
        error, text = read(await process.call("note", Client()))
        assert error == "MCPX-D16"
        assert "too late" in text
        assert world.sent == []

    beside(scene, 0.2)


def test_s17_an_answer_that_another_came_before_stands_in_the_log_as_void(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        call = asyncio.create_task(process.call("note", Client()))
        (request,) = await process.asked()
        answers = Answers(process.state, process.log)
        approve = approvals.approve

        def late(tx: Any, name: str, *rest: Any) -> bool:
            approvals.deny(tx, name, "terminal", "ada", "")
            return approve(tx, name, *rest)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(approvals, "approve", late)
            told = await answers.by_page(request.id, Verdict(True, 1, 10, "", ""))
        assert told[0] == "Nothing was recorded"
        assert read(await call)[0] == "MCPX-D12"
        said = [what for what, _ in world.events()]
        assert said.index("approval given") < said.index("approval answer void")

    beside(scene)


def test_s17_a_database_that_others_hold_for_long_ends_no_wait(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        call = asyncio.create_task(process.call("note", Client()))
        (request,) = await process.asked()
        is_open, busy = Answers.is_open, [True] * 3

        async def held(answers: Answers, name: str) -> bool:
            if busy and busy.pop():
                raise StateBusy("MCPX-H03", "Others hold it.")
            return await is_open(answers, name)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Answers, "is_open", held)
            await until(lambda: not busy)
            assert not call.done()
            assert await process.say(request, yes=True)
            assert read(await call)[0] is None

    beside(scene)


def test_what_expired_while_nobody_served_is_not_kept(beside: Any) -> None:
    async def scene(world: World, process: Process) -> None:
        assert read(await process.call("note", Client()))[0] == "MCPX-D03"
        (request,) = await process.asked()
        await process.state.run(
            lambda tx: tx.execute("UPDATE requests SET expires_s = 1 WHERE id = ?", (request.id,))
        )
        other = Process(world)
        assert read(await other.call("refund", Client(), amount=100))[0] is None
        found = await process.state.look(lambda tx: approvals.find(tx, request.id))
        assert found is not None
        assert (found.state, found.view) == ("expired", "")
        await other.end()

    beside(scene, wait_s=0.1)


def test_s17_the_log_names_the_request_of_a_call_that_was_denied_or_only_waited(
    beside: Any,
) -> None:
    async def scene(world: World, process: Process) -> None:
        assert read(await process.call("note", Client()))[0] == "MCPX-D03"
        (request,) = await process.asked()
        assert await process.say(request, yes=False)
        assert read(await process.call("note", Client()))[0] == "MCPX-D12"
        process.log.close("over")
        decided = [row for what, row in world.events() if what == "decided"]
        assert [row["approval"] for row in decided] == [request.id, request.id]
        assert {row["decision"] for row in decided} == {"deny"}

    beside(scene, wait_s=0.1)


def test_s17_a_client_that_alone_may_ask_and_cannot_is_not_waited_for(beside: Any) -> None:
    async def scene(_world: World, process: Process) -> None:
        error, text = read(await process.call("odd", Client()))
        assert error == "MCPX-D03"
        assert "this client shows no forms. Do not wait for it." in text

    beside(scene)
