"""A whole log verified from its files: what is found, where, and what is proven against whom."""

import hashlib
import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest
from audit_logs import ALLOWED, HOME, SEED, Log, Segment, put, small_log
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.app import audit_verify
from mcp_proxy.app.audit_ledger_check import Place
from mcp_proxy.app.audit_segment import Checked, Finding, Task, check_one
from mcp_proxy.app.audit_verify import Means, Report, verify
from mcp_proxy.core import audit
from mcp_proxy.core.audit_key import Signer
from mcp_proxy.core.audit_ledger import FIELDS, first, ledger_line
from mcp_proxy.core.audit_mac import NEEDED_BYTES, new_protection
from mcp_proxy.core.ledger_anchors import Anchor
from mcp_proxy.core.recipient import recipient_of

KEYS = (Signer(HOME, SEED).verifier,)
GIVEN = Means(KEYS, "given")
PRIVATE = b"organisation-private-key-32-byte"
RECIPIENT = recipient_of(PRIVATE, "acme").line


def checked(folder: Path, log: Log, means: Means = GIVEN) -> Report:
    shutil.rmtree(folder, ignore_errors=True)
    log.write(os.fspath(folder))
    return verify(Place(os.fspath(folder), None), means)


def again(folder: Path, means: Means = GIVEN) -> Report:
    return verify(Place(os.fspath(folder), None), means)


def states(report: Report) -> dict[str, str]:
    return {item.about: item.state for item in report.properties}


def bad(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.bad]


def told(report: Report) -> list[str]:
    return [finding.what for finding in report.findings if not finding.bad]


def segment(log: Log, number: int) -> str:
    return [name for name in log.files if ".clear." not in name][number]


def detail(report: Report, about: str) -> str:
    return next(item.detail for item in report.properties if item.about == about)


def head(log: Log) -> Anchor:
    return Anchor(log.head.seq + 1, log.head.hash)


def test_a_good_log_proves_all_that_its_means_allow(tmp_path: Path) -> None:
    log = small_log()
    report = checked(tmp_path / "a", log, GIVEN._replace(anchors=(head(log),)))
    assert report.good
    assert (report.segments, report.entries, report.open_segments, report.killed) == (2, 9, 1, 1)
    assert states(report) == {
        "entries": "proven",
        "segments": "proven",
        "ledger": "proven",
        "signed": "proven",
        "cut": "proven",
        "macs": "not proven",
        "values": "proven",
        "private": "not checked here",
    }
    assert detail(report, "segments") == "the ledger fixes 9 of 9 entries"
    assert detail(report, "signed").startswith("8 of 8 ledger entries, to 2027-01-15T08:00:00Z;")


def test_a_killed_process_is_told_in_plain_words_and_is_no_damage(tmp_path: Path) -> None:
    report = checked(tmp_path / "a", small_log())
    (what,) = told(report)
    assert what == (
        "its process was killed after line 3, 12 bytes of the next were written;"
        " ledger.jsonl:8 closed it"
    )


def test_s21_without_a_key_signatures_are_not_checked_here(tmp_path: Path) -> None:
    report = checked(tmp_path / "a", small_log(), Means())
    assert report.good
    assert (states(report)["signed"], states(report)["cut"]) == ("not checked here", "not proven")


def test_s21_a_ledger_without_notes_claims_no_signature(tmp_path: Path) -> None:
    log = small_log(seed=None)
    assert states(checked(tmp_path / "a", log, Means()))["signed"] == "not proven"
    report = checked(tmp_path / "a", log)
    assert [item.what for item in bad(report)] == [
        "no note of the ledger is by the key that is asked for"
    ]


def test_s21_a_ledger_that_another_key_signed_is_broken_for_who_has_the_right_one(
    tmp_path: Path,
) -> None:
    forged = small_log(seed=b"the-key-of-somebody-else-32bytes")
    assert checked(tmp_path / "a", forged, Means()).good, "whole in itself"
    report = checked(tmp_path / "a", forged)
    assert (report.good, states(report)["signed"]) == (False, "broken")


