"""The auditor's view of a real log: what is shown, what is found, what merely is torn."""

import json
import os
from pathlib import Path

import pytest
from homes import install, make_home

from mcp_proxy.app.admin_log import record, record_notes, record_refusal
from mcp_proxy.app.audit_log import Filter, read_entries
from mcp_proxy.app.audit_means import verify_home
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.core.audit_mac import check_macs, unwrap
from mcp_proxy.core.profile import AuditRules, Profile
from mcp_proxy.core.recipient import recipient_of
from mcp_proxy.edges.audit_files import Subject
from mcp_proxy.edges.audit_reader import segment_paths
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.profile_store import load_profile
from mcp_proxy.errors import AuditError, HomeError

ALLOWED = Decided("find", "api", "read", "allow", "allow", None)
DENIED = Decided("refund", "api", "destructive", "deny", "schema.maximum", "MCPX-D01")
OK = Answered("ok", "yes", None, 200, 12, 3)


@pytest.fixture
def home(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    return make_home(folder)


def serve_once(home: Home, customer: str = "cus_1") -> CallLog:
    """A process that made one call and was denied another, not yet ended."""
    rules = AuditRules(("customer",), "deny")
    log = CallLog(home, Subject("billing", 3, "ab"), rules, lambda: {"name": "host"})
    log.answered(log.decided(ALLOWED, {"customer": customer, "amount": 5}), OK)
    log.decided(DENIED, {"customer": customer, "amount": 500})
    return log


def newest(home: Home, suffix: str = ".jsonl") -> str:
    return segment_paths(home.state)[-1].removesuffix(".jsonl") + suffix


def edit(path: str, old: bytes, new: bytes) -> None:
    with open(path, "rb") as file:
        data = file.read()
    assert old in data
    with open(path, "wb") as file:
        file.write(data.replace(old, new))


def test_an_empty_log_is_good(home: Home) -> None:
    assert read_entries(Filter()) == []
    found = verify_home()
    assert (found.good, found.segments, found.entries, found.first) == (True, 0, 0, None)


def test_entries_come_in_the_order_of_time_with_their_clear_values(home: Home) -> None:
    one, other = serve_once(home, "cus_1"), serve_once(home, "cus_2")
    other.close("done")
    one.close("done")
    entries = read_entries(Filter())
    assert [entry["kind"] for entry in entries] == [
        *("open", "decided", "answered", "decided") * 2,
        *("close", "close"),
    ]
    assert [entry.get("values") for entry in read_entries(Filter(kind="decided"))] == [
        *({"customer": "cus_1"},) * 2,
        *({"customer": "cus_2"},) * 2,
    ]
    assert len({entry["segment"] for entry in entries}) == 2


def test_the_newest_are_the_last_in_time_across_processes(home: Home) -> None:
    """A long-running process writes after a younger one has begun."""
    first = serve_once(home, "cus_1")
    second = serve_once(home, "cus_2")
    second.close("done")
    first.close("client ended")
    assert [entry.get("reason") for entry in read_entries(Filter(), 2)] == ["done", "client ended"]
    assert read_entries(Filter(), 0) == []
    assert len(read_entries(Filter(), 1000)) == 10


def test_segments_that_cannot_hold_the_newest_are_not_read(home: Home) -> None:
    serve_once(home, "old").close("done")
    edit(newest(home), b"decided", b"damaged")
    serve_once(home, "new").close("done")
    assert [entry["kind"] for entry in read_entries(Filter(), 2)] == ["decided", "close"]
    assert len(read_entries(Filter(), 5)) == 5


def test_filters_hold_together(home: Home) -> None:
    serve_once(home).close("done")
    assert [entry["tool"] for entry in read_entries(Filter(decision="deny"))] == ["refund"]
    assert [entry["kind"] for entry in read_entries(Filter(tool="find"))] == ["decided", "answered"]
    assert read_entries(Filter(tool="find", decision="deny")) == []
    assert len(read_entries(Filter(kind="open"))) == 1


def test_a_good_log_is_counted(home: Home) -> None:
    serve_once(home).close("done")
    still_open = serve_once(home)
    found = verify_home()
    assert (found.good, found.segments, found.entries, found.open_segments) == (True, 2, 9, 1)
    assert found.first is not None
    assert found.last is not None
    assert found.first < found.last
    assert found.findings == ()
    still_open.close("done")


def test_an_edited_entry_is_found_with_its_place(home: Home) -> None:
    serve_once(home).close("done")
    path = newest(home)
    edit(path, b'"decision":"deny"', b'"decision":"none"')
    found = verify_home()
    assert not found.good
    assert [(item.path, item.line, item.bad) for item in found.findings] == [(path, 4, True)]
    assert len(read_entries(Filter())) == 3, "what stands before the damage is still shown"


def test_a_modified_clear_value_is_found_and_not_shown(home: Home) -> None:
    serve_once(home).close("done")
    edit(newest(home, ".clear.jsonl"), b"cus_1", b"cus_9")
    found = verify_home()
    assert not found.good
    assert len(found.findings) == 2
    assert "cus_9" not in json.dumps(read_entries(Filter()))


def test_an_erased_clear_line_leaves_the_log_good(home: Home) -> None:
    serve_once(home).close("done")
    path = newest(home, ".clear.jsonl")
    with open(path, "rb") as file:
        lines = file.read().splitlines(keepends=True)
    with open(path, "wb") as file:
        file.writelines(lines[1:])
    assert verify_home().good
    assert [entry.get("values") for entry in read_entries(Filter(kind="decided"))] == [
        None,
        {"customer": "cus_1"},
    ]
    os.unlink(path)
    assert verify_home().good


def test_a_torn_tail_of_a_process_that_did_not_end_itself_is_told_and_good(home: Home) -> None:
    log = serve_once(home)
    path = newest(home)
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(data[:-10])
    found = verify_home()
    assert found.good
    (finding,) = found.findings
    assert not finding.bad
    assert "torn tail" in finding.what
    assert found.open_segments == 1
    with open(path, "wb") as file:
        file.write(data)
    log.close("done")


def test_a_line_cut_off_at_its_end_is_seen_by_what_the_ledger_tells(home: Home) -> None:
    serve_once(home).close("done")
    path = newest(home)
    with open(path, "rb") as file:
        lines = file.read().splitlines(keepends=True)
    with open(path, "wb") as file:
        file.writelines(lines[:-1])
    found = verify_home()
    (finding,) = found.findings
    assert (finding.path, finding.bad) == (path, True)
    assert "tells of 5" in finding.what


def test_s23_a_segment_that_others_may_read_is_bad_and_the_others_are_checked(home: Home) -> None:
    serve_once(home).close("done")
    os.chmod(newest(home), 0o644)
    serve_once(home).close("done")
    with pytest.raises(HomeError):
        read_entries(Filter())
    found = verify_home()
    assert [(item.bad, "other users" in item.what) for item in found.findings] == [(True, True)]
    assert (found.good, found.segments) == (False, 1)


def test_s1_a_command_is_an_entry_of_the_ledger(home: Home) -> None:
    record(home, "trust add", keyid="ab", scope="billing", confirmed=True)
    (entry,) = read_entries(Filter())
    assert (entry["segment"], entry["kind"]) == ("ledger", "admin")
    assert (entry["what"], entry["facts"]) == (
        "trust add",
        {"keyid": "ab", "scope": "billing", "confirmed": True},
    )
    assert segment_paths(home.state) == []
    assert verify_home().good


def test_s20_a_command_that_cannot_be_logged_fails_with_5(home: Home) -> None:
    os.chmod(home.state, 0o722)
    with pytest.raises(AuditError) as caught:
        record(home, "trust add")
    assert caught.value.exit_code == 5


def test_s20_a_refused_profile_is_logged(home: Home) -> None:
    record_refusal(home, "billing", "MCPX-P03")
    (entry,) = read_entries(Filter())
    assert (entry["kind"], entry["profile"], entry["error"]) == ("refused", "billing", "MCPX-P03")
    assert segment_paths(home.state) == []


@pytest.mark.parametrize("name", ["billing\n", "../x", "sk-live " * 1000, "\udcff"])
def test_s20_a_refused_name_that_is_no_profiles_name_is_not_kept(home: Home, name: str) -> None:
    record_refusal(home, name, "MCPX-P11")
    assert read_entries(Filter())[0]["profile"] is None


def test_a_client_without_a_call_leaves_its_faults_counted(home: Home) -> None:
    install(home)
    profile: Profile = load_profile(home, "billing", 1_800_000_000.0)
    record_notes(home, profile, {"malformed": 2, "invalid": 1})
    notes = [(entry["what"], entry["count"]) for entry in read_entries(Filter(kind="note"))]
    assert notes == [("malformed", 2), ("invalid", 1)]


def test_s21_also_a_segment_of_faults_alone_bears_macs(home: Home) -> None:
    private = b"organisation-private-key-32-byte"
    install(home, audit=AuditRules((), "deny", recipient_of(private, "acme").line))
    record_notes(home, load_profile(home, "billing", 1_800_000_000.0), {"malformed": 2})
    (path,) = segment_paths(home.state)
    lines = Path(path).read_bytes().splitlines()
    assert check_macs(lines, unwrap(private, json.loads(lines[0])["mac"])) is None
