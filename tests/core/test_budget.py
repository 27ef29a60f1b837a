"""What calls take of limits: exact sums, and no amount that an odd value could hide."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.budget import Reservation, Unreckoned, reckon
from mcp_proxy.core.profile import Limit

CALLS = Limit("calls/minute", "", "minute", 5, "")
AMOUNT = Limit("sum/amount/day", "amount", "day", 1000, "")
LINES = Limit("sum/lines/day", "/lines/*/amount", "day", 1000, "")
CUSTOMER = Limit("calls/day/customer", "", "day", 5, "customer")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**63) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=5,
)


def amounts(limit: Limit, arguments: dict[str, Any]) -> list[int] | str:
    found = reckon((limit,), arguments)
    return found.text if isinstance(found, Unreckoned) else [item.amount for item in found]


def test_a_call_is_one_of_its_calls_whatever_it_holds() -> None:
    assert reckon((CALLS,), {}) == (Reservation(CALLS, 1, None),)


def test_every_limit_takes_its_own() -> None:
    found = reckon((CALLS, AMOUNT, CUSTOMER), {"amount": 70, "customer": "cus_1"})
    assert found == (
        Reservation(CALLS, 1, None),
        Reservation(AMOUNT, 70, None),
        Reservation(CUSTOMER, 1, "cus_1"),
    )


@pytest.mark.parametrize(
    ("limit", "arguments", "taken"),
    [
        (AMOUNT, {"amount": 0}, [0]),
        (AMOUNT, {"amount": [1, 2, 3]}, [6]),
        (AMOUNT, {"amount": []}, [0]),
        (LINES, {"lines": [{"amount": 1}, {"amount": 2}]}, [3]),
        (LINES, {"lines": []}, [0]),
        (AMOUNT, {"amount": 2**63 - 1}, [2**63 - 1]),
        (CUSTOMER, {"customer": 7}, [1]),
        (CUSTOMER, {"customer": False}, [1]),
    ],
)
def test_amounts_are_summed(limit: Limit, arguments: dict[str, Any], taken: list[int]) -> None:
    assert amounts(limit, arguments) == taken


@pytest.mark.parametrize(
    ("limit", "arguments"),
    [
        (AMOUNT, {}),
        (AMOUNT, {"amount": None}),
        (AMOUNT, {"amount": -1}),
        (AMOUNT, {"amount": True}),
        (AMOUNT, {"amount": 1.0}),
        (AMOUNT, {"amount": "5"}),
        (AMOUNT, {"amount": [5, -5]}),
        (AMOUNT, {"amount": [[5]]}),
        (AMOUNT, {"amount": 2**63}),
        (AMOUNT, {"amount": [2**62, 2**62]}),
        (LINES, {}),
        (LINES, {"lines": {"amount": 5}}),
        (LINES, {"lines": [{"amount": 1}, {}]}),
        (LINES, {"lines": [{"amount": 1}, 7]}),
        (CUSTOMER, {}),
        (CUSTOMER, {"customer": None}),
        (CUSTOMER, {"customer": 1.5}),
        (CUSTOMER, {"customer": ["cus_1"]}),
        (CUSTOMER, {"customer": {"id": 1}}),
    ],
)
def test_s18_what_gives_no_amount_is_no_call(limit: Limit, arguments: dict[str, Any]) -> None:
    assert isinstance(amounts(limit, arguments), str)


@given(st.dictionaries(st.sampled_from(["amount", "lines", "customer"]), JSON))
def test_s18_an_amount_is_never_below_zero_nor_beyond_what_can_be_counted(
    arguments: dict[str, Any],
) -> None:
    for limit in (AMOUNT, LINES, CUSTOMER):
        found = amounts(limit, arguments)
        assert isinstance(found, str) or 0 <= found[0] < 2**63