def test_s21_what_another_key_signed_behind_the_last_own_note_is_told_and_not_proven(
    tmp_path: Path,
) -> None:
    """The first two lines are the home's, all behind them is somebody's; or its own next key's."""
    log = Log()
    log.signer = Signer(HOME, b"the-key-of-somebody-else-32bytes")
    log.tell("key", {"verifier": log.signer.verifier.line, "seal": log.signer.seal})
    made = log.begin()
    made.call(customer="cus_1")
    made.close()
    report = checked(tmp_path / "a", log)
    assert (report.good, states(report)["signed"]) == (True, "not proven")
    (finding,) = report.findings
    assert (finding.line, finding.what[:34]) == (3, "from here on another key signs: a ")
    assert detail(report, "signed").startswith("only 2 of 5 ledger entries, to ")
    assert detail(report, "signed").endswith("; from line 3 on another key signs")
    both = Means((*KEYS, log.signer.verifier), "given")
    assert states(again(tmp_path / "a", both))["signed"] == "proven"


def test_s21_macs_are_checked_with_the_organisations_key_alone(tmp_path: Path) -> None:
    log = Log()
    one = log.begin(new_protection(RECIPIENT, bytes(range(NEEDED_BYTES))))
    one.call(customer="cus_1")
    one.close()
    assert states(checked(tmp_path / "a", log))["macs"] == "not checked here"
    other = b"some-other-private-key-of-32-byt"
    assert states(again(tmp_path / "a", Means(private=other)))["macs"] == "not checked here"
    report = again(tmp_path / "a", GIVEN._replace(private=PRIVATE, anchors=(head(log),)))
    assert (report.good, states(report)["macs"]) == (True, "proven")
    assert detail(report, "macs") == "1 of 1 segments, whose beginning is anchored"


def test_s21_macs_of_a_segment_that_may_be_new_as_a_whole_prove_nothing(tmp_path: Path) -> None:
    """Anybody can wrap a key of his own to the recipient, whose public key the profile holds."""
    log = Log()
    before = head(log)
    one = log.begin(new_protection(RECIPIENT, bytes(range(NEEDED_BYTES))))
    one.call(customer="cus_1")
    one.close()
    for anchors in ((), (before,)):
        report = checked(tmp_path / "a", log, GIVEN._replace(private=PRIVATE, anchors=anchors))
        assert (report.good, states(report)["macs"]) == (True, "not proven")
        assert "whose beginning no anchor fixes" in detail(report, "macs")


def test_s21_a_segment_rewritten_with_its_ledger_still_lacks_the_macs(tmp_path: Path) -> None:
    """Who runs as the user can make every chain and note anew, and has no key of the past."""

    def written(key: int) -> Log:
        log = Log()
        protection = new_protection(RECIPIENT, bytes(range(NEEDED_BYTES)))
        one = log.begin(protection._replace(key=bytearray([key] * 32)))
        one.call(customer="cus_1")
        one.close()
        return log

    report = checked(tmp_path / "a", written(7), GIVEN._replace(private=PRIVATE))
    ((path, line, what, _, about),) = bad(report)
    assert (os.path.basename(path), line, about) == (f"{0:026d}.jsonl", 2, "macs")
    assert "its MAC does not fit" in what


@pytest.mark.parametrize("number", [0, 1])
def test_a_segment_that_was_taken_away_is_missing(tmp_path: Path, number: int) -> None:
    log = small_log()
    del log.files[segment(log, number)]
    (finding,) = bad(checked(tmp_path / "a", log))
    assert finding.path.endswith(f"{number:026d}.jsonl")
    assert "it is missing: ledger.jsonl:" in finding.what


def test_a_segment_that_was_put_in_is_not_named(tmp_path: Path) -> None:
    log, other = small_log(), Log()
    one = other.begin()
    name = segment(log, 0)[:-6] + "X.jsonl"
    log.files[name.replace("0000X", "000X")] = one.lines
    (finding,) = bad(checked(tmp_path / "a", log))
    assert "the ledger does not name it" in finding.what


