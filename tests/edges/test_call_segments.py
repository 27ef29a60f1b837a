"""Long logs: the next segment begins when one is large or old and none of its calls is open."""

import base64
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from log_desk import ALLOWED, OK, SUBJECT, ledger, read_bytes

from mcp_proxy.core.audit import Answered
from mcp_proxy.core.audit_check import check_segment, parse_clear
from mcp_proxy.core.audit_mac import check_macs, unwrap
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import AuditRules
from mcp_proxy.core.recipient import open_with, recipient_of
from mcp_proxy.edges import call_log
from mcp_proxy.edges.audit_reader import segment_paths
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.files import write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.state_mark import Mark, mark_path, write_mark

PRIVATE = b"organisation's private key, 32 b"
DENIED = ALLOWED._replace(decision="deny", error="MCPX-D01")
ASKED = Answered("asked", "yes", None, None, 0, 3)
ARGUMENTS = {"customer": "cus_1", "note": "of no use to others"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    folder = os.fspath(tmp_path)
    return Home("ab" * 16, *(os.path.join(folder, name) for name in ("config", "data", "state")))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of which each is long enough after its first entries."""
    monkeypatch.setattr(call_log, "LIMITS", LIMITS._replace(segment_bytes=1))


class SetTime:
    """The process's own time, as the log goes by it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed_s = 0.0
        began_s = time.monotonic()
        monkeypatch.setattr(call_log.time, "monotonic", lambda: began_s + self.passed_s)


@pytest.fixture
def since(monkeypatch: pytest.MonkeyPatch) -> SetTime:
    return SetTime(monkeypatch)


def log_in(home: Home, **rules: str) -> CallLog:
    made = AuditRules(("customer",), "deny")._replace(**rules)
    return CallLog(home, SUBJECT, made, lambda: {"name": "host"})


def told(home: Home) -> list[list[tuple[str, Any]]]:
    """Each segment's entries: their kind, and the call or the reason; all are whole."""
    found = []
    for path in segment_paths(home.state):
        segment = check_segment(read_bytes(path))
        assert segment.damage is None
        rows = [(row["kind"], row.get("call", row.get("reason"))) for row in segment.entries]
        found.append(rows)
    return found


def call(log: CallLog) -> None:
    log.answered(log.decided(ALLOWED, {}), OK)


@pytest.mark.usefixtures("small")
def test_the_next_segment_begins_with_a_decision_once_no_call_is_open(home: Home) -> None:
    log = log_in(home)
    one, other = log.decided(ALLOWED, {}), log.decided(ALLOWED, {})
    assert (one, other) == (1, 2)
    log.answered(one, OK)
    assert log.decided(ALLOWED, {}) == 4, "the second call is open"
    log.cancelled(other, "maybe")
    log.answered(4, OK)
    assert log.decided(ALLOWED, {}) == 1
    log.close("client ended")
    first, second = told(home)
    assert first[-1] == ("close", "rotated")
    assert [kind for kind, _ in second] == ["open", "decided", "close"]
    assert second[-1] == ("close", "client ended")


@pytest.mark.usefixtures("small")
def test_the_ledger_tells_of_both_and_each_names_its_place_there(home: Home) -> None:
    log = log_in(home)
    call(log)
    call(log)
    log.close("client ended")
    entries = ledger(home, "open", "close")
    paths = segment_paths(home.state)
    names = ["/".join(path.removesuffix(".jsonl").split(os.sep)[-2:]) for path in paths]
    assert sorted(row["segment"] for row in entries) == sorted(names * 2)
    assert {row["reason"] for row in entries if row["kind"] == "close"} == {
        "rotated",
        "client ended",
    }
    for path, name in zip(paths, names, strict=True):
        segment = check_segment(read_bytes(path))
        opened = next(row for row in entries if row["segment"] == name and row["kind"] == "open")
        closed = next(row for row in entries if row["segment"] == name and row["kind"] == "close")
        place = {"seq": opened["seq"], "hash": opened["hash"]}
        assert segment.entries[0]["ledger"] == place
        assert (closed["entries"], closed["head"]) == (
            len(segment.entries),
            segment.entries[-1]["hash"],
        )


def test_s18_the_ledger_tells_which_state_db_each_segment_counted_in(home: Home) -> None:
    call(one := log_in(home))
    one.close("client ended")
    os.mkdir(home.data, 0o700)
    write_mark(home, Mark(home.id, "cd" * 16))
    call(other := log_in(home))
    other.close("client ended")
    write_file(mark_path(home), b"damaged")
    call(third := log_in(home))
    third.close("client ended")
    assert [entry["state"] for entry in ledger(home, "open")] == [None, "cd" * 16, None]


@pytest.mark.usefixtures("small")
def test_a_denied_call_is_over_and_a_parked_one_is_open(home: Home, since: SetTime) -> None:
    log = log_in(home)
    log.decided(DENIED, {})
    parked = log.decided(ALLOWED, {})
    assert parked == 1, "a denied call waits for nothing"
    log.answered(parked, ASKED)
    assert log.decided(DENIED, {}) == 3, "a parked one may still be dropped"
    log.cancelled(parked, "yes")
    assert log.decided(DENIED, {}) == 1
    log.answered(log.decided(ALLOWED, {}), ASKED)
    since.passed_s += 3 * LIMITS.parked_ms / 1000
    assert log.decided(DENIED, {}) == 1, "nothing is parked for so long"
    log.close("client ended")


def test_a_segment_of_yesterday_is_followed_by_one_of_today(home: Home, since: SetTime) -> None:
    log = log_in(home)
    call(log)
    since.passed_s += LIMITS.segment_s - 1
    call(log)
    assert len(segment_paths(home.state)) == 1
    since.passed_s += 2
    call(log)
    assert len(segment_paths(home.state)) == 2
    log.close("client ended")


@pytest.mark.usefixtures("small")
def test_a_log_that_cannot_go_on_in_a_new_segment_goes_on_in_the_old_one(
    home: Home, since: SetTime
) -> None:
    log = log_in(home)
    call(log)
    ledger_file = Path(home.state, "ledger.jsonl")
    held = ledger_file.read_bytes()
    ledger_file.write_bytes(held + b"damage\n")
    call(log)
    ledger_file.write_bytes(held)
    call(log)
    assert len(segment_paths(home.state)) == 1, "not tried with every call"
    since.passed_s += LIMITS.segment_retry_s + 1
    call(log)
    assert len(segment_paths(home.state)) == 2
    log.close("client ended")


@pytest.mark.usefixtures("small")
def test_what_waits_to_be_told_is_told_in_the_new_segment(home: Home) -> None:
    log = log_in(home)
    call(log)
    log.note("malformed")
    call(log)
    log.close("client ended")
    assert [kind for kind, _ in told(home)[1]] == ["open", "note", "decided", "answered", "close"]


def test_how_many_entries_no_checkpoint_covers_is_told_after_each(home: Home) -> None:
    counts: list[int] = []
    log = log_in(home)
    log.on_written = counts.append
    call(log)
    assert counts == [2, 3]
    assert log.segment is not None
    log.segment.checkpoint()
    call(log)
    assert counts == [2, 3, 1, 2]
    log.close("client ended")
    assert log.segment is None


def test_s21_with_a_recipient_each_entry_bears_a_mac_that_only_it_can_check(home: Home) -> None:
    log = log_in(home, recipient=recipient_of(PRIVATE, "org").line)
    call(log)
    log.close("client ended")
    lines = read_bytes(segment_paths(home.state)[0]).splitlines(keepends=True)
    first_key = unwrap(PRIVATE, json.loads(lines[0])["mac"])
    assert check_macs(lines, first_key) is None
    assert check_macs([*lines[:2], *lines[3:]], first_key) == 2
    assert ["mac" in json.loads(line) for line in lines] == [True] * 4
    assert told(home)[0][-1] == ("close", "client ended")


def test_s21_a_half_written_entry_does_not_move_the_keys(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_in(home, recipient=recipient_of(PRIVATE, "org").line)
    number = log.decided(ALLOWED, {})
    write, failed = os.write, []

    def fail_once(fd: int, data: bytes) -> int:
        if not failed:
            failed.append(fd)
            raise OSError(28, "No space left on device")
        return write(fd, data)

    monkeypatch.setattr(os, "write", fail_once)
    log.answered(number, OK)
    monkeypatch.undo()
    log.close("client ended")
    lines = read_bytes(segment_paths(home.state)[0]).splitlines(keepends=True)
    assert failed
    assert check_macs(lines, unwrap(PRIVATE, json.loads(lines[0])["mac"])) is None


@pytest.mark.usefixtures("small")
def test_s21_each_segment_has_a_key_of_its_own(home: Home) -> None:
    log = log_in(home, recipient=recipient_of(PRIVATE, "org").line)
    call(log)
    call(log)
    log.close("client ended")
    opened = [json.loads(read_bytes(path).splitlines()[0]) for path in segment_paths(home.state)]
    one, other = (unwrap(PRIVATE, entry["mac"]) for entry in opened)
    assert one != other


def sealed_rows(home: Home) -> list[Any]:
    path = segment_paths(home.state)[0].removesuffix(".jsonl") + ".clear.jsonl"
    return [row.get("sealed") for row in parse_clear(read_bytes(path)).rows.values()]


@pytest.mark.parametrize("holder", ["recipient", "home"])
def test_sealed_arguments_are_for_the_recipient_or_else_for_the_home(
    home: Home, holder: str
) -> None:
    public = recipient_of(PRIVATE, "org")
    os.makedirs(home.state, 0o700)
    shown = base64.b64encode(public.public).decode()
    key_file = json.dumps({"verifier": "x", "seal": shown}).encode()
    if holder == "home":
        write_file(os.path.join(home.state, "audit-key.json"), key_file)
    line = public.line if holder == "recipient" else ""
    log = log_in(home, arguments="sealed", recipient=line)
    log.decided(ALLOWED, ARGUMENTS)
    log.close("client ended")
    (sealed,) = sealed_rows(home)
    assert "of no use" not in sealed
    opened = open_with(PRIVATE, sealed, b"mcp-proxy audit arguments 1")
    assert json.loads(opened) == ARGUMENTS


def test_arguments_that_nobody_could_open_are_not_kept_which_is_counted(home: Home) -> None:
    log = log_in(home, arguments="sealed")
    for _ in range(2):
        log.decided(ALLOWED, ARGUMENTS)
    log.close("client ended")
    assert sealed_rows(home) == [None, None]
    segment = check_segment(read_bytes(segment_paths(home.state)[0]))
    notes = [(row["what"], row["count"]) for row in segment.entries if row["kind"] == "note"]
    assert notes == [("arguments not sealed", 1)] * 2
    plain = log_in(home)
    plain.decided(ALLOWED, ARGUMENTS)
    plain.close("client ended")
    assert len(ledger(home, "open")) == 2
