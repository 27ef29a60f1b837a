"""Approval: what holds asks, and what cannot be judged asks too."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.approval import needed_approval


def asks(conditions: Any, arguments: dict[str, Any]) -> bool:
    return needed_approval([conditions], arguments) == "approval.when"


@pytest.mark.parametrize(
    ("test", "holds", "fails"),
    [
        ({"above": 10}, [10.5, 11, 2**63], [10, 9, -1]),
        ({"at_least": 10}, [10, 11], [9.9]),
        ({"below": 10}, [9, -5], [10, 11]),
        ({"at_most": 10}, [10, 9], [10.1]),
        ({"is": "USD"}, ["USD"], ["usd"]),
        ({"is": True}, [True], [False]),
        ({"in": ["USD", "EUR"]}, ["USD"], ["usd", "GBP"]),
        ({"in": [1, "a", True]}, [1, True, "a"], [2, False, "b"]),
        ({"not_in": ["USD"]}, ["EUR"], ["USD"]),
        ({"matches": "^adm"}, ["admin"], ["user"]),
        ({"above": 1, "below": 5}, [2], [1, 5]),
    ],
)
def test_a_condition_asks_where_it_holds(test: Any, holds: list[Any], fails: list[Any]) -> None:
    assert [asks({"a": test}, {"a": value}) for value in holds] == [True] * len(holds)
    assert [asks({"a": test}, {"a": value}) for value in fails] == [False] * len(fails)


ODD = [None, "11", True, False, [], {}, [11], {"a": 1}]


@pytest.mark.parametrize("operator", ["above", "at_least", "below", "at_most"])
@pytest.mark.parametrize("value", ODD)
def test_a_value_that_cannot_be_compared_asks(operator: str, value: Any) -> None:
    assert asks({"a": {operator: 10}}, {"a": value})


@pytest.mark.parametrize(
    "test",
    [
        {"above": "10"},
        {"above": None},
        {"above": True},
        {"is": 1},
        {"is": None},
        {"in": "USD"},
        {"in": []},
        {"in": [1, 2]},
        {"not_in": [1, 2]},
        {"matches": "(?=a)"},
        {"matches": 5},
        {"later_operator": 1},
        {"above": 10, "later_operator": 1},
        {"present": "yes"},
        {},
        5,
    ],
)
def test_a_rule_that_cannot_be_judged_asks(test: Any) -> None:
    assert asks({"a": test}, {"a": "text"})


def test_an_absent_argument_asks_even_where_another_condition_fails() -> None:
    assert asks({"amount": {"above": 10}, "currency": {"in": ["USD"]}}, {"currency": "EUR"})


def test_presence() -> None:
    assert asks({"a": {"present": True}}, {"a": 0})
    assert not asks({"a": {"present": True}}, {})
    assert asks({"a": {"present": False}}, {})
    assert not asks({"a": {"present": False}}, {"a": 0})
    assert asks({"a": {"present": True}}, {"a": None})
    assert asks({"a": {"present": False}}, {"a": None})


def test_all_conditions_of_a_map_and_any_map_of_the_list() -> None:
    both = {"amount": {"above": 10}, "currency": {"in": ["USD"]}}
    assert asks(both, {"amount": 11, "currency": "USD"})
    assert not asks(both, {"amount": 11, "currency": "EUR"})
    maps = [both, {"amount": {"above": 1000}}]
    assert needed_approval(maps, {"amount": 1001, "currency": "EUR"}) == "approval.when"
    assert needed_approval(maps, {"amount": 11, "currency": "EUR"}) is None


def test_a_pointer_reaches_into_an_argument() -> None:
    test = {"/refund/amount": {"above": 10}}
    assert asks(test, {"refund": {"amount": 11}})
    assert not asks(test, {"refund": {"amount": 9}})
    assert asks(test, {"refund": [11]})
    assert asks(test, {"refund": 5})


def test_the_three_forms() -> None:
    assert needed_approval("never", {}) is None
    assert needed_approval("always", {}) == "approval.always"
    assert needed_approval("sometimes", {}) == "approval.always"


@given(st.integers(-(2**63), 2**63), st.integers(-(2**63), 2**63))
def test_bounds_are_exact(value: int, bound: int) -> None:
    assert asks({"a": {"above": bound}}, {"a": value}) == (value > bound)
    assert asks({"a": {"at_most": bound}}, {"a": value}) == (value <= bound)


@pytest.mark.parametrize("present", [True, False])
def test_whether_something_is_there_cannot_be_judged_in_a_list_or_below_a_value(
    present: bool,
) -> None:
    for where, arguments in (
        ("/a/*/b", {"a": [{"b": 1}]}),
        ("/a/0/b", {"a": [{"b": 1}]}),
        ("/a/b", {"a": "text"}),
        ("/a/b/c", {"a": {"b": None}}),
    ):
        assert asks({where: {"present": present}}, arguments)
