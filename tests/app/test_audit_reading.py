"""Reading the log: one stream over all files in the order of time, and what comes later."""

import json
import os
import time
import tracemalloc
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from audit_days import (
    BEGAN_NS,
    DAY_NS,
    Call,
    LedgerFile,
    append_call,
    lines_of,
    month,
    write_segment,
)
from homes import install, make_home, tool
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_proxy.app.admin_log import record
from mcp_proxy.app.audit_follow import Follower
from mcp_proxy.app.audit_log import Reading
from mcp_proxy.app.audit_stats import read_stats
from mcp_proxy.core.audit import Answered, Decided, open_fields
from mcp_proxy.core.audit_filter import Filter
from mcp_proxy.core.budget import Reservation
from mcp_proxy.core.profile import AuditRules, Limit
from mcp_proxy.edges.audit_files import Subject
from mcp_proxy.edges.authorizer import root_text
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.ledger import Scope, reserve, sending, settle
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.profile_store import load_profile
from mcp_proxy.edges.state_db import StateDb

SECOND_NS = 10**9


@pytest.fixture
def home(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    return make_home(folder)


def calls(*seconds: int, tool: str = "find") -> list[Call]:
    return [
        Call(BEGAN_NS + at * SECOND_NS, tool, values={"customer": f"cus_{at}"}) for at in seconds
    ]


def shown(entries: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    return [(entry["kind"], entry.get("values", {}).get("customer")) for entry in entries]


def test_entries_of_processes_side_by_side_come_in_the_order_of_time(home: Home) -> None:
    write_segment(home, 1, calls(10, 40, 70))
    write_segment(home, 2, calls(20, 50))
    write_segment(home, 3, calls(30, 60))
    entries = list(Reading(home, Filter(kind="decided")))
    assert [entry["values"]["customer"] for entry in entries] == [
        f"cus_{at}" for at in (10, 20, 30, 40, 50, 60, 70)
    ]
    everything = list(Reading(home, Filter()))
    assert everything == sorted(everything, key=lambda entry: str(entry["time"]))


def test_a_call_and_its_end_bear_the_same_id_and_tool(home: Home) -> None:
    path = write_segment(home, 1, calls(10, 20))
    ulid = os.path.basename(path).removesuffix(".jsonl")
    found = [
        (entry["kind"], entry.get("call"), entry.get("tool")) for entry in Reading(home, Filter())
    ]
    assert found == [
        ("open", None, None),
        ("decided", f"{ulid}:1", "find"),
        ("answered", f"{ulid}:1", "find"),
        ("decided", f"{ulid}:3", "find"),
        ("answered", f"{ulid}:3", "find"),
        ("close", None, None),
    ]


def test_the_ledger_tells_commands_prunes_erasures_and_crashes_but_no_course(home: Home) -> None:
    ledger = LedgerFile(home)
    write_segment(home, 1, calls(10), ledger=ledger)
    name = "2026-11-01/01M6AMAA4Z0000000000000000"
    crash = {"segment": name, "entries": 3, "head": "00", "reason": "crash", "torn": 7}
    later = BEGAN_NS + DAY_NS
    ledger.add(later, "checkpoint", {"segment": name, "entries": 3, "head": "00"})
    ledger.add(later, "close", crash)
    ledger.add(later, "refused", {"profile": None, "error": "MCPX-P01"})
    ledger.add(later, "prune", {"segments": [[name, 3, "00"]], "why": "age"})
    ledger.add(later, "erase", {"segment": name, "call": 1})
    ledger.add(later, "cut", {"bytes": 9})
    ledger.add(later, "key", {"verifier": "v", "seal": "s"})
    told = [entry for entry in Reading(home, Filter()) if entry["segment"] == "ledger"]
    kinds = ["close", "refused", "prune", "erase", "cut", "key"]
    assert [entry["kind"] for entry in told] == kinds
    assert (told[3]["call"], told[3]["about"]) == (f"{name[11:]}:1", name)
    assert [entry["about"] for entry in told if "about" in entry] == [name, name]


@pytest.mark.parametrize("blank", [False, True])
def test_an_erased_call_is_shown_without_its_values(home: Home, blank: bool) -> None:
    path = write_segment(home, 1, calls(10, 20, 30))
    clear = path.removesuffix(".jsonl") + ".clear.jsonl"
    with open(clear, "rb+") as file:
        lines = file.read().splitlines(keepends=True)
        lines[1] = b" " * (len(lines[1]) - 1) + b"\n" if blank else b""
        file.seek(0)
        file.truncate()
        file.writelines(lines)
    found = shown(list(Reading(home, Filter(kind="decided"))))
    assert found == [("decided", "cus_10"), ("decided", None), ("decided", "cus_30")]


def test_of_two_rows_of_one_number_the_last_counts(home: Home) -> None:
    path = write_segment(home, 1, calls(10, 20))
    clear = path.removesuffix(".jsonl") + ".clear.jsonl"
    with open(clear, "rb+") as file:
        data = file.read()
        file.seek(0)
        file.write(json.dumps({"seq": 1, "key": "00" * 16, "clear": {}}).encode() + b"\n" + data)
    found = shown(list(Reading(home, Filter(kind="decided"))))
    assert found == [("decided", "cus_10"), ("decided", "cus_20")]


def damage(path: str) -> None:
    with open(path, "rb+") as file:
        data = file.read()
        file.seek(data.index(b'"kind":"decided"') + 9)
        file.write(b"d")


def test_files_outside_of_the_asked_time_are_not_read(home: Home) -> None:
    """What is not read is not found to be damaged."""
    old = write_segment(home, 1, calls(10))
    new = write_segment(home, 2, [Call(BEGAN_NS + DAY_NS, "find")])
    ulid = os.path.basename(old).removesuffix(".jsonl")
    damage(new)
    for only in (Filter(until="2026-11-01T06:00:00.000000Z"), Filter(call=ulid)):
        reading = Reading(home, only)
        assert (len(list(reading)), reading.damaged) == (4, [])
    damage(old)
    since = Reading(home, Filter(since="2026-11-01T06:00:00.000000Z"))
    assert {entry["time"][:10] for entry in since} == {"2026-11-02"}
    assert [found.path for found in since.damaged] == [new]


def test_s21_no_date_of_a_file_hides_what_stands_in_it(home: Home) -> None:
    ledger = LedgerFile(home)
    paths = [write_segment(home, at, calls(at), ledger=ledger) for at in (10, 20)]
    ledger.add(BEGAN_NS + 30 * SECOND_NS, "admin", {"what": "pause", "facts": {}})
    only = Filter(since="2026-11-01T00:00:00.000000Z")
    told = list(Reading(home, only))
    for path in (paths[0], paths[1], ledger.path):
        os.utime(path, (1e9, 1e9))
        assert list(Reading(home, only)) == told
        assert Reading(home, only).newest(3) == told[-3:]
        assert Reading(home, Filter()).newest(3) == told[-3:]


def test_after_a_clock_that_was_set_back_earlier_entries_keep_their_times(home: Home) -> None:
    path = write_segment(home, 1, calls(10 * 86_400), is_closed=False)
    append_call(path, calls(12 * 86_400)[0])
    append_call(path, calls(10)[0])
    os.utime(path, ns=(BEGAN_NS, BEGAN_NS))
    since = list(Reading(home, Filter(kind="decided", since="2026-11-12T00:00:00.000000Z")))
    assert shown(since) == [("decided", f"cus_{12 * 86_400}")]
    write_segment(home, 2, calls(11 * 86_400, 11 * 86_400 + 60))
    newest = Reading(home, Filter(kind="decided")).newest(2)
    assert [entry["time"][:10] for entry in newest] == ["2026-11-12", "2026-11-13"]


def test_what_a_process_wrote_after_its_clock_ran_ahead_is_found_by_its_time(home: Home) -> None:
    path = write_segment(home, 1, calls(10 * 86_400), is_closed=False)
    append_call(path, calls(10)[0])
    until = list(Reading(home, Filter(kind="decided", until="2026-11-02T00:00:00.000000Z")))
    assert shown(until) == [("decided", "cus_10")]


def test_a_file_whose_lines_do_not_plainly_tell_their_times_is_read(home: Home) -> None:
    path = write_segment(home, 1, calls(10, 20))
    with open(path, "rb+") as file:
        data = file.read()
        file.seek(0)
        file.write(data.replace(b'"time"', b'"tome"', 3).replace(b'"tome"', b'"time"', 2))
    reading = Reading(home, Filter(since="2027-11-01T00:00:00.000000Z"))
    assert list(reading) == []
    assert [(found.path, found.line) for found in reading.damaged] == [(path, 3)]


def test_what_follows_damage_is_named_and_other_files_are_read_on(home: Home) -> None:
    path = write_segment(home, 1, calls(10, 20))
    write_segment(home, 2, calls(30))
    with open(path, "rb+") as file:
        data = file.read()
        file.seek(data.index(b'"seq":3') + 6)
        file.write(b"9")
    reading = Reading(home, Filter(kind="decided"))
    assert shown(list(reading)) == [("decided", "cus_10"), ("decided", "cus_30")]
    (place,) = reading.damaged
    assert place == (path, 4, "its hash does not fit its bytes")


def test_a_long_log_is_read_in_little_memory(home: Home) -> None:
    """As values all entries are 9 MB; a stream holds a few lines of each open file."""
    for number in range(2):
        write_segment(home, number, calls(*range(number, 2_000, 2)))
    tracemalloc.start()
    try:
        assert sum(1 for _ in Reading(home, Filter(kind="answered"))) == 2_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


def test_a_follower_tells_what_comes_in_old_and_new_processes_and_commands(home: Home) -> None:
    ledger = LedgerFile(home)
    path = write_segment(home, 1, calls(10), is_closed=False, ledger=ledger)
    follower = Follower(home, Filter())
    assert [entry["kind"] for entry in follower.newest(2)] == ["decided", "answered"]
    assert (follower.poll(), follower.processes) == ([], 1)
    append_call(path, calls(50)[0])
    write_segment(home, 2, calls(40), is_closed=False, ledger=ledger)
    ledger.add(BEGAN_NS + 60 * SECOND_NS, "admin", {"what": "pause", "facts": {}})
    found = follower.poll()
    assert [entry["kind"] for entry in found] == [
        *("open", "decided", "answered"),
        *("decided", "answered", "admin"),
    ]
    assert [entry["values"]["customer"] for entry in found if "values" in entry] == [
        "cus_40",
        "cus_50",
    ]
    assert (follower.poll(), follower.processes) == ([], 2)
    follower.close()


def test_a_follower_lets_go_of_who_has_ended_and_reads_who_came_and_went_between(
    home: Home,
) -> None:
    path = write_segment(home, 1, calls(10), is_closed=False)
    follower = Follower(home, Filter(decision="allow"))
    assert len(follower.newest(9)) == 1
    append_call(path, calls(20)[0])
    os.unlink(os.path.join(home.state, "audit", "running", os.path.basename(path)[:26]))
    write_segment(home, 2, calls(30))
    assert shown(follower.poll()) == [("decided", "cus_20"), ("decided", "cus_30")]
    follower.poll()
    assert follower.processes == 0
    follower.close()


def test_what_is_written_between_the_newest_and_the_first_look_is_told_once(home: Home) -> None:
    path = write_segment(home, 1, calls(10), is_closed=False)
    follower = Follower(home, Filter(kind="decided"))
    append_call(path, calls(20)[0])
    told = follower.newest(10)
    append_call(path, calls(30)[0])
    told += follower.poll()
    told += follower.poll()
    assert shown(told) == [("decided", "cus_10"), ("decided", "cus_20"), ("decided", "cus_30")]
    follower.close()


def test_a_torn_entry_is_told_when_it_is_whole(home: Home) -> None:
    path = write_segment(home, 1, calls(10), is_closed=False)
    follower = Follower(home, Filter())
    with open(path, "rb") as file:
        prev = file.read()[-67:-3].decode()
    line = lines_of([(BEGAN_NS + DAY_NS, "note", {"what": "malformed"})], 3, prev)
    for part in (line[:40], line[40:]):
        assert follower.poll() == []
        with open(path, "ab") as file:
            file.write(part)
    assert [entry["kind"] for entry in follower.poll()] == ["note"]
    follower.close()


def test_stats_count_a_month_and_tell_the_limits_of_installed_profiles(home: Home) -> None:
    month(home, 5)
    limit = Limit("per_day", "amount", "day", 200, "")
    install(home, tools=[tool("refund", limits=(limit,))])
    stats = read_stats(Filter())
    entries = list(Reading(home, Filter(kind="decided")))
    assert stats.numbers.decisions.total() == len(entries)
    assert set(stats.numbers.days) == {entry["time"][:10] for entry in entries}
    (budget,) = stats.budgets
    assert (budget.tool, budget.rule, budget.taken, budget.at_most) == ("refund", "per_day", 0, 200)
    assert budget.words == "at most 200 of amount per day"
    assert read_stats(Filter(profile="other")).budgets == ()


def test_stats_tell_what_is_spent_of_a_limit_now(home: Home) -> None:
    limit = Limit("per_day", "amount", "day", 200, "")
    install(home, tools=[tool("refund", limits=(limit,))])
    profile = load_profile(home, "billing", time.time())
    scope = Scope("billing", root_text(profile.root), "refund")
    state = StateDb(home)
    ticket = state.run_now(lambda tx: reserve(tx, scope, (Reservation(limit, 150),), UTC))
    assert state.run_now(lambda tx: sending(tx, ticket, UTC))
    state.run_now(lambda tx: settle(tx, ticket, "yes"))
    state.close()
    (budget,) = read_stats(Filter()).budgets
    assert (budget.taken, budget.at_most) == (150, 200)
    assert budget.ends_s > time.time()


def test_a_follower_finds_new_processes_behind_days_of_a_clock_that_ran_ahead(home: Home) -> None:
    for ahead in (400, 500):
        write_segment(home, ahead, calls(ahead * 86_400))
    follower = Follower(home, Filter(kind="decided"))
    assert follower.poll() == []
    write_segment(home, 1, calls(10))
    assert shown(follower.poll()) == [("decided", "cus_10")]
    follower.close()


def test_a_damaged_ledger_is_told_once_and_the_new_one_in_its_place_followed(home: Home) -> None:
    ledger = LedgerFile(home)
    follower = Follower(home, Filter())
    assert follower.newest(20) == []
    with open(ledger.path, "ab") as file:
        file.write(b"no entry\n")
    assert (follower.poll(), follower.poll()) == ([], [])
    assert follower.damaged == [(ledger.path, 2, "not an entry")]
    again = Follower(home, Filter())
    assert (again.newest(20), again.poll(), len(again.damaged)) == ([], [], 1)
    again.close()
    os.rename(ledger.path, ledger.path + ".aside")
    LedgerFile(home).add(BEGAN_NS, "admin", {"what": "doctor --fix", "facts": {}})
    assert [entry["what"] for entry in follower.poll()] == ["doctor --fix"]
    follower.close()


def test_a_real_process_is_followed_from_its_first_entry_to_its_close(home: Home) -> None:
    follower = Follower(home, Filter())
    assert follower.newest(20) == []
    log = CallLog(
        home,
        Subject("billing", 3, "ab"),
        AuditRules(("customer",), "deny"),
        lambda: {"name": "host"},
    )
    entry = Decided("find", "api", "read", "allow", "allow", None)
    number = log.decided(entry, {"customer": "cus_1"})
    found = follower.poll()
    assert shown(found) == [("open", None), ("decided", "cus_1")]
    assert follower.processes == 1
    log.answered(number, Answered("ok", "yes", None, 200, 12, 3))
    record(home, "pause", profile="billing")
    assert [entry["kind"] for entry in follower.poll()] == ["answered", "admin"]
    log.close("client ended")
    assert [entry["kind"] for entry in follower.poll()] == ["close"]
    assert follower.processes == 0
    follower.close()
    assert [entry["kind"] for entry in Reading(home, Filter())] == [
        *("open", "decided", "answered", "admin", "close")
    ]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 3), min_size=1, max_size=24), st.integers(0, 60))
