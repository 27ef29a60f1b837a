"""What a budget transaction costs, the disk's answer included: alone, and with eight processes.

The best of some rounds counts: what else the machine does can only make one slower. The aims are
0.3 and 20 ms on a quiet machine, and the numbers are printed; the bounds leave room for a busy one.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_proxy.edges.places import init_home

pytestmark = [pytest.mark.slow, pytest.mark.alone]

PROGRAM = Path(__file__).with_name("ledger_cost.py")
ROUNDS = 8
ALONE_MS = 0.9
EIGHT_MS = 60


def round_ms(folder: str, processes: int, count: int) -> list[float]:
    """The sorted times of all processes together."""
    env = {**os.environ, "PYTHONPATH": os.fspath(Path(__file__).parent.parent)}
    words = [sys.executable, os.fspath(PROGRAM), folder, str(count)]
    running = [
        subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=env
        )
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
    told = [process.communicate()[0] for process in running]
    return sorted(ms for text in told for ms in json.loads(text))


def best_ms(folder: str, processes: int, count: int, share: float) -> float:
    """The least of all rounds' values below which that share of the times lies."""
    rounds = [round_ms(folder, processes, count) for _ in range(ROUNDS)]
    return min(found[int(len(found) * share)] for found in rounds)


def test_a_budget_transaction_alone_is_bounded(tmp_path: Path) -> None:
    init_home(os.fspath(tmp_path / "home"))
    half_ms = best_ms(os.fspath(tmp_path / "home"), 1, 400, 0.5)
    print(f"alone: p50 {half_ms:.3f} ms")
    assert half_ms < ALONE_MS


def test_with_eight_processes_99_of_100_are_bounded(tmp_path: Path) -> None:
    init_home(os.fspath(tmp_path / "home"))
    most_ms = best_ms(os.fspath(tmp_path / "home"), 8, 200, 0.99)
    print(f"eight processes: p99 {most_ms:.1f} ms")
    assert most_ms < EIGHT_MS
