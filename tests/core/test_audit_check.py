"""What verification finds: every flipped bit, every edit; and what a torn tail may be."""

import hashlib
import json
from typing import Any

import pytest
from core.audit_samples import KEYS, asset, clear_file, segment
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core import audit
from mcp_proxy.core.audit_check import (
    Clear,
    Segment,
    SegmentCheck,
    check_clear,
    check_segment,
    clear_values_of,
    parse_clear,
)

WHOLE = segment()
ENDS = [at + 1 for at, byte in enumerate(WHOLE) if byte == ord("\n")]


def chained(*items: tuple[str, dict[str, Any]], seqs: list[Any] | None = None) -> bytes:
    data, prev = b"", audit.GENESIS
    for at, (kind, fields) in enumerate(items):
        seq = at if seqs is None else seqs[at]
        line, prev = audit.chain(seq, 0, kind, fields, prev)
        data += line
    return data


OPEN = ("open", audit.open_fields(1, {}, None, None, None))
NOTE = ("note", {"what": "x"})
CLOSE = ("close", {"reason": "done"})


def damage(data: bytes) -> tuple[int, str]:
    found = check_segment(data).damage
    assert found is not None
    return found


def test_a_whole_segment_is_good_and_closed() -> None:
    found = check_segment(WHOLE)
    assert (found.damage, found.torn_bytes, found.closed) == (None, 0, True)
    assert [entry["kind"] for entry in found.entries] == [
        "open",
        "decided",
        "answered",
        "decided",
        "cancelled",
        "note",
        "decided",
        "close",
    ]


def test_a_segment_of_an_earlier_program_whose_decisions_name_no_approval_is_good() -> None:
    earlier = asset("segment.earlier.jsonl")
    assert b'"approval"' not in earlier
    found = check_segment(earlier)
    assert (found.damage, found.closed, len(found.entries)) == (None, True, 8)


def test_every_single_flipped_bit_is_reported() -> None:
    """At its line: the one that ends in it, where it is a newline's."""
    for at in range(len(WHOLE)):
        for bit in range(8):
            flipped = bytearray(WHOLE)
            flipped[at] ^= 1 << bit
            assert damage(bytes(flipped))[0] == 1 + WHOLE.count(b"\n", 0, at), (at, bit)


@pytest.mark.slow
@pytest.mark.beside
def test_every_single_changed_byte_is_reported() -> None:
    data = chained(OPEN, NOTE, CLOSE)
    for at, old in enumerate(data):
        for new in range(256):
            if new != old:
                changed = data[:at] + bytes((new,)) + data[at + 1 :]
                assert check_segment(changed).damage is not None, (at, new)


def test_every_removed_and_every_doubled_byte_is_reported() -> None:
    for at in range(len(WHOLE) - 1):
        assert check_segment(WHOLE[:at] + WHOLE[at + 1 :]).damage is not None, at
        assert check_segment(WHOLE[:at] + WHOLE[at : at + 1] + WHOLE[at:]).damage is not None, at


def test_every_truncation_is_a_torn_tail_or_at_a_lines_end_a_segment_without_close() -> None:
    """The stated window: whole last entries of one segment can go unseen until there is a ledger,
    but never a close entry without the segment being counted as one that has none."""
    for length in range(len(WHOLE)):
        found = check_segment(WHOLE[:length])
        assert found.damage is None, length
        assert not found.closed, length
        start = max((end for end in ENDS if end <= length), default=0)
        assert found.torn_bytes == length - start, length
        assert len(found.entries) == sum(end <= length for end in ENDS), length


def test_an_empty_segment_is_torn_before_its_first_entry() -> None:
    assert check_segment(b"") == Segment((), None, 0, False)


def test_bytes_after_a_close_entry_are_no_torn_tail() -> None:
    assert damage(WHOLE + b"{") == (9, "bytes after the last entry")
    assert damage(WHOLE + WHOLE)[0] == 9
    assert damage(chained(OPEN, CLOSE, NOTE)) == (3, "it stands after the close entry")


@pytest.mark.parametrize("at", range(len(ENDS) - 1))
def test_a_removed_line_is_reported_where_the_chain_breaks(at: int) -> None:
    lines = WHOLE.splitlines(keepends=True)
    assert damage(b"".join(lines[:at] + lines[at + 1 :]))[0] == at + 1


