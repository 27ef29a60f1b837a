"""The product's own bounds on memory and start, on the real command with everything switched on."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from e2e.client import RawClient
from e2e.stage import COMMAND, Stage
from homes import install, make_home, tool

MIB = 1 << 20
BEFORE_THE_FIRST_CALL_MIB = 30
AFTER_IT_MIB = 52
LOADED_MIB = 64
# How much of a library is resident around what is read of it is the kernel's choice, and differs.
CHOICE_MIB = 4
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
        after_mib = rss_mib(client.process)
        print(f"after the first call {after_mib:.1f} MiB")
        assert after_mib < AFTER_IT_MIB + CHOICE_MIB
        calls = [
            client.start("tools/call", {"name": CALL[0], "arguments": CALL[1]}) for _ in range(400)
        ]
        assert all("result" in client.reply(call) for call in calls)
        assert rss_mib(client.process) < LOADED_MIB
        assert client.end() == 0


@pytest.mark.slow
@pytest.mark.alone
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


@pytest.mark.slow
@pytest.mark.alone
def test_a_thousand_tools_start_little_later_than_ten(tmp_path: Path) -> None:
    """35 ms on a quiet machine, whose bare interpreter takes 14: two and a half of these."""
    homes = {}
    for count in (10, 1000):
        homes[count] = os.fspath(tmp_path / f"home-{count}")
        tools = [tool(f"tool_{number}") for number in range(count)]
        install(make_home(homes[count]), tools=tools, now_s=time.time())
    bare: list[float] = []
    took: dict[int, list[float]] = {10: [], 1000: []}
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run((sys.executable, "-I", "-c", "pass"), check=True)
        bare.append(time.perf_counter() - began)
        for count, home in homes.items():
            began = time.perf_counter()
            with RawClient([COMMAND, "--profile", "billing"], {"MCP_PROXY_HOME": home}) as client:
                client.handshake()
                listed = client.request("tools/list", modern=False)["result"]["tools"]
                took[count].append(time.perf_counter() - began)
                assert len(listed) == count
                client.end()
    later_s = statistics.median(took[1000]) - statistics.median(took[10])
    assert later_s <= 2.5 * statistics.median(bare)
