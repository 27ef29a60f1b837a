"""The log of one serving process: opened by its first entry, notes told, nothing of a secret."""

import asyncio
import contextlib
import json
import os
import time
from typing import Any

import pytest

from mcp_proxy.core import audit
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.core.audit_check import check_clear, check_segment, parse_clear
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import AuditRules
from mcp_proxy.edges import appended
from mcp_proxy.edges.audit_files import Subject
from mcp_proxy.edges.audit_lock import LedgerLock
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import AuditError

READ = Decided("find", "api", "read", "allow", "allow", None)
OK = Answered("ok", "yes", None, 200, 12, 3)
ARGUMENTS = {"customer": "cus_1", "iban": "DE02-secret"}


@pytest.fixture
def state(tmp_path: os.PathLike[str]) -> str:
    return os.path.join(os.fspath(tmp_path), "state")


def log_in(state: str, client: dict[str, Any] | None = None) -> CallLog:
    subject = Subject("billing", 3, "ab" * 32)
    home = Home("ab" * 16, f"{state}-config", f"{state}-data", state)
    rules = AuditRules(("customer",), "deny")
    return CallLog(home, subject, rules, lambda: client or {"name": "host"})


def files(state: str) -> dict[str, bytes]:
    """Clear file and segment by their kind."""
    found = {}
    for place, _, names in os.walk(os.path.join(state, "audit")):
        for name in names if os.path.basename(place) != "running" else ():
            with open(os.path.join(place, name), "rb") as file:
                found["clear" if name.endswith(".clear.jsonl") else "segment"] = file.read()
    return found


def entries(state: str) -> list[dict[str, Any]]:
    segment = check_segment(files(state)["segment"])
    assert segment.damage is None
    return list(segment.entries)


def told(state: str) -> list[tuple[str, Any]]:
    """Each entry's kind and what it is about."""
    return [
        (entry["kind"], entry.get("what", entry.get("call", entry.get("tool"))))
        for entry in entries(state)
    ]


def test_a_process_that_is_only_probed_writes_nothing(state: str) -> None:
    log = log_in(state)
    assert not os.path.exists(state)
    log.close("client ended")
    assert not os.path.exists(state)


def test_a_call_is_its_decision_and_its_outcome(state: str) -> None:
    log = log_in(state)
    number = log.decided(READ, ARGUMENTS)
    log.answered(number, OK)
    log.close("client ended")
    opened, decided, answered, closed = entries(state)
    assert opened["client"] == {"name": "host", "version": ""}
    assert {name: decided[name] for name in READ._fields} == READ._asdict()
    assert {name: answered[name] for name in OK._fields} == OK._asdict()
    assert (decided["seq"], answered["call"]) == (number, number)
    assert closed["reason"] == "client ended"


def test_arguments_stand_in_the_log_as_digests_and_named_ones_beside_it(state: str) -> None:
    log = log_in(state)
    log.decided(READ, ARGUMENTS)
    log.decided(READ, ARGUMENTS)
    log.close("done")
    found = files(state)
    for data in found.values():
        assert b"secret" not in data
    assert b"cus_1" not in found["segment"]
    clear = parse_clear(found["clear"])
    assert [row["clear"] for row in clear.rows.values()] == [{"customer": "cus_1"}] * 2
    assert check_clear(tuple(entries(state)), clear) == []
    first, second = (entry for entry in entries(state) if entry["kind"] == "decided")
    assert first["args"] != second["args"], "each call has a key of its own"
    key = bytes.fromhex(clear.rows[first["seq"]]["key"])
    assert first["args"] == audit.keyed(key, ARGUMENTS)


def test_the_client_is_the_one_known_when_the_log_opens(state: str) -> None:
    client: dict[str, Any] = {}
    log = log_in(state, client)
    client["name"] = "late \x1b[31m"
    log.decided(READ, {})
    log.close("done")
    assert entries(state)[0]["client"]["name"] == "late \\x1b[31m"


def test_notes_are_counted_and_told_with_the_next_decision(state: str) -> None:
    log = log_in(state)
    for what in ("malformed", "invalid", "malformed"):
        log.note(what)
    assert not os.path.exists(state)
    log.decided(READ, {})
    log.note("malformed")
    log.close("done")
    notes = [(e["what"], e["count"]) for e in entries(state) if e["kind"] == "note"]
    assert notes == [("malformed", 2), ("invalid", 1), ("malformed", 1)]


def test_s16_a_note_names_the_tool_that_it_is_about(state: str) -> None:
    log = log_in(state)
    for tool in ("find", "pay", "find"):
        log.note("tool drifted", tool=tool)
    log.note("tool drifted")
    log.close("done")
    notes = [(e["what"], e["count"], e.get("tool")) for e in entries(state) if e["kind"] == "note"]
    assert notes == [
        ("tool drifted", 2, "find"),
        ("tool drifted", 1, "pay"),
        ("tool drifted", 1, None),
    ]
    assert ["tool" in e for e in entries(state) if e["kind"] == "note"] == [True, True, False]


def test_a_note_alone_opens_the_log_at_the_end(state: str) -> None:
    log = log_in(state)
    log.note("malformed")
    log.close("client ended")
    assert told(state) == [("open", None), ("note", "malformed"), ("close", None)]


def test_a_cancelled_call_says_whether_it_was_sent(state: str) -> None:
    log = log_in(state)
    log.cancelled(log.decided(READ, {}), "maybe")
    log.close("done")
    (entry,) = (entry for entry in entries(state) if entry["kind"] == "cancelled")
    assert (entry["call"], entry["sent"]) == (1, "maybe")


