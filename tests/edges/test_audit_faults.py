"""S20 with the ledger: a full or read-only disk, permissions lost, another user's files.

Faults are real ones: small file systems where the tests may mount, files that are made immutable,
and owners and modes as the system has them.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from log_desk import ALLOWED, OK, SetClock, call_once, ledger, log_in, path_of, read_bytes

from mcp_proxy.app.admin_log import record, record_refusal
from mcp_proxy.app.audit_ledger_check import Place
from mcp_proxy.app.audit_verify import verify
from mcp_proxy.app.crashes import close_crashed
from mcp_proxy.core.audit_check import check_segment
from mcp_proxy.edges.audit_ledger import AuditLedger, ledger_path, lock_path
from mcp_proxy.edges.audit_reader import segment_paths
from mcp_proxy.edges.places import VARIABLE, Home, find_home, init_home
from mcp_proxy.errors import AuditError, HomeError

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="giving files away needs root")


@pytest.fixture
def home(disk_path: Path) -> Home:
    """On a disk: a file system in memory lets whoever has a file open write to an immutable one."""
    return init_home(os.path.join(os.fspath(disk_path), "home"))


def mounted(folder: str, *words: str) -> None:
    """Mounts, or skips the test where this user may not."""
    try:
        done = subprocess.run(["mount", *words, folder], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip("mounting needs root")


@pytest.fixture
def disk(tmp_path: os.PathLike[str]) -> Iterator[str]:
    """A file system of 400 KiB."""
    folder = os.path.join(os.fspath(tmp_path), "disk")
    os.mkdir(folder, 0o700)
    mounted(folder, "-t", "tmpfs", "-o", "size=400k,mode=0700", "tmpfs")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: str) -> str:
    """A file that takes all that is left."""
    path = os.path.join(folder, "filling")
    path += ".2" if os.path.exists(path) else ""
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return path


def files(home: Home) -> dict[str, bytes]:
    """Every file of the log, but for the lock."""
    found = {
        os.path.join(place, name): read_bytes(os.path.join(place, name))
        for place, _, names in os.walk(home.state)
        for name in names
    }
    found.pop(lock_path(home), None)
    return found


def kinds(home: Home) -> list[str]:
    return [entry["kind"] for entry in ledger(home)]


def refused(action: object, *arguments: object) -> str:
    """Why the log could not be written; the exit code is 5."""
    assert callable(action)
    with pytest.raises(AuditError) as caught:
        action(*arguments)
    assert caught.value.exit_code == 5
    return caught.value.why


def test_s20_a_full_disk_takes_no_new_call_and_every_promised_answer(disk: str) -> None:
    home = init_home(os.path.join(disk, "home"))
    log = log_in(home)
    call_once(log)
    path = path_of(log)
    open_calls = [log.decided(ALLOWED, {}) for _ in range(100)]
    fill(disk)
    with contextlib.suppress(AuditError):
        while True:
            call_once(log)
    assert "No space left on device" in refused(log.decided, ALLOWED, {})
    for number in open_calls:
        log.answered(number, OK)
    fill(disk)
    with contextlib.suppress(AuditError):
        while True:
            record(home, "trust add", scope="x" * 300)
    assert "No space left on device" in refused(log.close, "client ended")
    for name in ("filling", "filling.2"):
        os.unlink(os.path.join(disk, name))
    segment = check_segment(read_bytes(path))
    assert segment.damage is None
    answered = {entry["call"] for entry in segment.entries if entry["kind"] == "answered"}
    assert set(open_calls) <= answered
    assert close_crashed(home) == 1, "the next process tells the ledger how it ended"
    (close,) = ledger(home, "close")
    assert close["head"] == segment.entries[-1]["hash"]


def test_s20_a_disk_that_is_full_before_the_first_call_is_left_as_it_was(disk: str) -> None:
    home = init_home(os.path.join(disk, "home"))
    record(home, "trust add")
    filling = fill(disk)
    before = files(home)
    for _ in range(3):
        assert "No space left on device" in refused(log_in(home).decided, ALLOWED, {})
    assert files(home) == before
    os.unlink(filling)
    log = log_in(home)
    call_once(log)
    log.close("done")
    assert kinds(home) == ["ledger", "admin", "open", "close"]


def test_s20_a_ledger_on_a_full_disk_ends_with_a_whole_entry(disk: str) -> None:
    home = init_home(os.path.join(disk, "home"))
    record(home, "trust add")
    filling = fill(disk)
    with contextlib.suppress(AuditError):
        while True:
            record(home, "trust add", scope="x" * 300)
    count = len(ledger(home))
    assert "No space left on device" in refused(
        record,
        home,
        "trust add",
    )
    assert len(ledger(home)) == count
    os.unlink(filling)
    record(home, "trust add")
    assert [entry["seq"] for entry in ledger(home)] == list(range(count + 1))
    assert "cut" not in kinds(home)


def test_s20_a_file_system_that_is_read_only_takes_no_command_and_no_call(disk: str) -> None:
    home = init_home(os.path.join(disk, "home"))
    log = log_in(home)
    call_once(log)
    log.close("done")
    before = files(home)
    mounted(disk, "-o", "remount,ro")
    assert "Read-only file system" in refused(log_in(home).decided, ALLOWED, {})
    assert "Read-only file system" in refused(record, home, "trust add")
    assert "Read-only file system" in refused(record_refusal, home, "billing", "MCPX-P03")
    assert files(home) == before
    mounted(disk, "-o", "remount,rw")
    record(home, "trust add")


@pytest.fixture
def immutable() -> Iterator[list[str]]:
    """Files that the test has made immutable; they are freed after it."""
    made: list[str] = []
    yield made
    for path in made:
        subprocess.run(["chattr", "-i", path], check=False, capture_output=True)


def freeze(path: str, immutable: list[str]) -> None:
    if shutil.which("chattr") is None:
        pytest.skip("there is no chattr here")
    done = subprocess.run(["chattr", "+i", path], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this file system, or user, cannot make files immutable")
    immutable.append(path)


def test_s20_a_permission_that_is_lost_while_it_is_written_ends_the_log(
    home: Home, immutable: list[str]
) -> None:
    log = log_in(home)
    number = log.decided(ALLOWED, {})
    path = path_of(log)
    freeze(path, immutable)
    assert "Operation not permitted" in refused(log.decided, ALLOWED, {})
    refused(log.answered, number, OK)
    subprocess.run(["chattr", "-i", path], check=True)
    refused(log.decided, ALLOWED, {})
    log.close("done")
    segment = check_segment(read_bytes(path))
    assert segment.damage is None
    assert [entry["kind"] for entry in segment.entries] == ["open", "decided", "note", "close"]


def test_s20_a_ledger_that_may_not_be_written_keeps_calls_in_the_open_segment(
    home: Home, immutable: list[str]
) -> None:
    """What is durable of a call stands in its segment; the ledger is told as soon as it can be."""
    log = log_in(home)
    call_once(log)
    freeze(ledger_path(home), immutable)
    call_once(log)
    assert log.segment is not None
    assert "Operation not permitted" in refused(log.segment.checkpoint)
    assert "Operation not permitted" in refused(record, home, "trust add")
    assert "Operation not permitted" in refused(log_in(home).decided, ALLOWED, {})
    subprocess.run(["chattr", "-i", ledger_path(home)], check=True)
    log.close("done")
    assert kinds(home) == ["ledger", "open", "close"]


@needs_root
def test_s20_a_user_without_permission_has_no_log() -> None:
    """A process of another user, as root is stopped by no mode."""
    script = """
