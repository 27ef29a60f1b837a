"""doctor about state.db and its clock; what --fix mends, and only if the person says so."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from homes import ledger_text, make_home

from mcp_proxy.app.state_check import check_state, mend_state
from mcp_proxy.core.grant import Grant, sign_grant
from mcp_proxy.core.ledger_time import Reading
from mcp_proxy.core.signing import public_key
from mcp_proxy.edges import clock
from mcp_proxy.edges.boot import read_clocks
from mcp_proxy.edges.grants import Kept, Signed, change_grants, read_grants, take_grant
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import read_generation
from mcp_proxy.edges.state_db import StateDb, Transaction
from mcp_proxy.edges.state_file import state_path
from mcp_proxy.errors import HomeError, UsageError

DAY_S = 86_400


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(os.path.join(os.fspath(tmp_path), "home"))


def add(tx: Transaction) -> None:
    tx.execute("INSERT INTO counters VALUES (x'00', x'', 'l', 1, 9e9)")


def count(tx: Transaction) -> int:
    return int(tx.execute("SELECT count(*) FROM counters").fetchone()[0])


def use(home: Home, work: Callable[[Transaction], object] = add, by_s: float = 0.0) -> object:
    """With a clock that is wrong by so many seconds."""

    def clocks() -> Reading:
        now = read_clocks()
        return now._replace(wall_s=now.wall_s + by_s)

    db = StateDb(home, clocks)
    try:
        return db.run_now(work)
    finally:
        db.close()


def nobody(_question: str) -> str:
    raise UsageError("MCPX-W01", "Nobody is there.")


def found(home: Home) -> list[tuple[bool, str | None]]:
    return [(check.ok, check.next) for check in check_state(home)]


def test_where_nothing_was_ever_counted_there_is_nothing_to_say(home: Home) -> None:
    assert found(home) == []
    assert not os.path.exists(state_path(home))
    assert list(mend_state(home, nobody)) == []


def test_a_whole_database_is_good_and_nobody_is_asked(home: Home) -> None:
    use(home)
    assert found(home) == [(True, None)]
    assert list(mend_state(home, nobody)) == []


def test_s18_a_missing_database_is_made_anew_only_when_a_person_says_so(home: Home) -> None:
    use(home)
    os.unlink(state_path(home))
    assert found(home) == [(False, "mcp-proxy doctor --fix")]
    for answer in ("", "no", "--yes"):
        told = list(mend_state(home, lambda _question, answer=answer: answer))
        assert told == ["Nothing was changed. Calls with limits or approvals stay denied."]
        assert not os.path.exists(state_path(home))
    asked: list[str] = []
    told = list(mend_state(home, lambda question: (asked.append(question), "y")[1]))
    assert "every limit is whole again" in asked[0]
    assert "Every grant is taken back" in asked[0]
    assert told == ["A new state.db is in place; grants are to be given anew: mcp-proxy grant add"]
    assert found(home) == [(True, None)]


def test_s17_a_new_database_gives_no_grant_its_used_calls_back(home: Home) -> None:
    seed, now_s = b"a-signing-key-of-this-test-alone", int(clock.now_s())
    bound = ("1" * 32, home.id, "billing", "keys", "ab" * 32, "refund", ())
    old = Grant(*bound, 2, now_s, now_s + 3_600)
    new = old._replace(id="2" * 32, issued=now_s + 60)
    signed = Signed(old, sign_grant(old, seed))
    change_grants(home, lambda _kept: Kept(public_key(seed), (signed,)))
    assert use(home, lambda tx: take_grant(tx, old))
    older = Path(home.config, "grants.json").read_bytes()
    os.unlink(state_path(home))
    list(mend_state(home, lambda _question: "y"))
    assert read_grants(home).grants == ()
    Path(home.config, "grants.json").write_bytes(older)
    assert read_grants(home).grants == (old,)
    assert not use(home, lambda tx: take_grant(tx, old))
    assert [use(home, lambda tx: take_grant(tx, new)) for _ in range(3)] == [True, True, False]


def test_s18_with_nobody_to_ask_nothing_is_mended(home: Home) -> None:
    use(home)
    os.unlink(state_path(home))
    with pytest.raises(UsageError):
        list(mend_state(home, nobody))
    assert not os.path.exists(state_path(home))
    assert "doctor --fix" not in ledger_text(home)


def test_a_damaged_one_is_kept_and_the_change_is_logged_and_noticed(home: Home) -> None:
    use(home)
    Path(state_path(home)).write_bytes(b"nonsense")
    before = read_generation(home)
    *_, kept = mend_state(home, lambda _question: "yes")
    assert Path(kept.removeprefix("The old file is kept: ")).read_bytes() == b"nonsense"
    assert '"what":"doctor --fix","facts":{"did":"state.db replaced"}' in ledger_text(home)
    assert read_generation(home) != before


def test_damage_deep_in_the_file_is_found(home: Home) -> None:
    def fill(tx: Transaction) -> None:
        for number in range(2000):
            row = (number.to_bytes(8, "big"), os.urandom(64).hex())
            tx.execute("INSERT INTO counters VALUES (?, x'', ?, 1, 9e9)", row)

    use(home, fill)
    data = bytearray(Path(state_path(home)).read_bytes())
    data[-4096 * 20 : -4096 * 19] = os.urandom(4096)
    Path(state_path(home)).write_bytes(data)
    assert found(home) == [(False, "mcp-proxy doctor --fix")]


def test_what_others_may_read_is_not_mended_by_a_new_one(home: Home) -> None:
    use(home)
    os.chmod(state_path(home), 0o644)
    assert found(home) == [(False, f"chmod 600 '{state_path(home)}'")]
    with pytest.raises(HomeError) as caught:
        list(mend_state(home, nobody))
    assert caught.value.id == "MCPX-H02"


@pytest.mark.parametrize(("by_s", "step"), [(3600.0, "back"), (-2 * DAY_S, "forward")])
def test_s18_a_clock_that_was_set_is_confirmed_by_a_person(
    home: Home, by_s: float, step: str
) -> None:
    use(home, by_s=by_s)
    assert use(home, lambda tx: tx.step) == step
    assert found(home) == [(False, "set the clock right, or mcp-proxy doctor --fix")]
    assert "Nothing was changed" in next(mend_state(home, lambda _question: "n"))
    asked: list[str] = []
    told = list(mend_state(home, lambda question: (asked.append(question), "y")[1]))
    assert "UTC now? [y/N]" in asked[0]
    assert told[0].startswith("Limits go by this machine's clock again")
    assert found(home) == [(True, None)]
    assert use(home, lambda tx: (tx.step, count(tx))) == ("none", 1)
    assert '"did":"clock confirmed"' in ledger_text(home)
