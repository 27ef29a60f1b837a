"""Requests for approval in state.db: asked once, answered once, spent once (S17)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from homes import make_home

from mcp_proxy.core.approval_request import Subject, Wanted
from mcp_proxy.core.ledger_time import Reading
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges import approvals
from mcp_proxy.edges.approvals import Denied, Request
from mcp_proxy.edges.state_db import StateDb

BOTH = ("page", "terminal")


class Table:
    """One state.db and a clock that tests set; `wall_s` counts from the start of the clocks."""

    def __init__(self, folder: str) -> None:
        self.wall_s = 1_000_000.0
        self.home = make_home(folder)
        self.state = StateDb(self.home, lambda: Reading(self.wall_s, self.wall_s, "boot"))

    def ask(self, digest: str = "d", **changes: Any) -> approvals.Asked | None:
        wanted = Wanted(
            digest, Subject("billing", "p", "r"), "refund", "write", "{}", "refund: 5", BOTH
        )
        return self.run(approvals.ask, wanted._replace(**changes))

    def asked(self, digest: str = "d", **changes: Any) -> Request:
        asked = self.ask(digest, **changes)
        assert asked is not None
        return asked.request

    def run(self, work: Any, *args: Any) -> Any:
        return self.state.run_now(lambda tx: work(tx, *args))

    def find(self, name: str) -> Request:
        found: Request | None = self.run(approvals.find, name)
        assert found is not None
        return found


@pytest.fixture
def table(tmp_path: os.PathLike[str]) -> Iterator[Table]:
    made = Table(os.path.join(tmp_path, "home"))
    yield made
    made.state.close()


def test_the_same_call_asked_twice_is_one_request(table: Table) -> None:
    first, again = table.ask(), table.ask()
    assert first is not None
    assert again is not None
    assert (first.is_new, again.is_new) == (True, False)
    assert first.request == again.request
    assert table.run(approvals.open_requests) == (first.request,)


def test_a_request_is_found_by_id_and_by_code_in_any_case(table: Table) -> None:
    request = table.asked()
    assert table.find(request.id) == request
    assert table.find(request.code.lower()) == request
    assert table.run(approvals.find, "none") is None


def test_s17_a_yes_is_spent_once(table: Table) -> None:
    request = table.asked()
    assert table.run(approvals.spend, "d") is None
    assert table.run(approvals.approve, request.id, "page", "ada")
    assert table.run(approvals.spend, "other") is None
    assert table.run(approvals.spend, "d") == request.id
    assert table.run(approvals.spend, "d") is None
    spent = table.find(request.id)
    assert (spent.state, spent.view, spent.by, spent.who) == ("spent", "", "page", "ada")
    assert not table.run(approvals.approve, request.id, "page", "ada")


def test_s17_a_yes_ends_after_ten_minutes_and_does_not_hold_later(table: Table) -> None:
    request = table.asked()
    assert table.run(approvals.approve, request.id, "page", "ada")
    assert table.run(approvals.holds, request.id)
    table.wall_s += 600
    assert table.run(approvals.spend, "d") is None
    assert not table.run(approvals.holds, request.id)


def test_s17_several_times_is_so_many_within_so_long(table: Table) -> None:
    request = table.asked()
    assert table.run(approvals.approve, request.id, "page", "ada", 3, 60)
    table.wall_s += 3_500
    assert [table.run(approvals.spend, "d") for _ in range(4)] == [request.id] * 3 + [None]
    table.run(approvals.give_back, request.id)
    table.wall_s += 200
    assert table.run(approvals.spend, "d") is None


@pytest.mark.parametrize(
    ("times", "minutes", "may"),
    [(1, 10, True), (50, 480, True), (51, 1, False), (1, 481, False), (0, 1, False), (1, 0, False)],
)
def test_s17_times_and_minutes_are_bounded(
    table: Table, times: int, minutes: int, may: bool
) -> None:
    request = table.asked()
    assert table.run(approvals.approve, request.id, "page", "ada", times, minutes) is may


def test_s17_a_destructive_call_is_approved_once_at_a_time(table: Table) -> None:
    request = table.asked(effect="destructive")
    assert not table.run(approvals.approve, request.id, "page", "ada", 2, 10)
    assert not table.run(approvals.approve, request.id, "page", "ada", 1, 11)
    assert table.run(approvals.approve, request.id, "page", "ada", 1, 10)


def test_s17_a_channel_that_may_not_approve_does_not_but_anybody_denies(table: Table) -> None:
    request = table.asked()
    assert not table.run(approvals.approve, request.id, "client", "ada")
    assert table.run(approvals.deny, request.id, "client", "ada", "No.")


def test_s17_a_no_holds_until_the_request_would_have_expired(table: Table) -> None:
    request = table.asked()
    assert table.run(approvals.deny, request.id, "page", "ada", "Not today.")
    assert table.find(request.id).view == ""
    assert table.run(approvals.spend, "d") == Denied(request.id, "Not today.")
    table.wall_s += LIMITS.approval_open_s
    assert table.run(approvals.spend, "d") is None


def test_s17_a_no_that_is_the_later_word_holds_against_a_yes_that_comes_back(table: Table) -> None:
    first = table.asked()
    assert table.run(approvals.approve, first.id, "page", "ada")
    assert table.run(approvals.spend, "d") == first.id
    table.wall_s += 5
    second = table.asked()
    assert table.run(approvals.deny, second.id, "page", "ada", "Enough.")
    table.run(approvals.give_back, first.id)
    assert table.run(approvals.spend, "d") == Denied(second.id, "Enough.")


def test_s17_an_expired_request_takes_no_answer(table: Table) -> None:
    request = table.asked()
    table.wall_s += LIMITS.approval_open_s
    assert table.find(request.id).state == "expired"
    assert table.run(approvals.open_requests) == ()
    assert not table.run(approvals.approve, request.id, "page", "ada")
    assert not table.run(approvals.deny, request.id, "page", "ada", "")
    assert table.asked().id != request.id
    assert table.find(request.id).view == ""


def test_what_was_approved_before_is_told_and_forgotten_after_30_days(table: Table) -> None:
    for number in range(7):
        request = table.asked(str(number), summary=f"refund: {number}")
        assert table.run(approvals.approve, request.id, "page", "ada")
        table.wall_s += 1
    denied = table.asked("no")
    assert table.run(approvals.deny, denied.id, "page", "ada", "")
    before = table.run(approvals.before, "billing", "refund")
    assert before[0] == "1970-01-12 13:46 UTC, by page: refund: 6"
    assert len(before) == 5
    assert table.run(approvals.before, "billing", "other") == ()
    table.wall_s += 15 * 86_400
    table.asked("x")
    table.wall_s += 15 * 86_400
    table.asked("y")
    assert table.run(approvals.before, "billing", "refund") == ()


def test_open_requests_of_one_profile_are_bounded_and_do_not_block_another(table: Table) -> None:
    for number in range(LIMITS.approvals_open):
        assert table.ask(str(number)) is not None
    assert table.ask("more") is None
    assert table.ask("0") is not None
    other = Subject("other", "p", "r")
    assert table.ask("more", subject=other) is not None
    assert len(table.run(approvals.open_requests, "other")) == 1
    assert len(table.run(approvals.open_requests)) == LIMITS.approvals_open + 1


@pytest.mark.slow
def test_s17_processes_that_race_for_a_yes_spend_it_so_often_and_no_more(table: Table) -> None:
    request = table.asked()
    assert table.run(approvals.approve, request.id, "page", "ada", 20, 480)
    script = (
        "import sys\n"
        "from mcp_proxy.edges import approvals\n"
        "from mcp_proxy.edges.places import find_home\n"
        "from mcp_proxy.edges.state_db import StateDb\n"
        "from mcp_proxy.core.ledger_time import Reading\n"
        "state = StateDb(find_home(), lambda: Reading(1_000_000.0, 1_000_000.0, 'boot'))\n"
        "tries = (state.run_now(lambda tx: approvals.spend(tx, 'd')) for _ in range(30))\n"
        "print(sum(isinstance(found, str) for found in tries))\n"
        "state.close()\n"
    )
    env = {**os.environ, "MCP_PROXY_HOME": os.path.dirname(table.home.config)}
    racers = [
        subprocess.Popen([sys.executable, "-c", script], env=env, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    spent = [int(racer.communicate(timeout=60)[0]) for racer in racers]
    assert sum(spent) == 20
    assert table.find(request.id).state == "spent"


def test_of_a_request_that_is_forgotten_nothing_of_the_call_is_left(table: Table) -> None:
    spent, waits, other = (table.asked(digest) for digest in ("one", "two", "three"))
    assert table.run(approvals.approve, spent.id, "page", "ada")
    for request in (spent, waits):
        table.run(approvals.forget, request.id)
        left = table.find(request.id)
        assert (left.digest, left.view, left.summary) == ("", "", "refund")
    assert table.run(approvals.spend, "one") is None, "a yes that was not spent is void"
    assert table.find(spent.id).by == "page"
    assert table.run(approvals.open_requests) == (other,)
    assert table.find(other.id) == other
