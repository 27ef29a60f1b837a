"""Grants on disk, and their uses in state.db: exact over processes, and gone when taken back."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from homes import make_home

from mcp_proxy.core.grant import Grant, sign_grant
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.signing import public_key
from mcp_proxy.edges.files import write_file
from mcp_proxy.edges.grants import (
    Kept,
    Signed,
    change_grants,
    give_grant_back,
    grants_used,
    read_grants,
    read_kept,
    take_grant,
    use_up_grant,
)
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import read_generation
from mcp_proxy.edges.state_db import StateDb, Transaction
from mcp_proxy.errors import HomeError, UsageError

SEED, OTHER = b"grants-signing-key-for-the-tests", b"another-signing-key-for-the-test"
NOW_S = 1_800_000_000


@pytest.fixture
def home(tmp_path: os.PathLike[str]) -> Home:
    return make_home(os.path.join(os.fspath(tmp_path), "home"))


def grant(home: Home, number: int = 0, uses: int = 3) -> Grant:
    bound = (f"{number:032x}", home.id, "billing", "keys", "ab" * 32, "refund", ())
    return Grant(*bound, uses, NOW_S, NOW_S + 3_600)


def keep(home: Home, *grants: Grant, seed: bytes = SEED) -> None:
    rows = tuple(Signed(item, sign_grant(item, seed)) for item in grants)
    change_grants(home, lambda kept: Kept(public_key(SEED), (*kept.rows, *rows)))


def path(home: Home) -> str:
    return os.path.join(home.config, "grants.json")


def test_what_is_kept_is_read_again_and_running_processes_hear_of_it(home: Home) -> None:
    assert read_grants(home).grants == ()
    before = read_generation(home)
    keep(home, grant(home), grant(home, 1))
    assert read_grants(home).grants == (grant(home), grant(home, 1))
    assert read_generation(home) != before


def test_s17_a_grant_signed_by_another_key_or_of_another_home_counts_for_nothing(
    home: Home,
) -> None:
    keep(home, grant(home)._replace(home="e" * 32), grant(home, 1))
    assert read_grants(home).grants == (grant(home, 1),)
    keep(home, grant(home, 2), seed=OTHER)
    assert read_grants(home).grants == (grant(home, 1),)
    assert read_kept(home).bad == 1


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"key":"00","grants":[]}', b"\xff"])
def test_a_damaged_file_grants_nothing_and_is_told(home: Home, data: bytes) -> None:
    write_file(path(home), data)
    assert read_grants(home).grants == ()
    with pytest.raises(HomeError, match="no grant counts"):
        read_kept(home)


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_s23_a_file_that_others_may_write_grants_nothing(home: Home) -> None:
    keep(home, grant(home))
    os.chmod(path(home), 0o666)
    assert read_grants(home).grants == ()


def test_more_than_the_bound_are_refused(home: Home) -> None:
    with pytest.raises(UsageError, match="At most 64"):
        keep(home, *(grant(home, number) for number in range(LIMITS.grants + 1)))
    assert read_grants(home).grants == ()


def test_s17_a_grant_is_used_as_often_as_it_says(home: Home) -> None:
    state, held = StateDb(home), grant(home, uses=3)
    taken = [state.run_now(lambda tx: take_grant(tx, held)) for _ in range(5)]
    assert taken == [True, True, True, False, False]
    state.run_now(lambda tx: give_grant_back(tx, held.id))
    assert state.run_now(lambda tx: grants_used(tx, [held.id, "x"])) == {held.id: 2, "x": 0}
    assert state.run_now(lambda tx: take_grant(tx, held))
    assert not state.run_now(lambda tx: take_grant(tx, held))
    state.close()


def test_s17_uses_are_exact_over_connections_of_their_own(home: Home) -> None:
    held = grant(home, uses=10)

    def some(_number: int) -> int:
        state = StateDb(home)
        taken = sum(state.run_now(lambda tx: take_grant(tx, held)) for _ in range(8))
        state.close()
        return taken

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(some, range(4))) == 10


def test_s17_a_use_taken_in_a_transaction_that_fails_is_not_taken(home: Home) -> None:
    state, held = StateDb(home), grant(home, uses=1)

    def fails(tx: Transaction) -> None:
        assert take_grant(tx, held)
        raise KeyError

    with pytest.raises(KeyError):
        state.run_now(fails)
    assert state.run_now(lambda tx: take_grant(tx, held))
    state.close()


def test_s17_what_was_taken_back_stays_so_though_an_older_file_returns(home: Home) -> None:
    state, held = StateDb(home), grant(home)
    state.run_now(lambda tx: use_up_grant(tx, held.id))
    assert not state.run_now(lambda tx: take_grant(tx, held))
    state.run_now(lambda tx: give_grant_back(tx, held.id))
    assert not state.run_now(lambda tx: take_grant(tx, held))
    state.close()