def test_segments_that_changed_places_are_found(tmp_path: Path) -> None:
    log = small_log()
    one, other = segment(log, 0), segment(log, 1)
    log.files[one], log.files[other] = log.files[other], log.files[one]
    report = checked(tmp_path / "a", log)
    assert {finding.line for finding in bad(report)} == {1, 3, 4, 7}
    assert states(report)["segments"] == "broken"


def test_a_ledger_that_was_taken_away_is_missed_by_its_segments(tmp_path: Path) -> None:
    checked(tmp_path / "a", small_log())
    os.unlink(tmp_path / "a" / "ledger.jsonl")
    report = again(tmp_path / "a", Means())
    assert [finding.what for finding in bad(report)] == [
        "it names entry 2 of a ledger that is not there",
        "it names entry 4 of a ledger that is not there",
    ]


def test_a_log_from_before_the_ledger_is_good_and_no_more_than_that(tmp_path: Path) -> None:
    log = Log()
    log.begin(known=False).add("close", {"reason": "done"})
    log.ledger.clear()
    folder = tmp_path / "a"
    checked(folder, log, Means())
    os.unlink(folder / "ledger.jsonl")
    report = again(folder, Means())
    assert (report.good, states(report)["segments"]) == (True, "not proven")


def test_a_segment_that_names_no_ledger_is_bad_only_where_there_was_one(tmp_path: Path) -> None:
    log = Log()
    log.begin(known=False)
    (finding,) = bad(checked(tmp_path / "a", log))
    assert finding.what == "the ledger does not name it, though it was there"
    older = Log()
    early = Log()
    early.now_ns -= 10**12
    older.files = early.begin(known=False).log.files
    report = checked(tmp_path / "a", older)
    assert report.good
    assert "1 segments name no ledger" in detail(report, "segments")
    (what,) = told(report)
    assert what.startswith("it names no ledger: older than that, or made up since")


def test_s21_each_entry_of_a_segment_that_names_no_ledger_is_older_than_it(tmp_path: Path) -> None:
    """Who has no key can write a segment whose first entry alone is dated back."""
    log, early = Log(), Log()
    early.now_ns -= 10**12
    made = early.begin(known=False)
    early.now_ns = log.now_ns
    made.call(customer="cus_1")
    early.now_ns -= 10**12
    made.add("close", {"reason": "client ended"})
    log.files = early.files
    report = checked(tmp_path / "a", log, GIVEN._replace(anchors=(head(log),)))
    (finding,) = bad(report)
    assert finding.what == "the ledger does not name it, though it was there"
    assert states(report)["segments"] == "broken"


def test_pruned_segments_are_gone_and_one_that_is_still_there_is_told(tmp_path: Path) -> None:
    log = small_log()
    one = segment(log, 0)
    data = b"".join(log.files[one])
    last = Segment.__new__(Segment)
    last.name, last.lines = one.removesuffix(".jsonl"), log.files[one]
    pruned = [last.name, len(last.lines), data[-67:-3].decode()]
    log.tell("prune", {"segments": [pruned], "why": "age"})
    report = checked(tmp_path / "a", log)
    assert report.good
    assert any("says that it was pruned" in what for what in told(report))
    os.unlink(tmp_path / "a" / "audit" / one)
    assert again(tmp_path / "a").good
    assert again(tmp_path / "a").pruned == 1


def test_erased_calls_are_counted_as_the_ledger_tells(tmp_path: Path) -> None:
    log = small_log()
    name = segment(log, 0).removesuffix(".jsonl")
    rows = log.files[f"{name}.clear.jsonl"]
    log.tell("erase", {"segment": name, "call": 1})
    assert any("were to be erased" in what for what in told(checked(tmp_path / "a", log)))
    rows[0] = b" " * (len(rows[0]) - 1) + b"\n"
    report = checked(tmp_path / "a", log)
    assert report.good
    assert detail(report, "values") == "2 calls; 1 erased, as the ledger says"
    rows.pop()
    report = checked(tmp_path / "a", log)
    assert detail(report, "values").endswith("which it says nothing: lost, or taken away")
    (item,) = (item for item in report.properties if item.about == "values")
    assert item.state == "not proven"


