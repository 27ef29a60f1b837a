"""What the commands print is safe to look at."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_proxy.cli import render


@pytest.mark.parametrize("text", ["\x9b2J", "\u202eevil", "a\u200bb", "\ud800"])
def test_s25_json_for_a_person_holds_no_hidden_characters(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    render.json_out({"text": text, "name": "Grüße"})
    shown = capsys.readouterr().out
    assert text not in shown
    assert json.loads(shown) == {"text": text, "name": "Grüße"}


def test_json_keeps_letters_of_every_language(capsys: pytest.CaptureFixture[str]) -> None:
    render.json_out({"name": "Grüße"})
    assert "Grüße" in capsys.readouterr().out


def run(words: str, home: Path) -> "subprocess.CompletedProcess[bytes]":
    """A command line in a shell, in a home of its own."""
    return subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m mcp_proxy {words}"],
        env={"HOME": os.fspath(home), "PATH": os.environ["PATH"]},
        stderr=subprocess.PIPE,
        check=False,
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_full_disk_behind_stdout_is_told_and_no_traceback(tmp_path: Path) -> None:
    done = run("profile list --json > /dev/full", tmp_path)
    assert done.returncode == 2
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_stdout_that_was_closed_before_is_no_traceback(tmp_path: Path) -> None:
    done = run("profile list --json >&-", tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_piped_table_has_no_blanks_at_the_ends_of_its_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    render.table("T", ["a", "b"], [("x", "y")])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [line.rstrip() for line in lines]
    assert lines[-1].split() == ["x", "y"]
