"""A clear file read along with its segment: what fits, what was erased, what is broken."""

import json
from typing import Any

import pytest
from audit_logs import Log
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core import audit
from mcp_proxy.core.audit_check import Fault, check_clear, check_segment, parse_clear
from mcp_proxy.core.clear_check import ClearCheck

LOG = Log()
SEGMENT = LOG.begin()
CALLS = [SEGMENT.call(customer=f"cus_{number}", amount=number) for number in range(4)]
ENTRIES = [json.loads(line) for line in SEGMENT.lines]
ROWS = tuple(line.rstrip(b"\n") for line in SEGMENT.rows)


def check(*lines: bytes, erased: tuple[int, ...] = ()) -> ClearCheck:
    found = ClearCheck(iter(lines), frozenset(erased))
    for entry in ENTRIES:
        if entry["kind"] == "decided":
            found.check(entry)
    found.end()
    return found


def counts(found: ClearCheck) -> tuple[int, int, int, int, int]:
    return found.proven, found.erased, found.lost, found.kept, found.broken


def row(seq: Any, **changes: Any) -> bytes:
    return audit.compact({"seq": seq, "key": "00" * 16, "clear": {}, **changes})


def test_rows_that_fit_are_counted() -> None:
    assert counts(check(*ROWS)) == (4, 0, 0, 0, 0)


def test_an_erased_row_is_told_apart_from_one_that_is_gone() -> None:
    spaces = b" " * len(ROWS[0])
    assert counts(check(spaces, *ROWS[1:], erased=(CALLS[0],))) == (3, 1, 0, 0, 0)
    assert counts(check(spaces, *ROWS[1:])) == (3, 0, 1, 0, 0)
    assert counts(check(erased=tuple(CALLS[:3]))) == (0, 3, 1, 0, 0)


def test_a_row_that_was_to_be_erased_and_is_there_is_counted() -> None:
    assert counts(check(*ROWS, erased=(CALLS[2],))) == (4, 0, 0, 1, 0)


def test_a_changed_value_is_found_in_its_line() -> None:
    found = check(*ROWS[:2], ROWS[2].replace(b"cus_2", b"cus_9"), ROWS[3])
    what = f"a clear value does not fit its digest in entry {CALLS[2]}"
    assert found.faults == [Fault(3, what)]
    assert counts(found) == (3, 0, 0, 0, 1)


def test_of_several_rows_of_a_number_the_last_counts() -> None:
    """An entry that could not be written leaves its row behind and its number free."""
    assert counts(check(row(CALLS[0]), *ROWS)) == (4, 0, 0, 0, 0)
    assert check(*ROWS[:1], row(CALLS[0]), *ROWS[1:]).broken == 1


def test_rows_out_of_order_and_lines_that_are_none_are_found() -> None:
    found = check(ROWS[1], ROWS[0], b"{}", b"", b"[]", row("1"), row(True), *ROWS[2:])
    assert [fault.line for fault in found.faults] == [2, 3, 4, 5, 6, 7]
    assert counts(found) == (3, 0, 1, 0, 6)


def test_rows_after_the_last_entry_are_read_too() -> None:
    found = check(*ROWS, row(99), b"x")
    assert found.faults == [Fault(6, "it is not readable")]


def test_few_of_many_faults_are_kept_and_all_counted() -> None:
    found = check(*[b"x"] * 1000)
    assert (len(found.faults), found.broken) == (20, 1000)


@given(st.lists(st.sampled_from([*ROWS, b" ", b"", row(3), row(0)]), max_size=9))
def test_reading_along_finds_what_reading_at_once_finds_in_rows_in_order(
    lines: list[bytes],
) -> None:
    """In order, that is; others are a fault here."""
    found = check(*lines)
    data = b"".join(line + b"\n" for line in lines)
    at_once = check_clear(check_segment(b"".join(SEGMENT.lines)).entries, parse_clear(data))
    numbers = [json.loads(line)["seq"] for line in lines if line.strip()]
    if numbers == sorted(numbers):
        assert found.broken - len(at_once) in ((0, 1) if found.lost else (0,))
    else:
        assert found.broken


def test_what_is_sealed_is_kept_and_must_be_what_the_entry_binds() -> None:
    rows = [audit.clear_line(7, b"k", {}, "c2VhbGVk")]
    assert parse_clear(b"".join(rows)).rows[7]["sealed"] == "c2VhbGVk"
    sealed = ROWS[0][:-1] + b',"sealed":"c2VhbGVk"}'
    assert check(sealed, *ROWS[1:]).faults[0].line == 1
    key = bytes.fromhex(json.loads(ROWS[0])["key"])
    bound = {**ENTRIES[CALLS[0]], "row": audit.keyed(key, "c2VhbGVk")}
    for line, counted in ((sealed, 1), (ROWS[0], 0), (sealed.replace(b"c2V", b"c2W"), 0)):
        found = ClearCheck(iter([line]), frozenset())
        found.check(bound)
        assert found.proven == counted


@pytest.mark.parametrize(
    "changed",
    [
        ROWS[0].replace(b'"key":', b'"key": '),
        ROWS[0].replace(b"cus_0", b"\\u0063us_0"),
        ROWS[0].replace(b'"seq"', b'"seq":1,"seq"'),
        ROWS[0].replace(b'"customer"', b'"customer":"cus_0","customer"'),
        ROWS[0][:-1] + b',"more":1}',
        ROWS[0] + b"\r",
        b'{"seq":1,"key":"00","clear":' + b"[" * 100_000,
        b'{"seq":1,"key":"00","clear":{"a":[' + b"{}," * 400_000 + b"1]}}",
        b'{"seq":1,"key":"00","clear":{"a":' + b"9" * 10_000 + b"}}",
    ],
)
def test_a_row_in_any_other_form_is_none(changed: bytes) -> None:
    assert check(changed, *ROWS[1:]).faults == [Fault(1, "it is not readable")]


def test_each_flipped_bit_of_a_row_is_found_in_its_line() -> None:
    """Of rows as they are written today, which bind the key of a call without values too."""
    key, sealed = bytes(range(160, 176)), "c2VhbGVk"
    values: tuple[dict[str, Any], ...] = ({"big": 1e16}, {}, {"a": "\u00e9"})
    entries, data = [], b""
    for seq, clear in zip((1, 3, 7), values, strict=True):
        told = {name: audit.keyed(key, value) for name, value in clear.items()}
        entries.append({"seq": seq, "clear": told, "row": audit.keyed(key, sealed)})
        data += audit.clear_line(seq, key, clear, sealed)
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        *lines, tail = bytes(changed).split(b"\n")
        found = ClearCheck(iter(lines), frozenset())
        for entry in entries:
            found.check(entry)
        found.end(lambda tail=tail: tail)
        assert found.faults[0].line == data[: bit // 8].count(b"\n") + 1, (bit, found.faults)


def test_a_torn_last_line_is_that_of_a_call_that_never_was() -> None:
    for tail, broken in ((b'{"seq":9,"key":"00', 0), (ROWS[3], 1), (b"   ", 1), (b"\0\0", 0)):
        found = ClearCheck(iter(ROWS[:3]), frozenset())
        for number in CALLS:
            found.check(ENTRIES[number])
        found.end(lambda tail=tail: tail)
        assert found.broken == broken
