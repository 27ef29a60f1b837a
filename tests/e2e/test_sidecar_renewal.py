"""Tokens in running sidecars: one renewal for all, orderly ends, and what it costs in memory."""

import contextlib
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.login_world import Sidecar, World, open_world

SIDECARS = 6
# The bound of the design after the first call, and what the kernel may choose to keep of libraries.
RESIDENT_KB = (52 + 4) << 10
# The bound of the design under load, which no moment of a first call passes either.
PEAK_KB = (64 + 4) << 10

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests' browser forks"),
]


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(str(tmp_path_factory.mktemp("renewal"))) as made:
        yield made


def at_once(sidecars: list[Sidecar]) -> list[str]:
    """Each one's answer to a call that all make in the same moment."""
    said: list[str] = []
    threads = [
        threading.Thread(target=lambda sidecar=sidecar: said.append(sidecar.call()))
        for sidecar in sidecars
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return said


def test_s8_six_sidecars_started_at_once_after_the_end_make_one_refresh_and_no_login(
    world: World,
) -> None:
    world.login()
    world.outlive()
    with contextlib.ExitStack() as stack:
        sidecars = [stack.enter_context(world.sidecar()) for _ in range(SIDECARS)]
        said = at_once(sidecars)
        world.server.ledger.expire()
        said += at_once(sidecars)
    assert [text for text in said if "ada" not in text] == []
    assert len(said) == 2 * SIDECARS
    counts = world.server.ledger.counts
    assert (counts["authorize"], counts["refresh_token"], counts["alarm"]) == (1, 2, 0)


def test_s8_a_client_that_leaves_while_a_token_is_on_its_way_costs_no_login(world: World) -> None:
    world.server.knobs.access_s = 3_600
    world.login()
    held = world.server.faults.hold_after = threading.Event()
    world.server.ledger.expire()
    world.server.decided.clear()
    with world.sidecar() as sidecar:
        sidecar.client.start("tools/call", {"name": "whoami", "arguments": {}})
        assert world.server.decided.wait(30)
        threading.Timer(1, held.set).start()
        assert sidecar.client.end() == 0
    assert held.is_set()
    with world.sidecar() as sidecar:
        assert '"ada"' in sidecar.call()
    counts = world.server.ledger.counts
    assert (counts["authorize"], counts["refresh_token"], counts["alarm"]) == (1, 1, 0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_login_and_its_renewal_stay_within_the_memory_of_a_first_call(world: World) -> None:
    world.login()
    world.server.ledger.expire()
    with world.sidecar() as sidecar:
        assert '"ada"' in sidecar.call()
        # What stays: threads of the call may still be giving theirs back.
        taken = [_memory(sidecar.client.process.pid) for _ in range(10) if not time.sleep(0.1)]
    print(f"{min(sizes['VmRSS'] for sizes in taken):,} KiB, at most {taken[-1]['VmHWM']:,}")
    assert min(sizes["VmRSS"] for sizes in taken) <= RESIDENT_KB
    # The passphrase of the vault is stretched in the meantime.
    assert taken[-1]["VmHWM"] <= PEAK_KB
    assert world.server.ledger.counts["refresh_token"] == 1


def _memory(pid: int) -> dict[str, int]:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return {name: int(size) for name, size in re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", status)}
