"""`mcp-proxy audit export`: one line for each entry or call, in a file or on stdout."""

import json
import os
import stat
from typing import Any

import pytest
from homes import make_home
from otlp_collector import FakeCollector, attributes

from mcp_proxy.app.admin_log import record, record_refusal
from mcp_proxy.cli.main import main
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.core.profile import AuditRules
from mcp_proxy.edges.audit_files import Subject
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.audit_reader import segment_paths
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.settings import Settings, write_settings
from mcp_proxy.edges.settings_audit import AuditSettings

ALLOWED = Decided("find", "api", "read", "allow", "allow", None)
DENIED = Decided("refund", "api", "destructive", "deny", "schema.maximum", "MCPX-D01")
OK = Answered("ok", "yes", None, 200, 12, 3)


@pytest.fixture
def home(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Home:
    """Two commands, and two processes that ran side by side."""
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    home = make_home(folder)
    record(home, "trust add", scope="billing")
    record_refusal(home, "billing", "MCPX-P06")
    first, second = served(home, "one"), served(home, "two")
    begun = first.decided(ALLOWED, {"customer": "cus_1"})
    second.answered(second.decided(ALLOWED, {"customer": "cus_2"}), OK)
    first.answered(begun, OK)
    first.decided(DENIED, {"customer": "cus_3"})
    first.close("client ended")
    second.close("terminated")
    return home


def served(home: Home, client: str) -> CallLog:
    rules = AuditRules(("customer",), "deny")
    return CallLog(home, Subject("billing", 3, "ab" * 32), rules, lambda: {"name": client})


def exported(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["audit", "export", *words]) == 0
    return capsys.readouterr().out.splitlines()


def rows(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in exported(capsys, *words)]


@pytest.mark.usefixtures("home")
def test_jsonl_are_the_entries_as_show_has_them(capsys: pytest.CaptureFixture[str]) -> None:
    entries = rows(capsys, "--format", "jsonl")
    main(["audit", "show", "--json"])
    assert entries == json.loads(capsys.readouterr().out)
    assert [entry["time"] for entry in entries] == sorted(entry["time"] for entry in entries)


@pytest.mark.usefixtures("home")
def test_nothing_to_export_is_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "export", "--format", "jsonl", "--profile", "nosuch"]) == 0
    assert capsys.readouterr() == ("", "No entry of profile nosuch is there.\n")


@pytest.mark.usefixtures("home")
def test_ocsf_has_a_record_for_each_call_and_command(capsys: pytest.CaptureFixture[str]) -> None:
    records = rows(capsys, "--format", "ocsf")
    calls = [one for one in records if one["metadata"]["event_code"] == "decided"]
    assert [(one["api"]["operation"], one["status_detail"]) for one in calls] == [
        *(("find", "ok"), ("find", "ok"), ("refund", "denied")),
    ]
    assert [one["actor"]["app_name"] for one in calls] == ["two", "one", "one"]
    kinds = [one["metadata"]["event_code"] for one in records]
    assert (kinds.count("admin"), kinds.count("refused")) == (1, 1)
    assert (kinds.count("open"), kinds.count("close")) == (2, 2)
    assert "cus_" not in json.dumps(records)
    uids = [one["metadata"]["uid"] for one in records]
    assert len(set(uids)) == len(uids)


