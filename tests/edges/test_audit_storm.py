"""Eight processes, 200 times kill -9, SIGSTOP, and a lock holder that is stopped (S20).

The oracle is what the processes wrote down on their own, right after the log had promised it:
nothing of the log is read for it.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from edges.audit_process import SEED
from log_desk import ledger, read_bytes

from mcp_proxy.app.audit_ledger_check import Place
from mcp_proxy.app.audit_verify import Means, verify
from mcp_proxy.app.crashes import close_crashed
from mcp_proxy.core.audit_check import check_segment, parse_clear
from mcp_proxy.core.audit_key import Signer
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.audit_ledger import AuditLedger
from mcp_proxy.edges.audit_reader import segment_paths
from mcp_proxy.edges.places import Home, init_home

pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are forked"),
]

PROGRAM = Path(__file__).with_name("audit_process.py")
PROCESSES = 8
KILLS = 200
DEADLINE_S = LIMITS.ledger_wait_ms / 1000
# A call waits for the ledger three times at most (rotation, checkpoint, command); the rest is the
# machine's, which runs other things too. Who waited for the holder to go on would wait longer.
STALL_S = 3 * DEADLINE_S + 10
HELD_S = STALL_S + 4


class Stop(NamedTuple):
    """When a process could not run, in the machine's seconds."""

    pid: int
    began: float
    ended: float


class Storm:
    """The processes, and what is done to them."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home, self.logs = home, folder / "logs"
        self.logs.mkdir()
        words = [sys.executable, PROGRAM, os.path.dirname(home.config), self.logs]
        pipe = subprocess.PIPE
        self._nursery = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True)
        self.stops: list[Stop] = []
        self.killed = 0
        self.held_by = 0
        self.running = [self._start() for _ in range(PROCESSES)]

    def kill(self, at: int) -> None:
        os.kill(self.running[at], signal.SIGKILL)
        self.killed += 1
        self.running[at] = self._start()

    def stop(self, pid: int, seconds: float) -> None:
        began = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
        self.stops.append(Stop(pid, began, time.monotonic()))

    def hold(self, seconds: float) -> None:
        """A process that has the ledger's lock is stopped, and killed in the end."""
        self.held_by = pid = self._ask("hold")
        ends = time.monotonic() + 20
        while not (self.logs / str(pid)).exists() or not (self.logs / str(pid)).stat().st_size:
            assert time.monotonic() < ends
            time.sleep(0.01)
        self.stop(pid, seconds)
        os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        for pid in self.running:
            os.kill(pid, signal.SIGKILL)
        self._nursery.communicate(timeout=20)

    def stopped_s(self, pid: int, began: float, ended: float) -> float:
        """For how long of that time the process could not run."""
        stops = [stop for stop in self.stops if stop.pid == pid]
        return sum(max(0, min(stop.ended, ended) - max(stop.began, began)) for stop in stops)

    def lines(self, kind: str) -> Iterator[tuple[int, list[Any]]]:
        """Lines of every process with its pid; the torn last one of a killed is none."""
        for path in self.logs.iterdir():
            for line in path.read_bytes().split(b"\n")[:-1]:
                row = json.loads(line)
                if row[0] == kind:
                    yield int(path.name), row[1:]

    def _start(self) -> int:
        return self._ask(f"call {self.killed}")

    def _ask(self, words: str) -> int:
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(words + "\n")
        self._nursery.stdin.flush()
        return int(self._nursery.stdout.readline())


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Storm:
    folder = tmp_path_factory.mktemp("storm")
    home = init_home(str(folder / "home"))
    sign = Signer(home.id, SEED)
    key = {"verifier": sign.verifier.line, "seal": sign.seal}
    AuditLedger(home).append("key", key, sign)
    made = Storm(home, folder)
    try:
        rage(made, random.Random(20))
    finally:
        made.end()
    close_crashed(home, sign)
    return made


def rage(storm: Storm, chance: random.Random) -> None:
    """Until enough processes were killed, in whatever they were at."""
    while storm.killed < KILLS:
        time.sleep(chance.uniform(0.01, 0.15))
        storm.kill(chance.randrange(PROCESSES))
        if storm.killed % 20 == 0:
            storm.stop(chance.choice(storm.running), chance.uniform(0.05, 0.5))
        if storm.killed == KILLS // 2:
            storm.hold(HELD_S)
    time.sleep(0.5)


@pytest.fixture(scope="module")
def segments(storm: Storm) -> dict[str, list[dict[str, Any]]]:
    """Every segment's entries by its name; each is whole, but for a torn tail."""
    found = {}
    for path in segment_paths(storm.home.state):
        segment = check_segment(read_bytes(path))
        assert segment.damage is None
        found[f"{path.split('/')[-2]}/{os.path.basename(path)[:26]}"] = list(segment.entries)
    return found


