"""What `trust` and `home` print, ask and return."""

import argparse
import json
import os

import pytest
from trust_samples import SEED, trusted

from mcp_proxy.app import trust as trust_commands
from mcp_proxy.cli import home, render, trust
from mcp_proxy.core.signing import public_key
from mcp_proxy.core.trust_store import format_key_line
from mcp_proxy.edges.places import VARIABLE, init_home
from mcp_proxy.errors import UsageError

LINE = format_key_line(public_key(SEED), "default")


@pytest.fixture(autouse=True)
def own_home(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    init_home(folder)


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for group in (trust, home):
        group.add_commands(commands)
    options = parser.parse_args(words)
    return int(options.run(options))


def answer(monkeypatch: pytest.MonkeyPatch, path: object, text: str) -> None:
    """Puts a file in the place of the controlling terminal."""
    terminal = f"{path}/terminal"
    with open(terminal, "w", encoding="utf-8") as file:
        file.write(text)
    monkeypatch.setattr(render, "_TERMINAL", terminal)


def test_s1_the_fingerprint_is_shown_before_a_yes_at_the_terminal(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, tmp_path, "y\n")
    assert run("trust", "add", LINE, "--profiles", "billing") == 0
    assert trusted().keyid in capsys.readouterr().err
    assert trust_commands.list_keys() == [trusted()]


def test_s1_anything_but_yes_changes_nothing(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, tmp_path, "\n")
    assert run("trust", "add", LINE, "--profiles", "billing") == 1
    assert trust_commands.list_keys() == []


def test_s1_without_a_terminal_only_yes_trusts(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "_TERMINAL", f"{tmp_path}/none")
    with pytest.raises(UsageError):
        run("trust", "add", LINE, "--profiles", "billing")
    assert run("trust", "add", LINE, "--profiles", "billing", "--yes") == 0
    assert trust_commands.list_keys() == [trusted()]


def test_list_is_data_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    run("trust", "add", LINE, "--profiles", "billing,support-*", "--yes")
    capsys.readouterr()
    assert run("trust", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [
        {"keyid": trusted().keyid, "name": "default", "profiles": ["billing", "support-*"]}
    ]
    assert run("trust", "list") == 0
    assert trusted().keyid in capsys.readouterr().out


def test_remove_ends_the_trust(capsys: pytest.CaptureFixture[str]) -> None:
    run("trust", "add", LINE, "--profiles", "billing", "--yes")
    assert run("trust", "remove", "default") == 0
    assert trust_commands.list_keys() == []


def test_home_init_prints_the_variable(
    tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("home", "init", f"{tmp_path}/new") == 0
    assert capsys.readouterr().out == f"MCP_PROXY_HOME={tmp_path}/new\n"
