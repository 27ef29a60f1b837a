"""Reserved, sent, settled or lapsed: what is counted, in which window, and what is given back."""

from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest

from mcp_proxy.core.budget import Reservation
from mcp_proxy.core.ledger_time import Reading
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Limit
from mcp_proxy.edges import ledger
from mcp_proxy.edges.ledger import Scope, Short, Spent
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.state_db import StateDb, Transaction

T = TypeVar("T")

NOON_S = 1_800_014_400.0  # 2027-01-15 12:00 UTC
LAPSE_S = LIMITS.reservation_ms / 1000
REFUND = Scope("billing", "root-1", "refund")
CALLS = Limit("calls/minute", "", "minute", 3, "")
DAILY = Limit("sum/amount/day", "amount", "day", 1000, "")
CUSTOMER = Limit("sum/amount/day/customer", "amount", "day", 100, "customer")


class Desk:
    """A ledger at a time that the test sets."""

    def __init__(self, home: Home) -> None:
        self.now_s = NOON_S
        self.db = StateDb(home, lambda: Reading(self.now_s, self.now_s, "boot"))

    def run(self, work: Callable[[Transaction], T]) -> T:
        return self.db.run_now(work)

    def reserve(self, *taken: Reservation, scope: Scope = REFUND, zone: str = "UTC") -> str | Short:
        return self.run(lambda tx: ledger.reserve(tx, scope, taken, ZoneInfo(zone)))

    def ticket(self, *taken: Reservation, scope: Scope = REFUND) -> str:
        found = self.reserve(*taken, scope=scope)
        assert isinstance(found, str)
        return found

    def sending(self, ticket: str) -> bool:
        return self.run(lambda tx: ledger.sending(tx, ticket, UTC))

    def settle(self, ticket: str, sent: str) -> None:
        self.run(lambda tx: ledger.settle(tx, ticket, sent))

    def taken(self, limit: Limit, scope: Scope = REFUND) -> int:
        return self.spent(limit, scope).taken

    def spent(self, limit: Limit, scope: Scope = REFUND) -> Spent:
        return self.run(lambda tx: ledger.spent(tx, scope, (limit,), UTC))[0]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(init_home(str(tmp_path / "home")))
    yield made
    made.db.close()


def calls(amount: int = 1) -> Reservation:
    return Reservation(CALLS, amount)


def test_s18_a_limit_holds_and_the_denial_says_what_is_left_and_until_when(desk: Desk) -> None:
    desk.ticket(Reservation(DAILY, 700))
    assert desk.reserve(Reservation(DAILY, 301)) == Short(DAILY, 300, NOON_S + 12 * 3600)
    desk.ticket(Reservation(DAILY, 300))
    assert desk.reserve(Reservation(DAILY, 1)) == Short(DAILY, 0, NOON_S + 12 * 3600)
    desk.ticket(Reservation(DAILY, 0))


def test_s18_amounts_are_taken_together_or_not_at_all(desk: Desk) -> None:
    found = desk.reserve(calls(), Reservation(DAILY, 1001))
    assert isinstance(found, Short)
    assert found.limit == DAILY
    assert (desk.taken(CALLS), desk.taken(DAILY)) == (0, 0)


def test_two_amounts_of_one_limit_count_both(desk: Desk) -> None:
    assert isinstance(desk.reserve(calls(2), calls(2)), Short)
    desk.ticket(calls(2), calls(1))
    assert desk.taken(CALLS) == 3


def test_a_call_without_limits_takes_nothing_and_may_go(desk: Desk) -> None:
    assert desk.ticket() == ""
    assert desk.sending("")
    desk.settle("", "yes")


def test_s18_a_new_window_begins_empty(desk: Desk) -> None:
    desk.ticket(calls(3))
    desk.now_s += 59.5
    assert isinstance(desk.reserve(calls()), Short)
    desk.now_s += 0.5
    desk.ticket(calls(3))


def test_windows_are_the_zones(desk: Desk) -> None:
    assert desk.sending(desk.ticket(Reservation(DAILY, 1000)))
    desk.now_s += 7 * 3600
    assert isinstance(desk.reserve(Reservation(DAILY, 1)), Short)
    assert isinstance(desk.reserve(Reservation(DAILY, 1), zone="Asia/Kathmandu"), str)


def test_s18_what_was_not_sent_is_given_back(desk: Desk) -> None:
    ticket = desk.ticket(calls(3))
    assert desk.sending(ticket)
    desk.settle(ticket, "no")
    assert desk.taken(CALLS) == 0


@pytest.mark.parametrize("sent", ["yes", "maybe"])
def test_s18_what_may_have_been_sent_is_spent(desk: Desk, sent: str) -> None:
    ticket = desk.ticket(calls(3))
    assert desk.sending(ticket)
    desk.settle(ticket, sent)
    desk.settle(ticket, "no")
    assert desk.taken(CALLS) == 3


def test_s18_only_what_is_reserved_lapses(desk: Desk) -> None:
    desk.ticket(Reservation(DAILY, 400))
    sent = desk.ticket(Reservation(DAILY, 600))
    assert desk.sending(sent)
    desk.now_s += LAPSE_S - 1
    assert desk.taken(DAILY) == 1000
    desk.now_s += 1
    assert desk.taken(DAILY) == 600
    desk.ticket(Reservation(DAILY, 400))
    assert isinstance(desk.reserve(Reservation(DAILY, 1)), Short)


