"""The exporter that a serving process starts: one for a home, one a minute at most."""

import os
import subprocess
import sys
import time

import psutil
import pytest
from homes import make_home

from mcp_proxy.app.otlp_start import OtlpStart
from mcp_proxy.edges import otlp_child
from mcp_proxy.edges.files import FileLock
from mcp_proxy.edges.otlp_child import OtlpChild, lock_path
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.settings import Settings, write_settings
from mcp_proxy.edges.settings_audit import AuditSettings

# What stands in for the exporter: tells its variables, then lives until its input ends.
_STAND_IN = """
import os, sys
with open(sys.argv[1], "a") as file:
    file.write(" ".join(sorted(os.environ)) + "\\n")
sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: os.PathLike[str]) -> Home:
    return make_home(os.path.join(os.fspath(tmp_path), "home"))


@pytest.fixture
def told(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The file in which each child writes a line."""
    path = os.path.join(os.fspath(tmp_path), "told")
    monkeypatch.setattr(otlp_child, "_COMMAND", (sys.executable, "-c", _STAND_IN, path))
    return path


def lines(path: str, count: int) -> list[str]:
    ends_at_s = time.monotonic() + 20
    while True:
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                found = file.read().splitlines()
            if len(found) >= count:
                return found
        assert time.monotonic() < ends_at_s
        time.sleep(0.01)


def end_children() -> None:
    for child in psutil.Process().children():
        if _is_stand_in(child):
            child.kill()
            child.wait(10)


def _is_stand_in(child: psutil.Process) -> bool:
    return _STAND_IN in child.cmdline()


def stand_ins() -> int:
    return sum(map(_is_stand_in, psutil.Process().children()))


def test_one_child_is_started_and_not_another_while_it_lives(
    home: Home, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_CONTEXT", "evil")
    monkeypatch.setenv("COLLECTOR_TOKEN", "canary")
    child = OtlpChild(home)
    try:
        for _ in range(3):
            child.ensure()
        (variables,) = lines(told, 1)
        assert "COLLECTOR_TOKEN" in variables.split()
        assert not any(name.startswith("OTEL_") for name in variables.split())
        assert stand_ins() == 1
    finally:
        end_children()
    child.ensure()  # it has ended within the minute
    assert stand_ins() == 0


def test_none_is_started_where_another_process_exports(home: Home, told: str) -> None:
    with FileLock(lock_path(home)):
        OtlpChild(home).ensure()
    assert stand_ins() == 0
    assert not os.path.exists(told)


def test_none_is_started_without_the_extra(
    home: Home, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp_child.importlib.util, "find_spec", lambda _name: None)
    OtlpChild(home).ensure()
    assert stand_ins() == 0
    assert not os.path.exists(told)


def test_a_serving_process_starts_it_only_where_the_settings_name_a_collector(
    home: Home, told: str
) -> None:
    start = OtlpStart(home)
    start(str)
    assert stand_ins() == 0
    write_settings(home, Settings(audit=AuditSettings(otlp="http://127.0.0.1:4318")))
    try:
        start(str)
        start(str)
        assert len(lines(told, 1)) == 1
    finally:
        end_children()
        start(str)


_STARTER = """
import os, sys
from mcp_proxy.edges import otlp_child
from mcp_proxy.edges.places import find_home
otlp_child._COMMAND = (sys.executable, "-c", sys.argv[1], sys.argv[2])
child = otlp_child.OtlpChild(find_home())
child.ensure()
print(child._child.pid, flush=True)
sys.stdin.readline()
os.kill(os.getpid(), 9)
"""


def test_the_child_ends_with_the_process_that_started_it_however_that_ends(
    home: Home, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, os.path.dirname(home.config))
    command = [sys.executable, "-c", _STARTER, _STAND_IN, told]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as starter:
        assert starter.stdout is not None
        process = psutil.Process(int(starter.stdout.readline()))
        lines(told, 1)
        assert process.is_running()
        starter.communicate("\n", timeout=20)
    process.wait(20)