def test_the_ledger_s_events_bear_its_own_name_and_all_the_home_s(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever time is asked for: a collector that takes out doubles must keep commands."""
    with open(ledger_path(home), encoding="utf-8") as file:
        first, *entries = map(json.loads, file)
    expected = {
        f"ledger-{first['hash'][:16]}:{entry['seq']}": entry["time"]
        for entry in entries
        if entry["kind"] in {"admin", "refused"}
    }
    for words in ((), ("--since", min(expected.values()))):
        records = rows(capsys, "--format", "ocsf", *words)
        told = {one["metadata"]["uid"] for one in records}
        assert {uid for uid in told if uid.startswith("ledger")} == expected.keys()
        assert {one["metadata"]["reporter"]["uid"] for one in records} == {home.id}
        lines = exported(capsys, "--format", "cef", *words)
        assert all(any(f" externalId={uid} " in line for line in lines) for uid in expected)
        assert all(f"|deviceExternalId={home.id} " in line for line in lines)


@pytest.mark.usefixtures("home")
def test_cef_goes_to_a_file_that_only_its_owner_reads(
    capsys: pytest.CaptureFixture[str], tmp_path: os.PathLike[str]
) -> None:
    file = os.path.join(os.fspath(tmp_path), "log.cef")
    assert exported(capsys, "--format", "cef", "-o", file) == []
    with open(file, encoding="utf-8") as text:
        lines = text.read().splitlines()
    assert len(lines) == 9
    assert all(line.startswith("CEF:0|mcp-proxy|mcp-proxy|") for line in lines)
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["home", "log.cef"]


@pytest.mark.usefixtures("home")
def test_times_choose_calls_by_when_they_were_decided(capsys: pytest.CaptureFixture[str]) -> None:
    calls = [one for one in rows(capsys, "--format", "jsonl") if one["kind"] == "decided"]
    first, second, third = (one["time"] for one in calls)
    words = ("--format", "cef", "--until", first)
    found = [line for line in exported(capsys, *words) if "|call." in line]
    assert len(found) == 1  # with its end, which came later
    assert "outcome=ok" in found[0]
    found = exported(capsys, "--format", "cef", "--since", second, "--until", second)
    assert [line.split("|")[4] for line in found if "|call." in line] == ["call.allow"]
    found = exported(capsys, "--format", "cef", "--since", third)
    assert sorted(line.split("|")[4] for line in found) == ["call.deny", "close", "close"]


def test_a_damaged_segment_is_told_and_ends_with_one(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    path = segment_paths(home.state)[0]
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(data.replace(b'"rule":"allow"', b'"rule":"allot"', 1))
    assert main(["audit", "export", "--format", "ocsf"]) == 1
    captured = capsys.readouterr()
    assert f"{path}:2" in captured.err
    assert captured.out


@pytest.mark.usefixtures("home")
def test_what_cannot_be_written_leaves_nothing_there(tmp_path: os.PathLike[str]) -> None:
    file = os.path.join(os.fspath(tmp_path), "missing", "log.cef")
    assert main(["audit", "export", "--format", "cef", "-o", file]) == 2


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "words",
    [
        ["--format", "otlp", "--since", "2h"],
        ["--format", "otlp", "-o", "x"],
        ["--format", "cef", "--follow"],
        ["--format", "otlp"],
    ],
)
def test_wrong_usage_ends_with_two(words: list[str]) -> None:
    assert main(["audit", "export", *words]) == 2


def test_otlp_says_how_much_was_sent(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeCollector() as collector:
        write_settings(home, Settings(audit=AuditSettings(otlp=collector.url)))
        assert main(["audit", "export", "--format", "otlp"]) == 0
        assert f"Sent: {len(collector.logs)} entries and 3 calls." in capsys.readouterr().err
    assert main(["audit", "export", "--format", "otlp"]) == 0  # nothing to send, nobody asked
    record(home, "pause", profile="billing")
    assert main(["audit", "export", "--format", "otlp"]) == 6
    assert "MCPX-U01" in capsys.readouterr().err


def test_s21_the_head_that_the_collector_was_told_is_an_anchor_for_verify(home: Home) -> None:
    with FakeCollector() as collector:
        write_settings(home, Settings(audit=AuditSettings(otlp=collector.url)))
        assert main(["audit", "export", "--format", "otlp"]) == 0
    head = attributes(collector.logs[-1])["mcp_proxy.audit.head"]
    assert main(["audit", "verify", "--anchor", head]) == 0
    record(home, "pause", profile="billing")  # what comes later does not matter
    assert main(["audit", "verify", "--anchor", head]) == 0
    size, _, _ = head.partition(" ")
    with open(ledger_path(home), "rb") as file:
        kept = file.readlines()[: int(size) - 1]
    with open(ledger_path(home), "wb") as file:
        file.writelines(kept)
    assert main(["audit", "verify", "--anchor", head]) == 1


def test_what_the_collector_holds_is_a_copy_of_the_log_that_verifies_elsewhere(
    home: Home, tmp_path: os.PathLike[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeCollector() as collector:
        write_settings(home, Settings(audit=AuditSettings(otlp=collector.url)))
        assert main(["audit", "export", "--format", "otlp"]) == 0
    copy = os.path.join(os.fspath(tmp_path), "copy")
    names = {path.rpartition("/")[2]: path for path in segment_paths(home.state)}
    for one in collector.logs:
        source = attributes(one)["mcp_proxy.audit.source"] + ".jsonl"
        there = os.path.relpath(names.get(source, ledger_path(home)), home.state)
        path = os.path.join(copy, there)
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        with open(path, "a", encoding="utf-8", opener=private) as file:
            file.write(one.body.string_value + "\n")
    for there in ("ledger.jsonl", *(os.path.relpath(path, home.state) for path in names.values())):
        assert read(copy, there) == read(home.state, there)
    assert main(["audit", "verify", "--folder", copy]) == 0
    assert "9 entries in 2 segments" in capsys.readouterr().out


def private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def read(folder: str, there: str) -> bytes:
    with open(os.path.join(folder, there), "rb") as file:
        return file.read()


@pytest.mark.usefixtures("home")
def test_a_call_keeps_its_client_where_its_process_began_before_the_time_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    since = next(one["time"] for one in rows(capsys, "--format", "jsonl") if "tool" in one)
    told = rows(capsys, "--format", "ocsf", "--since", since)
    calls = [one for one in told if one["metadata"]["event_code"] == "decided"]
    assert [one["actor"]["app_name"] for one in calls] == ["two", "one", "one"]
    assert all(one["api"]["group"] == {"name": "billing"} for one in calls)
    lines = exported(capsys, "--format", "cef", "--since", since)
    assert sum("requestClientApplication=" in line for line in lines) >= len(calls)
