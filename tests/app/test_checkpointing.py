"""Checkpoints: when they come, that no call waits for one, and that nothing runs in between."""

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from edges.fakes_keychain import MemoryKeychain

from mcp_proxy.app import keychain_store
from mcp_proxy.app.audit_anchors import HeadHeader, find_mirror
from mcp_proxy.app.audit_keys import KEY_ITEM, ensure_key
from mcp_proxy.app.checkpointing import NOT_TOLD, Checkpoints
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.core.audit_anchor import HEADER, anchor_text
from mcp_proxy.core.limits import LIMITS, Limits
from mcp_proxy.core.profile import AuditRules
from mcp_proxy.core.signed_note import verify_note
from mcp_proxy.edges.audit_anchor import head_file
from mcp_proxy.edges.audit_files import Subject
from mcp_proxy.edges.audit_ledger import AuditLedger, Sign, ledger_path, lock_path
from mcp_proxy.edges.audit_lock import LedgerLock
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.files import FileLock
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.settings import read_settings, write_settings
from mcp_proxy.edges.settings_audit import AuditSettings
from mcp_proxy.errors import AuditError

READ = Decided("find", "api", "read", "allow", "allow", None)
OK = Answered("ok", "yes", None, 200, 12, 3)
# For tests that do not wait for the 30 seconds, and for those that do.
NEVER = LIMITS._replace(checkpoint_ms=3_600_000, audit_close_ms=20_000)
SOON = NEVER._replace(checkpoint_ms=50)


@pytest.fixture(autouse=True)
def keychain(monkeypatch: pytest.MonkeyPatch) -> MemoryKeychain:
    made = MemoryKeychain()
    monkeypatch.setattr(keychain_store, "_open", lambda _home_id: made)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    return made


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(str(tmp_path / "home"))


class Process:
    """A serving process's log with its checkpoints."""

    def __init__(self, home: Home, limits: Limits = NEVER, *chores: Callable[[Sign], Any]) -> None:
        self.log = CallLog(home, Subject("billing", 1, "ab" * 32), AuditRules((), "deny"), dict)
        self.checkpoints = Checkpoints(home, self.log, chores, limits)

    def call(self, times: int = 1) -> None:
        for _ in range(times):
            self.log.answered(self.log.decided(READ, {}), OK)


def told(home: Home, *kinds: str) -> list[dict[str, Any]]:
    """The ledger's entries of these kinds; all without any."""
    if not os.path.exists(ledger_path(home)):
        return []
    rows = [json.loads(line) for line in Path(ledger_path(home)).read_bytes().splitlines()]
    return [row for row in rows if not kinds or row["kind"] in kinds]


def configure(home: Home, **audit: Any) -> None:
    write_settings(home, read_settings(home)._replace(audit=AuditSettings(**audit)))


async def until(is_so: Callable[[], Any]) -> None:
    """Waits, but not for ever."""
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.01)


def test_a_process_that_is_only_probed_begins_nothing(home: Home, keychain: MemoryKeychain) -> None:
    async def run() -> None:
        await Process(home).checkpoints.close("client ended")

    before = threading.active_count()
    asyncio.run(run())
    assert threading.active_count() == before
    assert (keychain.reads, told(home)) == (0, [])


def test_a_checkpoint_follows_every_64_entries(home: Home) -> None:
    async def run() -> None:
        process = Process(home)
        process.call(30)
        await asyncio.sleep(0.1)
        assert told(home, "checkpoint") == []
        process.call(2)
        await until(lambda: told(home, "checkpoint"))
        (entry,) = told(home, "checkpoint")
        assert entry["entries"] >= LIMITS.checkpoint_entries
        process.call(32)
        await until(lambda: len(told(home, "checkpoint")) == 2)
        await process.checkpoints.close("client ended")

    asyncio.run(run())
    (closed,) = told(home, "close")
    assert (closed["reason"], closed["entries"]) == ("client ended", 130)


