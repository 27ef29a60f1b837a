"""The product's own bounds on memory and start, on the real command with everything switched on."""

import statistics
import subprocess
import sys
import time

import psutil
import pytest
from e2e.stage import Stage

MIB = 1 << 20
BEFORE_THE_FIRST_CALL_MIB = 30
AFTER_IT_MIB = 52
LOADED_MIB = 64
START_IN_PYTHONS = 5
ROUNDS = 15
CALL = ("find_invoices", {"customer": "cus_0001"})


def rss_mib(process: "subprocess.Popen[bytes]") -> float:
    return float(psutil.Process(process.pid).memory_info().rss) / MIB


def test_memory_stays_within_its_bounds(stage: Stage) -> None:
    with stage.serve() as client:
        client.request("server/discover")
        client.request("tools/list")
        assert rss_mib(client.process) < BEFORE_THE_FIRST_CALL_MIB
        assert "isError" not in client.call(*CALL)
        assert rss_mib(client.process) < AFTER_IT_MIB
        calls = [
            client.start("tools/call", {"name": CALL[0], "arguments": CALL[1]}) for _ in range(400)
        ]
        assert all("result" in client.reply(call) for call in calls)
        assert rss_mib(client.process) < LOADED_MIB
        assert client.end() == 0


@pytest.mark.slow
def test_a_start_costs_at_most_five_bare_interpreters(stage: Stage) -> None:
    bare, ours = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run((sys.executable, "-I", "-c", "pass"), check=True)
        bare.append(time.perf_counter() - began)
        began = time.perf_counter()
        with stage.serve() as client:
            client.handshake()
            assert client.request("tools/list", modern=False)["result"]["tools"]
            ours.append(time.perf_counter() - began)
            client.end()
    assert statistics.median(ours) <= START_IN_PYTHONS * statistics.median(bare)
