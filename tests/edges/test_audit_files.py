"""S20: what is in the log when the disk is full, a file may not grow, or the process dies.

Faults are real ones: a file size limit of the system in a child process, and, where the tests run
as root, a file system that is truly full.
"""

import contextlib
import errno
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_proxy.core.audit_check import Segment, check_segment, parse_clear
from mcp_proxy.edges import audit_files
from mcp_proxy.edges.audit_files import AuditSegment, Subject
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import AuditError

SUBJECT = Subject("billing", 3, "ab" * 32)
KEY = bytes(16)

# What a child runs first: `limit(n)` is the size that no file of it may pass, None for no bound.
PRELUDE = """
import json, os, resource, sys
from mcp_proxy.edges.audit_files import AuditSegment, Subject
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import AuditError
def limit(size):
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard if size is None else size, hard))
def fails(action, *arguments):
    try:
        action(*arguments)
    except AuditError as error:
        return error.why
    return None
state = sys.argv[1]
home = Home("ab" * 16, state + "-config", state + "-data", state)
segment = AuditSegment(home, Subject("billing", 3, "ab"), {})
size = lambda: os.path.getsize(segment.path)
"""


@pytest.fixture
def state(tmp_path: os.PathLike[str]) -> str:
    return os.path.join(os.fspath(tmp_path), "state")


def home_of(state: str) -> Home:
    return Home("ab" * 16, f"{state}-config", f"{state}-data", state)


def segment_in(state: str) -> AuditSegment:
    return AuditSegment(home_of(state), SUBJECT, {"name": "host"})


def child(state: str, script: str) -> Any:
    """What a child process with its own limits says on stdout, as JSON."""
    command = [sys.executable, "-c", PRELUDE + script, state]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def files(state: str) -> list[str]:
    return sorted(
        os.path.join(place, name)
        for place, _, names in os.walk(os.path.join(state, "audit"))
        for name in names
        if os.path.basename(place) != "running"
    )


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def the_segment(state: str) -> Segment:
    (path,) = [path for path in files(state) if not path.endswith(".clear.jsonl")]
    return check_segment(read(path))


def kinds(segment: Segment) -> list[str]:
    assert segment.damage is None
    return [entry["kind"] for entry in segment.entries]


def test_a_segment_lies_in_its_days_folder_and_is_chained(state: str) -> None:
    segment = segment_in(state)
    assert segment.append("note", {"what": "x"}) == 1
    segment.close("done")
    found = check_segment(read(segment.path))
    assert (kinds(found), found.closed) == (["open", "note", "close"], True)
    opened = found.entries[0]
    day = os.path.basename(os.path.dirname(segment.path))
    assert opened["time"].startswith(day)
    assert (opened["pid"], opened["profile"], opened["version"]) == (os.getpid(), "billing", 3)
    assert opened["client"] == {"name": "host", "version": ""}


def test_s23_the_log_is_readable_by_its_owner_alone_whatever_the_umask(state: str) -> None:
    old = os.umask(0)
    try:
        segment = segment_in(state)
        segment.append_clear(KEY, {"customer": "cus_1"})
        segment.close("done")
    finally:
        os.umask(old)
    assert len(files(state)) == 2
    for path in files(state):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    folder = os.path.dirname(segment.path)
    for path in (folder, os.path.dirname(folder), state):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o700


def test_no_file_is_left_beside_the_segment(state: str) -> None:
    segment = segment_in(state)
    assert files(state) == [segment.path]
    segment.close("done")
    assert files(state) == [segment.path]


def test_two_processes_never_share_a_segment(state: str) -> None:
    one, other = segment_in(state), segment_in(state)
    assert one.path != other.path
    one.close("done")
    other.close("done")
    assert len(files(state)) == 2


def test_keys_and_clear_values_stand_beside_under_the_next_number(state: str) -> None:
    segment = segment_in(state)
    segment.append_clear(KEY, {"customer": "cus_1"})
    assert segment.append("note", {"what": "x"}) == 1
    segment.close("done")
    clear = parse_clear(read(segment.path.removesuffix(".jsonl") + ".clear.jsonl"))
    assert clear.rows == {1: {"seq": 1, "key": KEY.hex(), "clear": {"customer": "cus_1"}}}


def test_s20_what_was_appended_survives_a_killed_process(state: str) -> None:
    script = PRELUDE + "segment.append('note', {'what': 'x'})\nos.kill(os.getpid(), 9)\n"
    command = [sys.executable, "-c", script, state]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    found = the_segment(state)
    assert (kinds(found), found.closed, found.torn_bytes) == (["open", "note"], False, 0)


