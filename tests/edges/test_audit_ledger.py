"""The ledger on disk: one chain whoever writes, whatever was torn, held or damaged (S20)."""

import base64
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_proxy.core.audit import GENESIS, Head
from mcp_proxy.core.audit_ledger import Before, head_of, note_text, origin
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.signed_note import VerifierKey, sign_note, verify_note
from mcp_proxy.core.signing import public_key
from mcp_proxy.edges import audit_ledger, audit_lock
from mcp_proxy.edges.audit_ledger import AuditLedger, ledger_path, lock_path
from mcp_proxy.edges.audit_repair import damage_of, replace_ledger
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import AuditError

SEED = bytes(range(32))

# Holds the lock until it is told to let go, or is killed.
HOLDER = """
import sys
from mcp_proxy.edges.audit_lock import LedgerLock
with LedgerLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""
WRITER = """
import sys
from mcp_proxy.edges.audit_ledger import AuditLedger
from mcp_proxy.edges.places import Home
ledger = AuditLedger(Home(*sys.argv[1].split("|")))
for number in range(int(sys.argv[2])):
    ledger.append("admin", {"what": sys.argv[3], "facts": {"n": number}})
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return home_in(os.fspath(tmp_path))


def home_in(folder: str) -> Home:
    return Home("ab" * 16, *(os.path.join(folder, name) for name in ("config", "data", "state")))


def tell(home: Home, what: str = "x") -> Head:
    return AuditLedger(home).append("admin", {"what": what, "facts": {}})


def data_of(home: Home) -> bytes:
    return Path(ledger_path(home)).read_bytes()


def entries(home: Home) -> list[dict[str, Any]]:
    """The entries, once the chain has been seen to be whole."""
    prev, found = GENESIS, []
    *lines, rest = data_of(home).split(b"\n")
    assert rest == b""
    for number, line in enumerate(lines):
        entry = json.loads(line)
        assert (entry["prev"], head_of(line)) == (prev, Head(number, entry["hash"]))
        prev = entry["hash"]
        found.append(entry)
    return found


def kinds(home: Home) -> list[str]:
    return [entry["kind"] for entry in entries(home)]


@contextmanager
def held(home: Home) -> Iterator[subprocess.Popen[str]]:
    """Another process holds the lock meanwhile."""
    os.makedirs(home.state, 0o700, exist_ok=True)
    command = [sys.executable, "-c", HOLDER, lock_path(home)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
    finally:
        holder.kill()
        holder.communicate()


def test_the_first_entry_names_version_and_home_and_what_follows_is_chained(home: Home) -> None:
    assert AuditLedger(home).head() is None
    assert tell(home).seq == 1
    head = tell(home)
    assert AuditLedger(home).head() == head == Head(2, entries(home)[-1]["hash"])
    first = entries(home)[0]
    assert (first["v"], first["home"], first["follows"], first["note"]) == (1, home.id, None, None)
    assert kinds(home) == ["ledger", "admin", "admin"]


def test_s23_the_ledger_is_readable_by_its_owner_alone_whatever_the_umask(home: Home) -> None:
    old = os.umask(0)
    try:
        tell(home)
    finally:
        os.umask(old)
    for path in (ledger_path(home), lock_path(home)):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(home.state).st_mode) == 0o700


def test_a_note_signs_the_chain_before_and_the_entry_s_own_fields(home: Home) -> None:
    tell(home)
    before = AuditLedger(home).head()
    assert before is not None
    fields = {"segment": "2026-11-23/X", "entries": 3, "head": "ab" * 32}
    name = origin(home.id)
    AuditLedger(home).append("checkpoint", fields, lambda text: sign_note(text, name, SEED))
    entry = entries(home)[-1]
    found = verify_note(entry["note"], (VerifierKey(name, public_key(SEED)),))
    assert found is not None
    root = base64.b64encode(bytes.fromhex(before.hash)).decode()
    assert found[0].splitlines()[:3] == [name, "2", root]
    assert entry["time"] in found[0]
    assert "checkpoint" in found[0]


