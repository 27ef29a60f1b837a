"""Many processes of one developer at one repository, while its publisher publishes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import homes
import pytest
from repository_desk import Desk, open_desk

from mcp_proxy.edges.places import VARIABLE

pytestmark = pytest.mark.slow

_REPEAT = """
import sys
from mcp_proxy.app.refreshing import refresh
for _ in range(int(sys.argv[1])):
    found = refresh("billing", offline=sys.argv[2] == "offline")
    if found.problem is not None:
        sys.exit(str(found.problem))
"""


@pytest.fixture
def desk(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    folder = os.fspath(tmp_path)
    monkeypatch.setenv(VARIABLE, os.path.join(folder, "home"))
    with open_desk(folder) as made:
        made.publish(1)
        made.trust()
        made.install()
        yield made


def repeat(times: int, how: str) -> subprocess.Popen[str]:
    """A process that refreshes so often, and ends with the first error."""
    command = [sys.executable, "-c", _REPEAT, str(times), how]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_six_processes_at_once_refresh_and_prove_while_versions_appear(desk: Desk) -> None:
    workers = [repeat(30, "online") for _ in range(3)] + [repeat(100, "offline") for _ in range(3)]
    names = ["find", "refund", "ask"]
    for version in range(2, 8):
        # Narrower or the same each time, so that each activates by itself.
        desk.repo.days = 60 // version
        desk.publish(version, tools=[homes.tool(name) for name in names[: 3 - version // 4]])
        time.sleep(0.3)
    told = [worker.communicate(timeout=120)[1] for worker in workers]
    assert told == [""] * 6
    command = [sys.executable, "-P", "-m", "mcp_proxy", "profile", "refresh", "billing", "--json"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["version"]) == (0, 7)
    assert desk.load().header.version == 7


def test_a_refresh_that_is_killed_leaves_what_was_activated(desk: Desk) -> None:
    for version in range(2, 6):
        desk.publish(version, tools=[homes.tool("find"), homes.tool("refund")])
        worker = repeat(10_000, "online")
        time.sleep(0.5 + version / 7)
        worker.kill()
        assert (worker.communicate()[1], worker.returncode) == ("", -signal.SIGKILL)
        for how in ("online", "offline"):
            assert repeat(1, how).communicate(timeout=60)[1] == ""
        assert desk.load().header.version == version
