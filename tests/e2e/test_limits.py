"""Limits as clients meet them: the installed command, several sidecars of one profile (S18)."""

from collections.abc import Iterator
from typing import Any

import pytest
from e2e.client import RawClient, text_of
from e2e.rules_stage import Rules, raised_rules

# Windows that no test run sees the end of, but for one in many thousands.
BUDGET = "limits: {sum: {of: amount, per: month, at_most: 1000}}"
RATE = "limits: {calls: 4/day}"


@pytest.fixture
def rules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rules]:
    with raised_rules(str(tmp_path_factory.mktemp("limits"))) as raised:
        yield raised


def refund(client: RawClient, amount: int, customer: str = "anna") -> Any:
    call = {"invoice": "inv_1", "customer": customer, "amount": amount}
    return client.call("refund_invoice", call)


def is_made(result: Any) -> bool:
    return "isError" not in result


def amounts(rules: Rules) -> list[int]:
    return [row["amount"] for row in rules.api.refunds]


@pytest.mark.slow
def test_s18_a_budget_holds_over_two_sidecars_a_restart_and_a_new_version(rules: Rules) -> None:
    rules.install(1, BUDGET)
    with rules.serve() as one, rules.serve() as other:
        assert is_made(refund(one, 400))
        assert is_made(refund(other, 400))
        short = refund(one, 300)
        assert short["isError"] is True
        assert "MCPX-D13" in text_of(short)
        assert "at most 1,000 of amount per month: 200 left until" in text_of(short)
        assert is_made(refund(other, 200))
        assert not is_made(refund(one, 1))
        assert not is_made(refund(other, 1))
        assert one.end() == other.end() == 0
    rules.install(2, BUDGET)
    with rules.serve() as again:
        assert not is_made(refund(again, 1))
        assert is_made(refund(again, 0))
    assert amounts(rules) == [400, 400, 200, 0]


def test_s18_calls_at_the_same_time_from_two_sidecars_keep_the_rate(rules: Rules) -> None:
    rules.install(1, RATE)
    call = {"name": "refund_invoice"}
    call["arguments"] = {"invoice": "inv_1", "customer": "anna", "amount": 1}
    with rules.serve() as one, rules.serve() as other:
        started = [
            (client, client.start("tools/call", call)) for _ in range(6) for client in (one, other)
        ]
        results = [client.reply(number)["result"] for client, number in started]
    assert sum(map(is_made, results)) == 4
    assert len(rules.api.refunds) == 4
    assert all("MCPX-D13" in text_of(result) for result in results if not is_made(result))


@pytest.mark.slow
def test_s18_a_refused_connection_gives_the_amount_back_and_a_lost_answer_does_not(
    rules: Rules,
) -> None:
    rules.install(1, BUDGET)
    with rules.serve() as client:
        rules.api.stop()
        for _ in range(3):
            assert "MCPX-U01" in text_of(refund(client, 900))
        rules.api.start()
        rules.api.hangs_up = True
        lost = refund(client, 900)
        assert lost["isError"] is True
        rules.api.hangs_up = False
        assert "MCPX-D13" in text_of(refund(client, 200))
        assert is_made(refund(client, 100))
    assert amounts(rules) == [900, 100]


def test_a_budget_is_counted_apart_by_an_argument(rules: Rules) -> None:
    rules.install(
        1,
        "limits:\n  calls: [4/day, 100/month]\n"
        "  sum: {of: amount, per: day, at_most: 10, by: customer}",
    )
    with rules.serve() as client:
        assert is_made(refund(client, 10, "anna"))
        assert not is_made(refund(client, 1, "anna"))
        assert is_made(refund(client, 10, "ben"))
        assert is_made(refund(client, 0, "anna"))
        assert is_made(refund(client, 9, "cleo"))
        assert "at most 4 calls per day" in text_of(refund(client, 1, "dora"))
    assert [row["customer"] for row in rules.api.refunds] == ["anna", "ben", "anna", "cleo"]


def test_s18_a_call_that_is_denied_otherwise_takes_nothing(rules: Rules) -> None:
    rules.install(1, "limits: {calls: 1/day}\nconstraints:\n  - {one_of: [order, start]}")
    with rules.serve() as client:
        assert "MCPX-D14" in text_of(refund(client, 5))
        call = {"invoice": "inv_1", "customer": "anna", "amount": 5, "order": "o1"}
        assert is_made(client.call("refund_invoice", call))
        assert "MCPX-D13" in text_of(client.call("refund_invoice", call))
