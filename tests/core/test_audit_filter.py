"""Which entries pass a filter, and which times and calls the command line takes."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.audit import timestamp
from mcp_proxy.core.audit_filter import (
    Filter,
    is_approved,
    parse_call,
    parse_moment,
    passes,
)

NOW_S = 1_800_000_000.0
ULID = "01M6AMAA4Z0000000000000000"
ENTRY = {
    "seq": 1,
    "time": "2026-11-22T14:00:00.000001Z",
    "kind": "decided",
    "tool": "refund",
    "decision": "deny",
    "rule": "limit.per_day",
    "error": "MCPX-D13",
    "segment": ULID,
    "call": f"{ULID}:1",
    "profile": "billing",
    "client": {"name": "Claude-Code", "version": "1"},
    "values": {"customer": "Ärzte GmbH", "amount": 500},
}


@pytest.mark.parametrize(
    ("only", "does"),
    [
        (Filter(), True),
        (Filter(kind="decided", tool="refund", decision="deny"), True),
        (Filter(kind="answered"), False),
        (Filter(tool="fund"), False),
        (Filter(client="claude"), True),
        (Filter(client="cursor"), False),
        (Filter(call=ULID), True),
        (Filter(call=f"{ULID}:1"), True),
        (Filter(call=f"{ULID}:11"), False),
        (Filter(text="ärzte"), True),
        (Filter(text="500"), True),
        (Filter(text="PER_DAY"), True),
        (Filter(text="d13"), True),
        (Filter(text="customer"), False),
        (Filter(profile="billing"), True),
        (Filter(profile="bill"), False),
        (Filter(since="2026-11-22T14:00:00.000001Z"), True),
        (Filter(since="2026-11-22T14:00:00.000002Z"), False),
        (Filter(until="2026-11-22T14:00:00.000001Z"), True),
        (Filter(until="2026-11-22T14:00:00.000000Z"), False),
    ],
)
def test_an_entry_passes_what_it_fits(only: Filter, does: bool) -> None:
    assert passes(ENTRY, only) is does


def test_an_entry_of_the_ledger_has_no_client_and_no_call() -> None:
    entry = {"time": "2026", "kind": "admin", "what": "pause", "facts": {"tool": "refund"}}
    entry["segment"] = "ledger"
    assert passes(entry, Filter(text="refund", kind="admin"))
    assert not passes(entry, Filter(client="c"))
    assert not passes(entry, Filter(call=f"{ULID}:1"))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22", "2026-11-22T00:00:00.000000Z"),
        ("2026-11-22T14:05:06Z", "2026-11-22T14:05:06.000000Z"),
        ("2026-11-22T14:05:06.25+02:00", "2026-11-22T12:05:06.250000Z"),
        ("90s", "2027-01-15T07:58:30.000000Z"),
        ("2h", "2027-01-15T06:00:00.000000Z"),
        ("3d", "2027-01-12T08:00:00.000000Z"),
        ("1w", "2027-01-08T08:00:00.000000Z"),
    ],
)
def test_times_are_read_as_moments_of_utc(text: str, moment: str) -> None:
    assert parse_moment(text, NOW_S) == moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2", "h", "-2h", "2.5h", "999999w", "0001-01-01T00:00:00+23:59"]
)
def test_other_texts_are_no_times(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        parse_moment(text, NOW_S)


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert datetime.fromisoformat(parse_moment(text, NOW_S)).tzinfo is UTC


@given(st.integers(0, 4_000_000_000_000_000))
def test_a_moment_compares_as_the_entries_times_do(micros: int) -> None:
    assert parse_moment(timestamp(micros * 1_000), NOW_S) == timestamp(micros * 1_000)


def test_calls_are_read_in_any_case_and_nothing_else_is_one() -> None:
    assert parse_call(f"{ULID.lower()}:7") == f"{ULID}:7"
    assert parse_call(ULID) == ULID
    for text in ("", "7", f"{ULID}:", f"{ULID}:x", f"{ULID}0", "../" + ULID[3:], f"{ULID}:٣"):
        with pytest.raises(ValueError, match="is no call"):
            parse_call(text)


def test_ask_finds_whatever_a_person_was_asked_about() -> None:
    approved = {**ENTRY, "decision": "allow", "approval": "cd" * 16}
    refused = {**ENTRY, "approval": "cd" * 16}
    given = {"time": "2026", "kind": "admin", "what": "approval given", "segment": "ledger"}
    asked = Filter(decision="ask")
    for entry in (approved, refused, given, {**ENTRY, "decision": "ask"}):
        assert passes(entry, asked)
    for entry in (ENTRY, {**ENTRY, "decision": "allow"}, {**given, "what": "pause"}):
        assert not passes(entry, asked)
    assert not passes(given, Filter(decision="allow"))
    assert [is_approved(entry) for entry in (approved, refused, ENTRY)] == [True, False, False]


def test_the_ledgers_word_of_a_call_or_a_process_is_found_with_it() -> None:
    erased = {"time": "2026", "kind": "erase", "segment": "ledger", "call": f"{ULID}:1"}
    erased["about"] = f"2026-11-22/{ULID}"
    assert passes(erased, Filter(call=f"{ULID}:1"))
    assert passes(erased, Filter(call=ULID))
    assert not passes(erased, Filter(call=f"{ULID}:2"))