def test_what_has_lapsed_is_not_told_as_spent(desk: Desk) -> None:
    desk.ticket(Reservation(CUSTOMER, 60, "a"))
    assert desk.sending(desk.ticket(Reservation(CUSTOMER, 50, "b")))
    desk.now_s += LAPSE_S
    assert desk.spent(CUSTOMER)[1:3] == (50, 50)
    assert desk.spent(CUSTOMER).values == 1


def test_s18_a_lapsed_reservation_may_not_be_sent(desk: Desk) -> None:
    ticket = desk.ticket(Reservation(DAILY, 1000))
    desk.now_s += LAPSE_S
    assert not desk.sending(ticket)
    desk.run(ledger.lapse)
    assert not desk.sending(ticket)
    assert desk.taken(DAILY) == 0


def test_s18_a_ticket_is_sent_once(desk: Desk) -> None:
    ticket = desk.ticket(calls())
    assert desk.sending(ticket)
    assert not desk.sending(ticket)


def test_s18_a_ticket_that_was_never_given_may_not_be_sent(desk: Desk) -> None:
    assert not desk.sending("f" * 32)


def test_s18_a_call_counts_in_the_window_in_which_it_leaves(desk: Desk) -> None:
    ticket = desk.ticket(calls(2))
    desk.now_s += 60
    desk.ticket(calls(1))
    assert desk.sending(ticket)
    assert desk.taken(CALLS) == 3
    desk.now_s -= 60
    assert isinstance(desk.reserve(calls()), Short)
    desk.settle(ticket, "no")
    assert desk.taken(CALLS) == 1


def test_s18_a_call_that_the_new_window_has_no_room_for_does_not_leave(desk: Desk) -> None:
    ticket = desk.ticket(calls(1), Reservation(DAILY, 10))
    desk.now_s += 60
    desk.ticket(calls(3))
    assert not desk.sending(ticket)
    assert (desk.taken(CALLS), desk.taken(DAILY)) == (3, 0)


def test_values_are_counted_apart_and_stand_nowhere_in_the_file(desk: Desk, tmp_path: Path) -> None:
    for by in ("customer-4711", "customer-4712", 1, True, "1"):
        desk.ticket(Reservation(CUSTOMER, 60, by))
    assert isinstance(desk.reserve(Reservation(CUSTOMER, 41, "customer-4711")), Short)
    desk.ticket(Reservation(CUSTOMER, 40, "customer-4711"))
    found = desk.spent(CUSTOMER)
    assert (found.values, found.taken, found.left) == (5, 100, 0)
    files = Path(tmp_path, "home", "state").iterdir()
    assert not any(b"customer-471" in item.read_bytes() for item in files)


@pytest.mark.parametrize("other", [("x", "root-1", "refund"), ("billing", "r", "refund")])
def test_other_names_are_other_counts(desk: Desk, other: tuple[str, str, str]) -> None:
    desk.ticket(calls(3))
    desk.ticket(calls(3), scope=Scope(*other))
    assert desk.taken(CALLS, Scope(*other)) == 3


def test_a_raised_or_lowered_limit_keeps_what_was_spent(desk: Desk) -> None:
    desk.ticket(calls(3))
    assert isinstance(desk.reserve(calls()), Short)
    desk.ticket(Reservation(CALLS._replace(at_most=4), 1))
    assert desk.reserve(Reservation(CALLS._replace(at_most=2), 1)) == Short(
        CALLS._replace(at_most=2), 0, NOON_S + 60
    )


def test_sums_as_large_as_integers_go_are_exact(desk: Desk) -> None:
    large = DAILY._replace(at_most=2**63 - 1)
    desk.ticket(Reservation(large, 2**63 - 2))
    assert isinstance(desk.reserve(Reservation(large, 2)), Short)
    desk.ticket(Reservation(large, 1))
    assert desk.taken(large) == 2**63 - 1


def test_windows_long_past_are_forgotten_when_another_begins(desk: Desk) -> None:
    rows = "SELECT label FROM counters ORDER BY label"
    assert desk.sending(desk.ticket(calls(), Reservation(DAILY, 1)))
    kept = ["2027-01-15", "2027-01-15T12:00+00:00"]
    for days, forgotten in ((1, 0), (3, 1), (63, 2)):
        desk.now_s = NOON_S + days * 86_400 + 100
        desk.ticket(Reservation(CUSTOMER, 1, str(days)))
        found = desk.run(lambda tx: tx.execute(rows).fetchall())
        assert [label for (label,) in found if label in kept] == kept[: 2 - forgotten]


def test_what_was_sent_long_ago_is_no_hold_any_more(desk: Desk) -> None:
    assert desk.sending(desk.ticket(Reservation(DAILY, 7)))
    desk.now_s += 86_400 - 1
    desk.run(ledger.lapse)
    assert desk.run(lambda tx: tx.execute("SELECT count(*) FROM holds").fetchone()) == (1,)
    desk.now_s += 1
    desk.run(ledger.lapse)
    assert desk.run(lambda tx: tx.execute("SELECT count(*) FROM holds").fetchone()) == (0,)


def test_s18_a_clock_that_is_set_to_and_fro_gives_nothing_back(desk: Desk) -> None:
    desk.ticket(calls(3))
    for set_to in (NOON_S - 3600, NOON_S - 120, NOON_S):
        desk.now_s = set_to
        assert isinstance(desk.reserve(calls()), Short)
