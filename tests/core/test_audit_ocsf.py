"""OCSF records, against the published schema (1.8.0, as the package ocsf-json-schema holds it)."""

import functools
import json
from typing import Any

import jsonschema_rs
import pytest
from core.audit_samples import TRACE, segment
from core.test_audit_events import decided, entry, told
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from mcp_proxy.core.audit_events import LEDGER, Event
from mcp_proxy.core.audit_ocsf import PROFILES, SCHEMA_VERSION, ocsf_record

CLASSES = {6003: "api_activity", 6002: "application_lifecycle"}
HOME = "ab" * 16
TRACE_ID, SPAN_ID = TRACE.split("-")


@functools.cache
def published(class_uid: int) -> Any:
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(SCHEMA_VERSION))
    assert schema.lookup_class_name_from_uid(class_uid) == CLASSES[class_uid]
    return jsonschema_rs.validator_for(schema.get_class_schema(CLASSES[class_uid], list(PROFILES)))


def checked(event: Event) -> dict[str, Any]:
    record = json.loads(json.dumps(ocsf_record(event, "0.1.0", HOME)))
    faults = [str(fault) for fault in published(record["class_uid"]).iter_errors(record)]
    assert faults == [], record
    return record


def test_a_segment_s_events_are_valid_against_the_published_schema() -> None:
    records = [checked(event) for event in told(*map(json.loads, segment().splitlines()))]
    assert [record["type_uid"] for record in records] == [
        *(600203, 600302, 600399, 600399, 600399, 600204),
    ]
    assert [record["metadata"]["uid"] for record in records][1] == "S:1"
    assert {record["metadata"]["reporter"]["uid"] for record in records} == {HOME}


def test_a_call_tells_who_what_and_how_it_ended() -> None:
    events = told(*map(json.loads, segment().splitlines()))
    read = checked(events[1])
    assert read["api"]["operation"] == "find_invoices"
    assert read["api"]["service"] == {"name": "billing-api"}
    assert read["api"]["group"] == {"name": "billing"}
    assert read["api"]["response"] == {"code": 200}
    assert read["actor"] == {"app_name": "host\\x1b[31m"}
    assert (read["status_id"], read["action_id"], read["disposition_id"]) == (1, 1, 1)
    assert read["trace"]["uid"] == TRACE_ID
    assert read["trace"]["span"]["uid"] == SPAN_ID
    assert read["trace"]["span"]["parent_uid"] == "00f067aa0ba902b7"
    assert (read["end_time"] - read["start_time"], read["duration"]) == (1, 38)
    assert read["time"] == 1_800_000_000_124
    denied = checked(events[4])
    assert (denied["status_id"], denied["action_id"], denied["disposition_id"]) == (2, 2, 2)
    assert (denied["status_code"], denied["policy"]["name"]) == ("MCPX-D05", "tools of the profile")


@pytest.mark.parametrize(
    "made",
    [
        decided(1, "ask"),
        decided(1, "deny", error="MCPX-D13", rule="limit", trace=None, parent=None),
        decided(1, "deny", tool=None, upstream=None, effect=None),
        entry(1, "note", what="malformed", count=2),
        entry(1, "note", what="approval given", facts={"by": "page", "uses": 1}),
    ],
)
def test_every_kind_of_a_segment_is_valid(made: dict[str, Any]) -> None:
    checked(told(made)[0])


@pytest.mark.parametrize(
    "made",
    [
        entry(1, "key", verifier="x+00+y", seal="z"),
        entry(1, "admin", what="trust add", facts={"key": "ab", "yes": False}),
        entry(1, "refused", profile="billing", error="MCPX-P06"),
        entry(1, "prune", segments=[["2027-01-15/U", 3, "ab"]], why="age"),
        entry(1, "erase", segment="2027-01-15/U", call=3),
        entry(1, "cut", bytes=17),
        entry(1, "close", segment="2027-01-15/U", entries=3, head="ab", reason="crash", torn=0),
        {"seq": 4, "time": "", "kind": "damaged", "hash": None},
    ],
)
def test_every_kind_of_the_ledger_is_valid(made: dict[str, Any]) -> None:
    record = checked(told(made, source=LEDGER)[0])
    assert record["unmapped"]["source"] == LEDGER


def test_no_argument_and_no_digest_of_one_is_in_a_record() -> None:
    events = told(decided(1, "deny", args="a" * 64, clear={"customer": "b" * 64}))
    with_values = events[0]._replace(entry={**events[0].entry, "values": {"customer": "cus_1"}})
    text = json.dumps(checked(with_values))
    assert "a" * 64 not in text
    assert "b" * 64 not in text
    assert "cus_1" not in text


def test_the_schema_that_we_ask_refuses_what_does_not_fit_it() -> None:
    record = ocsf_record(told(decided(1, "deny"))[0], "0.1.0", HOME)
    assert published(6003).is_valid(record)
    for wrong in ({"api": {}}, {"class_uid": 6004}, {"activity_id": 7}, {"unknown_name": 1}):
        assert not published(6003).is_valid({**record, **wrong}), wrong
