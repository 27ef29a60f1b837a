"""What the ledger's check finds: every flipped bit, every contradiction in a chain that fits."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from audit_logs import Log, small_log
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.audit_check import Fault
from mcp_proxy.core.audit_ledger import first, ledger_line
from mcp_proxy.core.ledger_check import LedgerCheck, call_number

DATA = small_log().ledger_bytes
NAME = "2027-01-15/00000000000000000000000000"
OTHER = "2027-01-15/00000000000000000000000009"
HEAD = "ab" * 32
OPEN = {"segment": NAME, "pid": 7, "profile": "billing", "digest": HEAD, "state": None}


def check(data: bytes) -> tuple[LedgerCheck, Fault | None]:
    found = LedgerCheck("ledger.jsonl")
    *lines, tail = data.split(b"\n")
    for line in lines:
        entry = found.feed(line)
        if isinstance(entry, Fault):
            return found, entry
    return found, found.end(tail)


def contradictions(tell: Callable[[Log], None]) -> list[str]:
    log = Log(seed=None)
    tell(log)
    found, fault = check(log.ledger_bytes)
    assert fault is None
    return [f"{item.line}: {item.what}" for item in found.faults]


def test_a_good_ledger_tells_each_segments_story() -> None:
    found, fault = check(DATA)
    assert (fault, found.faults) == (None, [])
    assert found.entries == DATA.count(b"\n") == 8
    one, other = found.stories.values()
    assert one.closed is not None
    assert [mark.entries for mark in one.marks] == [3, 6]
    assert (one.closed.at, one.reason, one.torn) == ("ledger.jsonl:7", "client ended", 0)
    assert (other.reason, other.torn) == ("crash", 12)
    assert len(found.keys) == 1


@pytest.mark.parametrize("start", range(3))
def test_flipped_bits_are_found_in_their_line(start: int) -> None:
    for at in range(start * 11, len(DATA), 37):
        assert_found(at, (at + start) % 8)


@pytest.mark.slow
@pytest.mark.beside
def test_every_single_flipped_bit_is_found_in_its_line() -> None:
    for at in range(len(DATA)):
        for bit in range(8):
            assert_found(at, bit)


def assert_found(at: int, bit: int) -> None:
    changed = bytearray(DATA)
    changed[at] ^= 1 << bit
    fault = check(bytes(changed))[1]
    assert fault is not None, (at, bit)
    assert fault.line == DATA[:at].count(b"\n") + 1, (at, bit)


def test_every_truncation_is_a_torn_tail_or_whole_entries_fewer() -> None:
    for length in range(len(DATA)):
        found, fault = check(DATA[:length])
        assert fault is None, length
        assert found.entries == DATA[:length].count(b"\n"), length


def test_bytes_that_are_no_torn_entry_after_the_last_are_found() -> None:
    assert check(DATA + DATA.splitlines()[-1] + b"x")[1] == Fault(9, "bytes after the last entry")


@pytest.mark.parametrize("at", range(7))
def test_a_removed_and_a_doubled_line_are_found_where_the_chain_breaks(at: int) -> None:
    lines = DATA.splitlines(keepends=True)
    removed = check(b"".join(lines[:at] + lines[at + 1 :]))[1]
    doubled = check(b"".join(lines[: at + 1] + lines[at:]))[1]
    assert removed is not None
    assert doubled is not None
    assert (removed.line, doubled.line) == (at + 1, at + 2)


@given(st.binary(max_size=300))
def test_any_bytes_are_checked_without_an_exception(data: bytes) -> None:
    check(data)
    check(DATA + data + b"\n")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("other", {}),
        ("ledger", {"v": 1, "home": "x", "follows": None}),
        ("open", {**OPEN, "segment": "../../etc/passwd"}),
        ("open", {**OPEN, "segment": NAME + "\n"}),
        ("open", {**OPEN, "more": 1}),
        ("open", {}),
        ("checkpoint", {"segment": NAME, "entries": -1, "head": HEAD}),
        ("checkpoint", {"segment": NAME, "entries": True, "head": HEAD}),
        ("checkpoint", {"segment": NAME, "entries": 1, "head": "AB" * 32}),
        ("close", {"segment": NAME, "entries": 1, "head": HEAD, "reason": None, "torn": 0}),
        ("prune", {"segments": [[NAME, 1]], "why": "age"}),
        ("prune", {"segments": NAME, "why": "age"}),
        ("erase", {"segment": NAME, "call": "x"}),
        ("key", {"verifier": 5, "seal": ""}),
    ],
)
def test_an_entry_that_is_not_our_format_is_found_though_its_chain_fits(
    kind: str, fields: dict[str, Any]
) -> None:
    log = Log(seed=None)
    log.tell(kind, fields)
    fault = check(log.ledger_bytes)[1]
    assert fault is not None
    assert fault.line == 2


def test_a_ledger_of_a_newer_version_says_so() -> None:
    fields = {"v": 2, "home": "x", "follows": None}
    line = ledger_line(first("x"), 0, "ledger", fields, None).line
    assert check(line)[1] == Fault(1, "it needs a newer mcp-proxy")


def test_a_segment_is_opened_once() -> None:
    def tell(log: Log) -> None:
        log.tell("open", OPEN)
        log.tell("open", OPEN)

    assert contradictions(tell) == ["3: it opens a segment that was opened before"]


def test_what_is_told_of_a_segment_that_was_not_opened_is_found() -> None:
    def tell(log: Log) -> None:
        log.tell("checkpoint", {"segment": NAME, "entries": 1, "head": HEAD})

    assert contradictions(tell) == ["2: it tells of a segment that was not opened"]


@pytest.mark.parametrize(
    ("entries", "head", "good"),
    [(5, HEAD, True), (6, HEAD, True), (4, HEAD, False), (5, "cd" * 32, False)],
)
def test_checkpoints_never_go_back(entries: int, head: str, good: bool) -> None:
    def tell(log: Log) -> None:
        log.tell("open", OPEN)
        log.tell("checkpoint", {"segment": NAME, "entries": 5, "head": HEAD})
        log.tell("checkpoint", {"segment": NAME, "entries": entries, "head": head})

    assert (contradictions(tell) == []) is good


def test_nothing_comes_after_a_close_but_the_same_once_more() -> None:
    """A process may be killed between telling its end and taking away its marker."""
    closed = {"segment": NAME, "entries": 5, "head": HEAD, "reason": "done", "torn": 0}

    def tell(log: Log) -> None:
        log.tell("open", OPEN)
        log.tell("close", closed)
        log.tell("close", {**closed, "reason": "crash"})
        log.tell("close", {**closed, "entries": 6})
        log.tell("checkpoint", {"segment": NAME, "entries": 5, "head": HEAD})

    assert contradictions(tell) == [
        "5: it tells of a segment that was closed before",
        "6: it tells of a segment that was closed before",
    ]


def test_a_prune_names_closed_segments_as_they_were_closed() -> None:
    closed = {"segment": NAME, "entries": 5, "head": HEAD, "reason": "done", "torn": 0}

    def tell(log: Log) -> None:
        log.tell("open", OPEN)
        log.tell("prune", {"segments": [[NAME, 5, HEAD], [OTHER, 2, HEAD]], "why": "age"})
        log.tell("close", closed)
        log.tell("prune", {"segments": [[NAME, 5, HEAD]], "why": "age"})
        log.tell("prune", {"segments": [[NAME, 4, HEAD]], "why": "age"})

    assert contradictions(tell) == [
        "3: it prunes a segment that was not closed",
        "6: it prunes a segment that was closed with other entries",
    ]


@pytest.mark.parametrize(
    ("call", "number"),
    [(5, 5), ("5", 5), ("0" * 26 + ":17", 17), ("x:1", -1), (None, -1), ("1" * 19, -1)],
)
def test_a_call_is_a_number_or_an_id_with_one(call: object, number: int) -> None:
    assert call_number(call) == number


@pytest.mark.parametrize("time", [b"2027", b"", b"2027-01-15 08:00:00.123456Z"])
def test_a_time_of_another_form_is_found_though_its_hash_fits(time: bytes) -> None:
    body = DATA.split(b"\n")[0].rpartition(b',"hash":"')[0]
    start, _, rest = body.partition(b'"time":"')
    changed = start + b'"time":"' + time + rest[rest.index(b'"') :]
    line = changed + b',"hash":"' + hashlib.sha256(changed).hexdigest().encode() + b'"}'
    assert check(line + b"\n")[1] == Fault(1, "a field has no value of its kind")