def test_s21_a_prune_or_erasure_that_no_signature_covers_is_told(tmp_path: Path) -> None:
    """Who has no key can tell the ledger of a prune, and take the segment away."""
    log = small_log()
    one = segment(log, 0)
    data = b"".join(log.files.pop(one))
    pruned = [one.removesuffix(".jsonl"), data.count(b"\n"), data[-67:-3].decode()]
    log.files.pop(one.replace(".jsonl", ".clear.jsonl"))
    log.tell("prune", {"segments": [pruned], "why": "age"}, signed=False)
    log.tell("erase", {"segment": pruned[0], "call": 1}, signed=False)
    report = checked(tmp_path / "a", log)
    assert report.good
    bare = [(it.line, it.what[:31]) for it in report.findings if "no signature" in it.what]
    line = len(log.ledger)
    assert bare == [
        (line - 1, "no signature covers this prune:"),
        (line, "no signature covers this erase:"),
    ]
    assert detail(report, "segments").endswith("; no signature covers 1 prunes")
    log.tell("admin", {"what": "pause", "facts": {}})
    report = checked(tmp_path / "a", log)
    assert not [what for what in told(report) if "no signature" in what]
    assert "no signature" not in detail(report, "segments")


def test_s21_a_head_in_reach_of_the_users_programs_claims_nothing_against_them(
    tmp_path: Path,
) -> None:
    log = Log()
    one = log.begin(new_protection(RECIPIENT, bytes(range(NEEDED_BYTES))))
    one.call(customer="cus_1")
    one.close()
    near = head(log)._replace(near=True)
    for anchors, against, macs in (
        ((near,), "not this machine's keychain", "not proven"),
        ((near, head(log)), "programs that run as the user", "proven"),
    ):
        report = checked(tmp_path / "a", log, GIVEN._replace(private=PRIVATE, anchors=anchors))
        assert (states(report)["cut"], states(report)["macs"]) == ("proven", macs)
        (cut,) = (item for item in report.properties if item.about == "cut")
        assert against in cut.against


def test_a_kept_head_behind_damage_is_not_said_to_be_none(tmp_path: Path) -> None:
    log = small_log()
    anchors = (head(log),)
    log.ledger[3] = log.ledger[3].replace(b'"kind"', b'"kinD"')
    report = checked(tmp_path / "a", log, GIVEN._replace(anchors=anchors))
    assert detail(report, "cut") == "the ledger does not come whole to the head that was kept"


