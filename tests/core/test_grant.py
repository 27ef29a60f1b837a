"""Grants: which call they let pass, and that nothing about a signed one can be changed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.approval_request import Subject
from mcp_proxy.core.grant import PAYLOAD_TYPE, Grant, matching, sign_grant, verify_grant
from mcp_proxy.core.signing import public_key, sign_payload

SEED, OTHER = b"grants-signing-key-for-the-tests", b"another-signing-key-for-the-test"
KEY = public_key(SEED)
NOW_S = 1_800_000_000
SUBJECT = Subject("billing", "ab" * 32, "keys")
SMALL = {"amount": {"at_most": 5_000}}
GRANT = Grant(
    *("0" * 32, "f" * 32, "billing", "keys", "ab" * 32, "refund", (SMALL,)),
    uses=3,
    issued=NOW_S,
    expires=NOW_S + 3_600,
)


def passes(grant: Grant = GRANT, **changes: Any) -> bool:
    """Whether a call of 10 at NOW_S finds this grant, with another subject, tool and so on."""
    tool, now_s = changes.pop("tool", "refund"), changes.pop("now_s", NOW_S)
    arguments = changes.pop("arguments", {"amount": 10})
    subject = SUBJECT._replace(**changes)
    return matching((grant,), subject, tool, arguments, now_s) == (grant,)


def test_s17_a_grant_lets_exactly_its_own_calls_pass() -> None:
    assert passes()
    assert not passes(tool="find")
    assert not passes(profile="crm")
    assert not passes(digest="cd" * 32), "a new version needs a new grant"
    assert not passes(root="repository x")


@pytest.mark.parametrize(
    ("seconds", "is_in_time"), [(-1, False), (0, True), (3_599, True), (3_600, False)]
)
def test_s17_a_grant_holds_from_its_first_second_to_before_its_end(
    seconds: int, is_in_time: bool
) -> None:
    assert passes(now_s=NOW_S + seconds) == is_in_time


@pytest.mark.parametrize(
    "arguments",
    [{}, {"amount": None}, {"amount": 5_001}, {"amount": "10"}, {"amount": True}, {"amount": [10]}],
)
def test_s17_a_condition_that_does_not_hold_or_cannot_be_judged_lets_nothing_pass(
    arguments: dict[str, Any],
) -> None:
    assert not passes(arguments=arguments)


def test_any_of_several_conditions_lets_a_call_pass_and_none_means_any_arguments() -> None:
    either = GRANT._replace(when=({"customer": {"is": "c1"}}, SMALL))
    assert passes(either)
    assert passes(either, arguments={"amount": 10_000, "customer": "c1"})
    assert not passes(either, arguments={"amount": 10_000, "customer": "c2"})
    assert passes(GRANT._replace(when=()), arguments={})


def test_an_empty_map_or_an_unknown_comparison_lets_nothing_pass() -> None:
    assert not passes(GRANT._replace(when=({},)))
    assert not passes(GRANT._replace(when=({"amount": {"about": 10}},)))


def test_the_grant_that_ends_first_is_used_first() -> None:
    later = GRANT._replace(id="1" * 32, expires=GRANT.expires + 60)
    found = matching((later, GRANT), SUBJECT, "refund", {"amount": 1}, NOW_S)
    assert found == (GRANT, later)


def test_a_signed_grant_is_read_again() -> None:
    assert verify_grant(sign_grant(GRANT, SEED), KEY) == GRANT


def test_s17_another_key_s_signature_is_refused() -> None:
    with pytest.raises(ValueError, match="signature"):
        verify_grant(sign_grant(GRANT, OTHER), KEY)


def test_s17_a_profile_s_envelope_is_no_grant() -> None:
    with pytest.raises(ValueError, match="no grant"):
        verify_grant(sign_payload(json.dumps(GRANT._asdict()).encode(), SEED), KEY)


ENVELOPE = sign_grant(GRANT, SEED)


@given(st.integers(0, len(ENVELOPE) - 1), st.integers(1, 255))
def test_s17_a_grant_with_one_byte_changed_is_refused(position: int, difference: int) -> None:
    changed = bytearray(ENVELOPE)
    changed[position] ^= difference
    try:
        found = verify_grant(bytes(changed), KEY)
    except ValueError:
        return
    # The key id is a hint of DSSE and is not signed.
    assert found == GRANT


@pytest.mark.parametrize(
    "changes",
    [
        {"uses": 0},
        {"uses": 1_001},
        {"uses": True},
        {"uses": "3"},
        {"expires": NOW_S},
        {"expires": NOW_S + 31 * 86_400},
        {"profile": "../x"},
        {"profile": 5},
        {"id": "x"},
        {"tool": None},
        {"when": [{}]},
        {"when": ["amount"]},
        {"when": {}},
        {"when": [SMALL] * 17},
        {"more": 1},
    ],
)
def test_what_is_signed_but_out_of_bounds_is_refused(changes: dict[str, Any]) -> None:
    row = json.dumps({**GRANT._asdict(), **changes}).encode()
    with pytest.raises(ValueError):
        verify_grant(sign_payload(row, SEED, PAYLOAD_TYPE), KEY)
