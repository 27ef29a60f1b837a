"""Conditions of a grant: what is taken is judged as it is meant, and nothing else is taken."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.approval_request import Subject
from mcp_proxy.core.grant import Grant, matching, sign_grant, verify_grant
from mcp_proxy.core.grant_conditions import parse_conditions
from mcp_proxy.core.signing import public_key

SEED = b"grants-signing-key-for-the-tests"
SUBJECT = Subject("billing", "ab" * 32, "keys")
NAMES = ("amount", "customer", "lines")
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3)
OPERATORS = ("above", "at_least", "below", "at_most", "is", "in", "not_in", "matches", "present")
TESTS = st.dictionaries(st.sampled_from(OPERATORS), SCALARS | st.lists(SCALARS, max_size=2))
MAPS = st.dictionaries(st.sampled_from([*NAMES, "/lines/0", "/amount", "/~2", "total"]), TESTS)
ARGUMENTS = st.dictionaries(st.sampled_from(NAMES), SCALARS | st.lists(SCALARS, max_size=2))


def grant(when: tuple[dict[str, Any], ...]) -> Grant:
    return Grant("0" * 32, "f" * 32, *SUBJECT[:1], "keys", "ab" * 32, "refund", when, 1, 0, 60)


def passes(when: tuple[dict[str, Any], ...], arguments: dict[str, Any]) -> bool:
    return bool(matching((grant(when),), SUBJECT, "refund", arguments, 0))


@given(MAPS | st.lists(MAPS, max_size=2) | SCALARS, ARGUMENTS)
def test_whatever_is_taken_can_be_signed_read_and_judged(value: Any, arguments: Any) -> None:
    try:
        when = parse_conditions(value, NAMES)
    except ValueError:
        return
    assert verify_grant(sign_grant(grant(when), SEED), public_key(SEED)).when == when
    assert passes(when, arguments) in (True, False)


@given(st.lists(MAPS, min_size=1, max_size=3), ARGUMENTS)
def test_one_more_map_lets_no_call_pass_that_none_of_the_maps_lets_pass(
    maps: list[Any], arguments: dict[str, Any]
) -> None:
    together = passes(tuple(maps), arguments)
    assert together == any(passes((one,), arguments) for one in maps)


@pytest.mark.parametrize(
    ("tests", "inside", "outside"),
    [
        ({"at_most": 10}, [10, -1, 9.5], [11, "10", None, True, [1]]),
        ({"above": 10, "below": 20}, [11, 19.9], [10, 20]),
        ({"is": "c1"}, ["c1"], ["c2", "", None, 1]),
        ({"in": ["c1", 2]}, ["c1", 2], ["c2", True, None]),
        ({"not_in": ["c1"]}, ["c2"], ["c1", None, 1]),
        ({"matches": "^c[0-9]$"}, ["c1"], ["xc1", 1, None]),
        ({"present": True}, ["x", 0, False], [None]),
    ],
)
def test_each_comparison_holds_where_it_says(
    tests: dict[str, Any], inside: list[Any], outside: list[Any]
) -> None:
    when = parse_conditions({"amount": tests}, NAMES)
    assert [value for value in [*inside, *outside] if passes(when, {"amount": value})] == inside
    assert not passes(when, {})


def test_an_argument_that_must_be_absent_must_be_absent() -> None:
    when = parse_conditions({"amount": {"present": False}}, NAMES)
    assert passes(when, {"customer": "c1"})
    assert not passes(when, {"amount": 1})


def test_a_place_inside_an_argument_is_named_by_a_pointer() -> None:
    when = parse_conditions({"/lines/total": {"at_most": 5}}, NAMES)
    assert passes(when, {"lines": {"total": 5}})
    assert not passes(when, {"lines": {"total": 6}})
    assert not passes(when, {"lines": {}})
    assert not passes(when, {"lines": 5})
