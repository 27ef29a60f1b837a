"""`mcp-proxy audit`: what an auditor sees on stdout, and the exit codes scripts rely on."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from homes import make_home

from mcp_proxy.app.admin_log import record
from mcp_proxy.cli.main import main
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.core.profile import AuditRules
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
    rules = AuditRules(("customer",), "deny")
    log = CallLog(home, Subject("billing", 3, "ab"), rules, lambda: {"name": "host"})
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
    assert lines[0].split() == [
        *("time", "profile", "client", "kind", "tool", "result", "detail"),
    ]
    assert len(lines) == 10
    assert "trust add scope=billing" in lines[1], "commands stand in the ledger alone"
    assert ":1 12 bytes in 3 ms" in out
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
        (("--tool", "find"), 4),
        (("--kind", "note"), 1),
        (("--kind", "admin"), 1),
        (("--text", "CUS_2"), 1),
        (("--text", "d01"), 1),
        (("--client", "hos"), 8),
        (("--client", "other"), 0),
        (("--since", "2h"), 9),
        (("--until", "2h"), 0),
        (("--since", "1999-12-31", "--until", "2000-01-01T00:00:00+02:00"), 0),
        (("--profile", "billing"), 8),
        (("--tool", "find", "--decision", "deny"), 0),
        ((), 9),
    ],
)
def test_show_filters(
    home: Home, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], count: int
) -> None:
    run("show", "--json", *words)
    assert len(json.loads(capsys.readouterr().out)) == count


@pytest.mark.parametrize(("count", "shown"), [("2", 2), ("0", 0), ("100", 9)])
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
    [
        ("tail", "-n", "-5"),
        ("tail", "-n", "many"),
        ("show", "--kind", "nonsense"),
        ("show", "--since", "yesterday"),
        ("show", "--until", "9999-99-99"),
        ("show", "--since", "999999w"),
        ("show", "--call", "12"),
    ],
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


def test_a_call_is_found_by_the_id_that_show_prints(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    run("show", "--json", "--kind", "answered")
    (answered,) = json.loads(capsys.readouterr().out)
    run("show", "--json", "--call", answered["call"])
    found = json.loads(capsys.readouterr().out)
    assert [entry["kind"] for entry in found] == ["decided", "answered"]
    assert {entry["call"] for entry in found} == {answered["call"]}
    run("show", "--json", "--call", answered["segment"])
    assert len(json.loads(capsys.readouterr().out)) == 8


def test_what_stands_after_a_damaged_line_is_said_not_to_be_shown(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    path = damage(home)
    run("show")
    out, err = capsys.readouterr()
    assert "client ended" not in out
    assert f"{path}:4 its hash does not fit its bytes; nothing from there on is shown." in err


def test_an_empty_log_proves_nothing_and_is_read_as_empty(
    tmp_path: os.PathLike[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    make_home(folder)
    run("verify", code=1)
    assert "nothing was verified: there is no log here" in capsys.readouterr().out
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
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
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


def test_every_line_says_whose_it_is_and_what_a_person_approved(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    other = CallLog(home, Subject("crm", 1, "cd"), AuditRules((), "deny"), lambda: {"name": "vs"})
    made = Decided("close", "api", "write", "allow", "approval.always", None, "ab" * 16)
    other.answered(other.decided(made, {}), Answered("ok", "yes", None, 200, 12, 3))
    other.close("client ended")
    (segment,) = [path for path in segment_paths(home.state) if b'"crm"' in Path(path).read_bytes()]
    ulid = os.path.basename(segment).removesuffix(".jsonl")
    run("show", "--call", ulid)
    lines = capsys.readouterr().out.splitlines()[1:]
    assert all(line.split()[2:4] == ["crm", "vs"] for line in lines)
    assert lines[0].split()[-3:-1] == [ulid, "pid"]
    assert f"{ulid}:1 approval.always, approved by a person" in lines[1]
    assert lines[3].endswith(f"{ulid} client ended")
    run("show", "--json", "--decision", "ask")
    (found,) = json.loads(capsys.readouterr().out)
    assert found["call"] == f"{ulid}:1"
    run("show", "--kind", "note")
    assert " malformed 1" in capsys.readouterr().out


def test_an_erased_call_says_so(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    run("show", "--json", "--kind", "answered")
    (answered,) = json.loads(capsys.readouterr().out)
    call = answered["call"]
    run("erase", call, "--yes")
    capsys.readouterr()
    run("show", "--call", call)
    assert f"readable values of {call} erased" in capsys.readouterr().out
    run("show", "--kind", "erase")
    assert f"readable values of {call} erased" in capsys.readouterr().out


def test_a_profile_without_entries_is_named(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    html = ("report", "--html", "-o", os.fspath(tmp_path / "a.html"))
    for words in (("show",), ("tail",), ("stats",), html):
        run(*words, "--profile", "nosuch")
        assert "No entry of profile nosuch is there.\n" in capsys.readouterr().err
    run("show", "--profile", "billing", "--tool", "nosuch")
    assert capsys.readouterr().err == "No entries.\n"
    run("stats", "--profile", "billing")
    out, err = capsys.readouterr()
    assert (err, "0 without an answer" in out) == ("", True)


def test_each_command_says_in_a_sentence_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("tail", "show", "stats", "report", "key", "prune", "erase", "recipient")
    for name in (*names, "replay", "export"):
        with pytest.raises(SystemExit):
            run(name, "--help")
        told = capsys.readouterr().out
        assert re.search(r"(?s)\n\n[A-Z].+\.\n\n(positional|options)", told), name
        plain = " ".join(told.split())
        assert ("--since" in plain) is ("(90s, 2h, 3d, 1w)" in plain), name
        assert ("--decision" in plain) is ("ask finds whatever a person was asked" in plain), name
        assert ("NAME|env:VAR" in plain) is ("env:VAR, a variable with the key" in plain), name


def test_a_folder_that_is_not_there_is_named(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = os.fspath(tmp_path / "none" / "a")
    for words in (("export", "--format", "jsonl"), ("report", "--html")):
        run(*words, "-o", file, code=2)
        said = capsys.readouterr().err
        assert f"there is no folder {tmp_path / 'none'}." in said
        assert "next:  name another file, as with -o FILE" in said


def test_a_dry_run_of_prune_ends_with_a_sum(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    before = segment_paths(home.state)
    run("prune", "--keep-mib", "1", "--dry-run")
    assert capsys.readouterr().err.endswith("0 segments, 0 B; nothing was removed (dry run).\n")
    assert segment_paths(home.state) == before
