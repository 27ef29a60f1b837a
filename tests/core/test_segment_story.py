"""A segment against the ledger's word of it: what is there, what is missing, what came late."""

import json

import pytest
from audit_logs import Log, Segment

from mcp_proxy.core.audit import GENESIS, Head
from mcp_proxy.core.audit_check import Fault
from mcp_proxy.core.ledger_check import LedgerCheck, Mark, Story
from mcp_proxy.core.segment_story import StoryCheck, head_of_ledger, signed_entries


def story_of(log: Log, segment: Segment) -> Story:
    check = LedgerCheck("ledger.jsonl")
    for line in log.ledger:
        check.feed(line[:-1])
    return check.stories[segment.name]


def checked(story: Story, lines: list[bytes], torn: int = 0) -> tuple[int, Fault | None]:
    check = StoryCheck(story)
    found = [check.feed(json.loads(line)) for line in lines]
    end = check.end(len(lines), torn)
    return check.fixed, next((fault for fault in (*found, end) if fault is not None), None)


def running() -> tuple[Log, Segment]:
    log = Log()
    segment = log.begin()
    segment.call(customer="cus_1")
    segment.checkpoint()
    segment.call(customer="cus_2")
    return log, segment


def test_a_running_segment_is_fixed_up_to_its_checkpoint() -> None:
    log, segment = running()
    assert checked(story_of(log, segment), segment.lines) == (3, None)


def test_the_window_is_what_came_after_the_last_checkpoint() -> None:
    log, segment = running()
    story = story_of(log, segment)
    for left in range(len(segment.lines)):
        fault = checked(story, segment.lines[:left])[1]
        if left >= 3:
            assert fault is None
        else:
            what = "entries are missing here: ledger.jsonl:4 tells of 3"
            assert fault == Fault(left + 1, what)


def test_a_closed_segment_has_no_window() -> None:
    log, segment = running()
    segment.close()
    story = story_of(log, segment)
    assert checked(story, segment.lines) == (6, None)
    for left in range(len(segment.lines)):
        what = "entries are missing here: ledger.jsonl:5 tells of 6"
        assert checked(story, segment.lines[:left])[1] == Fault(left + 1, what)


def test_what_is_appended_after_the_ledgers_close_is_found() -> None:
    log, segment = running()
    segment.crash()
    segment.add("note", {"what": "x"})
    what = "it stands after the end that ledger.jsonl:5 tells"
    assert checked(story_of(log, segment), segment.lines)[1] == Fault(6, what)


def test_a_killed_segment_keeps_its_torn_tail_as_it_was() -> None:
    log, segment = running()
    segment.crash(b'{"seq"')
    story = story_of(log, segment)
    assert checked(story, segment.lines[:-1], torn=6) == (5, None)
    for torn in (0, 5, 7):
        fault = checked(story, segment.lines[:-1], torn=torn)[1]
        assert fault is not None
        assert fault.line == 6
        assert "not the 6" in fault.what


def test_a_segment_that_was_written_anew_is_found_at_the_first_checkpoint() -> None:
    log, segment = running()
    again = Log().begin()
    again.call(customer="cus_9")
    again.call(customer="cus_2")
    fault = checked(story_of(log, segment), again.lines)[1]
    assert fault == Fault(3, "it is another entry than ledger.jsonl:4 tells")


def test_a_segment_that_names_another_place_of_the_ledger_is_found() -> None:
    log, segment = running()
    other = log.begin()
    fault = checked(story_of(log, other), segment.lines[:1])[1]
    assert fault == Fault(1, "it names another entry of the ledger than ledger.jsonl:5")


def test_a_process_that_was_killed_before_its_first_entry_leaves_nothing() -> None:
    story = Story()
    story.closed = Mark("ledger.jsonl:9", 8, 0, GENESIS)
    story.marks.append(story.closed)
    assert checked(story, []) == (0, None)
    _, segment = running()
    assert checked(story, segment.lines[:1])[1] is not None


@pytest.mark.parametrize("told", [None, 5, {}, {"seq": 1}, {"seq": 1, "hash": "x", "more": 1}])
def test_an_open_entry_may_name_no_place(told: object) -> None:
    assert head_of_ledger({"ledger": told}) is None
    assert head_of_ledger({"ledger": {"seq": 1, "hash": "x"}}) == Head(1, "x")


def test_entries_are_signed_for_that_stand_in_signed_entries_of_the_ledger() -> None:
    marks = [Mark("", 3, 10, ""), Mark("", 7, 20, "")]
    assert [signed_entries(marks, signed) for signed in (0, 3, 4, 7, 8)] == [0, 0, 10, 10, 20]
