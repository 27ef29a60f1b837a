"""`mcp-proxy demo` shows the whole job, leaves nothing behind, and travels in the wheel."""

import importlib
import json
import os
import re
import subprocess
import sys

import pytest
from e2e.stage import COMMAND, KEPT

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def play(folder: str, *options: str, command: str = COMMAND) -> "subprocess.CompletedProcess[str]":
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env |= {"TMPDIR": folder, "HOME": folder, "COLUMNS": "400"}
    return subprocess.run(
        [command, "demo", *options],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def check(done: "subprocess.CompletedProcess[str]") -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BAD" not in done.stdout
    assert "every chain whole" in done.stdout


def test_s24_the_demo_plays_and_leaves_nothing_behind(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = str(tmp_path_factory.mktemp("demo"))
    done = play(folder)
    check(done)
    assert os.listdir(folder) == []


@pytest.mark.keychain
@pytest.mark.skipif(sys.platform != "linux", reason="counts the items of a Secret Service")
def test_s24_with_a_keychain_the_demo_s_secrets_are_there(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    before = items_held()
    done = play(str(tmp_path_factory.mktemp("demo")))
    check(done)
    assert "in the keychain, for http://127.0.0.1" in done.stdout
    assert items_held() == before


def items_held() -> set[str]:
    """The items of all homes that the Secret Service has, the audit log's keys included."""
    secretstorage = importlib.import_module("secretstorage")  # Linux's
    bus = secretstorage.dbus_init()
    try:
        items = list(secretstorage.get_default_collection(bus).get_all_items())
        return {str(item.get_attributes()) for item in items}
    finally:
        bus.close()


def test_s24_without_a_keychain_the_demo_says_so_and_uses_variables(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    done = play(str(tmp_path_factory.mktemp("demo")))
    check(done)
    assert "So secrets are random values in variables" in " ".join(done.stdout.split())


def test_keep_keeps_the_home_and_prints_the_client_entry(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = str(tmp_path_factory.mktemp("demo"))
    done = play(folder, "--keep")
    check(done)
    (kept,) = os.listdir(folder)
    assert os.path.isdir(os.path.join(folder, kept, "home", "state", "audit"))
    assert re.search(r'"args": \[\s*"--profile",\s*"demo-billing"\s*\]', done.stdout)


@pytest.mark.slow
def test_the_wheel_runs_the_demo_outside_of_the_checkout(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = str(tmp_path_factory.mktemp("wheel"))
    uv = os.path.join(os.path.dirname(sys.executable), "uv")

    def run(*command: str) -> None:
        subprocess.run(command, cwd=folder, check=True, timeout=300)

    run(uv, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
    (wheel,) = [name for name in os.listdir(folder) if name.endswith(".whl")]
    run(uv, "venv", "--quiet", "--python", sys.executable, "env")
    python = os.path.join(folder, "env", "bin", "python")
    run(uv, "pip", "install", "--quiet", "--python", python, os.path.join(folder, wheel))
    check(play(folder, command=os.path.join(folder, "env", "bin", "mcp-proxy")))
    shown = subprocess.run(
        [python, "-c", "import json, mcp_proxy; print(json.dumps(mcp_proxy.__file__))"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(shown.stdout).startswith(folder)