def test_s20_no_promised_entry_is_missing(
    storm: Storm, segments: dict[str, list[dict[str, Any]]]
) -> None:
    there = {
        (name, entry["kind"], entry["seq"] if entry["kind"] == "decided" else entry.get("call"))
        for name, entries in segments.items()
        for entry in entries
    }
    promised = {tuple(row) for _, row in storm.lines("promised")}
    print(f"{len(promised)} promised entries in {len(segments)} segments, {storm.killed} killed")
    assert len(promised) > 1000
    assert promised - there == set()


def test_s20_no_entry_that_the_ledger_promised_is_missing(storm: Storm) -> None:
    told = {(entry["seq"], entry["hash"]) for entry in ledger(storm.home)}
    promised = {tuple(row) for _, row in storm.lines("told")}
    print(f"{len(promised)} promised of {len(told)} entries in the ledger")
    assert len(promised) > 50
    assert promised - told == set()


def test_what_was_erased_is_gone_and_nothing_else(
    storm: Storm, segments: dict[str, list[dict[str, Any]]]
) -> None:
    erased = {tuple(row) for _, row in storm.lines("erased")}
    told = {(entry["segment"], entry["call"]) for entry in ledger(storm.home, "erase")}
    print(f"{len(erased)} calls erased")
    assert len(erased) > 5
    assert erased <= told
    kept = {
        (name, seq)
        for name in segments
        for seq in parse_clear(read_bytes(clear_of(storm.home, name))).rows
    }
    promised = {(name, seq) for _, (name, kind, seq) in storm.lines("promised") if kind}
    assert kept & erased == set()
    assert promised - told <= kept


def clear_of(home: Home, name: str) -> str:
    """A segment's clear file; some were killed before they had one."""
    path = os.path.join(home.state, "audit", f"{name}.clear.jsonl")
    return path if os.path.exists(path) else os.devnull


def test_s20_every_segment_was_told_of_and_its_end_is_where_the_ledger_says(
    storm: Storm, segments: dict[str, list[dict[str, Any]]]
) -> None:
    opened = [entry["segment"] for entry in ledger(storm.home, "open")]
    closes = ledger(storm.home, "close")
    assert len(set(opened)) == len(opened)
    assert set(segments) <= set(opened)
    assert sorted(entry["segment"] for entry in closes) == sorted(opened), "each once"
    for close in closes:
        entries = segments.get(close["segment"], [])
        assert close["entries"] == len(entries)
        if entries:
            assert close["head"] == entries[-1]["hash"]
            assert (close["reason"] == "crash") == (entries[-1]["kind"] != "close")
    reasons = Counter(entry["reason"] for entry in closes)
    print(dict(reasons))
    assert reasons["crash"] >= KILLS // 4
    assert reasons["rotated"] > 0


def test_s21_the_log_verifies_after_the_storm(storm: Storm) -> None:
    sign = Signer(storm.home.id, SEED)
    means = Means(keys=(sign.verifier,), source="given")
    report = verify(Place(storm.home.state, storm.home.id), means)
    print(sorted({item.what for item in report.findings if "killed after" not in item.what}))
    assert [item for item in report.findings if item.bad] == []
    assert report.good
    killed = [item for item in report.findings if "its process was killed" in item.what]
    assert len(killed) >= report.killed >= KILLS // 4, "some were killed before their first entry"
    signed = next(item for item in report.properties if item.name == "the ledger is signed")
    assert signed.state == "proven"


def test_s20_nobody_waits_beyond_the_deadline_for_a_holder_that_is_stopped(storm: Storm) -> None:
    waited = [
        (ended - began - storm.stopped_s(pid, began, ended), why)
        for pid, (began, ended, why) in storm.lines("call")
    ]
    denied = Counter(why for _, why in waited if why != "ok")
    print(f"the longest {max(waited)[0]:.2f} s of {len(waited)}; denied: {dict(denied)}")
    assert max(waited)[0] < STALL_S
    assert sum(count for why, count in denied.items() if f"process {storm.held_by}" in why) > 0
    assert sum(why == "ok" for _, why in waited) > 1000


def test_s20_calls_go_on_in_open_segments_while_the_ledger_is_held(storm: Storm) -> None:
    (held,) = (stop for stop in storm.stops if stop.pid == storm.held_by)
    went_on = [
        1
        for _, (began, ended, why) in storm.lines("call")
        if why == "ok" and held.began < began and ended < held.ended
    ]
    assert went_on
