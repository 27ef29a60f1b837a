"""A new state.db in the place of another: nothing of the old one is lost, nor counted on in it."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges import state_repair
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.state_db import StateDb, Transaction
from mcp_proxy.edges.state_file import state_path
from mcp_proxy.edges.state_repair import replace_state
from mcp_proxy.errors import HomeError


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(str(tmp_path / "home"))


@pytest.fixture
def db(home: Home) -> Iterator[StateDb]:
    made = StateDb(home)
    made.run_now(add)
    yield made
    made.close()


def add(tx: Transaction) -> None:
    tx.execute("INSERT INTO counters VALUES (?, x'', 'l', 1, 9e9)", (os.urandom(8),))


def count(tx: Transaction) -> int:
    return int(tx.execute("SELECT count(*) FROM counters").fetchone()[0])


def rows_in(path: str) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM counters").fetchone()[0])
    finally:
        connection.close()


def test_a_process_that_has_the_old_one_open_goes_on_in_the_new_one(
    home: Home, db: StateDb
) -> None:
    aside = replace_state(home)
    assert aside is not None
    assert db.run_now(count) == 0
    db.run_now(add)
    assert (db.run_now(count), rows_in(aside)) == (1, 1)


def test_one_that_closes_the_old_one_later_takes_nothing_of_the_new_one(home: Home) -> None:
    old, fresh = StateDb(home), StateDb(home)
    old.run_now(add)
    replace_state(home)
    fresh.run_now(add)
    old.close()
    fresh.run_now(add)
    fresh.close()
    assert rows_in(state_path(home)) == 2


def test_a_missing_one_is_made_and_nothing_is_kept_of_it(home: Home, db: StateDb) -> None:
    for path in Path(home.state).glob("state.db*"):
        path.unlink()
    with pytest.raises(HomeError):
        db.run_now(count)
    assert replace_state(home) is None
    assert db.run_now(count) == 0


def test_damaged_bytes_are_kept_beside_the_new_one(home: Home, db: StateDb) -> None:
    Path(state_path(home)).write_bytes(b"nonsense")
    aside = replace_state(home)
    assert aside is not None
    assert Path(aside).read_bytes() == b"nonsense"
    assert db.run_now(count) == 0


def test_a_transaction_of_another_process_ends_before_the_old_one_is_moved(
    home: Home, db: StateDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_repair, "LIMITS", LIMITS._replace(state_wait_ms=50))
    seen = []

    def moved(*_: object) -> int:
        other = sqlite3.connect(state_path(home), timeout=0, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            seen.append(str(error))
        finally:
            other.close()
        return 0

    monkeypatch.setattr(state_repair, "_set_aside", lambda home: (moved(), None)[1])
    replace_state(home)
    assert seen == ["database is locked"]
