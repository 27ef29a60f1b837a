"""Audit format version 1, against byte-exact vectors and a second reading of its definition."""

import hashlib
import hmac
import json
import math
from typing import Any

import pytest
from core.audit_samples import (
    APPROVAL,
    ARGUMENTS,
    BEGAN_NS,
    DIGEST,
    KEYS,
    asset,
    clear_file,
    segment,
)
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core import audit
from mcp_proxy.core.limits import LIMITS


def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in asset("segment.jsonl").splitlines()]


def test_the_vectors_are_what_is_written_today() -> None:
    assert segment() == asset("segment.jsonl")
    assert clear_file() == asset("segment.clear.jsonl")


def test_the_chain_is_as_documented_read_without_our_code() -> None:
    prev = "0" * 64
    for number, line in enumerate(asset("segment.jsonl").split(b"\n")[:-1]):
        body, _, rest = line.rpartition(b',"hash":"')
        assert rest == hashlib.sha256(body).hexdigest().encode() + b'"}'
        entry = json.loads(line)
        assert body.endswith(b',"prev":"' + prev.encode() + b'"')
        assert list(entry)[:3] == ["seq", "time", "kind"]
        assert list(entry)[-2:] == ["prev", "hash"]
        assert entry["seq"] == number
        prev = entry["hash"]


def test_every_kind_bears_its_fields() -> None:
    found = lines()
    assert {entry["kind"] for entry in found} == set(audit.FIELDS)
    for entry in found:
        assert set(audit.FIELDS[entry["kind"]]) <= entry.keys()


def test_a_decision_names_the_approval_that_it_rests_on() -> None:
    approvals = [entry["approval"] for entry in lines() if entry["kind"] == "decided"]
    assert approvals == [None, APPROVAL, None]


def test_a_segment_opens_with_whose_it_is() -> None:
    opened = lines()[0]
    assert opened["v"] == 1
    assert (opened["pid"], opened["profile"], opened["version"]) == (4711, "billing", 3)
    assert (opened["digest"], opened["ledger"]) == (DIGEST, None)
    assert opened["client"] == {"name": "host\\x1b[31m", "version": "1.0"}


def test_arguments_are_digests_under_the_calls_key() -> None:
    decided = lines()[1]
    text = json.dumps(
        ARGUMENTS[0], sort_keys=True, ensure_ascii=False, separators=(",", ":")
    ).encode()
    assert decided["args"] == hmac.new(KEYS[0], text, hashlib.sha256).hexdigest()
    customer = hmac.new(KEYS[0], b'"cus_1"', hashlib.sha256).hexdigest()
    assert decided["clear"] == {"customer": customer}


def test_the_chained_lines_hold_no_argument() -> None:
    data = asset("segment.jsonl")
    for planted in (b"cus_1", b"cus_2", b"Gr", b"amount", *(key.hex().encode() for key in KEYS)):
        assert planted not in data


def test_the_file_beside_holds_key_and_clear_values_by_number() -> None:
    assert [json.loads(line) for line in asset("segment.clear.jsonl").splitlines()] == [
        {"seq": 1, "key": KEYS[0].hex(), "clear": {"customer": "cus_1"}},
        {"seq": 3, "key": KEYS[1].hex(), "clear": {"customer": "cus_2"}},
    ]


def test_only_short_scalars_that_the_profile_names_stay_readable() -> None:
    bound = LIMITS.clear_value_chars
    arguments = {
        "text": "x" * bound,
        "long": "x" * (bound + 1),
        "list": [1],
        "map": {"a": 1},
        "null": None,
        "true": True,
        "number": 1.5,
        "unnamed": "secret",
    }
    names = ("text", "long", "list", "map", "null", "true", "number", "absent")
    assert audit.clear_values(arguments, names) == {
        "text": "x" * bound,
        "null": None,
        "true": True,
        "number": 1.5,
    }


@pytest.mark.parametrize("arguments", [None, [], "x", 5, [["customer", 1]]])
def test_arguments_that_are_no_object_leave_nothing_readable(arguments: Any) -> None:
    assert audit.clear_values(arguments, ("customer",)) == {}


@given(st.text())
def test_foreign_text_is_bounded_ascii_in_one_line(text: str) -> None:
    shown = audit.escaped(text)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) <= 10 * LIMITS.client_name_chars


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers() | st.text()))
def test_the_order_of_arguments_does_not_change_their_digest(value: dict[str, Any]) -> None:
    shuffled = dict(reversed(value.items()))
    assert audit.keyed(KEYS[0], value) == audit.keyed(KEYS[0], shuffled)


@given(st.text(), st.text())
def test_another_value_or_another_key_is_another_digest(one: str, other: str) -> None:
    assert audit.keyed(KEYS[0], one) != audit.keyed(KEYS[1], one)
    assert (audit.keyed(KEYS[0], one) == audit.keyed(KEYS[0], other)) is (one == other)


@given(st.dictionaries(st.text(), st.text() | st.none()), st.integers(0, 2**62))
def test_any_fields_make_one_line_that_reads_back(fields: dict[str, Any], seq: int) -> None:
    reserved = {"seq", "time", "kind", "prev", "hash"}
    kept = {name: value for name, value in fields.items() if name not in reserved}
    chained = audit.chain(seq, BEGAN_NS, "note", kept, audit.GENESIS)
    assert chained.line.count(b"\n") == 1
    read = json.loads(chained.line)
    assert {name: read[name] for name in kept} == kept
    assert read["hash"] == chained.hash


def test_times_are_utc_with_microseconds() -> None:
    assert audit.timestamp(0) == "1970-01-01T00:00:00.000000Z"
    assert audit.timestamp(1_800_000_000_123_456_789) == "2027-01-15T08:00:00.123456Z"
    leap_day = 1_709_164_800_000_000_999
    assert audit.timestamp(leap_day) == "2024-02-29T00:00:00.000000Z"


def test_a_number_json_does_not_have_cannot_hide_an_entry() -> None:
    """Arguments come from a strict reader; should one slip through, its digest is still made."""
    assert len(audit.keyed(KEYS[0], {"a": math.inf})) == 64