def test_lines_that_changed_places_are_reported() -> None:
    lines = WHOLE.splitlines(keepends=True)
    lines[2], lines[3] = lines[3], lines[2]
    assert damage(b"".join(lines))[0] == 3


def test_an_entry_of_another_segment_does_not_fit() -> None:
    other = chained(OPEN, ("note", {"what": "y"}), NOTE).splitlines(keepends=True)
    mine = chained(OPEN, NOTE).splitlines(keepends=True)
    assert damage(b"".join(mine) + other[2]) == (3, "it does not follow the entry before")


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (chained(NOTE), 1),
        (chained(OPEN, OPEN), 2),
        (chained(OPEN, ("other", {"what": "x"})), 2),
        (chained(OPEN, NOTE, seqs=[0, 2]), 2),
        (chained(OPEN, NOTE, seqs=[0, None]), 2),
        (chained(OPEN, ("decided", {"tool": "x"})), 2),
        (chained(OPEN, ("note", {"what": "x", "time": 5})), 2),
        (chained(OPEN, ("note", {"what": "x", "time": "2026-11-22"})), 2),
        (chained(("open", {**OPEN[1], "client": "x"})), 1),
        (chained(("open", {**OPEN[1], "ledger": {"seq": "1", "hash": "0" * 64}})), 1),
        (chained(("open", {**OPEN[1], "ledger": {"seq": 1}})), 1),
        (b"\n", 1),
        (b"[]\n", 1),
    ],
)
def test_a_chain_that_fits_but_is_not_our_format_is_reported(data: bytes, line: int) -> None:
    assert damage(data)[0] == line


def test_a_line_nested_beyond_the_stack_is_damage_not_a_crash() -> None:
    deep = b'{"a":' + b"[" * 100_000
    digest = hashlib.sha256(deep).hexdigest().encode()
    assert damage(deep + b',"hash":"' + digest + b'"}\n')[0] == 1


def test_what_stands_before_the_damage_is_still_told() -> None:
    found = check_segment(WHOLE[: ENDS[2]] + b"x" + WHOLE[ENDS[2] :])
    assert len(found.entries) == 3
    assert found.damage is not None
    assert found.damage[0] == 4


@given(st.binary())
def test_any_bytes_are_checked_without_an_exception(data: bytes) -> None:
    check_segment(data)
    parse_clear(data)


@given(st.binary(max_size=200))
def test_bytes_written_into_a_segment_are_found(data: bytes) -> None:
    changed = WHOLE[: ENDS[1]] + data + b"\n" + WHOLE[ENDS[1] :]
    assert check_segment(changed).damage is not None


# --- the file beside it


def faults(clear: bytes) -> list[str]:
    return check_clear(check_segment(WHOLE).entries, parse_clear(clear))


def values(clear: bytes) -> list[dict[str, Any]]:
    rows = parse_clear(clear)
    return [clear_values_of(entry, rows) for entry in check_segment(WHOLE).entries]


def rewritten(number: int, **changes: Any) -> bytes:
    rows = [json.loads(line) for line in clear_file().splitlines()]
    changed = [{**row, **changes} if row["seq"] == number else row for row in rows]
    return b"".join(audit.compact(row) + b"\n" for row in changed)


def test_clear_values_fit_their_digests() -> None:
    assert faults(asset("segment.clear.jsonl")) == []
    assert values(clear_file())[1] == {"customer": "cus_1"}
    assert values(clear_file())[3] == {"customer": "cus_2"}


def test_an_erased_call_leaves_the_rest_good() -> None:
    first, second = clear_file().splitlines(keepends=True)
    assert faults(first) == faults(second) == faults(b"") == []
    assert values(second)[1] == {}
    assert values(second)[3] == {"customer": "cus_2"}


@pytest.mark.parametrize(
    "changes",
    [
        {"clear": {"customer": "cus_9"}},
        {"clear": {}},
        {"clear": {"customer": "cus_2", "amount": 1}},
        {"clear": {"Customer": "cus_2"}},
        {"clear": ["cus_2"]},
        {"clear": None},
        {"key": KEYS[0].hex()},
        {"key": "no hex"},
        {"key": 5},
    ],
)
def test_a_modified_clear_value_or_key_is_found_and_never_shown(changes: dict[str, Any]) -> None:
    changed = rewritten(3, **changes)
    assert faults(changed) == ["entry 3: a clear value does not fit its digest"]
    assert values(changed)[3] == {}
    assert values(changed)[1] == {"customer": "cus_1"}


