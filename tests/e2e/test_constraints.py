"""Constraints as clients meet them: the installed command, both eras."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from e2e.client import RawClient, text_of
from e2e.rules_stage import Rules, raised_rules

ERAS = pytest.mark.parametrize("modern", [True, False], ids=["modern", "legacy"])
WITHIN_S = 6
RELATED = f"""\
constraints:
  - shown: invoice
    by: find_invoices
    field: data.id
    within: {WITHIN_S}s
    same: {{customer: customer}}
  - {{argument: start, before: end}}
  - {{sum: /lines/*/amount, at_most: {{argument: amount}}}}
  - {{given: lines, requires: [start]}}
"""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rules]:
    with raised_rules(str(tmp_path_factory.mktemp("rules"))) as raised:
        raised.install(1, RELATED, "result: {redact: [email]}")
        yield raised


@pytest.fixture
def client(rules: Rules, request: pytest.FixtureRequest) -> Iterator[RawClient]:
    with rules.serve() as client:
        if not request.node.callspec.params.get("modern", True):
            client.handshake()
        yield client


def refund(client: RawClient, modern: bool, invoice: str, customer: str, **more: Any) -> Any:
    call = {"invoice": invoice, "customer": customer, "amount": 5, **more}
    return client.call("refund_invoice", call, modern=modern)


def find(client: RawClient, modern: bool, customer: str) -> str:
    return text_of(client.call("find_invoices", {"customer": customer}, modern=modern))


def is_denied(result: Any, *words: str) -> bool:
    text = text_of(result)
    return result.get("isError") is True and all(word in text for word in ("MCPX-D14", *words))


@ERAS
def test_only_what_was_shown_for_that_customer_is_refunded(
    rules: Rules, client: RawClient, modern: bool
) -> None:
    before = len(rules.api.refunds)
    assert is_denied(refund(client, modern, "inv_1", "anna"), "Call find_invoices first")
    assert "inv_3" in find(client, modern, "ben")
    assert is_denied(refund(client, modern, "inv_1", "anna"))
    assert is_denied(refund(client, modern, "inv_3", "anna"), "for the same customer")
    assert "inv_1" in find(client, modern, "anna")
    assert is_denied(refund(client, modern, "inv_9", "anna"))
    assert "isError" not in refund(client, modern, "inv_1", "anna")
    assert rules.api.refunds[before:] == [{"invoice": "inv_1", "customer": "anna", "amount": 5}]


@pytest.mark.slow
@ERAS
def test_what_was_shown_a_while_ago_is_to_be_shown_again(
    client: RawClient, modern: bool, rules: Rules
) -> None:
    find(client, modern, "anna")
    assert "isError" not in refund(client, modern, "inv_2", "anna")
    time.sleep(WITHIN_S + 0.2)
    assert is_denied(refund(client, modern, "inv_2", "anna"), f"in the last {WITHIN_S} seconds")
    find(client, modern, "anna")
    assert "isError" not in refund(client, modern, "inv_2", "anna")


@ERAS
def test_a_value_that_was_masked_was_not_shown(client: RawClient, modern: bool) -> None:
    shown = find(client, modern, "ben")
    assert "ben@example.com" not in shown
    assert "[email:" in shown
    assert is_denied(refund(client, modern, "ben@example.com", "ben"))


def test_what_another_sidecar_has_shown_was_not_shown_here(rules: Rules) -> None:
    with rules.serve() as one, rules.serve() as other:
        find(one, True, "anna")
        assert is_denied(refund(other, True, "inv_1", "anna"))
        assert "isError" not in refund(one, True, "inv_1", "anna")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"start": "2026-02-01", "end": "2026-01-31"}, "start must be before end"),
        ({"start": "2026-02-01"}, "start must be before end"),
        ({"start": "soon", "end": "later"}, "both are dates"),
        ({"lines": [{"amount": 1}]}, "Where lines is given, start must be given too"),
        (
            {"start": "2026-01-01", "end": "2026-02-01", "lines": [{"amount": 3}, {"amount": 3}]},
            "/lines/*/amount must be numbers whose sum is at most amount",
        ),
    ],
)
def test_arguments_are_held_against_each_other(
    client: RawClient, rules: Rules, more: dict[str, Any], words: str
) -> None:
    find(client, True, "anna")
    before = len(rules.api.refunds)
    assert is_denied(refund(client, True, "inv_1", "anna", **more), words)
    assert len(rules.api.refunds) == before
    good = {"start": "2026-01-01", "end": "2026-02-01", "lines": [{"amount": 2}, {"amount": 3}]}
    assert "isError" not in refund(client, True, "inv_1", "anna", **good)


def test_the_log_names_the_kind_of_the_rule_alone(rules: Rules) -> None:
    with rules.serve() as client:
        refund(client, True, "inv_77", "anna")
        assert client.end() == 0
    rows = [row for row in rules.log() if row["kind"] == "decided"]
    assert rows[-1]["rule"] == "constraint.shown"
    assert rows[-1]["error"] == "MCPX-D14"
    assert not any("inv_77" in str(row) for row in rows)


@pytest.mark.slow
def test_the_days_are_those_of_the_profile_s_zone(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    today = datetime.now(ZoneInfo("Europe/Berlin")).weekday()
    near = ", ".join(DAYS[(today + away) % 7] for away in (-1, 0, 1))
    far = ", ".join(DAYS[(today + away) % 7] for away in (2, 3, 4, 5))
    with raised_rules(str(tmp_path_factory.mktemp("days"))) as own:
        own.install(1, f"constraints: [{{days: [{far}]}}]")
        with own.serve() as client:
            words = "This tool may be called only on "
            assert is_denied(refund(client, True, "inv_1", "anna"), words)
        own.install(2, f"constraints: [{{days: [{near}]}}]")
        with own.serve() as client:
            assert "isError" not in refund(client, True, "inv_1", "anna")