def test_an_entry_that_nothing_signed_has_no_note(home: Home) -> None:
    AuditLedger(home).append("admin", {"what": "x", "facts": {}}, lambda _text: None)
    assert entries(home)[-1]["note"] is None


def test_processes_that_write_at_once_make_one_chain(home: Home) -> None:
    words = [[sys.executable, "-c", WRITER, "|".join(home), "20", str(n)] for n in range(4)]
    for process in [subprocess.Popen(command) for command in words]:
        assert process.wait(60) == 0
    told = [(entry["what"], entry["facts"]["n"]) for entry in entries(home)[1:]]
    assert sorted(told) == sorted((str(who), n) for who in range(4) for n in range(20))
    for who in range(4):
        assert [n for name, n in told if name == str(who)] == list(range(20))


@settings(max_examples=40)
@given(cut=st.integers(1, 400))
def test_a_torn_tail_is_cut_off_and_told(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    home = home_in(os.fspath(tmp_path_factory.mktemp("torn")))
    tell(home, "kept")
    whole = data_of(home)
    tell(home, "torn")
    torn = len(data_of(home)) - len(whole) - min(cut, len(data_of(home)) - len(whole) - 1)
    os.truncate(ledger_path(home), len(whole) + torn)
    assert AuditLedger(home).head() == Head(1, json.loads(whole.splitlines()[-1])["hash"])
    tell(home, "next")
    assert data_of(home).startswith(whole)
    assert kinds(home) == ["ledger", "admin", "cut", "admin"]
    assert entries(home)[2]["bytes"] == torn


def test_a_first_entry_that_was_torn_is_begun_anew(home: Home) -> None:
    tell(home)
    os.truncate(ledger_path(home), 50)
    tell(home)
    assert kinds(home) == ["ledger", "cut", "admin"]


@pytest.mark.parametrize("tail", [b"x\n", b"{}\n", b"\n", bytes(4 << 20) + b"\n", bytes(4 << 20)])
def test_s20_after_a_last_line_that_is_no_entry_nothing_is_written(home: Home, tail: bytes) -> None:
    tell(home)
    with open(ledger_path(home), "ab") as file:
        file.write(tail)
    before = data_of(home)
    with pytest.raises(AuditError) as caught:
        tell(home)
    assert (caught.value.id, caught.value.exit_code) == ("MCPX-A02", 5)
    assert caught.value.next == "mcp-proxy doctor --fix"
    assert data_of(home) == before


def test_s20_one_changed_bit_of_the_last_entry_stops_every_writer(home: Home) -> None:
    tell(home)
    good = data_of(home)
    start = good.index(b"\n") + 1
    for at in range(start, len(good) - 1, 7):
        Path(ledger_path(home)).write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(AuditError, match="no entry of the ledger"):
            tell(home)


def test_s20_a_stopped_holder_is_waited_for_no_longer_than_the_bound(home: Home) -> None:
    tell(home)
    with held(home) as holder:
        holder.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(AuditError, match=f"held by process {holder.pid}") as caught:
            tell(home)
        waited_ms = (time.monotonic() - began) * 1000
        assert caught.value.id == "MCPX-A01"
        assert LIMITS.ledger_wait_ms <= waited_ms < LIMITS.ledger_wait_ms * 3
    tell(home)
    assert kinds(home) == ["ledger", "admin", "admin"]


def test_a_lock_that_is_given_back_in_time_is_waited_for(home: Home) -> None:
    with held(home) as holder:
        assert holder.stdin is not None
        holder.stdin.write("\n")
        holder.stdin.flush()
        tell(home)
    assert kinds(home) == ["ledger", "admin"]


def test_a_killed_holder_leaves_no_lock(home: Home) -> None:
    with held(home) as holder:
        holder.kill()
        holder.wait()
        tell(home)
    assert kinds(home) == ["ledger", "admin"]


def test_s20_an_entry_is_on_the_disk_before_its_writer_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes] = []
    folders: list[str] = []
    monkeypatch.setattr(
        audit_ledger, "sync_data", lambda _fd: synced.append(data_of(home).splitlines()[-1])
    )
    monkeypatch.setattr(audit_ledger, "sync_folder", folders.append)
    tell(home, "one")
    tell(home, "two")
    assert [json.loads(line)["what"] for line in synced] == ["one", "two"]
    assert folders == [home.state], "a new name once"


