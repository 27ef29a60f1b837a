"""Retention: what is removed, what stays, and what the ledger keeps of it."""

import os
import shutil
from collections.abc import Iterator

import pytest
from homes import make_home
from log_desk import SetClock, call_once, ledger, log_in, read_bytes, serve_once

from mcp_proxy.app import audit_prune
from mcp_proxy.app.audit_means import verify_home
from mcp_proxy.app.audit_prune import Keep, apply_retention, plan_prune, prune
from mcp_proxy.app.crashes import close_crashed
from mcp_proxy.app.ledger_mending import mend_ledger
from mcp_proxy.core.audit import GENESIS, chain, open_fields
from mcp_proxy.core.audit_check import check_segment
from mcp_proxy.edges.audit_ended import ended_segments
from mcp_proxy.edges.audit_erase import clear_path, segment_name
from mcp_proxy.edges.audit_files import AuditSegment
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.audit_reader import segment_paths
from mcp_proxy.edges.boot import read_clocks
from mcp_proxy.edges.files import FileLock, ensure_folder, write_file
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.settings import Settings, write_settings
from mcp_proxy.edges.settings_audit import AuditSettings
from mcp_proxy.edges.state_db import StateDb
from mcp_proxy.errors import AuditError

QUARTER = Keep(90, 0)


