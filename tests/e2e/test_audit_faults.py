"""Serving processes, launched as a client launches them, whose log meets faults (S20)."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from e2e.client import RawClient
from homes import install, make_home
from log_desk import SetClock, ledger, read_bytes, serve_once

from mcp_proxy.app.demo_http import LoopbackServer, Reply, Request
from mcp_proxy.cli.main import main
from mcp_proxy.core.audit_check import check_segment
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.audit_erase import clear_path
from mcp_proxy.edges.audit_ledger import ledger_path, lock_path
from mcp_proxy.edges.audit_lock import LedgerLock
from mcp_proxy.edges.audit_reader import segment_paths
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.settings import Settings, write_settings
from mcp_proxy.edges.settings_audit import AuditSettings

COMMAND = [sys.executable, "-m", "mcp_proxy", "--profile", "billing"]
FIND = {"customer": "cus_1"}
WAIT_S = 20.0


class Stage(NamedTuple):
    """A home with billing installed against a loopback API."""

    home: Home
    api: LoopbackServer

    def serve(self) -> RawClient:
        return RawClient(COMMAND, os.environ)


@contextlib.contextmanager
def raised(folder: str) -> Iterator[Stage]:
    def answer(_request: Request) -> Reply:
        return Reply(200, b'{"total":5}')

    with LoopbackServer(answer) as api:
        home = make_home(folder)
        install(home, url=api.origin)
        yield Stage(home, api)


@pytest.fixture
def stage(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    with raised(folder) as made:
        yield made


@pytest.fixture
def small_stage(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """On a file system of 1 MiB."""
    disk = os.path.join(os.fspath(tmp_path), "disk")
    os.mkdir(disk, 0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", disk]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip("mounting needs root")
    folder = os.path.join(disk, "home")
    monkeypatch.setenv(VARIABLE, folder)
    try:
        with raised(folder) as made:
            yield made
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def fill(stage: Stage) -> str:
    path = os.path.join(os.path.dirname(stage.home.state), "filling")
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return path


def is_denied(result: Any) -> bool:
    """Denied for want of a log, and for nothing else."""
    return bool(result.get("isError")) and "MCPX-A01" in result["content"][0]["text"]


def until(holds: Callable[[], object]) -> None:
    ends = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)


def verified(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["audit", "verify", "--json"]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def test_s20_a_full_disk_denies_the_call_until_there_is_room(
    small_stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_stage.serve() as client:
        filling = fill(small_stage)
        assert is_denied(client.call("find", FIND))
        os.unlink(filling)
        assert "isError" not in client.call("find", FIND)
        filling, results = fill(small_stage), []
        while not results or not is_denied(results[-1]):
            results.append(client.call("find", FIND))
        os.unlink(filling)
        served = 1 + sum("isError" not in result for result in results)
        assert len(small_stage.api.seen) == served
        client.end()
    assert verified(capsys)["findings"] == []
    (path,) = segment_paths(small_stage.home.state)
    entries = check_segment(read_bytes(path)).entries
    assert sum(entry["kind"] == "answered" for entry in entries) == served


def test_s20_a_killed_process_is_told_by_the_next_one(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    with stage.serve() as client:
        assert "isError" not in client.call("find", FIND)
        client.process.send_signal(signal.SIGKILL)
        client.process.wait(WAIT_S)
    assert ledger(stage.home, "close") == []
    with stage.serve() as client:
        assert "isError" not in client.call("find", FIND)
        client.end()
    reasons = sorted(entry["reason"] for entry in ledger(stage.home, "close"))
    assert reasons == ["client ended", "crash"]
    report = verified(capsys)
    assert (report["killed"], report["segments"]) == (1, 2)


@pytest.mark.slow
def test_s20_a_ledger_that_is_held_denies_the_first_call_in_time_and_hinders_no_open_log(
    stage: Stage,
) -> None:
    with stage.serve() as old, stage.serve() as new:
        assert "isError" not in old.call("find", FIND)
        with LedgerLock(lock_path(stage.home)):
            began = time.monotonic()
            result = new.call("find", FIND)
            waited_s = time.monotonic() - began
            assert "isError" not in old.call("find", FIND)
        assert is_denied(result)
        assert f"process {os.getpid()}" in result["content"][0]["text"]
        assert waited_s < 3 * LIMITS.ledger_wait_ms / 1000
        time.sleep(LIMITS.ledger_wait_ms / 1000)  # until then it does not try again
        assert "isError" not in new.call("find", FIND)
        assert (old.end(), new.end()) == (0, 0)


def test_s20_a_damaged_ledger_denies_the_call_and_names_the_command(stage: Stage) -> None:
    serve_once(stage.home)
    with open(ledger_path(stage.home), "ab") as file:
        file.write(b"no entry\n")
    with stage.serve() as client:
        text = client.call("find", FIND)["content"][0]["text"]
        client.end()
    assert "MCPX-A02" in text
    assert "mcp-proxy doctor --fix" in text
    assert stage.api.seen == []


def test_a_call_is_erased_while_its_process_serves(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    with stage.serve() as client:
        client.call("find", FIND)
        (path,) = segment_paths(stage.home.state)
        name = os.path.basename(path).removesuffix(".jsonl")
        assert main(["audit", "erase", f"{name}:1", "--yes"]) == 0
        client.call("find", {"customer": "cus_2"})
        assert client.end() == 0
    clear = read_bytes(clear_path(path))
    assert b"cus_1" not in clear
    assert b"cus_2" in clear
    assert verified(capsys)["findings"] == []


def test_a_serving_process_prunes_by_the_settings(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wall = SetClock(monkeypatch)
    wall.set_back(100)
    old = serve_once(stage.home)
    wall.set_back(0)
    write_settings(stage.home, Settings(audit=AuditSettings(keep_days=90)))
    with stage.serve() as client:
        client.call("find", FIND)
        client.end()
    until(lambda: not os.path.exists(old))
    assert [entry["why"] for entry in ledger(stage.home, "prune")] == ["age"]
    report = verified(capsys)
    assert (report["pruned"], report["segments"]) == (1, 1)