def test_s20_sync_reaches_segment_clear_file_and_their_names(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def record(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc to tell descriptors apart")
    segment = segment_in(state)
    segment.append_clear(KEY, {})
    clear, folder = segment.path.replace(".jsonl", ".clear.jsonl"), os.path.dirname(segment.path)
    monkeypatch.setattr(os, "fdatasync", record)
    monkeypatch.setattr(os, "fsync", record)
    segment.sync()
    running = os.path.join(state, "audit", "running")
    assert synced == [segment.path, clear, folder, running], "the marker tells of a power loss"
    segment.sync()
    assert synced[4:] == [], "what is on the disk is not brought there again"
    segment.append("note", {"what": "x"})
    segment.sync()
    assert synced[4:] == [segment.path]
    segment.append_clear(KEY, {})
    segment.sync()
    assert synced[5:] == [clear]
    segment.take_back_clear()
    segment.append_clear(KEY, {})
    segment.sync()
    assert synced[6:] == [clear], "another line of that length is another line"
    segment.close("done")


def test_s20_no_call_overtakes_the_folder_s_sync(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two calls make the log durable at once: neither returns before the new name is on disk."""
    segment = segment_in(state)
    entered, release = threading.Event(), threading.Event()
    finished: list[str] = []

    def slow_once(_folder: str) -> None:
        if not entered.is_set():
            entered.set()
            assert release.wait(20)
        finished.append("folder")

    monkeypatch.setattr(audit_files, "sync_folder", slow_once)
    first = threading.Thread(target=segment.sync)
    first.start()
    assert entered.wait(20)
    overtaking: list[int] = []

    def sync() -> None:
        segment.sync()
        overtaking.append(len(finished))

    second = threading.Thread(target=sync)
    second.start()
    second.join(0.1)
    release.set()
    first.join()
    second.join()
    assert overtaking == [2], "it returned once the folders were there"
    segment.close("done")


def test_s20_a_log_that_was_removed_takes_no_more_decisions(state: str) -> None:
    segment = segment_in(state)
    shutil.rmtree(os.path.join(state, "audit"))
    with pytest.raises(AuditError, match="its file was removed"):
        segment.append("note", {"what": "after"})
    with pytest.raises(AuditError):
        segment.close("done")


def test_s20_a_disk_that_failed_once_is_not_believed_again(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    segment = segment_in(state)
    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(AuditError, match="Input/output error"):
        segment.sync()
    monkeypatch.undo()
    with pytest.raises(AuditError):
        segment.append("note", {"what": "x"})
    with pytest.raises(AuditError, match="did not reach the disk"):
        segment.sync()  # as the next call would, whose entry the system has dropped
    with pytest.raises(AuditError, match="did not reach the disk"):
        segment.close("done")
    assert kinds(the_segment(state)) == ["open", "close"]
    told = [json.loads(line)["kind"] for line in read(ledger_path(home_of(state))).splitlines()]
    assert "close" not in told, "nobody is told that it is all there"


def test_s20_an_end_that_cannot_be_written_still_brings_what_was_before_to_the_disk(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = segment_in(state)
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    os.truncate(segment.path, os.path.getsize(segment.path) + 1)
    with pytest.raises(AuditError, match="changed by another program"):
        segment.close("done")
    assert len(synced) == 1


def test_s20_two_calls_that_share_a_failing_disk_are_both_told(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system tells one of them alone: the other's success would be none."""
    segment = segment_in(state)
    told: list[str] = []
    entered = threading.Event()

    def fail_once(_fd: int) -> None:
        if entered.is_set():
            return
        entered.set()
        time.sleep(0.2)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def sync() -> None:
        try:
            segment.sync()
        except AuditError:
            told.append("failed")

    monkeypatch.setattr(os, "fdatasync", fail_once)
    first = threading.Thread(target=sync)
    first.start()
    assert entered.wait(20)
    sync()
    first.join()
    assert told == ["failed", "failed"]


def test_s20_a_half_written_entry_is_cut_off_again(state: str) -> None:
    said = child(
        state,
        """
before = size()
limit(before + 50)
why = fails(segment.append, "note", {"what": "x" * 100})
cut = size() == before
limit(None)
segment.append("note", {"what": "y"})
segment.close("done")
print(json.dumps([why, cut]))
""",
    )
    assert said == ["The audit log cannot be written: File too large.", True]
    found = the_segment(state)
    assert kinds(found) == ["open", "note", "close"]
    assert found.entries[1]["what"] == "y"


def test_s20_a_half_written_clear_line_does_not_spoil_the_next(state: str) -> None:
    said = child(
        state,
        """
segment.append_clear(bytes(16), {"customer": "cus_1"})
segment.append("note", {"what": "x"})
clear = segment.path.replace(".jsonl", ".clear.jsonl")
limit(os.path.getsize(clear) + 20)
why = fails(segment.append_clear, bytes(16), {"customer": "cus_2"})
limit(None)
segment.append_clear(bytes(16), {"customer": "cus_3"})
segment.append("note", {"what": "x"})
print(json.dumps(why is not None))
""",
    )
    assert said is True
    (path,) = [path for path in files(state) if path.endswith(".clear.jsonl")]
    clear = parse_clear(read(path))
    assert clear.unreadable == ()
    assert [row["clear"]["customer"] for row in clear.rows.values()] == ["cus_1", "cus_3"]


def test_s20_a_promised_entry_that_cannot_be_written_ends_the_log(state: str) -> None:
    said = child(
        state,
        """
limit(size())
lost = fails(segment.append_last, "note", {"what": "answer"})
limit(None)
denied = fails(segment.append, "note", {"what": "next"})
again = fails(segment.append_last, "note", {"what": "other answer"})
segment.close("done")
print(json.dumps([lost is not None, denied, again]))
""",
    )
    assert said == [
        True,
        "The audit log cannot be written: an earlier entry could not be written.",
        None,
    ]
    assert kinds(the_segment(state)) == ["open", "note", "close"]


def test_s20_a_close_entry_that_cannot_be_written_is_an_error_and_frees_the_files(
    state: str,
) -> None:
    said = child(
        state,
        """
before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 2
limit(size())
why = fails(segment.close, "done")
after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
print(json.dumps([why is not None, before - after]))
""",
    )
    assert said == [True, 3], "the segment, its marker and the room held back"


def test_s20_a_log_that_cannot_be_opened_leaves_nothing_behind(state: str) -> None:
    said = child(
        state,
        """
segment.close("done")
whys = []
for size in (0, 100, 4096):
    limit(size)
    whys.append(fails(AuditSegment, home, Subject("billing", 3, "ab"), {}))
limit(None)
print(json.dumps(whys))
""",
    )
    assert said == ["The audit log cannot be written: File too large."] * 3
    assert len(files(state)) == 1


def test_s20_a_folder_that_is_no_longer_ours_takes_no_log(state: str) -> None:
    segment_in(state).close("done")
    folder = os.path.join(state, "audit")
    os.chmod(folder, 0o722)
    with pytest.raises(AuditError) as caught:
        segment_in(state)
    assert caught.value.id == "MCPX-A01"
    assert caught.value.exit_code == 5
    assert "other users may write it." in caught.value.why


def test_s20_a_folder_without_permission_takes_no_log(state: str) -> None:
    os.makedirs(state, 0o700)
    if os.geteuid() == 0:
        os.chown(state, 12345, 12345)
    else:
        os.chmod(state, 0o500)
    with pytest.raises(AuditError):
        segment_in(state)


def test_s20_a_file_in_the_folders_place_takes_no_log(state: str) -> None:
    os.makedirs(state, 0o700)
    with open(os.path.join(state, "audit"), "wb"):
        pass
    with pytest.raises(AuditError):
        segment_in(state)


@pytest.fixture
def small_disk(tmp_path: os.PathLike[str]) -> Iterator[str]:
    """A file system of 320 KiB."""
    folder = os.path.join(os.fspath(tmp_path), "disk")
    os.mkdir(folder, 0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=320k,mode=0700", "tmpfs", folder]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip("mounting needs root")
    yield os.path.join(folder, "state")
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: str) -> str:
    """A file that takes all that is left."""
    path = os.path.join(folder, "filling")
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return path


def fill_last_page(segment: AuditSegment) -> None:
    """Entries until the segment itself needs a block that is not there."""
    with contextlib.suppress(AuditError):
        while segment.append("note", {"what": "x" * 100}):
            pass
    with pytest.raises(AuditError, match="No space left on device"):
        segment.append("note", {"what": "x" * 100})


def test_s20_a_disk_that_fills_up_still_takes_the_promised_answers(small_disk: str) -> None:
    segment = segment_in(small_disk)
    filling = fill(os.path.dirname(small_disk))
    fill_last_page(segment)
    for _ in range(100):
        segment.append_last("note", {"what": "a promised answer" + "x" * 400})
    with pytest.raises(AuditError):
        segment.append("note", {"what": "a new call"})
    os.unlink(filling)
    with pytest.raises(AuditError):
        segment.append("note", {"what": "a new call"})
    segment.close("done")
    found = the_segment(small_disk)
    assert kinds(found)[-101:] == ["note"] * 100 + ["close"]
    assert all(entry.get("what") != "a new call" for entry in found.entries)


def test_s20_a_full_disk_is_denied_and_left_as_it_was(small_disk: str) -> None:
    segment_in(small_disk).close("done")
    fill(os.path.dirname(small_disk))
    for _ in range(3):
        with pytest.raises(AuditError, match="No space left on device"):
            segment_in(small_disk)
    assert len(files(small_disk)) == 1
    assert kinds(the_segment(small_disk)) == ["open", "close"]
