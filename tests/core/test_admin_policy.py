"""The administrator's policy: read strictly, and able to tighten alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trust_samples import OTHER_SEED, SEED, trusted

from mcp_proxy.core.admin_policy import (
    FREE,
    AdminPolicy,
    bounds,
    check_key,
    check_repository,
    parse_policy,
    tighten,
)
from mcp_proxy.core.freshness import GRACE_MAX_S
from mcp_proxy.core.trust_store import Repository, TrustStore
from mcp_proxy.errors import ProfileError

ONE, OTHER = trusted(SEED), trusted(OTHER_SEED)
REPOSITORY = Repository("a" * 64, "https://profiles.example.com/", ("*",))
STORE = TrustStore(
    {ONE.keyid: ONE, OTHER.keyid: OTHER}, {REPOSITORY.id: REPOSITORY}, grace_max_s=3_600
)


def test_an_empty_policy_allows_everything() -> None:
    assert parse_policy({}) == FREE
    assert tighten(STORE, FREE) == STORE


def test_a_whole_policy_is_read() -> None:
    table = {
        "signers": [ONE.keyid],
        "repositories": ["a" * 64],
        "grace": "12h",
        "yes": False,
        "home": False,
    }
    assert parse_policy(table) == AdminPolicy(
        frozenset({ONE.keyid}), frozenset({"a" * 64}), 43_200, yes=False, home=False
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"signer": []}, "signer is no key of it"),
        ({"signers": "x"}, "signers must be a list"),
        ({"signers": ["ab"]}, "fingerprints"),
        ({"repositories": [3]}, "repositories must be a list"),
        ({"approval_channels": "page"}, "approval_channels must be a list"),
        ({"approval_channels": ["post"]}, "of client, page, terminal"),
        ({"approval_channels": [["page"]]}, "approval_channels must be a list"),
        ({"grace": "7"}, "grace must be a time"),
        ({"grace": 7}, "grace must be a time"),
        ({"grace": ""}, "grace must be a time"),
        ({"grace": "h"}, "grace must be a time"),
        ({"grace": "-1d"}, "grace must be a time"),
        ({"grace": "12345d"}, "grace must be a time"),
        ({"signers": ["A" * 64]}, "signers must be a list"),
        ({"yes": "no"}, "yes must be true or false"),
        ({"home": 0}, "home must be true or false"),
    ],
)
def test_what_it_does_not_know_is_refused(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_policy(table)


def test_one_list_alone_leaves_no_other_source_of_profiles() -> None:
    by_key = tighten(STORE, parse_policy({"signers": [ONE.keyid]}))
    assert (list(by_key.keys), by_key.repositories) == ([ONE.keyid], {})
    by_repository = tighten(STORE, parse_policy({"repositories": [REPOSITORY.id]}))
    assert (by_repository.keys, list(by_repository.repositories)) == ({}, [REPOSITORY.id])


def test_what_is_not_listed_cannot_be_trusted() -> None:
    policy = parse_policy({"signers": [ONE.keyid]})
    check_key(policy, ONE.keyid)
    for check, held in ((check_key, OTHER.keyid), (check_repository, REPOSITORY.id)):
        with pytest.raises(ProfileError) as raised:
            check(policy, held)
        assert raised.value.id == "MCPX-P29"
        check(FREE, held)


IDS = st.frozensets(st.sampled_from([ONE.keyid, OTHER.keyid, REPOSITORY.id, "f" * 64]))


@given(st.none() | IDS, st.none() | IDS, st.integers(0, GRACE_MAX_S))
def test_s19_a_policy_never_adds_anything(
    signers: frozenset[str] | None, repositories: frozenset[str] | None, grace_s: int
) -> None:
    left = tighten(STORE, AdminPolicy(signers, repositories, grace_s))
    assert left.keys.items() <= STORE.keys.items()
    assert left.repositories.items() <= STORE.repositories.items()
    assert left.grace_max_s == min(grace_s, STORE.grace_max_s)


def test_what_it_takes_away_is_told() -> None:
    assert bounds(FREE) == []
    policy = AdminPolicy(frozenset(), frozenset({"a" * 64}), 1_800, yes=False, home=False)
    assert bounds(policy) == [
        "no key may be trusted",
        "only 1 repository may be trusted",
        "offline grace is at most 0.5 h",
        "--yes is refused",
        "MCP_PROXY_HOME is refused",
    ]


def test_s17_channels_of_approval_can_be_taken_away() -> None:
    policy = parse_policy({"approval_channels": ["terminal", "page"]})
    assert policy.channels == {"page", "terminal"}
    assert bounds(policy) == ["calls are approved by page, terminal alone"]
    nobody = parse_policy({"approval_channels": []})
    assert bounds(nobody) == ["no call can be approved"]
