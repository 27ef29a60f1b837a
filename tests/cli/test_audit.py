"""`mcp-proxy audit`: what an auditor sees on stdout, and the exit codes scripts rely on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from homes import make_home

from mcp_proxy.app.admin_log import record
from mcp_proxy.cli.main import main
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.edges.audit_files import Subject
from mcp_proxy.edges.audit_reader import segment_paths
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.places import VARIABLE, Home

HOSTILE = "cus\x1b[31m\u200b_1 [bold]"


@pytest.fixture
def home(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with one command and one served session in its log."""
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    home = make_home(folder)
    record(home, "trust add", scope="billing")
    log = CallLog(home.state, Subject("billing", 3, "ab"), ("customer",), lambda: {"name": "host"})
    allowed = Decided("find", "api", "read", "allow", "allow", None)
    denied = Decided("refund", "api", "destructive", "deny", "schema.maximum", "MCPX-D01")
    log.answered(
        log.decided(allowed, {"customer": HOSTILE}), Answered("ok", "yes", None, 200, 12, 3)
    )
    log.decided(denied, {"customer": "cus_2"})
    log.cancelled(log.decided(allowed, {}), "maybe")
    log.note("malformed")
    log.close("client ended")
    return home


def run(*words: str, code: int = 0) -> None:
    assert main(["audit", *words]) == code


def damage(home: Home) -> str:
    # Segments of one millisecond are in no order: the one with the denial is looked for.
    held = {path: Path(path).read_bytes() for path in segment_paths(home.state)}
    path = next(path for path, data in held.items() if b'"decision":"deny"' in data)
    Path(path).write_bytes(held[path].replace(b'"decision":"deny"', b'"decision":"none"'))
    return path


def test_show_prints_every_entry_with_its_clear_values(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    run("show")
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert lines[0].split() == ["time", "kind", "tool", "result", "detail"]
    assert len(lines) == 12
    assert "trust add scope=billing" in out
    assert "#1 12 bytes in 3 ms" in out
    assert "customer=cus_2" in out
    assert "sent: maybe" in out
    assert "malformed 1" in out
    assert "client ended" in out


def test_s25_a_hostile_value_is_cleaned_and_never_markup(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    run("show", "--kind", "decided")
    out = capsys.readouterr().out
    assert "customer=cus_1 [bold]" in out
    assert "\x1b" not in out
    assert "\u200b" not in out


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("--decision", "deny"), 1),
        (("--tool", "find"), 2),
        (("--kind", "note"), 2),
        (("--tool", "find", "--decision", "deny"), 0),
        ((), 11),
    ],
)
def test_show_filters(
    home: Home, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], count: int
) -> None:
    run("show", "--json", *words)
    assert len(json.loads(capsys.readouterr().out)) == count


@pytest.mark.parametrize(("count", "shown"), [("2", 2), ("0", 0), ("100", 11)])
def test_tail_prints_the_newest(
    home: Home, capsys: pytest.CaptureFixture[str], count: str, shown: int
) -> None:
    run("tail", "-n", count, "--json")
    entries: list[Any] = json.loads(capsys.readouterr().out)
    assert len(entries) == shown
    if shown:
        assert entries[-1]["kind"] == "close"


@pytest.mark.parametrize(
    "words",
    [("tail", "-n", "-5"), ("tail", "-n", "many"), ("show", "--kind", "nonsense")],
)
def test_what_cannot_be_is_wrong_usage(
    home: Home, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*words)
    assert caught.value.code == 2
    assert capsys.readouterr().out == ""


def test_an_empty_answer_says_so_on_stderr(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    run("show", "--tool", "nonsense")
    assert capsys.readouterr() == ("", "No entries.\n")


def test_verify_says_ok_on_stdout_and_what_it_cannot_prove_on_stderr(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    run("verify")
    out, err = capsys.readouterr()
    assert out.startswith("OK: 11 entries in 2 segments, ")
    assert "0 without a close entry" in out
    assert "corruption-evident" in err
    assert "README" in err


def test_verify_names_the_damaged_file_and_line_and_exits_1(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    path = damage(home)
    run("verify", code=1)
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"BAD  {path}:4 its hash does not fit its bytes"
    assert out[1].startswith("DAMAGED: ")


def test_verify_as_json(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    run("verify", "--json")
    report = json.loads(capsys.readouterr().out)
    assert (report["good"], report["entries"], report["findings"]) == (True, 11, [])
    path = damage(home)
    run("verify", "--json", code=1)
    report = json.loads(capsys.readouterr().out)
    assert report["good"] is False
    assert report["findings"] == [
        {"path": path, "line": 4, "what": "its hash does not fit its bytes", "bad": True}
    ]


def test_a_torn_tail_is_told_and_exits_0(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    path = segment_paths(home.state)[-1]
    with open(path, "rb+") as file:
        file.truncate(os.path.getsize(path) - 1)
    run("verify")
    out = capsys.readouterr().out
    assert out.startswith(f"TORN {path} torn tail of ")
    assert "OK: 10 entries" in out
    assert "1 without a close entry" in out


def test_an_empty_log_is_good(
    tmp_path: os.PathLike[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    make_home(folder)
    run("verify")
    assert capsys.readouterr().out.startswith("OK: 0 entries in 0 segments;")
    run("show", "--json")
    assert json.loads(capsys.readouterr().out) == []
    run("tail")


def test_reading_the_log_writes_nothing(home: Home) -> None:
    before = segment_paths(home.state)
    for words in (("show",), ("tail",), ("verify",)):
        run(*words)
    assert segment_paths(home.state) == before


def unread(*words: str) -> int:
    """The exit code of a command whose output nobody reads; it says nothing of that."""
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [sys.executable, "-m", "mcp_proxy", "audit", *words],
        stdout=writes,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writes)
    assert b"Error" not in done.stderr
    assert b"Exception" not in done.stderr
    return done.returncode


def test_a_reader_that_closes_the_pipe_is_no_error(home: Home) -> None:
    """As `mcp-proxy audit show | head -1` does."""
    for _ in range(20):
        record(home, "trust add", scope="x" * 500)
    assert unread("show") == 0
    assert unread("show", "--json") == 0


def test_verify_that_nobody_reads_still_says_by_its_code_what_it_found(home: Home) -> None:
    assert unread("verify") == 0
    damage(home)
    assert unread("verify") == 1