def test_a_checkpoint_follows_the_first_entry_that_none_covers_and_then_nothing_runs(
    home: Home,
) -> None:
    async def run() -> None:
        process = Process(home, SOON)
        process.call()
        await until(lambda: told(home, "checkpoint"))
        await until(lambda: process.checkpoints._running is None)
        assert told(home, "checkpoint")[0]["entries"] == 3
        assert process.checkpoints._timer is None
        await asyncio.sleep(0.2)
        assert len(told(home, "checkpoint")) == 1
        process.call()
        await until(lambda: len(told(home, "checkpoint")) == 2)
        await process.checkpoints.close("client ended")

    asyncio.run(run())


def test_an_answer_of_a_person_is_covered_at_once(home: Home) -> None:
    async def run() -> None:
        process = Process(home)
        await process.log.event("approval given", approval="x", tool="refund")
        await until(lambda: told(home, "checkpoint"))
        await process.checkpoints.close("client ended")

    asyncio.run(run())


def test_every_checkpoint_and_the_end_are_signed_by_the_key_that_the_first_one_makes(
    home: Home, keychain: MemoryKeychain
) -> None:
    async def run() -> None:
        process = Process(home, SOON)
        process.call()
        assert KEY_ITEM not in keychain.items
        await until(lambda: told(home, "checkpoint"))
        await process.checkpoints.close("client ended")

    asyncio.run(run())
    key = ensure_key(home).verifier
    assert [row["verifier"] for row in told(home, "key")] == [key.line]
    for row in told(home, "checkpoint", "close"):
        assert verify_note(row["note"], (key,)) is not None
    assert [row["note"] for row in told(home, "open")] == [None]


def test_a_process_of_one_call_signs_its_end(home: Home) -> None:
    async def run() -> None:
        process = Process(home)
        process.call()
        await process.checkpoints.close("client ended")

    asyncio.run(run())
    assert told(home, "checkpoint") == []
    assert told(home, "close")[0]["note"] is not None


def test_a_locked_keychain_is_not_asked_and_costs_the_signature_alone(
    home: Home, keychain: MemoryKeychain
) -> None:
    keychain.locked = True

    async def run() -> None:
        process = Process(home, SOON)
        process.call()
        await until(lambda: told(home, "checkpoint"))
        await process.checkpoints.close("client ended")

    asyncio.run(run())
    assert keychain.reads == 0
    assert [row["note"] for row in told(home, "checkpoint", "close")] == [None, None]


def test_a_keychain_that_hangs_keeps_no_call_and_holds_up_the_end_by_a_second(
    home: Home, keychain: MemoryKeychain
) -> None:
    keychain.gate.clear()

    async def run() -> float:
        process = Process(home, NEVER._replace(audit_close_ms=1_000))
        process.call(64)
        await until(lambda: keychain.reads)
        process.call(64)  # written while the thread hangs
        assert process.log.segment is not None
        assert process.log.segment.uncovered == 257
        began = time.monotonic()
        await process.checkpoints.close("client ended")
        return time.monotonic() - began

    took_s = asyncio.run(run())
    (closed,) = told(home, "close")
    assert (closed["entries"], closed["note"]) == (258, None)
    keychain.gate.set()
    assert took_s < 4  # a second is the aim


def test_s20_a_process_that_was_stopped_as_it_made_the_key_costs_the_signature_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_proxy.edges.audit_lock.LIMITS", LIMITS._replace(ledger_wait_ms=100))

    async def run() -> None:
        process = Process(home, SOON)
        with FileLock(os.path.join(home.state, "audit.key.lock")):
            process.call()
            await until(lambda: told(home, "checkpoint"))
        await process.checkpoints.close("client ended")

    os.makedirs(home.state, mode=0o700, exist_ok=True)
    asyncio.run(run())
    assert told(home, "checkpoint")[0]["note"] is None


