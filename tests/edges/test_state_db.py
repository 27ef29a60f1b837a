"""state.db: made once, recorded outside, refused when it is not the one; one writer at a time."""

import asyncio
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_proxy.core.ledger_time import Reading
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges import state_db, state_file
from mcp_proxy.edges.files import FileLock
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.settings import settings_path
from mcp_proxy.edges.state_db import StateBusy, StateDb, Transaction
from mcp_proxy.edges.state_file import lock_path, state_path
from mcp_proxy.edges.state_repair import replace_state
from mcp_proxy.errors import HomeError

NOW_S = 1_800_000_000.0


class Clock:
    """A wall clock that the test sets; the boot's clock stands still."""

    def __init__(self) -> None:
        self.wall_s = NOW_S

    def __call__(self) -> Reading:
        return Reading(self.wall_s, 1.0, "boot")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(str(tmp_path / "home"))


@pytest.fixture
def db(home: Home) -> Iterator[StateDb]:
    made = StateDb(home)
    yield made
    made.close()


def count(tx: Transaction) -> int:
    return int(tx.execute("SELECT count(*) FROM counters").fetchone()[0])


def add(tx: Transaction) -> None:
    tx.execute("INSERT INTO counters VALUES (?, x'', 'l', 1, 9e9)", (os.urandom(8),))


def mark(home: Home) -> Path:
    return Path(home.data, "state.json")


def refusal(home: Home) -> HomeError:
    fresh = StateDb(home)
    try:
        with pytest.raises(HomeError) as caught:
            fresh.run_now(count)
    finally:
        fresh.close()
    return caught.value


def use(home: Home, work: Any = add) -> Any:
    fresh = StateDb(home)
    try:
        return fresh.run_now(work)
    finally:
        fresh.close()


def test_it_is_made_by_its_first_use_for_its_owner_alone(home: Home, db: StateDb) -> None:
    before = os.umask(0)
    try:
        assert db.run_now(count) == 0
        db.run_now(add)
        modes = {stat.S_IMODE(item.stat().st_mode) for item in Path(home.state).iterdir()}
    finally:
        os.umask(before)
    assert modes == {0o600}
    assert mark(home).exists()


def test_what_is_committed_is_there_for_every_process(home: Home, db: StateDb) -> None:
    db.run_now(add)
    assert use(home, count) == 1


def test_an_exception_of_the_work_takes_everything_back(db: StateDb) -> None:
    def fails(tx: Transaction) -> None:
        add(tx)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        db.run_now(fails)
    assert db.run_now(count) == 0


