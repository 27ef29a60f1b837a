"""A command of this program in a process of its own."""

import subprocess
import threading
from typing import Any

import pytest

from mcp_proxy import __version__
from mcp_proxy.edges import own_command
from mcp_proxy.edges.own_command import Ended, start_own


def run(*arguments: str, deadline_s: float = 30) -> Ended:
    ended: list[Ended] = []
    done = threading.Event()

    def hear(end: Ended) -> None:
        ended.append(end)
        done.set()

    start_own(arguments, deadline_s, hear)
    assert done.wait(30)
    return ended[0]


def test_what_it_prints_and_how_it_ended_is_told() -> None:
    assert run("--version") == Ended(0, f"mcp-proxy {__version__}\n".encode())


def test_wrong_usage_is_told_by_its_code_without_a_word_on_our_own_stderr(capfd: object) -> None:
    assert run("profile", "nonsense").code == 2
    assert capfd.readouterr().err == ""


def test_a_command_that_does_not_end_in_time_is_ended() -> None:
    assert run("--version", deadline_s=0.001) == Ended(-1, b"")


def test_no_credential_of_ours_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLING_TOKEN", "canary-of-a-secret")
    seen: list[dict[str, str]] = []
    run_really = subprocess.run

    def spy(command: list[str], **options: Any) -> "subprocess.CompletedProcess[bytes]":
        seen.append(options["env"])
        return run_really(command, **options)

    monkeypatch.setattr(own_command.subprocess, "run", spy)
    assert run("--version").code == 0
    assert "canary-of-a-secret" not in str(seen)
    assert "PATH" in seen[0]
