"""Eight processes, ten thousand calls, kill -9, SIGSTOP, and a clock set back and forward (S18).

The oracle is what the processes wrote down on their own right before each dispatch: nothing of the
database is read for it.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from edges.ledger_process import CALLS, CUSTOMER, HOURLY, FileClock, true_s

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.state_db import StateDb
from mcp_proxy.edges.state_file import state_path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.skipif(sys.platform != "linux", reason="the clock since the boot is Linux's"),
]

PROGRAM = Path(__file__).with_name("ledger_process.py")
PROCESSES = 8
ALL_CALLS = 10_000
KILLS = 24
DEADLINE_S = LIMITS.state_wait_ms / 1000
# A call makes three transactions at most; the rest is the machine's, which runs other things too.
STALL_S = 3 * DEADLINE_S + 1
DAY_S = 86_400
# By how much the wall clock is wrong, in turn; where it is right again a person may confirm it.
WRONG_S = (0, 0, -200, 600, 3 * DAY_S, 0, -3600, 0, 20 * 3600, 0, 40 * DAY_S, 0, -100 * DAY_S, 0)


class Stop(NamedTuple):
    """When a process could not run, in the machine's seconds."""

    pid: int
    began: float
    ended: float


class Storm:
    """The processes, and what is done to them."""

    def __init__(self, home: Home, folder: Path, chance: random.Random) -> None:
        self.home, self._folder, self._chance = home, folder, chance
        self._clock = folder / "clock"
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.set_clock(0.0)
        self.stops: list[Stop] = []
        self.killed = 0
        self._seed = 0
        self.running = [self._start() for _ in range(PROCESSES)]

    def set_clock(self, wrong_s: float) -> None:
        fresh = self._folder / "clock.new"
        fresh.write_text(str(wrong_s), encoding="ascii")
        fresh.replace(self._clock)

    def confirm_clock(self) -> None:
        """As a person does who says that it is right again."""
        db = StateDb(self.home, FileClock(str(self._clock)))
        try:
            db.confirm_clock()
        finally:
            db.close()

    def kill(self) -> None:
        at = self._chance.randrange(PROCESSES)
        self.running[at].kill()
        self.running[at].wait()
        self.running[at] = self._start()
        self.killed += 1

    def stop(self, seconds: float) -> None:
        process = self._chance.choice(self.running)
        began = time.monotonic()
        process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        process.send_signal(signal.SIGCONT)
        self.stops.append(Stop(process.pid, began, time.monotonic()))

    def asked(self) -> int:
        """How many calls asked the ledger: all but those denied for a clock that was set back."""
        ended = Counter(line[3] for _, line in self.lines() if line[0] == "call")
        return ended.total() - ended["step back"]

    def stopped_s(self, pid: int, began: float, ended: float) -> float:
        """For how long of that time the process could not run."""
        stops = [stop for stop in self.stops if stop.pid == pid]
        return sum(max(0, min(stop.ended, ended) - max(stop.began, began)) for stop in stops)

    def lines(self) -> Iterator[tuple[int, list[Any]]]:
        """Every line of every process's log with its pid; the torn last one of a killed is none."""
        for path in self.logs.iterdir():
            for line in path.read_bytes().split(b"\n")[:-1]:
                yield int(path.name.split(".")[0]), json.loads(line)

    def end(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        self._seed += 1
        words = [os.path.dirname(self.home.config), self._clock, self.logs, str(self._seed)]
        return subprocess.Popen([sys.executable, PROGRAM, *words, str(ALL_CALLS)])


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Storm:
    folder = tmp_path_factory.mktemp("storm")
    chance = random.Random(18)
    made = Storm(init_home(str(folder / "home")), folder, chance)
    try:
        rage(made, chance)
    finally:
        made.end()
    return made


def rage(storm: Storm, chance: random.Random) -> None:
    """Until all calls were made and enough processes were killed, however fast the machine is."""
    turn, ends = 0, time.monotonic() + 540
    while storm.asked() < ALL_CALLS or storm.killed < KILLS:
        assert time.monotonic() < ends
        wrong_s = WRONG_S[turn % len(WRONG_S)]
        storm.set_clock(wrong_s)
        if wrong_s == 0 and turn % 2:
            storm.confirm_clock()
        for _ in range(4):
            time.sleep(chance.uniform(0.05, 0.3))
            storm.kill()
            storm.stop(chance.uniform(0.05, 0.9))
        turn += 1
    storm.stop(DEADLINE_S + 1)


def dispatches(storm: Storm) -> list[tuple[float, int, str]]:
    return [tuple(line[1:]) for _, line in storm.lines() if line[0] == "dispatch"]


def test_s18_no_budget_is_exceeded_in_any_window(storm: Storm) -> None:
    calls: Counter[int] = Counter()
    hourly: Counter[int] = Counter()
    customers: Counter[tuple[int, str]] = Counter()
    for now_s, amount, customer in dispatches(storm):
        calls[int(now_s // 60)] += 1
        hourly[int(now_s // 3600)] += amount
        customers[int(now_s // DAY_S), customer] += amount
    assert sum(calls.values()) > 500
    assert CALLS.at_most * 0.8 < max(calls.values()) <= CALLS.at_most
    assert HOURLY.at_most * 0.8 < max(hourly.values()) <= HOURLY.at_most
    assert CUSTOMER.at_most * 0.5 < max(customers.values()) <= CUSTOMER.at_most


def test_s18_no_clock_makes_time_go_a_day_ahead_of_the_boots(storm: Storm) -> None:
    assert max(now_s for now_s, _, _ in dispatches(storm)) < true_s() + DAY_S


def test_s18_no_call_waits_beyond_its_deadline_but_those_of_a_stopped_process(
    storm: Storm,
) -> None:
    waited = [
        ended - began - storm.stopped_s(pid, began, ended)
        for pid, (kind, began, ended, *_) in storm.lines()
        if kind == "call"
    ]
    ends = Counter(line[3] for _, line in storm.lines() if line[0] == "call")
    print(f"{dict(ends)}; the longest {max(waited):.2f} s, {storm.killed} killed")
    assert max(waited) < STALL_S


def test_s18_the_database_is_whole_and_counts_every_dispatch(storm: Storm) -> None:
    with closing(sqlite3.connect(state_path(storm.home))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        counted = dict(connection.execute("SELECT label, taken FROM counters").fetchall())
    minutes = Counter(minute_of(now_s) for now_s, _, _ in dispatches(storm))
    assert all(count <= counted[label] <= CALLS.at_most for label, count in minutes.items())


def minute_of(now_s: float) -> str:
    return datetime.fromtimestamp(now_s, UTC).isoformat()[:16] + "+00:00"
