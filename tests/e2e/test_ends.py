"""How a serving process ends: end of input, signals, the parent's death, a kill in the middle."""

import json
import os
import random
import signal
import subprocess
import sys

from e2e.client import WAIT_S, envelope
from e2e.stage import COMMAND, PROFILE, Stage

# Starts the server as a child that keeps this process's pipes, tells its pid, and waits.
_PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:])
sys.stderr.write(f"{child.pid}\\n")
sys.stderr.flush()
child.wait()
"""


def test_end_of_input_ends_the_process(stage: Stage) -> None:
    with stage.serve() as client:
        client.call("find_customer", {"customer": "cus_0001"})
        assert client.end() == 0


def test_end_of_input_before_anything_was_said_ends_the_process(stage: Stage) -> None:
    with stage.serve() as client:
        assert client.end() == 0


def test_sigterm_ends_the_process_and_closes_its_log(stage: Stage) -> None:
    with stage.serve() as client:
        client.call("find_customer", {"customer": "cus_0001"})
        client.process.send_signal(signal.SIGTERM)
        assert client.process.wait(WAIT_S) in (0, -signal.SIGTERM)
    assert stage.log()[-1]["kind"] == "close"


def test_the_parent_s_death_ends_the_process_though_its_pipes_stay_open(stage: Stage) -> None:
    reads, writes = os.pipe()
    command = [sys.executable, "-c", _PARENT, COMMAND, "--profile", PROFILE]
    pipe = subprocess.PIPE
    parent = subprocess.Popen(command, env=stage.env, stdin=reads, stdout=pipe, stderr=pipe)
    assert parent.stdout is not None
    assert parent.stderr is not None
    try:
        int(parent.stderr.readline())
        ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": envelope()}}
        os.write(writes, json.dumps(ask).encode() + b"\n")
        assert json.loads(parent.stdout.readline())["id"] == 1
        parent.kill()
        # The server holds the other end: end of file means that it has gone.
        assert parent.stdout.read() == b""
    finally:
        parent.kill()
        parent.wait(WAIT_S)
        for stream in (parent.stdout, parent.stderr):
            stream.close()
        os.close(reads)
        os.close(writes)


def test_s20_a_kill_in_the_middle_of_a_hundred_calls_loses_no_record(own_stage: Stage) -> None:
    stage, calls = own_stage, 100
    with stage.serve() as client:
        client.handshake()
        for number in range(calls):
            arguments = {"customer": f"cus_{number:04d}"}
            client.start(
                "tools/call", {"name": "find_customer", "arguments": arguments}, modern=False
            )
        for _ in range(random.Random().randrange(5, 60)):
            client.read()
        client.process.kill()
        client.process.wait(WAIT_S)
    stage.run("audit", "verify")
    shown = json.loads(stage.run("audit", "show", "--kind", "decided", "--json"))
    logged = {entry["values"]["customer"] for entry in shown}
    reached = {request.path.rsplit("/", 1)[1] for request in stage.api.seen}
    assert reached
    assert reached <= logged
