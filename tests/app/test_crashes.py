"""Processes that were killed: their segments stay as they are, and the ledger tells their end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from log_desk import call_once, ledger, log_in, path_of, read_bytes

from mcp_proxy.app.crashes import close_crashed
from mcp_proxy.core.audit import GENESIS
from mcp_proxy.edges.audit_files import AuditSegment
from mcp_proxy.edges.audit_ledger import AuditLedger, ledger_path
from mcp_proxy.edges.audit_repair import replace_ledger
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import AuditError, HomeError

# A process that begins a segment and says its path, then waits, with `code` done before.
SERVING = """
import os, sys
sys.path.insert(0, sys.argv[2])
from log_desk import call_once, log_in, path_of
from mcp_proxy.edges.places import Home
log = log_in(Home(*sys.argv[1].split("|")))
call_once(log)
{code}
print(path_of(log) if log.segment else "", flush=True)
sys.stdin.readline()
"""
TESTS = os.fspath(Path(__file__).parent.parent)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    folder = os.fspath(tmp_path)
    return Home("ab" * 16, *(os.path.join(folder, name) for name in ("config", "data", "state")))


class Process:
    """A process that serves."""

    def __init__(self, home: Home, code: str = "") -> None:
        command = [sys.executable, "-c", SERVING.format(code=code), "|".join(home), TESTS]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._path = ""

    def began(self) -> str:
        """Its segment's path, once it has one; empty where it has ended by then."""
        assert self._process.stdout is not None
        self._path = self._path or self._process.stdout.readline().strip()
        return self._path

    def stopped(self) -> None:
        self.began()
        self._process.send_signal(signal.SIGSTOP)

    def killed(self) -> str:
        """Its segment's path."""
        path = self.began()
        self._process.kill()
        self._process.communicate()
        return path


def name_of(path: str) -> str:
    return "/".join(path.removesuffix(".jsonl").split(os.sep)[-2:])


def closes(home: Home) -> list[dict[str, Any]]:
    return ledger(home, "close")


def markers(home: Home) -> list[str]:
    return os.listdir(os.path.join(home.state, "audit", "running"))


def test_s20_a_killed_process_is_closed_by_the_next_one_as_it_ended(home: Home) -> None:
    path = Process(home).killed()
    before = read_bytes(path)
    assert close_crashed(home) == 1
    (entry,) = closes(home)
    last = json.loads(before.splitlines()[-1])
    assert (entry["segment"], entry["reason"]) == (name_of(path), "crash")
    assert (entry["entries"], entry["head"], entry["torn"]) == (3, last["hash"], 0)
    assert read_bytes(path) == before, "nothing is written into it"
    assert markers(home) == []
    assert close_crashed(home) == 0


def test_a_torn_tail_is_told_in_bytes(home: Home) -> None:
    path = Process(home).killed()
    os.truncate(path, os.path.getsize(path) - 10)
    lines = read_bytes(path).split(b"\n")
    assert close_crashed(home) == 1
    (entry,) = closes(home)
    assert (entry["entries"], entry["torn"]) == (2, len(lines[-1]))
    assert entry["head"] == json.loads(lines[1])["hash"]


def test_what_stands_after_a_damaged_line_counts_as_torn(home: Home) -> None:
    path = Process(home).killed()
    lines = read_bytes(path).splitlines(keepends=True)
    lines[1] = lines[1].replace(b"allow", b"denyx")
    Path(path).write_bytes(b"".join(lines))
    close_crashed(home)
    (entry,) = closes(home)
    assert (entry["entries"], entry["torn"]) == (1, len(lines[1]) + len(lines[2]))


def test_a_process_that_lives_is_left_alone_also_when_it_is_stopped(home: Home) -> None:
    process = Process(home)
    process.began()
    assert close_crashed(home) == 0
    process.stopped()
    assert close_crashed(home) == 0
    assert closes(home) == []
    process.killed()
    assert close_crashed(home) == 1


def test_the_own_segment_is_alive(home: Home) -> None:
    log = log_in(home)
    call_once(log)
    assert len(markers(home)) == 1
    assert close_crashed(home) == 0
    log.close("done")
    assert [entry["reason"] for entry in closes(home)] == ["done"]
    assert markers(home) == []


def test_many_are_closed_once_each_by_processes_that_look_at_once(home: Home) -> None:
    served = [Process(home) for _ in range(4)]
    paths = sorted(name_of(process.killed()) for process in served)
    script = (
        "import sys\nfrom mcp_proxy.app.crashes import close_crashed\n"
        "from mcp_proxy.edges.places import Home\nclose_crashed(Home(*sys.argv[1].split('|')))\n"
    )
    words = [sys.executable, "-c", script, "|".join(home)]
    for looking in [subprocess.Popen(words) for _ in range(3)]:
        assert looking.wait(60) == 0
    close_crashed(home)
    assert sorted(entry["segment"] for entry in closes(home)) == paths


