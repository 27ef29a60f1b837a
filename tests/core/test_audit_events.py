"""Entries as events: each call once, with its end; nothing held that has ended."""

import json
from typing import Any

from core.audit_samples import TRACE, segment

from mcp_proxy.core.audit_events import (
    DAMAGED,
    LEDGER,
    Event,
    Events,
    entry_of,
    error_of,
    is_told,
    outcome,
    summary,
)


def told(*entries: dict[str, Any], source: str = "S") -> list[Event]:
    events = Events(source)
    return [event for entry in entries for event in events.take(entry)]


def entry(seq: int, kind: str, **fields: Any) -> dict[str, Any]:
    time = f"2027-01-15T08:00:0{seq}.000000Z"
    return {"seq": seq, "time": time, "kind": kind, **fields, "hash": f"{seq:064x}"}


def decided(seq: int, decision: str = "allow", **fields: Any) -> dict[str, Any]:
    row = {"tool": "find", "decision": decision, "rule": "allow", "error": None, "trace": TRACE}
    return entry(seq, "decided", **{**row, **fields})


def test_a_call_and_how_it_ended_are_one_event_with_the_id_that_show_prints() -> None:
    events = told(*(json.loads(line) for line in segment().splitlines()), source="ULID")
    assert [(event.entry["kind"], event.id) for event in events] == [
        ("open", "ULID:0"),
        ("decided", "ULID:1"),
        ("decided", "ULID:3"),
        ("note", "ULID:5"),
        ("decided", "ULID:6"),
        ("close", "ULID:7"),
    ]
    assert [outcome(event) for event in events if event.is_call] == ["ok", "cancelled", "denied"]
    assert [error_of(event) for event in events if event.is_call] == [None, None, "MCPX-D05"]
    assert all(event.opened["profile"] == "billing" for event in events)


def test_events_of_two_ledgers_have_ids_that_differ_by_their_first_entries() -> None:
    made = entry(1, "admin", what="pause", facts={})
    ids = []
    for digit in "ab":
        began = {**entry(0, "ledger", v=1, home="h", follows=None), "hash": digit * 64}
        events = told(began, entry(0, "open", segment="x"), made, source=LEDGER)
        ids.append(events[-1].id)
    assert ids == ["ledger-" + "a" * 16 + ":1", "ledger-" + "b" * 16 + ":1"]


def test_ends_are_joined_when_the_call_is_named_with_its_segment_too() -> None:
    end = entry(2, "answered", call="01J:1", outcome="error", error="MCPX-U01")
    (event,) = told(decided(1), end)
    assert (outcome(event), error_of(event)) == ("error", "MCPX-U01")


def test_a_call_without_an_end_is_told_at_the_close_as_unknown() -> None:
    event, close = told(decided(1), entry(2, "close", reason="terminated"))
    assert (outcome(event), event.end, close.entry["kind"]) == ("unknown", None, "close")
    events = Events("S")
    assert events.take(decided(1)) == []
    assert [outcome(event) for event in events.rest()] == ["unknown"]
    assert events.rest() == []


def test_an_end_without_its_call_stands_alone() -> None:
    (event,) = told(entry(4, "cancelled", call=1, sent="no"))
    assert event.entry["kind"] == "cancelled"


def test_legs_of_one_span_are_counted() -> None:
    events = told(decided(1, "ask"), decided(2, "deny"), decided(3, "deny", trace=None))
    assert [event.leg for event in events] == [0, 1, 0]


def test_of_the_ledger_only_what_segments_do_not_tell_is_told() -> None:
    kinds = ("ledger", "key", "open", "checkpoint", "admin", "refused", "prune", "erase", "cut")
    entries = [entry(0, kind) for kind in kinds]
    entries += [entry(1, "close", reason=reason) for reason in ("client ended", "crash")]
    events = [event for event in told(*entries, source=LEDGER) if is_told(event)]
    assert [event.entry["kind"] for event in events] == [
        *("key", "admin", "refused", "prune", "erase", "cut"),
        "close",
    ]
    assert events[-1].entry["reason"] == "crash"
    assert all(map(is_told, told(entry(0, "open"), entry(1, "close"), source="S")))


def test_a_line_that_is_no_entry_is_told_as_damaged_and_never_breaks_what_reads_it() -> None:
    whole = segment().splitlines()[1]
    assert entry_of(whole, 1)["kind"] == "decided"
    lines = [
        *(b"", b"{}", b"[]", b"\xff", b"[" * 5000, b'{"seq":"1","time":"","kind":"note"}'),
        whole.replace(b'"rule":', b'"role":'),
        whole.replace(b'"trace":"', b'"trace":["').replace(b'","parent"', b'"],"parent"'),
        b'{"seq":1,"time":"","kind":"answered","hash":""}',
        b'{"seq":1,"time":"","kind":"open","client":[],"hash":""}',
    ]
    for line in lines:
        made = entry_of(line, 7)
        assert (made["kind"], made["seq"]) == (DAMAGED, 7), line
        (event,) = told(made)
        assert outcome(event) == "error"


def test_summaries_say_what_who_decided_and_how_it_ended() -> None:
    events = told(
        decided(1, "deny", rule="limit", error="MCPX-D13"),
        entry(2, "admin", what="pause"),
        entry(3, "refused", profile=None, error="MCPX-P06"),
    )
    assert [summary(event) for event in events] == [
        "find: deny by limit, denied (MCPX-D13)",
        "admin pause",
        "refused MCPX-P06",
    ]