def test_a_keychain_that_gave_no_key_is_left_in_peace(
    home: Home, keychain: MemoryKeychain, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    monkeypatch.setattr(keychain, "is_open", lambda: bool(looks.append("")))

    async def run() -> None:
        process = Process(home, SOON)
        for count in range(1, 4):
            process.call()
            await until(lambda count=count: len(told(home, "checkpoint")) == count)
        await process.checkpoints.close("client ended")

    asyncio.run(run())
    assert 1 <= len(looks) <= 2  # for the key alone; once more at most, for its making


def test_a_ledger_that_is_held_leaves_calls_alone_and_is_told_later(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_proxy.edges.audit_lock.LIMITS", LIMITS._replace(ledger_wait_ms=100))

    async def run() -> None:
        process = Process(home, SOON)
        process.call()
        with LedgerLock(lock_path(home)):
            process.checkpoints.soon()
            await until(lambda: (NOT_TOLD, None) in process.log._notes)
            process.call()
        await until(lambda: told(home, "checkpoint"))
        await process.checkpoints.close("client ended")

    asyncio.run(run())
    assert told(home, "close")[0]["reason"] == "client ended"


def test_a_ledger_that_is_damaged_is_not_tried_again_at_every_entry(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    async def run() -> None:
        process = Process(home)
        process.call()
        assert process.log.segment is not None
        tell = process.log.segment.checkpoint
        monkeypatch.setattr(
            process.log.segment, "checkpoint", lambda sign: tries.append("") or tell(sign)
        )
        with open(ledger_path(home), "ab") as file:
            file.write(b"rubbish\n")
        for count in range(1, 200):
            process.call()
            await asyncio.sleep(0)
            if count > 40:
                await until(lambda: process.checkpoints._running is None)
        with pytest.raises(AuditError):
            await process.checkpoints.close("client ended")

    asyncio.run(run())
    assert len(tries) == 1


def test_s20_an_end_that_the_ledger_cannot_be_told_is_an_error(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_proxy.edges.audit_lock.LIMITS", LIMITS._replace(ledger_wait_ms=100))

    async def run() -> None:
        process = Process(home)
        process.call()
        with LedgerLock(lock_path(home)), pytest.raises(AuditError):
            await process.checkpoints.close("client ended")

    asyncio.run(run())


def test_chores_follow_each_checkpoint_and_the_end_and_may_fail(home: Home) -> None:
    done: list[str | None] = []

    def fails(_sign: Sign) -> None:
        raise AuditError("MCPX-A01", "It cannot be written.")

    def signs(sign: Sign) -> None:
        done.append(sign("a text\n"))

    async def run() -> None:
        process = Process(home, NEVER, fails, signs)
        process.call(32)
        await until(lambda: done)
        await process.checkpoints.close("client ended")

    asyncio.run(run())
    assert len(done) == 2
    assert all(note is not None and note.startswith("a text\n\n") for note in done)


def test_a_key_that_a_person_made_meanwhile_signs_from_then_on(
    home: Home, keychain: MemoryKeychain
) -> None:
    async def run() -> None:
        process = Process(home, NEVER)
        process.call(32)
        await until(lambda: told(home, "checkpoint"))
        keychain.delete(KEY_ITEM)
        await asyncio.to_thread(ensure_key, home)
        await process.checkpoints.close("client ended")

    asyncio.run(run())
    first, second = (row["verifier"] for row in told(home, "key"))
    assert first != second
    (closed,) = told(home, "close")
    assert closed["note"] is None or verify_note(closed["note"], (ensure_key(home).verifier,))


def test_a_damaged_public_file_costs_neither_checkpoint_nor_signature(home: Home) -> None:
    async def run() -> None:
        process = Process(home, NEVER)
        process.call(32)
        await until(lambda: told(home, "checkpoint"))
        Path(home.state, "audit-key.json").write_text("rubbish")
        process.call(32)
        await until(lambda: len(told(home, "checkpoint")) == 2)
        await process.checkpoints.close("client ended")

    asyncio.run(run())
    assert all(row["note"] is not None for row in told(home, "checkpoint", "close"))


def test_an_end_in_the_middle_of_a_checkpoint_leaves_no_task_behind(
    home: Home, keychain: MemoryKeychain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_proxy.edges.audit_lock.LIMITS", LIMITS._replace(ledger_wait_ms=200))
    left: list[object] = []

    async def run() -> None:
        process = Process(home)
        process.call(32)
        await until(lambda: keychain.reads or told(home, "checkpoint"))
        with LedgerLock(lock_path(home)):
            process.call(32)
            process.checkpoints.soon()
            await asyncio.sleep(0.05)
            with pytest.raises(AuditError):
                await process.checkpoints.close("client ended")
        left.extend(asyncio.all_tasks() - {asyncio.current_task()})

    asyncio.run(run())
    assert left == []


# -- anchors


def test_the_mirror_and_the_folder_have_the_head_of_the_end(home: Home, tmp_path: Path) -> None:
    configure(home, head_folder=str(tmp_path))

    async def run() -> None:
        process = Process(home)
        process.call(32)
        await until(lambda: find_mirror(home) is not None)
        await process.checkpoints.close("client ended")

    asyncio.run(run())
    head = AuditLedger(home).head()
    assert find_mirror(home) == head
    assert Path(head_file(home, str(tmp_path))).read_text() == told(home, "close")[0]["note"]


def test_the_mirror_is_renewed_once_a_minute_at_most(home: Home, keychain: MemoryKeychain) -> None:
    heads: list[object] = []

    async def run() -> None:
        process = Process(home)
        for count in range(1, 4):
            process.call(32)
            await until(lambda count=count: len(told(home, "checkpoint")) == count)
            await until(lambda: process.checkpoints._running is None)
            await until(lambda: process.checkpoints._anchoring is None)
            heads.append(find_mirror(home))
        await process.checkpoints.close("client ended")

    asyncio.run(run())
    assert heads[0] is not None
    assert len(set(heads)) == 1
    assert find_mirror(home) != heads[0]


def test_nothing_unsigned_is_anchored(home: Home, keychain: MemoryKeychain, tmp_path: Path) -> None:
    configure(home, head_folder=str(tmp_path))
    keychain.locked = True

    async def run() -> None:
        process = Process(home)
        process.call(32)
        await until(lambda: told(home, "checkpoint"))
        await process.checkpoints.close("client ended")

    asyncio.run(run())
    keychain.locked = False
    assert find_mirror(home) is None
    assert not os.path.exists(head_file(home, str(tmp_path)))


@pytest.mark.parametrize(("folder", "what"), [("none", "not written"), ("", "differs")])
def test_an_anchor_that_is_not_renewed_is_noted_in_the_log(
    home: Home, tmp_path: Path, keychain: MemoryKeychain, folder: str, what: str
) -> None:
    """The folder is not there; or the keychain has a head that the ledger lacks."""
    configure(home, head_folder=str(tmp_path / folder) if folder else "")
    keychain.items["audit:head"] = "900 " + "ab" * 32 if not folder else "rubbish"

    async def run() -> None:
        process = Process(home)
        process.call(32)
        await until(lambda: process.log._notes)
        await process.checkpoints.close("client ended")

    asyncio.run(run())
    (path,) = Path(home.state, "audit").glob("*/*[0-9A-Z].jsonl")
    notes = [row for row in map(json.loads, path.read_bytes().splitlines()) if "what" in row]
    assert [row["what"] for row in notes] == [f"audit head {what}"]


def test_s9_the_header_is_there_where_the_settings_say_so_and_names_the_newest_entry(
    home: Home,
) -> None:
    header = HeadHeader(home)
    AuditLedger(home).append("admin", {"what": "x", "facts": {}})
    assert header() == ()
    configure(home, head_header=True)
    assert header() == ()
    header.forget()
    for _ in range(2):
        head = AuditLedger(home).append("admin", {"what": "x", "facts": {}})
        assert header() == ((HEADER, anchor_text(head)),)
    Path(ledger_path(home)).write_bytes(b"rubbish\n")
    assert header() == ()
