"""`audit replay`: past calls against another version, by what the log has of their arguments."""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from homes import AUDIT, install, make_home, payload, tool
from log_desk import OK

from mcp_proxy.app import audit_keys
from mcp_proxy.cli.main import main
from mcp_proxy.core.audit import Decided
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.profile import AuditRules, Limit, Resource, Tool
from mcp_proxy.core.recipient import recipient_of
from mcp_proxy.edges.audit_files import Subject
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.places import VARIABLE, Home

PRIVATE = hashlib.sha256(b"an organisation").digest()
ACME = recipient_of(PRIVATE, "acme").line
PAGE = Resource("handbook", "api", "docs://x", False, True, {"uri": "docs://x"}, 9, None)
MOST_10 = {
    "type": "object",
    "properties": {"customer": {"type": "string"}, "amount": {"type": "integer", "maximum": 10}},
    "required": ["customer"],
    "additionalProperties": False,
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = make_home(os.fspath(tmp_path / "home"))
    monkeypatch.setenv(VARIABLE, os.path.dirname(made.state))
    return made


class Served:
    """A process that serves version 1, installed here, and logs these calls."""

    def __init__(self, home: Home, audit: AuditRules = AUDIT) -> None:
        install(home, audit=audit, reads=(PAGE,))
        digest = sha256_hex(payload(audit=audit, reads=(PAGE,)))
        self._log = CallLog(home, Subject("billing", 1, digest), audit, dict)

    def call(self, tool: str | None, arguments: Any, **changes: Any) -> None:
        rule = "approval.always" if tool == "ask" else "allow"
        made = Decided(tool, "api", "read", "allow", rule, None)._replace(**changes)
        number = self._log.decided(made, arguments)
        if made.decision == "allow":
            self._log.answered(number, OK)

    def end(self) -> None:
        self._log.close("client ended")


def served(home: Home, *calls: tuple[str, dict[str, Any]], audit: AuditRules = AUDIT) -> None:
    process = Served(home, audit)
    for name, arguments in calls:
        process.call(name, arguments)
    process.end()


def other(tmp_path: Path, tools: list[Tool], **shape: Any) -> str:
    path = tmp_path / "other.payload.jsonl"
    path.write_bytes(payload(version=2, tools=tools, **shape))
    return os.fspath(path)


def replayed(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["audit", "replay", "billing", "--json", *words]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def outcomes(told: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [(row["tool"], row["was"], row["now"], row["known"]) for row in told["calls"]]


def test_calls_whose_arguments_are_all_readable_are_decided_anew(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served(home, ("find", {"customer": "cus_1"}), ("find", {"customer": "eve"}), ("ask", {}))
    asks = tool("find", approval=[{"customer": {"is": "eve"}}])
    told = replayed(capsys, "--file", other(tmp_path, [asks, tool("refund")]))
    assert outcomes(told) == [
        ("find", "allow", "allow", "clear"),
        ("find", "allow", "ask", "clear"),
        ("ask", "ask", "deny", "clear"),
    ]
    assert [row["rule"] for row in told["calls"]] == [
        *("allow", "approval.when", "tools of the profile")
    ]
    assert (told["profile"], told["version"]) == ("billing", 2)


def test_the_installed_version_is_what_calls_are_held_against_without_a_file(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    served(home, ("find", {"customer": "cus_1", "amount": 5}))
    told = replayed(capsys)
    assert outcomes(told) == [("find", "allow", "allow", "part")]
    install(home, version=2, tools=[tool("find", enforced=MOST_10)])
    told = replayed(capsys)
    assert told["calls"][0]["now"] == "unknown"
    assert "other rules" in told["calls"][0]["why"]
    assert main(["audit", "replay", "billing"]) == 0
    assert "where the profile has audit: {arguments: sealed}" in capsys.readouterr().err


def test_arguments_sealed_to_the_home_are_opened_by_its_own_key(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    items: dict[str, str] = {}

    class Keychain:
        get, set = items.get, items.__setitem__

    monkeypatch.setattr(audit_keys, "home_keychain", lambda _home: Keychain)
    monkeypatch.setattr(audit_keys, "asks_nobody", lambda _home: True)
    assert main(["audit", "key"]) == 0
    capsys.readouterr()
    audit = AuditRules((), "deny", "", "sealed")
    served(home, *(("find", {"customer": "cus", "amount": size}) for size in (9, 11)), audit=audit)
    stricter = other(tmp_path, [tool("find", enforced=MOST_10)])
    told = replayed(capsys, "--file", stricter)
    assert outcomes(told) == [
        ("find", "allow", "allow", "sealed"),
        ("find", "allow", "deny", "sealed"),
    ]
    assert told["calls"][1]["rule"] == "schema.maximum"
    assert told["calls"][1]["error"] == "MCPX-D01"
    items.clear()
    assert [row["now"] for row in replayed(capsys, "--file", stricter)["calls"]] == ["unknown"] * 2
    assert main(["audit", "replay", "billing", "--file", stricter]) == 0
    assert "--recipient-key NAME or env:VAR" in capsys.readouterr().err


def test_arguments_sealed_to_an_organisation_are_opened_by_its_key_alone(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served(
        home,
        ("refund", {"customer": "cus_1", "amount": 11}),
        audit=AuditRules((), "deny", ACME, "sealed"),
    )
    stricter = other(tmp_path, [tool("refund", enforced=MOST_10)])
    for private, now in ((PRIVATE, "deny"), (b"x" * 32, "unknown")):
        monkeypatch.setenv("ORG_KEY", base64.b64encode(private).decode())
        told = replayed(capsys, "--file", stricter, "--recipient-key", "env:ORG_KEY")
        assert [row["now"] for row in told["calls"]] == [now]


def test_limits_are_counted_over_all_processes_in_the_order_of_time(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = Served(home), Served(home)
    for process in (one, two, one, two):
        process.call("find", {"customer": "cus_1"})
    one.end()
    two.end()
    limited = tool("find", limits=(Limit("calls", "", "month", 3, ""),))
    told = replayed(capsys, "--file", other(tmp_path, [limited]))
    assert [row["now"] for row in told["calls"]] == ["allow", "allow", "allow", "deny"]
    then = {"tool": "find", "was": "allow", "was_rule": "allow"}
    assert told["sums"] == [
        {**then, "now": "allow", "rule": "allow", "why": "", "calls": 3},
        {**then, "now": "deny", "rule": "limit.calls", "why": "", "calls": 1},
    ]


def test_what_is_no_call_of_a_tool_is_left_out(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    process = Served(home)
    process.call("handbook", ["docs://x"])
    process.call("find", ["task_1"], rule="tasks get")
    process.call(None, {"a": 1}, decision="deny", rule="tools of the profile", error="MCPX-D05")
    process.end()
    told = replayed(capsys)
    assert [(row["tool"], row["now"]) for row in told["calls"]] == [(None, "unknown")]


def test_an_erased_call_is_known_by_its_tool_alone(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served(home, ("find", {"customer": "cus_1"}))
    (call,) = [row["call"] for row in replayed(capsys)["calls"]]
    assert main(["audit", "erase", call, "--yes"]) == 0
    capsys.readouterr()
    assert outcomes(replayed(capsys)) == [("find", "allow", "allow", "digest")]
    gone = replayed(capsys, "--file", other(tmp_path, [tool("ask")]))
    assert outcomes(gone) == [("find", "allow", "deny", "digest")]


def test_lines_show_what_would_end_otherwise_and_a_table_sums_all(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served(home, *[("find", {"customer": "cus_1"})] * 3, ("ask", {"customer": "cus_1"}))
    path = other(tmp_path, [tool("find"), tool("ask", approval="never")])
    assert main(["audit", "replay", "billing", "--file", path]) == 0
    out, err = capsys.readouterr()
    assert "asked -> allowed" in out.splitlines()[0]
    assert [line.split()[:2] for line in out.splitlines()[2:]] == [["1", "ask"], ["3", "find"]]
    assert "Of 4 decisions, billing version 2 would decide 3 as they were, 1 otherwise" in err


def test_only_the_time_and_the_profile_that_were_asked_for_count(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served(home, ("find", {"customer": "cus_1"}))
    assert len(replayed(capsys, "--since", "1h")["calls"]) == 1
    assert replayed(capsys, "--until", "1h")["calls"] == []
    foreign = tmp_path / "foreign.payload.jsonl"
    foreign.write_bytes(payload(name="support"))
    assert main(["audit", "replay", "billing", "--file", os.fspath(foreign)]) == 2
    assert "holds profile support, not billing" in capsys.readouterr().err


def test_a_name_that_is_not_installed_is_told(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "replay", "billing"]) == 3
    assert "MCPX-P11" in capsys.readouterr().err


def test_damage_ends_a_file_and_is_told(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    served(home, ("find", {"customer": "cus_1"}), ("find", {"customer": "cus_2"}))
    (path,) = Path(home.state, "audit").glob("20*/[0-9A-Z]*[0-9A-Z].jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"find"', b'"fine"')
    path.write_bytes(b"".join(lines))
    assert main(["audit", "replay", "billing", "--json"]) == 0
    out, err = capsys.readouterr()
    assert len(json.loads(out)["calls"]) == 1
    assert f"{path}:4" in err


def test_a_segment_without_a_version_is_replayed_too(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = Subject("billing", None, None)
    log = CallLog(home, subject, AuditRules((), "deny"), dict)
    log.decided(Decided("find", "api", "read", "allow", "allow", None), {"customer": "cus_1"})
    log.close("client ended")
    install(home)
    assert replayed(capsys)["calls"][0]["now"] == "unknown"
