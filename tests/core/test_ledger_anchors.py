"""What fixes a ledger from outside: whose notes count, what a head that was kept says later."""

import json
from typing import Any

import pytest
from audit_logs import HOME, SEED, Log, small_log

from mcp_proxy.core.audit import GENESIS
from mcp_proxy.core.audit_check import Fault
from mcp_proxy.core.audit_key import Signer
from mcp_proxy.core.ledger_anchors import Anchor, AnchorCheck, NoteCheck, parse_anchors, text_of
from mcp_proxy.core.signed_note import VerifierKey

SIGNER = Signer(HOME, SEED)
KEY = SIGNER.verifier
OTHER = Signer(HOME, b"another-key-that-signs-for-tests")


def entries(log: Log) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.ledger]


def notes(rows: list[dict[str, Any]], *keys: VerifierKey) -> tuple[NoteCheck, list[Fault]]:
    check = NoteCheck(HOME, keys)
    faults = [check.feed(row) for row in rows]
    return check, [fault for fault in faults if fault is not None]


def anchored(rows: list[dict[str, Any]], *anchors: Anchor) -> tuple[int, Fault | None]:
    check = AnchorCheck(HOME, anchors)
    for row in rows:
        check.feed(row)
    check.end(len(rows), rows[-1]["hash"] if rows else GENESIS)
    return check.reached, next(iter(check.faults), None)


def lacking(anchor: Anchor, line: int) -> Fault:
    """What is said of an anchor that the ledger has not."""
    named = f"{anchor.kept} ({anchor.size} {anchor.hash[:8]}...)"
    return Fault(line, f"{named} is not in the ledger: the ledger was cut, rewritten or put back")


def test_the_last_note_by_a_key_says_how_far_it_signed() -> None:
    log = small_log()
    log.tell("admin", {"what": "x", "facts": {}}, signed=False)
    rows = entries(log)
    check, faults = notes(rows, KEY)
    assert faults == []
    assert (check.noted, check.signed, check.strangers) == (4, len(rows) - 1, 0)
    assert check.signed_at == rows[-2]["time"]


def test_notes_by_other_keys_prove_nothing() -> None:
    check, faults = notes(entries(small_log()), OTHER.verifier)
    assert (faults, check.noted, check.signed, check.strangers) == ([], 4, 0, 4)


def test_the_first_note_by_another_key_behind_the_last_good_one_is_told() -> None:
    log = small_log()
    rows = entries(log)
    log.signer = OTHER
    log.tell("admin", {"what": "x", "facts": {}}, signed=False)
    for _ in range(2):
        log.tell("admin", {"what": "x", "facts": {}})
    check, _ = notes(entries(log), KEY)
    assert (check.signed, check.foreign) == (len(rows), len(rows) + 2)
    check, _ = notes(entries(log), OTHER.verifier)
    assert (check.signed, check.foreign) == (len(rows) + 3, 0)


def test_a_note_of_another_entry_or_home_is_found() -> None:
    rows = entries(small_log())
    rows[3]["note"], rows[6]["note"] = rows[6]["note"], rows[3]["note"]
    _, faults = notes(rows, KEY)
    assert faults == [
        Fault(4, "its note was signed for another entry"),
        Fault(7, "its note was signed for another entry"),
    ]


def test_a_note_by_an_unknown_key_of_another_entry_is_found_too() -> None:
    rows = entries(small_log())
    rows[3]["note"], rows[6]["note"] = rows[6]["note"], rows[3]["note"]
    check, faults = notes(rows, OTHER.verifier)
    assert [fault.line for fault in faults] == [4, 7]
    assert (check.signed, check.strangers) == (0, 2)


@pytest.mark.parametrize("field", ["time", "prev", "seq", "head"])
def test_a_note_covers_each_field_of_its_entry(field: str) -> None:
    rows = entries(small_log())
    rows[3][field] = {"seq": 9, "time": "2027"}.get(field, "ab" * 32)
    assert len(notes(rows, KEY)[1]) == 1


@pytest.mark.parametrize("note", ["", "x", "a\n\n— b c\n", "text\n\n"])
def test_what_is_no_note_is_found(note: str) -> None:
    rows = entries(small_log())
    rows[3]["note"] = note
    assert [fault.line for fault in notes(rows, KEY)[1]] == [4]


