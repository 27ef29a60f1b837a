"""Erasing a call: its values and its key are gone, and the chain is what it was."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from homes import make_home
from log_desk import ALLOWED, call_once, ledger, log_in, path_of, read_bytes, serve_once

from mcp_proxy.app.audit_erase import erase_call, find_call, is_erased, still_aside
from mcp_proxy.core.approval_request import Subject, Wanted
from mcp_proxy.core.audit_check import check_clear, check_segment, parse_clear
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges import approvals, state_db
from mcp_proxy.edges.audit_erase import Span, blank, clear_path, segment_name
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.state_db import StateDb
from mcp_proxy.edges.state_file import state_path
from mcp_proxy.edges.state_repair import replace_state
from mcp_proxy.errors import AuditError, HomeError, UsageError


@pytest.fixture
def home(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    return make_home(folder)


def named(path: str, seq: int) -> str:
    return f"{os.path.basename(path).removesuffix('.jsonl')}:{seq}"


def erase(home: Home, path: str, seq: int) -> None:
    erase_call(home, find_call(home, named(path, seq)), None)


def rows(path: str) -> dict[int, dict[str, object]]:
    return parse_clear(read_bytes(clear_path(path))).rows


def faults(path: str) -> list[str]:
    segment = check_segment(read_bytes(path))
    assert segment.damage is None
    return check_clear(segment.entries, parse_clear(read_bytes(clear_path(path))))


def test_values_and_key_of_the_call_are_gone_and_nothing_else(home: Home) -> None:
    path = serve_once(home, "cus_1", "cus_2", "cus_3")
    chain, before = read_bytes(path), read_bytes(clear_path(path))
    lines = before.splitlines(keepends=True)
    key = json.loads(lines[1])["key"]
    erase(home, path, 3)
    after = read_bytes(clear_path(path))
    assert after.splitlines(keepends=True) == [
        lines[0],
        b" " * (len(lines[1]) - 1) + b"\n",
        lines[2],
    ]
    assert read_bytes(path) == chain
    for place, _, names in os.walk(home.state):
        for name in names:
            data = read_bytes(os.path.join(place, name))
            assert b"cus_2" not in data
            assert key.encode() not in data
    assert sorted(rows(path)) == [1, 5]
    assert faults(path) == []


def test_the_ledger_tells_what_was_erased(home: Home) -> None:
    path = serve_once(home)
    erase(home, path, 1)
    (entry,) = ledger(home, "erase")
    assert (entry["segment"], entry["call"]) == (segment_name(path), 1)


def test_s20_what_cannot_be_told_is_not_erased(home: Home) -> None:
    path = serve_once(home)
    with open(ledger_path(home), "ab") as file:
        file.write(b"no entry\n")
    with pytest.raises(AuditError) as caught:
        erase(home, path, 1)
    assert caught.value.exit_code == 5
    assert sorted(rows(path)) == [1]


def test_a_process_that_goes_on_writing_is_not_disturbed(home: Home) -> None:
    log = log_in(home)
    first, second = call_once(log, "cus_1"), call_once(log, "cus_2")
    path = path_of(log)
    erase(home, path, first)
    third = call_once(log, "cus_3")
    erase(home, path, second)
    log.close("client ended")
    assert sorted(rows(path)) == [third]
    assert faults(path) == []


def test_all_lines_of_a_number_are_erased(home: Home) -> None:
    """An entry that could not be written leaves its clear line, and its number to the next."""
    path = serve_once(home)
    clear = clear_path(path)
    data = read_bytes(clear)
    with open(clear, "wb") as file:
        file.write(data.replace(b"cus_1", b"cus_0") + data)
    erase(home, path, 1)
    assert read_bytes(clear).split() == []


def test_no_other_call_is_erased_where_the_file_changed_while_a_person_was_asked(
    home: Home,
) -> None:
    path = serve_once(home, "cus_1", "cus_2")
    clear, call = clear_path(path), find_call(home, named(path, 1))
    lines = read_bytes(clear).splitlines(keepends=True)
    with open(clear, "wb") as file:
        file.writelines(reversed(lines))
    erase_call(home, call, None)
    assert read_bytes(clear).split() == lines[1].split()


def test_what_was_erased_has_nothing_left_to_erase(home: Home) -> None:
    path = serve_once(home)
    assert find_call(home, named(path, 1)).lines != ()
    erase(home, path, 1)
    assert find_call(home, named(path, 1)).lines == ()


@pytest.mark.parametrize("name", ["", "1", "x:1", "0" * 26, "0" * 26 + ":-1", "0" * 26 + ":01"])
def test_what_names_no_call_is_wrong_usage(home: Home, name: str) -> None:
    with pytest.raises(UsageError, match="ULID:NUMBER"):
        find_call(home, name)


@pytest.mark.parametrize(("seq", "told"), [(0, "is no call"), (2, "is no call"), (99, "no entry")])
def test_entries_that_are_no_calls_are_told(home: Home, seq: int, told: str) -> None:
    path = serve_once(home)
    with pytest.raises(UsageError, match=told):
        find_call(home, named(path, seq))


def test_a_call_of_a_segment_that_is_gone_is_told(home: Home) -> None:
    serve_once(home)
    with pytest.raises(UsageError, match="no entry"):
        find_call(home, "0" * 26 + ":1")


def test_s23_a_clear_file_that_is_a_link_is_not_written_through(home: Home) -> None:
    path = serve_once(home)
    call = find_call(home, named(path, 1))
    clear = clear_path(path)
    os.rename(clear, clear + ".real")
    os.symlink(clear + ".real", clear)
    before = read_bytes(clear)
    with pytest.raises(HomeError, match="symbolic link"):
        erase_call(home, call, None)
    assert read_bytes(clear) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")
def test_s23_a_clear_file_of_another_user_is_refused(home: Home) -> None:
    path = serve_once(home)
    os.chown(clear_path(path), 12345, -1)
    with pytest.raises(HomeError, match="another user"):
        find_call(home, named(path, 1))


@pytest.mark.parametrize("cut", [1, 20, 60, -1])
def test_an_erasure_that_was_cut_off_is_ended_by_the_next(home: Home, cut: int) -> None:
    path = serve_once(home, "cus_1", "cus_2")
    clear, call = clear_path(path), find_call(home, named(path, 3))
    span = call.lines[0]
    blank(clear, (span._replace(bytes=cut % span.bytes),))
    assert find_call(home, named(path, 3)).lines == call.lines
    erase(home, path, 3)
    assert b"cus_2" not in read_bytes(clear)
    assert sorted(rows(path)) == [1]
    assert faults(path) == []
    assert find_call(home, named(path, 3)).lines == ()


def test_an_erasure_whose_later_bytes_alone_reached_the_disk_is_ended_by_the_next(
    home: Home,
) -> None:
    path = serve_once(home)
    span = find_call(home, named(path, 1)).lines[0]
    blank(clear_path(path), (Span(60, span.bytes - 60),))
    erase(home, path, 1)
    assert read_bytes(clear_path(path)).split() == []


def test_a_row_of_a_call_that_was_never_made_is_erased_by_its_number(home: Home) -> None:
    """Its process was killed before the entry behind it."""
    path = serve_once(home)
    row = read_bytes(clear_path(path)).replace(b'"seq":1,', b'"seq":9,')
    with open(clear_path(path), "ab") as file:
        file.write(row)
    erase(home, path, 9)
    assert read_bytes(clear_path(path)).splitlines()[1:] == [b" " * (len(row) - 1)]
    assert sorted(rows(path)) == [1]
    assert ledger(home, "erase")[0]["call"] == 9
    with pytest.raises(UsageError, match="no entry"):
        find_call(home, named(path, 9))


def test_values_whose_segment_is_gone_are_erased_too(home: Home) -> None:
    path = serve_once(home)
    os.unlink(path)
    erase(home, path, 1)
    assert read_bytes(clear_path(path)).split() == []
    assert ledger(home, "erase")[0]["segment"] == segment_name(path)


WORDS = ("refund", "write", '{"customer": "cus_77"}', "refund: customer cus_77", ("page",))


def approved(home: Home, state: StateDb) -> tuple[str, int]:
    """The segment and number of a call that a person was asked about."""
    wanted = Wanted("d" * 64, Subject("billing", "p", "r"), *WORDS)
    asked = state.run_now(lambda tx: approvals.ask(tx, wanted))
    assert asked is not None
    state.run_now(lambda tx: approvals.approve(tx, asked.request.id, "page", "ada"))
    log = log_in(home)
    number = log.decided(ALLOWED._replace(approval=asked.request.id), {"customer": "cus_77"})
    path = path_of(log)
    log.close("done")
    return path, number


def holding(home: Home) -> list[str]:
    """Names of the files that tell of the customer."""
    return [
        name
        for place, _, names in os.walk(home.state)
        for name in names
        if b"cus_77" in read_bytes(os.path.join(place, name))
    ]


@pytest.fixture
def state(home: Home) -> Iterator[StateDb]:
    """As another process has it open meanwhile."""
    made = StateDb(home)
    yield made
    made.close()


def test_what_was_kept_of_its_approval_goes_too_from_a_database_that_others_have_open(
    home: Home, state: StateDb
) -> None:
    path, number = approved(home, state)
    assert "state.db-wal" in holding(home)
    erase(home, path, number)
    assert holding(home) == []
    assert is_erased(home, find_call(home, named(path, number)))


def test_a_reader_that_keeps_the_request_in_a_file_is_told_and_the_command_repeated(
    home: Home, state: StateDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_db, "LIMITS", LIMITS._replace(state_wait_ms=50))
    path, number = approved(home, state)
    with closing(sqlite3.connect(state_path(home), isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM requests").fetchall()
        for _ in range(2):
            with pytest.raises(HomeError, match="request for its approval is not") as caught:
                erase(home, path, number)
            assert caught.value.next == "repeat the command"
        call = find_call(home, named(path, number))
        with pytest.raises(HomeError):
            is_erased(home, call)
    assert is_erased(home, call)
    assert holding(home) == []


def test_a_damaged_state_db_keeps_no_value_in_the_log(home: Home, state: StateDb) -> None:
    path, number = approved(home, state)
    state.close()
    Path(state_path(home)).write_bytes(b"nonsense")
    with pytest.raises(HomeError, match=r"log's part is erased.*is damaged"):
        erase(home, path, number)
    assert holding(home) == []
    call = find_call(home, named(path, number))
    with pytest.raises(HomeError, match="is damaged"):
        is_erased(home, call)
    replace_state(home)
    assert is_erased(home, call)


def test_a_request_that_is_still_kept_is_erased_though_the_log_has_nothing(
    home: Home, state: StateDb
) -> None:
    path, number = approved(home, state)
    os.unlink(clear_path(path))
    call = find_call(home, named(path, number))
    assert not is_erased(home, call)
    erase_call(home, call, None)
    assert is_erased(home, call)
    assert holding(home) == []


def test_a_database_that_was_put_aside_is_named_where_the_request_may_be_in_it(
    home: Home, state: StateDb
) -> None:
    path, number = approved(home, state)
    aside = replace_state(home)
    assert aside is not None
    erase(home, path, number)
    assert still_aside(home, find_call(home, named(path, number))) == (aside,)
    later, number = approved(home, state)
    assert still_aside(home, find_call(home, named(later, number))) == ()
    unasked = serve_once(home)
    assert still_aside(home, find_call(home, named(unasked, 1))) == ()