def test_s20_durable_brings_the_log_to_the_disk_off_the_loop(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    log = log_in(state)
    log.decided(READ, {})
    monkeypatch.setattr(os, "fdatasync", synced.append, raising=False)
    log.decided(READ, {})
    assert synced == [], "a read is not made durable"
    asyncio.run(log.durable())
    assert len(synced) == 2
    log.close("done")


class FullDisk:
    """Takes no byte for as long as it is full; stands in for os.write of the segment's files.

    With `only`, of lines that hold it.
    """

    def __init__(self) -> None:
        self.is_full = False
        self.only = b""
        self._write = os.write

    def write(self, fd: int, data: bytes) -> int:
        if self.is_full and self.only in bytes(data):
            raise OSError(28, "No space left on device")
        return self._write(fd, data)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    disk = FullDisk()
    monkeypatch.setattr(appended.os, "write", disk.write)
    return disk


def test_s20_a_decision_that_cannot_be_written_is_an_error(state: str, disk: FullDisk) -> None:
    log = log_in(state)
    disk.is_full = True
    for _ in range(3):
        with pytest.raises(AuditError, match="No space left on device"):
            log.decided(READ, {})
    assert files(state) == {}
    disk.is_full = False
    log.decided(READ, {})
    log.close("done")
    note = ("note", "call denied for want of a log")
    assert told(state) == [("open", None), note, ("decided", "find"), ("close", None)]
    assert entries(state)[1]["count"] == 3


def test_s20_a_decision_that_cannot_be_written_leaves_none_of_its_values(
    state: str, disk: FullDisk
) -> None:
    log = log_in(state)
    log.decided(READ, ARGUMENTS)
    before = files(state)["clear"]
    disk.is_full, disk.only = True, b'"kind":"decided"'
    with pytest.raises(AuditError):
        log.decided(READ, {"customer": "cus_2"})
    assert files(state)["clear"] == before
    disk.is_full = False
    log.decided(READ, {"customer": "cus_3"})
    log.close("done")
    clear = parse_clear(files(state)["clear"])
    assert [row["clear"]["customer"] for row in clear.rows.values()] == ["cus_1", "cus_3"]
    assert check_clear(tuple(entries(state)), clear) == []


def test_s20_an_answer_that_cannot_be_written_ends_the_log(state: str, disk: FullDisk) -> None:
    log = log_in(state)
    first, second = log.decided(READ, {}), log.decided(READ, {})
    disk.is_full = True
    with pytest.raises(AuditError):
        log.answered(first, OK)
    log.cancelled(second, "maybe")
    disk.is_full = False
    with pytest.raises(AuditError):
        log.decided(READ, {})
    log.answered(second, OK)
    log.close("done")
    kinds = [kind for kind, _ in told(state)]
    assert kinds == ["open", "decided", "decided", "answered", "note", "close"]


def test_s20_a_pending_note_never_costs_a_promised_answer(state: str, disk: FullDisk) -> None:
    log = log_in(state)
    first, second = log.decided(READ, {}), log.decided(READ, {})
    disk.is_full = True
    with pytest.raises(AuditError):
        log.answered(first, OK)
    disk.is_full = False
    log.note("malformed")
    log.answered(second, OK)
    log.close("done")
    assert told(state)[-3:] == [("answered", second), ("note", "malformed"), ("close", None)]


def test_s20_a_note_that_cannot_be_written_yet_is_not_forgotten(state: str, disk: FullDisk) -> None:
    log = log_in(state)
    log.decided(READ, {})
    log.note("malformed")
    disk.is_full = True
    with pytest.raises(AuditError):
        log.decided(READ, {})
    disk.is_full = False
    log.close("done")
    denied = ("note", "call denied for want of a log")
    assert told(state)[-3:] == [("note", "malformed"), denied, ("close", None)]


def test_s20_a_held_ledger_is_waited_for_once_and_not_by_each_call_behind(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = LIMITS._replace(ledger_wait_ms=400)
    monkeypatch.setattr("mcp_proxy.edges.audit_lock.LIMITS", limits)
    monkeypatch.setattr("mcp_proxy.edges.call_log.LIMITS", limits)
    log = log_in(state)
    os.makedirs(state, mode=0o700, exist_ok=True)
    with LedgerLock(os.path.join(state, "ledger.lock")):
        began_s = time.monotonic()
        for _ in range(8):
            with pytest.raises(AuditError, match="held by process"):
                log.decided(READ, {})
        assert time.monotonic() - began_s < 8 * 0.4 / 2
    time.sleep(0.4)
    assert log.decided(READ, {}) > 0
    log.close("done")


@pytest.mark.parametrize("calls", [0, 1])
def test_what_comes_after_the_end_opens_no_segment_that_nobody_would_end(
    state: str, calls: int
) -> None:
    log = log_in(state)
    for _ in range(calls):
        log.answered(log.decided(READ, {}), OK)
    log.close("client ended")
    before = files(state)
    with pytest.raises(AuditError, match="has ended it"):
        asyncio.run(log.event("approval given"))
    with pytest.raises(AuditError, match="has ended it"):
        log.decided(READ, {})
    log.close("client ended")
    assert files(state) == before
    assert log.segment is None


def test_s20_a_log_that_cannot_be_ended_says_so(state: str, disk: FullDisk) -> None:
    log = log_in(state)
    log.decided(READ, {})
    log.note("malformed")
    disk.is_full = True
    with pytest.raises(AuditError):
        log.close("done")
    with contextlib.suppress(AuditError):
        log.close("done")
    assert [kind for kind, _ in told(state)][:2] == ["open", "decided"]
    assert json.loads(files(state)["segment"].splitlines()[0])["kind"] == "open"