def test_every_flipped_bit_of_a_signature_is_found_or_proves_nothing() -> None:
    rows = entries(small_log())[3:4]
    note = rows[0]["note"]
    for at in range(note.rindex(" ") + 1, len(note) - 1):
        for bit in range(7):
            rows[0]["note"] = note[:at] + chr(ord(note[at]) ^ 1 << bit) + note[at + 1 :]
            check, faults = notes(rows, KEY)
            assert faults or check.strangers, (at, bit)
            assert not check.signed


def test_a_kept_head_reaches_as_far_as_it_was_taken() -> None:
    rows = entries(small_log())
    for size in range(1, len(rows) + 1):
        assert anchored(rows, Anchor(size, rows[size - 1]["hash"])) == (size, None)


def test_a_kept_note_reaches_one_entry_farther() -> None:
    rows = entries(small_log())
    for row in rows:
        anchor = Anchor(row["seq"], row["prev"], text_of(HOME, row))
        assert anchored(rows, anchor) == (row["seq"] + 1, None)


def test_what_was_cut_off_after_a_head_was_kept_is_found() -> None:
    rows = entries(small_log())
    size = len(rows)
    anchor = Anchor(size, rows[-1]["hash"])
    for left in range(size):
        assert anchored(rows[:left], anchor) == (0, lacking(anchor, size))
    note = Anchor(size - 1, rows[-1]["prev"], text_of(HOME, rows[-1]))
    assert anchored(rows[:-1], note)[1] == lacking(note, size)


def test_a_rewritten_ledger_does_not_fit_what_was_kept() -> None:
    rows = entries(small_log())
    longer = small_log(seed=None)
    longer.tell("admin", {"what": "x", "facts": {}})
    others = entries(longer)
    for row in rows[1:]:
        head = Anchor(row["seq"] + 1, row["hash"])
        note = Anchor(row["seq"], row["prev"], text_of(HOME, row))
        assert anchored(others, head)[1] is not None
        assert anchored(others, note)[1] is not None
        assert anchored(others, Anchor(0, GENESIS), head)[1] is not None


def test_several_anchors_are_all_compared() -> None:
    rows = entries(small_log())
    good = [Anchor(row["seq"] + 1, row["hash"]) for row in rows]
    assert anchored(rows, *reversed(good)) == (len(rows), None)
    bad = Anchor(3, "ab" * 32)
    fault = anchored(rows, *good, bad)[1]
    assert fault == lacking(bad, 3)


def test_each_wrong_anchor_is_named_at_a_line_that_stays_while_the_ledger_grows() -> None:
    rows = entries(small_log())
    mine = Anchor(4, "ab" * 32, kept="the keychain's head")
    other = Anchor(5, "cd" * 32, kept="the head in kept.head")
    for left in range(len(rows) + 1):
        check = AnchorCheck(HOME, (other, mine))
        for row in rows[:left]:
            check.feed(row)
        check.end(left, rows[left - 1]["hash"] if left else GENESIS)
        assert check.faults == [lacking(mine, 4), lacking(other, 5)]


def test_anchors_are_read_from_notes_and_lines() -> None:
    row = entries(small_log())[3]
    (anchor,) = parse_anchors(row["note"], (KEY,))
    assert anchor == Anchor(3, row["prev"], text_of(HOME, row))
    head = "ab" * 32
    assert parse_anchors(f"3 {head}\n\t4 {head} \n", ()) == (Anchor(3, head), Anchor(4, head))


@pytest.mark.parametrize(
    "text",
    ["", "x", "3 ab", f"3 {'AB' * 32}", f"-3 {'ab' * 32}", "a\n\nb", "1\n2\n3\n\n— a b\n"],
)
def test_what_is_no_anchor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"note|SIZE|signature"):
        parse_anchors(text, (KEY,))


def test_a_note_file_with_a_wrong_signature_is_refused() -> None:
    note = entries(small_log())[3]["note"]
    changed = note.replace("\n3\n", "\n2\n")
    with pytest.raises(ValueError, match="does not fit"):
        parse_anchors(changed, (KEY,))