import os, sys
from mcp_proxy.app.admin_log import record
from mcp_proxy.core.audit import Decided
from mcp_proxy.core.profile import AuditRules
from mcp_proxy.edges.audit_files import Subject
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.places import init_home
from mcp_proxy.errors import AuditError
os.chdir(sys.argv[1])
os.chown(sys.argv[1], 12345, 12345)
os.setresgid(12345, 12345, 12345)
os.setresuid(12345, 12345, 12345)
home = init_home(sys.argv[1] + "/home")
record(home, "trust add")
log = CallLog(home, Subject("billing", 3, "ab"), AuditRules((), "deny"), dict)
allowed = Decided("find", "api", "read", "allow", "allow", None)
whys = []
for name, mode, action in (
    ("ledger.jsonl", 0o400, lambda: record(home, "trust add")),
    ("ledger.lock", 0o000, lambda: record(home, "trust add")),
    ("", 0o500, lambda: log.decided(allowed, {})),
):
    path = os.path.join(home.state, name)
    before = os.stat(path).st_mode & 0o777
    os.chmod(path, mode)
    try:
        action()
    except AuditError as error:
        whys.append(error.why.rpartition(": ")[2])
    os.chmod(path, before)
print(whys)
"""
    folder = tempfile.mkdtemp()  # pytest's own folders let no other user through
    try:
        command = [sys.executable, "-c", script, folder]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    finally:
        shutil.rmtree(folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(["Permission denied."] * 3)


@pytest.mark.parametrize("suffix", [".jsonl", ".clear.jsonl"])
@pytest.mark.parametrize("by", [-1, 1])
def test_s20_a_log_that_another_program_cut_or_wrote_to_takes_no_more_calls(
    home: Home, suffix: str, by: int
) -> None:
    log = log_in(home)
    number = log.decided(ALLOWED, {})
    path = path_of(log).replace(".jsonl", suffix)
    data = read_bytes(path)
    with open(path, "wb") as file:
        file.write(data[:by] if by < 0 else data + b"x" * by)
    assert "changed by another program" in refused(log.decided, ALLOWED, {})
    if suffix == ".jsonl":
        refused(log.answered, number, OK)
    with open(path, "wb") as file:
        file.write(data)
    with contextlib.suppress(AuditError):
        log.close("done")
    assert check_segment(read_bytes(path_in(home))).damage is None


def path_in(home: Home) -> str:
    (path,) = segment_paths(home.state)
    return path


def test_s20_a_clock_that_is_set_back_stops_nothing_and_is_seen(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = SetClock(monkeypatch)
    log = log_in(home)
    call_once(log)
    wall.set_back(400)
    call_once(log)
    log.close("done")
    record(home, "trust add")
    wall.set_back(0)
    record(home, "trust add")
    assert kinds(home) == ["ledger", "open", "close", "admin", "admin"]
    report = verify(Place(home.state, home.id))
    assert report.good
    assert [(item.path, item.line) for item in report.findings] == [
        (ledger_path(home), 3),
        (segment_paths(home.state)[0], 4),
    ]
    assert all("the clock was set back" in item.what for item in report.findings)


@needs_root
@pytest.mark.parametrize("name", ["ledger.jsonl", "ledger.lock", "audit", "audit/running", "."])
def test_s23_what_another_user_owns_in_our_home_takes_no_log(home: Home, name: str) -> None:
    log = log_in(home)
    call_once(log)
    log.close("done")
    before = files(home)
    os.chown(os.path.join(home.state, name), 12345, 12345)
    assert "belongs to another user" in refused(log_in(home).decided, ALLOWED, {})
    assert files(home) == before


@needs_root
def test_s23_the_home_of_another_user_is_refused_before_anything_is_written(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, os.path.dirname(home.config))
    assert find_home() == home
    for place, _, names in os.walk(os.path.dirname(home.config)):
        for path in (place, *(os.path.join(place, name) for name in names)):
            os.chown(path, 12345, 12345)
    with pytest.raises(HomeError) as caught:
        find_home()
    assert caught.value.id == "MCPX-H02"
    assert files(home) == {}


@pytest.mark.parametrize("name", ["ledger.jsonl", "ledger.lock"])
@pytest.mark.parametrize("mode", [0o644, 0o620])
def test_s23_a_ledger_that_others_may_read_or_write_takes_no_entry(
    home: Home, name: str, mode: int
) -> None:
    record(home, "trust add")
    os.chmod(os.path.join(home.state, name), mode)
    assert "other users may" in refused(record, home, "trust add")
    assert len(ledger(home)) == 2


@pytest.mark.parametrize("name", ["ledger.jsonl", "ledger.lock"])
def test_s23_a_link_in_the_ledger_s_place_is_not_followed(home: Home, name: str) -> None:
    record(home, "trust add")
    path = os.path.join(home.state, name)
    os.rename(path, path + ".real")
    os.symlink(path + ".real", path)
    before = read_bytes(path)
    assert "symbolic link" in refused(record, home, "trust add")
    assert read_bytes(path) == before


@pytest.mark.parametrize("name", ["ledger.jsonl", "ledger.lock"])
def test_s23_a_pipe_in_the_ledger_s_place_is_not_waited_for(home: Home, name: str) -> None:
    record(home, "trust add")
    path = os.path.join(home.state, name)
    os.unlink(path)
    os.mkfifo(path, 0o600)
    assert "not a regular file" in refused(record, home, "trust add")


def test_s20_a_damaged_ledger_takes_neither_call_nor_command_and_is_left_as_it_is(
    home: Home,
) -> None:
    record(home, "trust add")
    with open(ledger_path(home), "ab") as file:
        file.write(b"no entry\n")
    before = files(home)
    for action, arguments in (
        (log_in(home).decided, (ALLOWED, {})),
        (record, (home, "trust add")),
        (AuditLedger(home).append, ("admin", {"what": "x", "facts": {}})),
    ):
        assert "no entry" in refused(action, *arguments)
    assert files(home) == before