def test_s20_an_entry_that_does_not_reach_the_disk_is_taken_back(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(home)
    before = data_of(home)

    def fail(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(audit_ledger, "sync_data", fail)
    with pytest.raises(AuditError, match="Input/output error"):
        tell(home)
    assert data_of(home) == before


def test_s20_a_ledger_whose_name_does_not_reach_the_disk_has_no_entry(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_folder: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(audit_ledger, "sync_folder", fail)
    with pytest.raises(AuditError, match="Input/output error"):
        tell(home)
    assert data_of(home) == b"", "what was refused does not stand there"


def test_s20_half_an_entry_is_taken_back_when_the_disk_is_full(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(home)
    before = data_of(home)
    write, asked = os.write, []

    def fill(fd: int, data: bytes) -> int:
        asked.append(len(data))
        if len(data) < 40:
            return write(fd, data)  # the lock file
        if len(asked) > 2:
            raise OSError(28, "No space left on device")
        return write(fd, bytes(data)[:40])

    monkeypatch.setattr(os, "write", fill)
    with pytest.raises(AuditError, match="No space left on device"):
        tell(home)
    assert data_of(home) == before


@pytest.mark.parametrize("name", ["ledger.jsonl", "ledger.lock"])
def test_s23_a_link_or_what_others_may_read_takes_no_entry(home: Home, name: str) -> None:
    tell(home)
    path = Path(home.state, name)
    path.chmod(0o644)
    with pytest.raises(AuditError, match="other users may read it"):
        tell(home)
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")
    with pytest.raises(AuditError, match="symbolic link"):
        tell(home)


def test_an_entry_beyond_the_bound_is_refused(home: Home) -> None:
    with pytest.raises(AuditError, match="an entry would have"):
        AuditLedger(home).append("prune", {"segments": ["x" * LIMITS.ledger_entry_bytes]})
    assert data_of(home) == b""
    large = {"segments": ["x" * (LIMITS.ledger_entry_bytes // 2)], "why": "age"}
    AuditLedger(home).append("prune", large)
    tell(home)
    assert kinds(home) == ["ledger", "prune", "admin"]


def test_a_new_ledger_names_the_damaged_one_that_is_put_aside(home: Home) -> None:
    tell(home)
    with open(ledger_path(home), "ab") as file:
        file.write(b"damage\n")
    damaged = data_of(home)
    assert damage_of(home) is not None
    aside = replace_ledger(home)
    assert aside is not None
    assert Path(aside).read_bytes() == damaged
    assert os.path.basename(aside).startswith("ledger.damaged-")
    tell(home)
    assert entries(home)[0]["follows"] == hashlib.sha256(damaged).hexdigest()
    assert damage_of(home) is None
    assert replace_ledger(home) is None


def test_waiting_is_a_matter_of_the_lock_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """An uncontended lock is taken at the first try: nothing sleeps."""

    def sleep(_seconds: float) -> None:
        raise AssertionError("slept")

    monkeypatch.setattr(audit_lock.time, "sleep", sleep)
    tell(home)


def test_what_a_note_signs_has_no_room_for_another_meaning(home: Home) -> None:
    before = Before(home.id, 7, "cd" * 32)
    text = note_text(before, 1_800_000_000_000_000_000, "erase", {"segment": "a", "call": "b:1"})
    other = note_text(before, 1_800_000_000_000_000_000, "erase", {"segment": "a", "call": "b:2"})
    assert text != other
    assert text.count("\n") == 4
