"""A segment and a ledger cut at every byte: found in its line, or in the window that is stated.

The window of a segment: what came after the ledger's last word of it. The window of the ledger:
what came after the last segment began, unless a head was kept elsewhere.
"""

import json

import pytest
from audit_logs import HOME, Log, Segment, small_log

from mcp_proxy.core.audit_check import Fault, SegmentCheck
from mcp_proxy.core.ledger_anchors import Anchor, AnchorCheck
from mcp_proxy.core.ledger_check import LedgerCheck, Story
from mcp_proxy.core.segment_story import StoryCheck, head_of_ledger


def ledger_of(data: bytes) -> LedgerCheck:
    check = LedgerCheck("ledger.jsonl")
    *lines, tail = data.split(b"\n")
    assert [line for line in lines if isinstance(check.feed(line), Fault)] == []
    assert check.end(tail) is None
    return check


def first_fault(data: bytes, story: Story) -> Fault | None:
    chain, told = SegmentCheck(), StoryCheck(story)
    *lines, tail = data.split(b"\n")
    for line in lines:
        entry = chain.feed(line)
        if isinstance(entry, Fault):
            return entry
        fault = told.feed(entry)
        if fault is not None:
            return fault
    return chain.end(tail) or told.end(chain.entries, chain.torn_bytes)


@pytest.mark.parametrize("number", [0, 1])
def test_a_closed_segment_is_missed_at_every_byte(number: int) -> None:
    log = small_log()
    story = list(ledger_of(log.ledger_bytes).stories.values())[number]
    data = b"".join(list(log.files.values())[2 * number])
    assert first_fault(data, story) is None
    for length in range(len(data)):
        fault = first_fault(data[:length], story)
        assert fault is not None, length
        assert fault.line == data[:length].count(b"\n") + 1, length


def running() -> tuple[Log, Segment]:
    log = Log()
    segment = log.begin()
    segment.call(customer="cus_1")
    segment.checkpoint()
    segment.call(customer="cus_2")
    return log, segment


def test_a_running_segment_is_missed_at_every_byte_before_its_checkpoint_and_at_none_after() -> (
    None
):
    log, segment = running()
    (story,) = ledger_of(log.ledger_bytes).stories.values()
    data = b"".join(segment.lines)
    window = len(b"".join(segment.lines[:3]))
    for length in range(len(data)):
        assert (first_fault(data[:length], story) is None) is (length >= window), length


def test_a_ledger_is_missed_at_every_byte_before_the_last_segment_that_is_there() -> None:
    """Each segment names the ledger's entry that opened it, which then is not there any more."""
    log = small_log()
    opened = [head_of_ledger(json.loads(lines[0])) for lines in list(log.files.values())[::2]]
    data = log.ledger_bytes
    window = data.index(b"\n", data.rindex(b'"kind":"open"')) + 1
    for length in range(len(data)):
        check = ledger_of(data[:length])
        named = [story.opened.seq for story in check.stories.values() if story.opened is not None]
        missed = [head for head in opened if head is not None and head.seq not in named]
        assert bool(missed) is (length < window), length


def test_a_kept_head_misses_every_byte_of_the_ledger() -> None:
    log = small_log()
    data, kept = log.ledger_bytes, Anchor(log.head.seq + 1, log.head.hash)
    rows = [json.loads(line) for line in log.ledger]
    for length in range(len(data)):
        check = ledger_of(data[:length])
        anchors = AnchorCheck(HOME, (kept,))
        for row in rows[: check.entries]:
            anchors.feed(row)
        assert anchors.faults == []
        anchors.end(check.entries, check.head)
        assert [fault.line for fault in anchors.faults] == [kept.size], length