def test_an_erasure_or_prune_while_it_is_read_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger was read before: what it says now is asked once more."""
    log = small_log()
    log.write(os.fspath(tmp_path))
    name = segment(log, 0).removesuffix(".jsonl")
    rows = log.files[f"{name}.clear.jsonl"]
    checks: list[str] = []

    def meanwhile(task: Task) -> Checked:
        checks.append(task.name)
        if len(checks) == 1:
            rows[0] = rows[0][:20] + b" " * (len(rows[0]) - 21) + b"\n"
            log.write(os.fspath(tmp_path))
            found = check_one(task)
            assert any(finding.bad for finding in found.findings)
            rows[0] = b" " * (len(rows[0]) - 1) + b"\n"
            log.tell("erase", {"segment": name, "call": 1})
            log.write(os.fspath(tmp_path))
            return found
        return check_one(task)

    monkeypatch.setattr(audit_verify, "check_one", meanwhile)
    report = again(tmp_path)
    assert (report.good, len(checks)) == (True, 3)
    assert detail(report, "values").startswith("2 calls; 1 erased")


def test_a_changed_value_is_found_in_the_clear_files_line(tmp_path: Path) -> None:
    log = small_log()
    rows = log.files[segment(log, 0).replace(".jsonl", ".clear.jsonl")]
    rows[1] = rows[1].replace(b"cus_2", b"cus_9")
    ((path, line, what, _, about),) = bad(checked(tmp_path / "a", log))
    assert path.endswith(".clear.jsonl")
    assert (line, about) == (2, "values")
    assert what == "a clear value does not fit its digest in entry 3"


def test_an_anchor_finds_a_log_that_was_cut_with_its_segments(tmp_path: Path) -> None:
    """The newest part of both taken away, nothing contradicts itself: only an anchor tells."""
    log = Log()
    log.begin().close()
    cut = len(log.ledger)
    log.begin().close()
    kept = head(log)
    last = segment(log, 1)
    del log.ledger[cut:], log.files[last]
    assert checked(tmp_path / "a", log).good
    (finding,) = bad(again(tmp_path / "a", GIVEN._replace(anchors=(kept,))))
    assert (os.path.basename(finding.path), finding.line) == ("ledger.jsonl", 6)
    assert finding.what.startswith(f"the head that was given (6 {kept.hash[:8]}...) is not in the")


def test_a_ledger_that_follows_a_damaged_one_is_good_and_says_so(tmp_path: Path) -> None:
    log = small_log()
    damaged = log.ledger_bytes + b"damage\n"
    digest = hashlib.sha256(damaged).hexdigest()
    fields = {"v": 1, "home": HOME, "follows": digest}
    log.ledger[:] = [ledger_line(first(HOME), log.tick(), "ledger", fields, None).line]
    folder = tmp_path / "a"
    checked(folder, log, Means())
    put(os.fspath(folder / "ledger.damaged-20270115T080000Z.jsonl"), damaged)
    report = again(folder, Means())
    assert report.good
    assert told(report)[0] == "a ledger that was damaged after 8 entries, and put aside"
    assert states(report)["segments"] == "not proven"
    os.unlink(folder / "audit" / segment(log, 0))
    assert [item.about for item in bad(again(folder, Means()))] == ["segments"]


@pytest.mark.parametrize("made", [b"", b"another\n"])
def test_s21_a_damaged_ledger_that_was_put_aside_is_missed_and_its_segments_are_not_accused(
    tmp_path: Path, made: bytes
) -> None:
    log = small_log()
    fields = {"v": 1, "home": HOME, "follows": "ab" * 32}
    log.ledger[:] = [ledger_line(first(HOME), log.tick(), "ledger", fields, None).line]
    folder = tmp_path / "a"
    log.write(os.fspath(folder))
    if made:
        put(os.fspath(folder / "ledger.damaged-20270115T080000Z.jsonl"), made)
    report = again(folder, Means())
    (finding,) = bad(report)
    assert finding.what == "the damaged ledger that it follows is missing, or was changed since"
    assert (os.path.basename(finding.path), finding.line) == ("ledger.jsonl", 1)
    assert states(report)["segments"] == "broken"
    assert sum(what.endswith("behind what is left of that") for what in told(report)) == 2


def test_segments_of_a_damaged_ledger_are_not_accused_though_the_clock_was_set_back(
    tmp_path: Path,
) -> None:
    log = small_log()
    log.ledger[2] = log.ledger[2].replace(b'"pid"', b'"pie"')
    digest = hashlib.sha256(log.ledger_bytes).hexdigest()
    put(os.fspath(tmp_path / "a" / "ledger.damaged-20270115T080000Z.jsonl"), log.ledger_bytes)
    log.now_ns -= 7200 * 10**9
    fields = {"v": 1, "home": HOME, "follows": digest}
    log.ledger[:] = [ledger_line(first(HOME), log.tick(), "ledger", fields, None).line]
    log.write(os.fspath(tmp_path / "a"))
    report = again(tmp_path / "a", Means())
    assert report.good
    assert "it names entry 4 of an earlier ledger, behind what is left of that" in told(report)


def test_a_segment_that_no_ledger_before_the_damage_names_was_put_in(tmp_path: Path) -> None:
    log, other = small_log(), Log()
    made = other.begin()
    name = segment(log, 0).replace("0000.jsonl", "000X.jsonl")
    log.files[name] = made.lines
    digest = hashlib.sha256(log.ledger_bytes + b"damage\n").hexdigest()
    aside = os.fspath(tmp_path / "a" / "ledger.damaged-20270115T080000Z.jsonl")
    put(aside, log.ledger_bytes + b"damage\n")
    fields = {"v": 1, "home": HOME, "follows": digest}
    log.ledger[:] = [ledger_line(first(HOME), log.tick(), "ledger", fields, None).line]
    log.write(os.fspath(tmp_path / "a"))
    (finding,) = bad(again(tmp_path / "a", Means()))
    assert finding.what == "the ledger does not name it, and it names entry 2 there"


def test_the_ledger_of_another_home_is_found(tmp_path: Path) -> None:
    small_log().write(os.fspath(tmp_path / "a"))
    report = verify(Place(os.fspath(tmp_path / "a"), "ab" * 16))
    assert [finding.what for finding in bad(report)] == ["it is the ledger of another home"]
    assert states(report)["private"] == "proven"


def test_s23_files_that_others_may_read_are_broken_here_and_no_matter_in_a_copy(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "a"
    small_log().write(os.fspath(folder))
    os.chmod(folder / "ledger.jsonl", 0o644)
    report = verify(Place(os.fspath(folder), HOME))
    assert [finding.about for finding in bad(report)] == ["private"]
    assert again(folder).good


def test_s23_a_clear_file_beside_no_segment_is_told_and_kept_from_others_too(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "a"
    log = small_log()
    log.write(os.fspath(folder))
    loose = folder / "audit" / segment(log, 0).replace("0000.jsonl", "000X.clear.jsonl")
    put(os.fspath(loose), b'{"seq":1,"key":"00","clear":{"customer":"cus_9"}}\n')
    report = verify(Place(os.fspath(folder), HOME))
    assert report.good
    told_of = [(it.path, it.what) for it in report.findings if it.about == "values"]
    assert told_of == [(str(loose), "readable values beside no segment, which nothing proves")]
    loose.chmod(0o644)
    report = verify(Place(os.fspath(folder), HOME))
    assert [(it.path, it.about) for it in bad(report)] == [(str(loose), "private")]
    assert states(report)["private"] == "broken"


def test_an_empty_folder_is_a_good_log_that_proves_nothing_much(tmp_path: Path) -> None:
    report = again(tmp_path, Means())
    assert (report.good, report.segments, report.first) == (True, 0, None)


# --- every place of every file


def located(report: Report, path: Path, line: int) -> bool:
    return any(item.path == os.fspath(path) and item.line == line for item in bad(report))


def flip(folder: Path, log: Log, name: str, at: int, bit: int) -> None:
    """Flips one bit, which must be found in its line, and flips it back."""
    path = folder / name
    data = path.read_bytes()
    changed = bytearray(data)
    changed[at] ^= 1 << bit
    path.write_bytes(changed)
    assert located(again(folder, Means()), path, data[:at].count(b"\n") + 1), (name, at, bit)
    path.write_bytes(data)


def whole_files(log: Log) -> dict[str, bytes]:
    """The ledger and the closed segment; a torn tail has no form that could be checked."""
    name = segment(log, 0)
    return {"ledger.jsonl": log.ledger_bytes, f"audit/{name}": b"".join(log.files[name])}


def test_flipped_bits_of_segments_and_ledger_are_found_in_their_lines(tmp_path: Path) -> None:
    log = small_log()
    checked(tmp_path / "a", log)
    for name, data in whole_files(log).items():
        for at in random.Random(name).sample(range(len(data)), 40):
            flip(tmp_path / "a", log, name, at, at % 8)


def truncated(folder: Path, name: str, length: int, *anchors: Anchor) -> Report:
    path = folder / name
    data = path.read_bytes()
    path.write_bytes(data[:length])
    try:
        return again(folder, Means(anchors=anchors))
    finally:
        path.write_bytes(data)


def lengths(data: bytes, every: int) -> list[int]:
    """Some lengths, those around the ends of lines among them."""
    ends = [at + 1 for at, byte in enumerate(data) if byte == ord("\n")]
    near = {end + by for end in ends for by in (-1, 0, 1) if end + by < len(data)}
    return sorted({0, *near, *range(0, len(data), every)})


def assert_segments_have_no_window(folder: Path, log: Log, every: int) -> None:
    for name in (name for name in log.files if ".clear." not in name):
        data = b"".join(log.files[name])
        for length in lengths(data, every):
            report = truncated(folder, f"audit/{name}", length)
            assert located(report, folder / "audit" / name, data[:length].count(b"\n") + 1), length


def assert_ledger_window(folder: Path, log: Log, every: int) -> None:
    """Cut after the last segment began: only an anchor tells; before that: always found."""
    data = log.ledger_bytes
    begun = data.index(b"\n", data.rindex(b'"kind":"open"')) + 1
    for length in lengths(data, every):
        assert truncated(folder, "ledger.jsonl", length).good == (length >= begun), length
        found = truncated(folder, "ledger.jsonl", length, head(log))
        assert located(found, folder / "ledger.jsonl", head(log).size), length


def test_a_log_cut_short_is_found_or_stands_in_the_stated_window(tmp_path: Path) -> None:
    log = small_log()
    checked(tmp_path / "a", log)
    assert_segments_have_no_window(tmp_path / "a", log, 199)
    assert_ledger_window(tmp_path / "a", log, 199)


@pytest.mark.slow
def test_more_truncations_are_found_or_stand_in_the_stated_window(tmp_path: Path) -> None:
    """Every one is tried in tests/core/test_truncations.py."""
    log = Log(seed=None)
    one = log.begin()
    one.call(customer="cus_1")
    one.checkpoint()
    one.close()
    checked(tmp_path / "a", log, Means())
    assert_segments_have_no_window(tmp_path / "a", log, 9)
    assert_ledger_window(tmp_path / "a", log, 9)


def test_worker_processes_come_to_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = small_log()
    alone = checked(tmp_path / "a", log)
    monkeypatch.setattr(audit_verify, "_SPREAD_BYTES", 0)
    monkeypatch.setattr(audit_verify, "processors", lambda: 2)
    assert again(tmp_path / "a") == alone
    seen: list[tuple[int, int]] = []
    verify(
        Place(os.fspath(tmp_path / "a"), None), GIVEN, lambda done, all_: seen.append((done, all_))
    )
    assert len(seen) == 2
    assert seen[-1][0] == seen[-1][1] > 0


ODD = st.sampled_from(
    [None, 5, -1, True, 1.5, "", "x", "\ud800", "ab" * 32, [], [1], {}, {"seq": []}, 10**30]
)


@given(st.data())
def test_a_chain_that_fits_may_hold_anything_and_is_verified_without_an_exception(
    data: st.DataObject,
) -> None:
    log = small_log()
    fields = audit.open_fields(1, {}, None, None, None)
    for name in data.draw(st.sets(st.sampled_from(["ledger", "mac", "client", "v", "time"]))):
        fields[name] = data.draw(ODD)
    opened = audit.chain(0, 0, "open", fields, audit.GENESIS)
    told = {**ALLOWED._asdict(), "args": data.draw(ODD), "clear": data.draw(ODD)}
    decided = audit.chain(1, 0, "decided", told, opened.hash)
    log.files[segment(log, 0)][:] = [opened.line, decided.line]
    row = {"seq": 1, "key": data.draw(ODD), "clear": data.draw(ODD), "sealed": data.draw(ODD)}
    clear = segment(log, 0).replace(".jsonl", ".clear.jsonl")
    log.files[clear][:] = [audit.compact(row) + b"\n"]
    kind = data.draw(st.sampled_from(sorted(FIELDS)))
    log.tell(kind, {name: data.draw(ODD) for name in FIELDS[kind]})
    with tempfile.TemporaryDirectory() as folder:
        assert not checked(Path(folder) / "a", log, GIVEN._replace(private=PRIVATE)).good
