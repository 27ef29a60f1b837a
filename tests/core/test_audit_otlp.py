"""Log records and spans: the ids that were recorded, the entry's own line, one span for each."""

import json
import re

from core.audit_samples import PARENT, TRACE, segment
from core.test_audit_events import decided, entry, told

from mcp_proxy.core.audit_events import LEDGER
from mcp_proxy.core.audit_otlp import ERROR, INFO, WARN, log_record, span_of

LINES = segment().splitlines()
ENTRIES = [json.loads(line) for line in LINES]
TRACE_ID, SPAN_ID = TRACE.split("-")


def test_a_record_s_body_is_the_entry_s_line_byte_for_byte() -> None:
    records = [
        log_record("U", ENTRIES[0], one, line) for one, line in zip(ENTRIES, LINES, strict=True)
    ]
    assert [record.body.encode() for record in records] == LINES
    assert [record.attributes["log.record.uid"] for record in records] == [
        f"U:{n}" for n in range(8)
    ]
    assert [record.attributes.get("mcp_proxy.call") for record in records] == [
        *(None, "U:1", "U:1", "U:3", "U:3", None, "U:6", None),
    ]
    assert (records[1].trace, records[1].span, records[3].trace) == (TRACE_ID, SPAN_ID, "")
    assert records[1].time_ns == 1_800_000_000_124_456_000
    assert records[0].event == "mcp_proxy.audit.open"


def test_an_erasure_names_the_call_as_its_segment_does() -> None:
    began = entry(0, "ledger", v=1, home="h", follows=None)
    made = entry(3, "erase", segment="2027-01-15/U", call=6)
    attributes = log_record(LEDGER, began, made, b"").attributes
    assert attributes["log.record.uid"] == "ledger-" + "0" * 16 + ":3"
    assert (attributes["mcp_proxy.call"], attributes["mcp_proxy.audit.source"]) == ("U:6", LEDGER)


def test_refusals_are_warnings_and_failures_are_errors() -> None:
    rows = [
        (decided(1), INFO),
        (decided(1, "deny", error="MCPX-D13"), WARN),
        (entry(2, "answered", call=1, outcome="error", error="MCPX-U01"), ERROR),
        (entry(2, "refused", profile=None, error="MCPX-P06"), ERROR),
        (entry(2, "cut", bytes=3), ERROR),
        (entry(2, "checkpoint"), INFO),
    ]
    assert [log_record(LEDGER, {}, one, b"").severity for one, _ in rows] == [
        want for _, want in rows
    ]


def test_a_span_has_the_recorded_ids_and_the_client_s_parent() -> None:
    (call,) = (event for event in told(*ENTRIES[:3]) if event.is_call)
    span = span_of(call)
    assert (span.trace, span.span, span.parent) == (TRACE_ID, SPAN_ID, PARENT)
    assert (span.name, span.is_error) == ("tools/call find_invoices", False)
    assert span.end_ns - span.start_ns == 1_000_000
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["mcp_proxy.outcome"] == "ok"
    assert span.attributes["mcp_proxy.profile"] == "billing"


def test_later_legs_are_children_of_the_recorded_span_with_ids_of_their_own() -> None:
    first, second = (span_of(event) for event in told(decided(1, "ask"), decided(2, "deny")))
    assert (second.trace, second.parent) == (first.trace, first.span)
    assert second.span != first.span
    again = span_of(told(decided(1, "ask"), decided(2, "deny"))[1])
    assert again == second


def test_a_call_of_before_spans_gets_the_same_ids_each_time() -> None:
    (event,) = told(decided(1, "deny", trace=None))
    span = span_of(event)
    assert span == span_of(event)
    assert re.fullmatch("[0-9a-f]{32}", span.trace)
    assert re.fullmatch("[0-9a-f]{16}", span.span)
    assert span.parent == ""


def test_ids_that_are_none_are_not_taken() -> None:
    (event,) = told(decided(1, "deny", trace="xyz", parent="q" * 16))
    assert span_of(event).trace != "xyz"
    (event,) = told(decided(1, "deny", parent="q" * 16))
    assert (span_of(event).span, span_of(event).parent) == (SPAN_ID, "")