def test_every_entry_comes_once_and_the_newest_are_the_last_of_all(
    tmp_path: Path, of_process: list[int], count: int
) -> None:
    home = make_home(os.fspath(tmp_path / os.urandom(8).hex()))
    for number in set(of_process):
        own = calls(*(2 * at for at, process in enumerate(of_process) if process == number))
        write_segment(home, number, own)
    entries = list(Reading(home, Filter()))
    assert len({(entry["segment"], entry["seq"]) for entry in entries}) == len(entries)
    assert len(entries) == 2 * len(of_process) + 2 * len(set(of_process))
    assert [entry["time"] for entry in entries] == sorted(entry["time"] for entry in entries)
    newest = Reading(home, Filter()).newest(count)
    assert [entry["time"] for entry in newest] == [
        entry["time"] for entry in entries[max(0, len(entries) - count) :]
    ]


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("open", "version", []),
        ("decided", "decision", ["allow"]),
        ("decided", "decision", "perhaps"),
        ("decided", "tool", 7),
        ("decided", "trace", [[]]),
        ("answered", "call", []),
        ("answered", "ms", 2**70),
        ("note", "facts", -1),
        ("close", "reason", None),
    ],
)
def test_a_chain_that_fits_may_hold_anything_and_is_told_as_damage(
    home: Home, kind: str, field: str, value: Any
) -> None:
    entries: list[Any] = [
        (BEGAN_NS, "open", open_fields(1, {"name": "host"}, "billing", 3, "ab" * 32)),
        (BEGAN_NS, "decided", {**Decided("find", "a", "read", "allow", "allow", None)._asdict()}),
        (BEGAN_NS, "answered", {"call": 1, **Answered("ok", "yes", None, 200, 1, 1)._asdict()}),
        (BEGAN_NS, "note", {"what": "malformed", "facts": {}}),
        (BEGAN_NS, "close", {"reason": "client ended"}),
    ]
    entries[1][2].update(args="00", clear={})
    number = [entry[1] for entry in entries].index(kind)
    entries[number][2][field] = value
    path = write_segment(home, 1, calls(1))
    with open(path, "wb") as file:
        file.write(lines_of(entries))
    reading = Reading(home, Filter())
    assert len(list(reading)) == number
    ((damaged, line, _),) = reading.damaged
    assert (damaged, line) == (path, number + 1)
    assert read_stats(Filter()).numbers.entries == number
