"""The launcher's death as an event, with real processes."""

import json
import os
import select
import signal
import subprocess
import sys

import pytest

from mcp_proxy.edges.parent import watch_parent

WAIT_S = 20.0

# The grandchild says that it watches, waits for the event and says what it saw, on a pipe that
# outlives its parent.
GRANDCHILD = """
import json, os, select, sys
from mcp_proxy.edges.parent import watch_parent
out = int(sys.argv[1])
fd = watch_parent()
os.write(out, b"watching\\n")
poll = select.poll()
poll.register(fd, select.POLLIN)
seen = poll.poll(20_000)
os.write(out, json.dumps([len(seen), os.getppid()]).encode() + b"\\n")
"""
PARENT = """
import subprocess, sys, time
out = sys.argv[1]
subprocess.Popen([sys.executable, "-c", sys.argv[2], out], pass_fds=[int(out)])
time.sleep(60)
"""


def test_a_living_parent_is_no_event() -> None:
    fd = watch_parent()
    if fd is None:
        pytest.skip("this system has nothing to poll a process with")
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    assert poll.poll(0) == []
    os.close(fd)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_parent_that_is_killed_is_an_event(how: signal.Signals) -> None:
    reads, writes = os.pipe()
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(writes), GRANDCHILD],
        pass_fds=[writes],
    )
    os.close(writes)
    with os.fdopen(reads, "rb") as said:
        assert said.readline() == b"watching\n"
        os.kill(parent.pid, how)
        assert parent.wait(WAIT_S) == -how
        count, new_parent = json.loads(said.readline())
    assert count == 1
    assert new_parent != parent.pid


def test_a_server_whose_parent_dies_ends_although_its_stdin_stays_open(
    tmp_path: os.PathLike[str],
) -> None:
    """A sibling that inherited the pipe keeps end-of-file away; the parent's death does not."""
    home = os.path.join(os.fspath(tmp_path), "nowhere")
    keep_open, stdin = os.pipe()[::-1]
    reads, writes = os.pipe()
    script = (
        "import os, subprocess, sys, time\n"
        "stdin, out = map(int, sys.argv[1:])\n"
        "subprocess.Popen([sys.executable, '-m', 'mcp_proxy', '--profile', 'x'],"
        " stdin=stdin, stdout=out, stderr=subprocess.DEVNULL)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(stdin), str(writes)],
        pass_fds=[stdin, writes],
        env={**os.environ, "HOME": home, "MCP_PROXY_HOME": home},
    )
    os.close(stdin)
    os.close(writes)
    os.write(keep_open, b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    with os.fdopen(reads, "rb") as said:
        assert json.loads(said.readline()) == {"jsonrpc": "2.0", "id": 1, "result": {}}
        parent.kill()
        parent.wait(WAIT_S)
        assert said.read() == b"", "the server has ended, and with it its end of the pipe"
    os.close(keep_open)