def test_a_process_that_was_killed_after_the_ledger_heard_its_end_is_not_told_twice(
    home: Home,
) -> None:
    """Killed between the ledger's close entry and the removal of its marker."""
    code = "log.segment._settle = lambda: os.kill(os.getpid(), 9)\nlog.close('client ended')"
    Process(home, code).killed()
    assert [entry["reason"] for entry in closes(home)] == ["client ended"]
    assert len(markers(home)) == 1
    assert close_crashed(home) == 0
    assert len(closes(home)) == 1
    assert markers(home) == []


def test_an_end_that_only_the_segment_knows_is_told_by_its_own_word(home: Home) -> None:
    """Killed between the segment's close entry and the ledger's."""
    code = "log.segment._end = lambda *_: os.kill(os.getpid(), 9)\nlog.close('terminated')"
    Process(home, code).killed()
    assert closes(home) == []
    assert close_crashed(home) == 1
    (entry,) = closes(home)
    assert (entry["reason"], entry["entries"], entry["torn"]) == ("terminated", 4, 0)


def test_one_that_was_killed_before_its_segment_was_made_has_no_entries(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: AuditSegment, *_: Any) -> None:
        """As if the process had ended here."""
        assert self._running is not None
        self._running.abandon()
        self._running = None
        raise AuditError("MCPX-A01", "killed")

    monkeypatch.setattr(AuditSegment, "_begin", killed)
    with pytest.raises(AuditError):
        call_once(log_in(home))
    assert close_crashed(home) == 1
    (entry,) = closes(home)
    assert (entry["entries"], entry["head"], entry["torn"]) == (0, GENESIS, 0)


def test_a_marker_that_the_ledger_was_never_told_of_is_taken_away(home: Home) -> None:
    Process(home).killed()
    close_crashed(home)
    marker = os.path.join(home.state, "audit", "running", "01M83PVX60PSTNXR0TY5FV768H")
    os.close(os.open(marker, os.O_CREAT, 0o600))
    assert close_crashed(home) == 0
    assert markers(home) == []


def test_what_is_no_marker_is_left_alone(home: Home) -> None:
    Process(home).killed()
    close_crashed(home)
    folder = Path(home.state, "audit", "running")
    (folder / "notes.txt").write_text("mine")
    (folder / "01M83PVX60PSTNXR0TY5FV768H").mkdir()
    (folder / "01M83PVX60PSTNXR0TY5FV768J").symlink_to("notes.txt")
    assert close_crashed(home) == 0
    assert len(markers(home)) == 3


def test_a_ledger_that_cannot_be_written_keeps_the_marker_for_the_next(home: Home) -> None:
    Process(home).killed()
    with open(ledger_path(home), "ab") as file:
        file.write(b"damage\n")
    with pytest.raises(AuditError):
        close_crashed(home)
    assert len(markers(home)) == 1


def test_one_that_cannot_be_read_does_not_hide_the_others(home: Home) -> None:
    first, second = sorted((Process(home).killed(), Process(home).killed()))
    os.chmod(first, 0o644)
    with pytest.raises(HomeError, match="other users may read it"):
        close_crashed(home)
    assert [entry["segment"] for entry in closes(home)] == [name_of(second)]
    os.chmod(first, 0o600)
    assert close_crashed(home) == 1


def test_a_segment_of_the_ledger_before_is_closed_in_the_new_one(home: Home) -> None:
    path = Process(home).killed()
    with open(ledger_path(home), "ab") as file:
        file.write(b"damage\n")
    assert replace_ledger(home) is not None
    assert close_crashed(home) == 1
    assert [entry["segment"] for entry in closes(home)] == [name_of(path)]


def test_a_checkpoint_tells_how_far_the_segment_is(home: Home) -> None:
    log = log_in(home)
    call_once(log)
    assert log.segment is not None
    assert log.segment.uncovered == 3
    head = log.segment.checkpoint()
    assert head == AuditLedger(home).head()
    (entry,) = ledger(home, "checkpoint")
    last = json.loads(read_bytes(path_of(log)).splitlines()[-1])
    assert (entry["entries"], entry["head"]) == (3, last["hash"])
    assert log.segment.uncovered == 0
    segment = log.segment
    log.close("done")
    assert segment.checkpoint() is None
    assert [entry["kind"] for entry in ledger(home)][-2:] == ["checkpoint", "close"]