def test_a_call_given_the_clear_values_of_another_is_found() -> None:
    assert faults(rewritten(3, seq=1)) == ["entry 1: a clear value does not fit its digest"]


def test_values_beside_an_entry_that_decided_nothing_are_not_shown() -> None:
    assert values(rewritten(3, seq=5))[5] == {}


@pytest.mark.parametrize("line", [b"x", b"[]", b"{}", b'{"seq":"1"}', b'{"seq":Infinity}', b""])
def test_a_line_that_is_no_row_is_found(line: bytes) -> None:
    assert faults(clear_file() + line + b"\n") == ["line 3 of its clear file is not readable"]
    assert values(clear_file() + line + b"\n")[1] == {"customer": "cus_1"}


def test_a_torn_last_row_is_passed_over() -> None:
    assert faults(clear_file()[:-1]) == faults(clear_file() + b'{"seq":5,') == []


def test_the_last_row_of_a_number_counts() -> None:
    """An entry that could not be written leaves its clear line behind and its number free."""
    failed = audit.clear_line(3, KEYS[0], {"customer": "lost"})
    assert faults(failed + clear_file()) == []


def test_every_changed_byte_of_a_value_is_found() -> None:
    data = clear_file()
    at = data.index(b"cus_2")
    for position in range(at, at + 5):
        for bit in range(7):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            assert faults(bytes(flipped)) != [], (position, bit)


def test_nothing_is_kept_of_an_empty_file() -> None:
    assert parse_clear(b"") == Clear({}, ())


def test_a_line_of_spaces_is_an_erased_call() -> None:
    first, second = clear_file().splitlines(keepends=True)
    erased = b" " * (len(first) - 1) + b"\n" + second
    assert faults(erased) == []
    assert (values(erased)[1], values(erased)[3]) == ({}, {"customer": "cus_2"})
    assert faults(b"\t\n" + second) == ["line 1 of its clear file is not readable"]


# --- line by line, as segments are read that are too long to be held


def with_macs(*marked: bool) -> bytes:
    """A segment that begins with a wrapped key, and which entries after it bear a MAC."""
    mac = {"recipient": "ab" * 8, "wrapped": "x"}
    opened = audit.open_fields(1, {}, None, None, None, None, mac)
    chained_open = audit.chain(0, 0, "open", opened, audit.GENESIS)
    data, prev = chained_open.line, chained_open.hash
    for seq, is_marked in enumerate(marked, 1):
        made = audit.chain(seq, 0, "note", {"what": "x"}, prev, b"key" if is_marked else None)
        data, prev = data + made.line, made.hash
    return data


def test_s21_all_entries_of_a_segment_bear_macs_or_none() -> None:
    assert check_segment(with_macs(True, True)).damage is None
    what = "it bears a MAC, or none, against its open entry"
    assert damage(with_macs(True, False)) == (3, what)
    assert damage(with_macs(False)) == (2, what)
    unmarked = chained(OPEN).splitlines(keepends=True)[0]
    head = json.loads(unmarked)["hash"]
    marked = audit.chain(1, 0, "note", {"what": "x"}, head, b"key").line
    assert damage(unmarked + marked) == (2, what)


def test_a_mac_stands_before_prev_and_nowhere_else() -> None:
    opened = with_macs()
    fields = {"mac": "ab" * 32, "what": "x"}
    entry = audit.chain(1, 0, "note", fields, json.loads(opened)["hash"])
    assert damage(opened + entry.line)[0] == 2


def test_lines_fed_one_by_one_count_and_end_as_all_at_once() -> None:
    check = SegmentCheck()
    *lines, tail = WHOLE.split(b"\n")
    entries = [check.feed(line) for line in lines]
    assert check.end(tail) is None
    assert tuple(entries) == check_segment(WHOLE).entries
    assert (check.entries, check.closed, check.torn_bytes) == (8, True, 0)
    assert check.head == json.loads(lines[-1])["hash"]
    assert check.feed(lines[-1]) == (9, "it stands after the close entry")
