"""The ledger against a plain reading of S18, for any order of calls, answers and hours."""

import tempfile
from datetime import UTC
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_proxy.core.budget import Reservation
from mcp_proxy.core.ledger_time import Reading
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Limit
from mcp_proxy.edges import ledger
from mcp_proxy.edges.ledger import Scope
from mcp_proxy.edges.places import init_home
from mcp_proxy.edges.state_db import StateDb, Transaction

HOURLY = Limit("sum/amount/hour", "amount", "hour", 100, "")
SCOPE = Scope("billing", "root", "refund")
LAPSE_S = LIMITS.reservation_ms / 1000


class Held(NamedTuple):
    """One reservation as the rule has it."""

    hour: int
    amount: int
    lapses_s: float
    is_sent: bool = False
    is_settled: bool = False


class Plain:
    """What is counted: all that was sent, and what is reserved and has not lapsed."""

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0
        self.held: dict[int, Held] = {}

    def taken(self, hour: int) -> int:
        counted = [item for item in self.held.values() if item.hour == hour]
        return sum(item.amount for item in counted if self._counts(item))

    def reserve(self, call: int, amount: int) -> bool:
        hour = int(self.now_s // 3600)
        if self.taken(hour) + amount > HOURLY.at_most:
            return False
        self.held[call] = Held(hour, amount, self.now_s + LAPSE_S)
        return True

    def sending(self, call: int) -> bool:
        held, hour = self.held.get(call), int(self.now_s // 3600)
        if held is None or held.is_sent or held.is_settled or not self._counts(held):
            return False
        if held.hour != hour and self.taken(hour) + held.amount > HOURLY.at_most:
            del self.held[call]
            return False
        self.held[call] = held._replace(hour=hour, is_sent=True)
        return True

    def settle(self, call: int, sent: str) -> None:
        held = self.held.get(call)
        if held is None or held.is_settled or not self._counts(held):
            return
        if sent == "no":
            del self.held[call]
        else:
            self.held[call] = held._replace(is_sent=True, is_settled=True)

    def _counts(self, held: Held) -> bool:
        return held.is_sent or self.now_s < held.lapses_s


STEPS = st.one_of(
    st.tuples(st.just("reserve"), st.integers(0, 9), st.integers(0, 60)),
    st.tuples(st.just("sending"), st.integers(0, 9), st.none()),
    st.tuples(st.just("settle"), st.integers(0, 9), st.sampled_from(["no", "maybe", "yes"])),
    st.tuples(st.just("later"), st.floats(0, 2000), st.none()),
)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.lists(STEPS, max_size=40))
def test_s18_the_ledger_counts_as_a_plain_reading_of_the_rule_does(
    steps: list[tuple[str, int, int | str | None]],
) -> None:
    plain, tickets = Plain(), dict.fromkeys(range(10), "f" * 32)
    with tempfile.TemporaryDirectory() as folder:
        db = StateDb(init_home(f"{folder}/home"), lambda: Reading(plain.now_s, plain.now_s, "b"))
        try:
            for deed, number, value in steps:
                _step(db, plain, tickets, deed, number, value)
                found = db.run_now(_spent)
                assert found == plain.taken(int(plain.now_s // 3600))
        finally:
            db.close()


def _step(
    db: StateDb,
    plain: Plain,
    tickets: dict[int, str],
    deed: str,
    number: float,
    value: int | str | None,
) -> None:
    if deed == "later":
        plain.now_s += number
        return
    call = int(number)
    if deed == "reserve":
        if call in plain.held or tickets[call] != "f" * 32:
            return
        taken = (Reservation(HOURLY, int(value or 0)),)
        found = db.run_now(lambda tx: ledger.reserve(tx, SCOPE, taken, UTC))
        assert isinstance(found, str) == plain.reserve(call, int(value or 0))
        tickets[call] = found if isinstance(found, str) else tickets[call]
    elif deed == "sending":
        sent = db.run_now(lambda tx: ledger.sending(tx, tickets[call], UTC))
        assert sent == plain.sending(call)
    else:
        db.run_now(lambda tx: ledger.settle(tx, tickets[call], str(value)))
        plain.settle(call, str(value))


def _spent(tx: Transaction) -> int:
    return ledger.spent(tx, SCOPE, (HOURLY,), UTC)[0].taken
