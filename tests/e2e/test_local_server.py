"""A local server from the publisher's source to an answered call, through the installed command."""

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from e2e.client import RawClient, text_of
from e2e.stage import COMMAND, KEPT, LAST, run_batch

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sessions and /proc are POSIX's")

SERVER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "edges", "stdio_server.py")
CANARY = f"canary-{secrets.token_hex(8)}"
SOURCE = """
profile: local
version: {version}
title: Local
upstreams:
  files:
    kind: stdio
    command: [{python}, {server}, {era}{more}]
    environment: {{MODE: strict}}
    listing: files.tools.json
    auth: {{kind: env, credential: files-token, name: FILES_TOKEN}}
    deadline: 10s
tools:
  where:
    upstream: files
    operation: where
    effect: read
    effect_reason: It only looks.
    description: Tells where the server runs and what it was given.
"""
LISTING = {"tools": [{"name": "where", "inputSchema": {"type": "object"}}]}


class Local:
    """A home with one profile of one local server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.env["MCP_PROXY_HOME"] = str(folder / "home")
        self.env["KEY"] = base64.b64encode(secrets.token_bytes(32)).decode()
        self.env["OUR_TOKEN"] = CANARY
        (folder / "files.tools.json").write_text(json.dumps(LISTING))
        self.run(("home", "init", str(folder / "home")))

    def run(self, *commands: tuple[str, ...]) -> None:
        run_batch(self.env, *commands)

    def install(self, era: str, version: int = 1, more: str = "") -> None:
        source = self.folder / "local.yaml"
        python, server = json.dumps(sys.executable), json.dumps(SERVER)
        source.write_text(
            SOURCE.format(version=version, python=python, server=server, era=era, more=more)
        )
        envelope = str(self.folder / "local.dsse.json")
        self.run(
            ("profile", "sign", str(source), "-o", envelope, "--key", "env:KEY"),
            ("trust", "add", LAST, "--profiles", "local", "--yes"),
            ("profile", "install", envelope, "--yes"),
        )

    def trust(self) -> None:
        words = ("credential", "set", "files-token", "--command", "local/files")
        self.run(
            ("trust", "command", "local", "files", "--yes"),
            (*words, "--from", "env:OUR_TOKEN"),
        )

    def serve(self) -> RawClient:
        return RawClient([COMMAND, "--profile", "local"], self.env)

    def written(self) -> bytes:
        home = self.folder / "home"
        return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


@pytest.fixture
def local(tmp_path: Path) -> Local:
    return Local(tmp_path)


def is_gone(pid: int, within_s: float = 6.0) -> bool:
    until = time.monotonic() + within_s
    while runs(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not runs(pid)


def runs(pid: int) -> bool:
    """An orphan that has ended may wait for whoever adopted it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_s13_a_trusted_local_server_answers_and_ends_with_us(local: Local, era: str) -> None:
    local.install(era)
    local.trust()
    with local.serve() as client:
        seen = json.loads(text_of(client.call("where", {})))
        assert seen["env"]["MODE"] == "strict"
        assert seen["env"]["FILES_TOKEN"] == "[credential removed]"
        assert psutil.Process(seen["pid"]).environ()["FILES_TOKEN"] == CANARY
        assert not {"KEY", "OUR_TOKEN", "MCP_PROXY_HOME"} & seen["env"].keys()
        assert (seen["fds"], seen["holds"], seen["leads"]) == ([0, 1, 2], [], True)
        assert client.end() == 0
        assert is_gone(seen["pid"])
        assert not os.path.exists(seen["cwd"])
        assert CANARY.encode() not in client.stdout + client.stderr + local.written()


def test_s13_an_untrusted_local_server_is_not_started_and_the_command_is_named(
    local: Local,
) -> None:
    local.install("modern")
    with local.serve() as client:
        result = client.call("where", {})
        assert result["isError"] is True
        assert "MCPX-P16" in text_of(result)
        assert "mcp-proxy trust command local files" in text_of(result)
        assert psutil.Process(client.process.pid).children() == []
        local.trust()
        assert json.loads(text_of(client.call("where", {})))["argv"] == ["modern"]


def test_s13_a_running_server_ends_once_its_command_is_not_trusted_any_more(local: Local) -> None:
    local.install("modern")
    local.trust()
    with local.serve() as client:
        pid = json.loads(text_of(client.call("where", {})))["pid"]
        local.run(("trust", "command", "local", "files", "--remove"))
        assert "MCPX-P16" in text_of(client.call("where", {}))
        assert client.end() == 0
        assert is_gone(pid)


def test_s13_an_update_that_changes_the_command_needs_trust_anew(local: Local) -> None:
    local.install("modern")
    local.trust()
    local.install("modern", version=2, more=", --wider")
    with local.serve() as client:
        assert "MCPX-P16" in text_of(client.call("where", {}))


def test_a_server_killed_between_calls_is_started_again(local: Local) -> None:
    local.install("legacy")
    local.trust()
    with local.serve() as client:
        pid = json.loads(text_of(client.call("where", {})))["pid"]
        psutil.Process(pid).kill()
        assert is_gone(pid)
        time.sleep(0.7)
        assert json.loads(text_of(client.call("where", {})))["pid"] != pid


def test_s13_a_server_ends_when_the_sidecar_is_killed(local: Local) -> None:
    local.install("modern")
    local.trust()
    with local.serve() as client:
        pid = json.loads(text_of(client.call("where", {})))["pid"]
        client.process.kill()
        assert is_gone(pid)


@pytest.mark.parametrize("how", ["input", "signal", "stopped"])
def test_s13_neither_a_stubborn_server_nor_what_it_started_outlives_us(
    local: Local, how: str
) -> None:
    local.install("legacy", more=", stubborn")
    local.trust()
    with local.serve() as client:
        pid = json.loads(text_of(client.call("where", {})))["pid"]
        (started,) = psutil.Process(pid).children()
        if how == "signal":
            client.process.send_signal(signal.SIGTERM)
            client.process.wait(10)
        else:
            if how == "stopped":
                psutil.Process(pid).suspend()
            assert client.end() == 0
        # Nothing is left to do for anybody else.
        assert (is_gone(pid, 1), is_gone(started.pid, 1)) == (True, True)
        assert b"Traceback" not in client.stderr


def test_doctor_names_what_a_local_server_lacks_and_then_asks_it(local: Local) -> None:
    def doctor() -> str:
        done = subprocess.run(
            [COMMAND, "doctor"],
            env=local.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout + done.stderr

    local.install("modern")
    assert "mcp-proxy trust command local files" in doctor()
    local.trust()
    assert "the local server lists 1 tools" in doctor()
