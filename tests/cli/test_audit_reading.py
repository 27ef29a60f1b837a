"""`audit stats`, `audit report` and `audit tail -f`, as a person and a script meet them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from audit_days import BEGAN_NS, Call, append_call, month, write_segment
from homes import install, make_home, tool
from terminal import Person

from mcp_proxy.cli.audit_stats import bar
from mcp_proxy.cli.main import main
from mcp_proxy.core.profile import Limit
from mcp_proxy.edges.places import VARIABLE, Home

WAIT_S = 30.0  # of a busy machine; nothing here takes a second of a quiet one
HOSTILE = "fi\x1b[31mnd\u202e"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.fspath(tmp_path / "home")
    monkeypatch.setenv(VARIABLE, folder)
    return make_home(folder)


def run(*words: str, code: int = 0) -> None:
    assert main(["audit", *words]) == code


def test_stats_of_a_month(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    month(home, 14)
    install(home, tools=[tool("refund", limits=(Limit("per_day", "amount", "day", 200, ""),))])
    run("stats")
    out, err = capsys.readouterr()
    assert err == ""
    for told in (
        "calls by day",
        "11-14",
        "find_invoices",
        "limit.per_day MCPX-D13",
        "p95",
        "vscode",
    ):
        assert told in out
    assert "at most 200 of amount per day" in out
    assert "█" in out


def test_stats_as_json_of_a_part(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    month(home, 14)
    run("stats", "--json", "--since", "2026-11-03", "--until", "2026-11-04T23:59:59Z")
    told = json.loads(capsys.readouterr().out)
    assert list(told["days"]) == ["2026-11-03", "2026-11-04"]
    assert sum(told["calls"].values()) == sum(told["days"]["2026-11-03"].values()) + sum(
        told["days"]["2026-11-04"].values()
    )
    assert told["budgets"] == []
    run("stats", "--json", "--profile", "other")
    assert json.loads(capsys.readouterr().out)["entries"] == 0


def test_s25_stats_of_an_empty_and_of_a_hostile_log(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    run("stats")
    assert capsys.readouterr().out.startswith("0 entries\ncalls: 0 allow")
    write_segment(home, 1, [Call(BEGAN_NS, HOSTILE, None, rule=HOSTILE)], client=HOSTILE)
    run("stats")
    out = capsys.readouterr().out
    assert "find" in out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_bars_are_as_long_as_their_number_and_never_unseen() -> None:
    assert bar(10, 10, 4) == "████"
    assert bar(5, 10, 4) == "██"
    assert bar(1, 1_000_000, 4) == "▏"
    assert (bar(0, 10), bar(0, 0), bar(3, 0)) == ("", "", "")


def test_the_report_is_written_whole_and_says_what_is_damaged(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    month(home, 3)
    out = tmp_path / "report.html"
    run("report", "--html", "-o", os.fspath(out))
    assert "What the assistants did" in out.read_text()
    assert "No damage was found" in out.read_text()
    assert capsys.readouterr() == ("", f"wrote {out}: open it in a browser\n")
    path = write_segment(home, 99, [Call(BEGAN_NS, "find")])
    with open(path, "rb+") as file:
        file.write(b"[")
    run("report", "--html")
    told, err = capsys.readouterr()
    assert told.startswith("<!doctype html>")
    assert "The log is damaged" in told
    assert f"{path}:1 " in err


def test_a_report_needs_its_form(home: Home) -> None:
    with pytest.raises(SystemExit) as caught:
        run("report")
    assert caught.value.code == 2


@contextmanager
def follow(*words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "mcp_proxy", "audit", "tail", "-f", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_tail_f_goes_on_with_what_comes_and_ends_by_ctrl_c_with_0(home: Home) -> None:
    path = write_segment(home, 1, [Call(BEGAN_NS, "find")], is_closed=False)
    with follow("--json", "-n", "1") as process:
        assert json.loads(line(process))["kind"] == "answered"
        append_call(path, Call(BEGAN_NS + 10**9, "refund", None, error="MCPX-D13"))
        assert json.loads(line(process))["tool"] == "refund"
        write_segment(home, 2, [Call(BEGAN_NS + 2 * 10**9, "other")])
        found = [json.loads(line(process))["kind"] for _ in range(4)]
        assert found == ["open", "decided", "answered", "close"]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT_S)
        assert (process.returncode, out, err) == (0, "", "")


def test_tail_f_ends_when_nobody_reads_it_any_more(home: Home) -> None:
    write_segment(home, 1, [Call(BEGAN_NS, "find")], is_closed=False)
    with follow() as process:
        assert line(process).startswith("time ")
        assert process.stdout is not None
        process.stdout.close()  # and nothing comes that would have to be written
        assert process.wait(WAIT_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_s25_tail_f_on_a_terminal_is_live_and_cleans_what_it_shows(home: Home) -> None:
    path = write_segment(home, 1, [Call(BEGAN_NS, "find")], is_closed=False, client=HOSTILE)
    person = Person("audit", "tail", "-f")
    person.sees("detail")
    person.sees("following 1 running process; shown so far: 1 allow, 0 ask, 0 deny")
    append_call(path, Call(BEGAN_NS + 10**9, "refund", None, error="MCPX-D13"))
    person.sees("deny MCPX-D13")
    person.sees("1 allow, 0 ask, 1 deny; Ctrl-C ends")
    person.presses("\x03")
    assert person.ends() == 0
    assert "\u202e" not in person.shown
    assert "fi\x1b[31mnd" not in person.shown