@pytest.fixture
def home(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    return make_home(folder)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    return SetClock(monkeypatch)


@pytest.fixture
def three(home: Home, wall: SetClock) -> list[str]:
    """The paths of segments that ended 200 and 100 days ago, and just now."""
    paths = []
    for days in (200, 100, 0):
        wall.set_back(days)
        paths.append(serve_once(home, "cus_1", "cus_2"))
    return paths


def run(home: Home, keep: Keep, why: str | None = None) -> int:
    return prune(home, plan_prune(home, keep), None, why)


def retain(home: Home, days: int = 0, mib: int = 0) -> None:
    write_settings(home, Settings(audit=AuditSettings(keep_days=days, keep_mib=mib)))


def test_segments_older_than_their_time_go_with_their_clear_files(
    home: Home, three: list[str]
) -> None:
    before = [check_segment(read_bytes(path)).entries for path in three]
    assert run(home, QUARTER) == 2
    assert segment_paths(home.state) == three[2:]
    assert os.path.exists(clear_path(three[2]))
    for path in three[:2]:
        assert not os.path.exists(os.path.dirname(path)), "not even an empty folder of that day"
    (entry,) = ledger(home, "prune")
    assert entry["why"] == "age"
    assert entry["segments"] == [
        [segment_name(path), len(entries), entries[-1]["hash"]]
        for path, entries in zip(three[:2], before[:2], strict=True)
    ]


def test_nothing_is_removed_that_the_ledger_was_not_told_of_before(
    home: Home, three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_paths: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(audit_prune, "remove_segments", killed)
        with pytest.raises(KeyboardInterrupt):
            audit_prune._remove(home, plan_prune(home, QUARTER).old, None, "age")
    assert [row[0] for row in ledger(home, "prune")[0]["segments"]] == [
        segment_name(path) for path in three[:2]
    ]
    assert segment_paths(home.state) == three
    found = ended_segments(home)
    assert found.recorded == tuple(three[:2])
    assert run(home, QUARTER) == 0, "the next time they are removed, and not told of again"
    assert segment_paths(home.state) == three[2:]
    assert len(ledger(home, "prune")) == 1


def test_s20_what_cannot_be_told_is_not_removed(home: Home, three: list[str]) -> None:
    plan = plan_prune(home, QUARTER)
    with open(ledger_path(home), "ab") as file:
        file.write(b"no entry\n")
    with pytest.raises(AuditError) as caught:
        prune(home, plan, None)
    assert caught.value.exit_code == 5
    assert segment_paths(home.state) == three


def test_by_size_the_oldest_go_until_the_rest_fits(home: Home, wall: SetClock) -> None:
    paths = []
    for days in (3, 2, 1, 0):
        wall.set_back(days)
        paths.append(serve_once(home))
        with open(clear_path(paths[-1]), "ab") as file:
            file.write(b" " * (1 << 20))
    assert run(home, Keep(0, 4)) == 1, "four times a mebibyte and a little are more than four"
    assert segment_paths(home.state) == paths[1:]
    assert run(home, Keep(0, 4)) == 0
    assert run(home, Keep(0, 1)) == 3
    assert segment_paths(home.state) == []
    assert [entry["why"] for entry in ledger(home, "prune")] == ["size", "size"]


def test_a_clear_file_whose_segment_was_pruned_goes_the_next_time(
    home: Home, three: list[str]
) -> None:
    values = read_bytes(clear_path(three[0]))
    assert run(home, QUARTER) == 2
    ensure_folder(os.path.dirname(three[0]))
    write_file(clear_path(three[0]), values)
    retain(home, days=90)
    assert apply_retention(home, None) == 0
    assert not os.path.exists(os.path.dirname(three[0]))
    assert len(ledger(home, "prune")) == 1


def test_a_clear_file_whose_segment_is_missing_stays_as_evidence(
    home: Home, three: list[str]
) -> None:
    os.unlink(three[0])
    os.unlink(three[2])
    plan = plan_prune(home, QUARTER)
    assert [item.path for item in plan.odd] == [clear_path(three[0])], "one is not due"
    assert [item.path for item in plan.old] == three[1:2]
    prune(home, plan, None)
    assert os.path.exists(clear_path(three[0]))


def test_both_bounds_hold_and_each_is_told_as_what_it_was(home: Home, three: list[str]) -> None:
    for path in three:
        with open(clear_path(path), "ab") as file:
            file.write(b" " * (1 << 20))
    plan = plan_prune(home, Keep(150, 1))
    assert [item.path for item in plan.old] == three[:1]
    assert [item.path for item in plan.beyond] == three[1:]
    assert prune(home, plan, None) == 3
    assert [entry["why"] for entry in ledger(home, "prune")] == ["age", "size"]


def test_a_command_is_told_as_one(home: Home, three: list[str]) -> None:
    assert three
    run(home, QUARTER, "command")
    assert [entry["why"] for entry in ledger(home, "prune")] == ["command"]


def test_a_segment_that_is_written_stays_however_old(home: Home, wall: SetClock) -> None:
    wall.set_back(200)
    log = log_in(home)
    call_once(log)
    wall.set_back(0)
    assert run(home, Keep(1, 1)) == 0
    call_once(log)
    assert len(segment_paths(home.state)) == 1
    log.close("done")


def test_a_segment_that_does_not_fit_the_ledger_stays_as_evidence(
    home: Home, three: list[str]
) -> None:
    with open(three[0], "rb+") as file:
        lines = file.readlines()
        file.seek(0)
        file.truncate()
        file.writelines(lines[:-1])
    plan = plan_prune(home, QUARTER)
    assert [item.path for item in plan.odd] == three[:1]
    assert [item.path for item in plan.old] == three[1:2]
    prune(home, plan, None)
    assert segment_paths(home.state) == [three[0], three[2]]


@pytest.mark.parametrize(("left", "removed"), [(b"", 1), (b'{"seq":0,"time":"20', 1), (b"x\n", 0)])
def test_a_segment_whose_process_was_killed_before_its_first_entry_is_pruned_like_others(
    home: Home, wall: SetClock, monkeypatch: pytest.MonkeyPatch, left: bytes, removed: int
) -> None:
    def killed(segment: AuditSegment, *_: object) -> None:
        write_file(segment.path, left)
        segment._let_go()
        raise KeyboardInterrupt

    wall.set_back(100)
    with monkeypatch.context() as patch:
        patch.setattr(AuditSegment, "_begin", killed)
        with pytest.raises(KeyboardInterrupt):
            serve_once(home)
    assert close_crashed(home) == 1
    wall.set_back(0)
    (path,) = segment_paths(home.state)
    assert run(home, Keep(101, 0)) == 0
    assert run(home, QUARTER) == removed
    assert segment_paths(home.state) == [path] * (1 - removed)
    assert [item.is_odd for item in ended_segments(home).ended] == [True] * (1 - removed)
    assert verify_home().good == bool(removed)


def test_a_segment_that_the_ledger_never_heard_of_stays_as_evidence(
    home: Home, three: list[str]
) -> None:
    day = os.path.dirname(three[1])
    foreign = os.path.join(day, "0" * 26 + ".jsonl")
    shutil.copy(three[2], foreign)
    plan = plan_prune(home, Keep(0, 1)._replace(days=1))
    assert [item.path for item in plan.odd] == [], "its last entry is of today"
    for path in three:
        with open(clear_path(path), "ab") as file:
            file.write(b" " * (1 << 20))
    assert [item.path for item in plan_prune(home, Keep(0, 1)).odd] == [foreign]


def test_a_segment_whose_ledger_is_gone_stays_as_evidence(home: Home, three: list[str]) -> None:
    os.unlink(ledger_path(home))
    serve_once(home)
    plan = plan_prune(home, QUARTER)
    assert [item.path for item in plan.odd] == three[:2]
    assert plan.segments == ()


def test_segments_of_a_damaged_ledger_that_was_put_aside_are_pruned_like_others(
    home: Home, three: list[str]
) -> None:
    data = read_bytes(ledger_path(home))
    with open(ledger_path(home), "ab") as file:
        file.write(b"no entry\n")
    for _told in mend_ledger(home, lambda _question: "y"):
        pass
    assert read_bytes(ledger_path(home)) != data
    assert run(home, QUARTER) == 2
    assert segment_paths(home.state) == three[2:]


def test_segments_from_before_there_was_a_ledger_are_pruned_like_others(
    home: Home, wall: SetClock
) -> None:
    day = os.path.join(home.state, "audit", "2020-01-01")
    ensure_folder(day)
    paths, opened = [], open_fields(1, {}, "billing", 3, "ab" * 32)
    for number, kinds in enumerate((("open", "close"), ("open",))):
        paths.append(os.path.join(day, f"{number:026}.jsonl"))
        prev, lines = GENESIS, b""
        for seq, kind in enumerate(kinds):
            fields = opened if kind == "open" else {"reason": "done"}
            made = chain(seq, 1_577_836_800 * 10**9, kind, fields, prev)
            lines, prev = lines + made.line, made.hash
        write_file(paths[-1], lines)
    serve_once(home)
    assert [item.path for item in plan_prune(home, QUARTER).old] == paths, "closed and killed"
    assert run(home, QUARTER) == 2
    assert len(segment_paths(home.state)) == 1
    assert wall.offset_ns == 0


def test_many_segments_are_told_of_in_entries_of_a_hundred(
    home: Home, wall: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_prune, "_AT_ONCE", 2)
    wall.set_back(10)
    for _ in range(5):
        serve_once(home)
    wall.set_back(0)
    assert run(home, Keep(1, 0)) == 5
    assert [len(entry["segments"]) for entry in ledger(home, "prune")] == [2, 2, 1]


def test_retention_follows_the_settings_at_most_once_an_hour(
    home: Home, three: list[str], wall: SetClock
) -> None:
    assert apply_retention(home, None) == 0, "nothing is set"
    retain(home, days=150)
    assert apply_retention(home, None) == 1
    retain(home, days=50)
    assert apply_retention(home, None) == 0
    wall.offset_ns = 3_601 * 10**9
    assert apply_retention(home, None) == 1
    assert segment_paths(home.state) == three[2:]
    wall.offset_ns = -3_601 * 10**9
    retain(home, mib=1)
    with open(clear_path(three[2]), "ab") as file:
        file.write(b" " * (1 << 20))
    assert apply_retention(home, None) == 1, "a clock that was set back does not stop it"


@pytest.mark.parametrize(("ahead_s", "pruned"), [(0.0, 2), (2 * 86_400.0, 0), (-600.0, 0)])
def test_s18_a_clock_that_is_not_believed_makes_nothing_old(
    home: Home, three: list[str], ahead_s: float, pruned: int
) -> None:
    """What was recorded last says by how much this machine's clock was set since."""
    assert three
    now = read_clocks()
    state = StateDb(home, lambda: now._replace(wall_s=now.wall_s - ahead_s))
    state.confirm_clock()
    state.close()
    retain(home, days=50)
    assert apply_retention(home, None) == pruned


def test_retention_waits_for_nobody(home: Home, three: list[str]) -> None:
    retain(home, days=50)
    with FileLock(os.path.join(home.state, "audit.prune.lock")):
        assert apply_retention(home, None) == 0
    assert segment_paths(home.state) == three


def test_when_it_was_done_last_is_not_written_into_the_lock(home: Home, three: list[str]) -> None:
    """Windows refuses that, so that nothing would ever be pruned there."""
    retain(home, days=150)
    assert apply_retention(home, None) == 1
    assert os.path.getsize(os.path.join(home.state, "audit.prune.lock")) == 0
    assert segment_paths(home.state) == three[1:]


def test_retention_reads_no_ledger_where_nothing_can_be_due(
    home: Home, three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_home: Home) -> Iterator[object]:
        raise AssertionError

    assert three
    retain(home, days=201, mib=100)
    monkeypatch.setattr(audit_prune, "ended_segments", read)
    assert apply_retention(home, None) == 0


def test_a_home_without_a_log_has_nothing_to_prune(home: Home) -> None:
    retain(home, days=1, mib=1)
    assert apply_retention(home, None) == 0
    assert plan_prune(home, Keep(1, 1)) == audit_prune.Plan((), (), (), ())
    assert not os.path.exists(ledger_path(home))