def test_every_commit_waits_for_the_disk(db: StateDb) -> None:
    settings = [
        db.run_now(lambda tx, name=name: tx.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("synchronous", "journal_mode", "fullfsync")
    ]
    assert settings == [2, "wal", 1]


def test_what_is_deleted_is_overwritten(db: StateDb) -> None:
    assert db.run_now(lambda tx: tx.execute("PRAGMA secure_delete").fetchone()) == (1,)


def test_flushing_takes_what_was_erased_out_of_every_file(home: Home, db: StateDb) -> None:
    key, other = os.urandom(8), StateDb(home)
    other.run_now(count)
    db.run_now(lambda tx: tx.execute("INSERT INTO counters VALUES (?, x'', 'l', 1, 9e9)", (key,)))
    db.run_now(lambda tx: tx.execute("DELETE FROM counters"))
    db.flush_now()
    assert [path.name for path in Path(home.state).iterdir() if key in path.read_bytes()] == []
    other.close()


def test_looking_waits_for_no_writer(home: Home, db: StateDb) -> None:
    db.run_now(add)
    other = sqlite3.connect(state_path(home), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert asyncio.run(db.look(count)) == 1
    finally:
        other.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_db, "LIMITS", LIMITS._replace(state_wait_ms=300))


@pytest.mark.usefixtures("impatient")
def test_s18_a_transaction_that_finds_no_turn_ends_at_its_deadline(home: Home, db: StateDb) -> None:
    db.run_now(add)
    other = sqlite3.connect(state_path(home), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(StateBusy) as caught:
        db.run_now(count)
    other.close()
    assert 0.3 <= time.monotonic() - began < 2
    assert caught.value.id == "MCPX-H03"
    assert db.run_now(count) == 1


def test_a_transaction_waits_for_its_turn_without_holding_up_the_event_loop(
    home: Home, db: StateDb
) -> None:
    db.run_now(add)
    other = sqlite3.connect(state_path(home), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.2, other.close).start()

    async def both() -> tuple[int, int]:
        waiting = asyncio.create_task(db.run(count))
        turns = 0
        while not waiting.done():
            turns += 1
            await asyncio.sleep(0.01)
        return await waiting, turns

    found, turns = asyncio.run(both())
    assert found == 1
    assert turns > 5


@pytest.mark.usefixtures("impatient")
def test_a_maker_that_is_stopped_holds_others_only_until_their_deadline(home: Home) -> None:
    with FileLock(lock_path(home)):
        assert isinstance(refusal(home), StateBusy)
    assert use(home, count) == 0


def test_s18_a_database_that_was_taken_away_is_not_made_anew(home: Home) -> None:
    use(home)
    os.unlink(state_path(home))
    assert refusal(home).id == "MCPX-H04"
    assert not os.path.exists(state_path(home))


def test_s18_it_is_missed_also_by_a_process_that_has_it_open(home: Home, db: StateDb) -> None:
    db.run_now(add)
    os.rename(state_path(home), state_path(home) + ".away")
    with pytest.raises(HomeError) as caught:
        db.run_now(add)
    assert caught.value.id == "MCPX-H04"


def test_s18_another_database_in_its_place_is_refused(home: Home, tmp_path: Path) -> None:
    use(home)
    other = init_home(str(tmp_path / "other"))
    use(other)
    os.replace(state_path(other), state_path(home))
    assert refusal(home).id == "MCPX-H04"


def test_s18_a_database_of_this_home_made_anew_is_refused(home: Home) -> None:
    use(home)
    marked = mark(home).read_bytes()
    os.unlink(state_path(home))
    mark(home).unlink()
    use(home)
    mark(home).write_bytes(marked)
    assert refusal(home).id == "MCPX-H04"


def test_s18_another_homes_database_is_not_adopted_with_its_record(
    home: Home, tmp_path: Path
) -> None:
    other = init_home(str(tmp_path / "other"))
    use(other)
    os.replace(state_path(other), state_path(home))
    assert refusal(home).id == "MCPX-H04"
    os.replace(mark(other), mark(home))
    assert refusal(home).id == "MCPX-H04"


def test_a_database_whose_record_was_never_written_is_adopted(home: Home) -> None:
    use(home)
    mark(home).unlink()
    assert use(home, count) == 1
    assert mark(home).exists()


@pytest.mark.parametrize("size", [0, 50, 5000])
def test_s18_a_truncated_database_is_refused(home: Home, size: int) -> None:
    use(home)
    os.truncate(state_path(home), size)
    assert refusal(home).id == "MCPX-H04"


@pytest.mark.parametrize("damage", [b"{", b"[]", b'{"home": "x"}', b"[" * 5000])
def test_s18_a_damaged_record_is_refused(home: Home, damage: bytes) -> None:
    use(home)
    mark(home).write_bytes(damage)
    assert refusal(home).id == "MCPX-H04"


def test_s18_random_bytes_are_refused(home: Home) -> None:
    use(home)
    Path(state_path(home)).write_bytes(os.urandom(20_000))
    assert refusal(home).id == "MCPX-H04"


def test_a_newer_databases_error_says_so(home: Home) -> None:
    use(home, lambda tx: (add(tx), tx.execute("PRAGMA user_version = 99")))
    assert refusal(home).next == "update mcp-proxy"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_s23_a_database_that_others_may_read_is_refused(home: Home) -> None:
    use(home)
    os.chmod(state_path(home), 0o640)
    assert refusal(home).id == "MCPX-H02"


def test_s23_a_link_in_its_place_is_refused(home: Home, tmp_path: Path) -> None:
    use(home)
    os.replace(state_path(home), tmp_path / "elsewhere.db")
    os.symlink(tmp_path / "elsewhere.db", state_path(home))
    assert refusal(home).id == "MCPX-H02"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize("end", ["-wal", "-shm"])
def test_s23_what_stands_beside_it_is_checked_like_it(home: Home, tmp_path: Path, end: str) -> None:
    use(home)
    beside = Path(state_path(home) + end)
    beside.write_bytes(b"")
    beside.chmod(0o644)
    assert refusal(home).id == "MCPX-H02"
    beside.unlink()
    beside.symlink_to(tmp_path / "elsewhere")
    assert refusal(home).id == "MCPX-H02"
    assert not (tmp_path / "elsewhere").exists()


def test_s23_a_network_file_system_is_refused_unless_the_settings_accept_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_file, "network_kind", lambda _folder: "nfs4")
    found = refusal(home)
    assert found.id == "MCPX-H02"
    assert "nfs4" in found.why
    Path(settings_path(home)).write_text("[state]\nnetwork_filesystem = true\n", encoding="utf-8")
    os.chmod(settings_path(home), 0o600)
    assert use(home, count) == 0


def test_s18_a_database_that_was_replaced_is_closed_without_harm_to_the_new_one(
    home: Home, db: StateDb
) -> None:
    db.run_now(add)
    replace_state(home)
    beside = StateDb(home)
    beside.run_now(add)
    assert db.run_now(count) == 1
    beside.run_now(add)
    assert use(home, count) == 2
    assert os.path.exists(state_path(home) + "-wal")
    beside.close()


def test_what_another_database_left_beside_the_name_is_no_part_of_a_new_one(home: Home) -> None:
    os.makedirs(home.state, exist_ok=True)
    Path(state_path(home) + "-wal").write_bytes(os.urandom(5000))
    assert use(home, count) == 0


def test_s18_time_is_recorded_with_what_it_dates(home: Home) -> None:
    clock = Clock()
    first = StateDb(home, clock)
    first.run_now(add)
    clock.wall_s -= 3600
    assert first.run_now(lambda tx: (tx.now_s, tx.step)) == (NOW_S, "back")
    first.close()
    second = StateDb(home, clock)
    assert second.run_now(lambda tx: (tx.now_s, tx.step)) == (NOW_S, "back")
    second.confirm_clock()
    assert second.run_now(lambda tx: (tx.now_s, tx.step)) == (NOW_S - 3600, "none")
    second.close()


def test_s18_the_clock_is_recorded_once_a_second(home: Home) -> None:
    clock = Clock()
    db = StateDb(home, clock)
    told = []
    for ahead_s in (0.0, 0.9, 1.0, 1.9, 2.1):
        clock.wall_s = NOW_S + ahead_s
        db.run_now(add)
        told.append(db.run_now(lambda tx: tx.execute("SELECT latest_s FROM clock").fetchone()[0]))
    db.close()
    assert told == [NOW_S, NOW_S, NOW_S + 1, NOW_S + 1, NOW_S + 2.1]
