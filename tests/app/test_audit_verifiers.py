"""Two verifiers that share no code come to the same: `audit verify` and scripts/verify_audit.py.

On the vectors, whole and damaged in every way that a file can be, and on logs whose chains were
made anew by somebody without the key.
"""

import base64
import contextlib
import hashlib
import io
import json
import os
import random
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from core.audit_story import EARLIER, KILLED, PLAIN, PROTECTED, PRUNED, SIGNER, story
from homes import make_home
from hypothesis import given, settings
from hypothesis import strategies as st
from log_desk import SetClock, call_once, log_in, serve_once

from mcp_proxy.app.audit_erase import erase_call, find_call
from mcp_proxy.app.audit_ledger_check import Place
from mcp_proxy.app.audit_verify import Means, verify
from mcp_proxy.app.ledger_mending import mend_ledger
from mcp_proxy.core import audit
from mcp_proxy.core.audit_key import Signer
from mcp_proxy.core.audit_ledger import Before, ledger_line
from mcp_proxy.edges.audit_ledger import AuditLedger, ledger_path
from mcp_proxy.edges.audit_repair import replace_ledger
from mcp_proxy.edges.places import VARIABLE, Home

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "verify_audit.py"
MODULE = runpy.run_path(str(SCRIPT))
STORY = story()
CHAINS = [name for name in STORY if ".clear." not in name and name != "audit-key.json"]
KEYS = (SIGNER.verifier,)
Files = dict[str, bytes]


class Verdict(NamedTuple):
    """Whether a log is good, and the first broken line of each file that has one."""

    good: bool
    broken: dict[str, int]


def first_of_each(places: list[tuple[str, int]]) -> dict[str, int]:
    """The first line of each file, 0 where only the file as a whole is named."""
    return {
        name: min((line for it, line in places if it == name and line), default=0)
        for name, _ in places
    }


def script(state: str, *keys: str) -> dict[str, Any]:
    """What the script prints."""
    for name in ("faults", "counts", "stories", "pruned"):
        MODULE[name].clear()
    arguments = [str(SCRIPT), state, "--json", *(word for key in keys for word in ("--key", key))]
    out, before = io.StringIO(), sys.argv
    sys.argv = arguments
    try:
        with contextlib.redirect_stdout(out):
            code = MODULE["main"]()
    finally:
        sys.argv = before
    told: dict[str, Any] = json.loads(out.getvalue())
    assert code == (not told["good"])
    return told


def verdicts(folder: Path, files: Files) -> tuple[Verdict, Verdict]:
    """What both say of a state folder with these files."""
    told = script(str(_written(folder, files)), SIGNER.verifier.line)
    theirs = [place.split(":")[:2] for place in told["faults"]]
    report = verify(Place(str(folder), None), Means(KEYS, "given"))
    ours = [(item.path, item.line) for item in report.findings if item.bad]
    return (
        Verdict(report.good, first_of_each([(_name(folder, it), line) for it, line in ours])),
        Verdict(told["good"], first_of_each([(_name(folder, it), int(at)) for it, at in theirs])),
    )


def _written(folder: Path, files: Files) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def _name(folder: Path, path: str) -> str:
    return os.path.relpath(path, folder).replace(os.sep, "/")


def both_say(folder: Path, files: Files) -> Verdict:
    """What both say alike; of a file that is missing no line."""
    ours, theirs = verdicts(folder, files)
    assert ours.good == theirs.good, (ours, theirs)
    if ours.broken.get("ledger.jsonl"):
        # From there on each makes of the segments what it can.
        assert ours.broken["ledger.jsonl"] == theirs.broken["ledger.jsonl"]
        return ours
    assert ours.broken.keys() == theirs.broken.keys(), (ours, theirs)
    there = ours.broken.keys() & files.keys()
    assert {it: ours.broken[it] for it in there} == {it: theirs.broken[it] for it in there}
    return ours


def test_both_find_the_vectors_good_and_count_the_same(tmp_path: Path) -> None:
    assert both_say(tmp_path, STORY) == Verdict(True, {})
    told = script(str(tmp_path), SIGNER.verifier.line)
    report = verify(Place(str(tmp_path), None), Means(KEYS, "given"))
    assert (told["entries"], told["ledger"]) == (report.entries, report.ledger) == (22, 17)
    signed = next(item for item in report.properties if item.about == "signed")
    assert signed.detail.startswith(f"{told['ledger entries signed']} of {told['ledger']} ")
    values = next(item for item in report.properties if item.about == "values")
    assert f"{told['erased']} erased" in values.detail
    assert (report.open_segments, report.killed, report.pruned) == (1, 1, 1)


def test_the_script_is_short_and_imports_nothing_of_ours() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert text.count("\n") <= 150
    imported = {
        line.split()[1] for line in text.splitlines() if line.startswith(("import", "from"))
    }
    outside = {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names}
    assert {name.split(".")[0] for name in outside} == {"cryptography"}


def flips(name: str, count: int) -> list[int]:
    """Some bits of a file, the same each time."""
    return random.Random(name).sample(range(8 * len(STORY[name])), count)


@pytest.mark.parametrize("name", CHAINS)
def test_both_find_a_flipped_bit_at_the_same_line(name: str, tmp_path: Path) -> None:
    for bit in flips(name, 8):
        data = bytearray(STORY[name])
        data[bit // 8] ^= 1 << bit % 8
        line = STORY[name][: bit // 8].count(b"\n") + 1
        said = both_say(tmp_path, {**STORY, name: bytes(data)})
        if not (name.endswith(f"{KILLED}.jsonl") and line == 3):  # a torn tail has no form to keep
            assert said.broken[name] == line


@pytest.mark.parametrize("name", CHAINS)
def test_both_find_a_file_cut_short_or_say_both_that_it_may_be_torn(
    name: str, tmp_path: Path
) -> None:
    whole = STORY[name]
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    points = {0, 1, *ends, *(end - 1 for end in ends), *(end - 70 for end in ends)}
    for point in sorted(points | set(random.Random(name).sample(range(len(whole)), 4))):
        both_say(tmp_path, {**STORY, name: whole[:point]})


@pytest.mark.parametrize("name", CHAINS)
def test_both_find_an_entry_that_says_a_thing_twice_though_its_hash_fits(
    name: str, tmp_path: Path
) -> None:
    *lines, last = lines_of(name)[:2]
    body = last.rpartition(b',"hash":"')[0].replace(b'{"seq":', b'{"seq":7,"seq":')
    data = b'%b,"hash":"%b"}\n' % (body, hashlib.sha256(body).hexdigest().encode())
    said = both_say(tmp_path, {**STORY, name: b"".join(lines) + data})
    assert said.broken[name] == len(lines) + 1


def lines_of(name: str) -> list[bytes]:
    return STORY[name].splitlines(keepends=True)


@settings(max_examples=12)
@given(st.sampled_from(CHAINS), st.data())
def test_both_find_lines_taken_out_moved_or_written_twice(name: str, data: st.DataObject) -> None:
    lines = lines_of(name)
    at = data.draw(st.integers(0, len(lines) - 1))
    to = data.draw(st.integers(0, len(lines)))
    moved = [*lines[:at], *lines[at + 1 :]]
    for made in (
        moved,
        [*moved[:to], lines[at], *moved[to:]],
        [*lines[:to], lines[at], *lines[to:]],
    ):
        with tempfile.TemporaryDirectory() as folder:
            both_say(Path(folder), {**STORY, name: b"".join(made)})


def test_both_find_a_clear_value_or_key_that_was_changed(tmp_path: Path) -> None:
    name = f"audit/{PLAIN}.clear.jsonl"
    for old, new in ((b"cus_1", b"cus_9"), (b'"key":"00', b'"key":"01')):
        assert old in STORY[name]
        said = both_say(tmp_path, {**STORY, name: STORY[name].replace(old, new)})
        assert said.broken == {name: 1}


def test_both_find_a_row_that_is_none(tmp_path: Path) -> None:
    name = f"audit/{PLAIN}.clear.jsonl"
    ours, theirs = verdicts(tmp_path, {**STORY, name: STORY[name].replace(b'{"seq":6', b'{"seq:6')})
    assert ours == Verdict(False, {name: 3})
    assert theirs == Verdict(False, {f"audit/{PLAIN}.jsonl": 0}), "it names the segment"


@pytest.mark.parametrize("gone", [PLAIN, PROTECTED, KILLED])
def test_both_miss_a_segment_that_was_taken_away(gone: str, tmp_path: Path) -> None:
    files = {name: data for name, data in STORY.items() if gone not in name}
    assert f"audit/{gone}.jsonl" in both_say(tmp_path, files).broken


def test_both_accept_a_pruned_segment_and_one_from_before_the_ledger(tmp_path: Path) -> None:
    files = {name: data for name, data in STORY.items() if EARLIER not in name}
    assert both_say(tmp_path, files).good


def test_both_find_a_segment_that_the_ledger_does_not_know(tmp_path: Path) -> None:
    for source, other in ((PLAIN, PRUNED[:-1] + "Z"), (EARLIER, PLAIN[:-1] + "Z")):
        files = {**STORY, f"audit/{other}.jsonl": STORY[f"audit/{source}.jsonl"]}
        said = both_say(tmp_path / other[-3:] / source[-2:], files)
        assert said.good == (source == EARLIER), "it is as old as that one, and names no ledger"


def test_both_find_that_the_ledger_was_taken_away(tmp_path: Path) -> None:
    files = {name: data for name, data in STORY.items() if name != "ledger.jsonl"}
    assert not both_say(tmp_path, files).good


def chained(entries: list[dict[str, Any]], change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The entries written again in a chain of their own, each changed before."""
    data, prev = b"", audit.GENESIS
    for entry in entries:
        change(entry)
        entry["prev"] = prev
        body = audit.compact({key: entry[key] for key in entry if key != "hash"})[:-1]
        prev = hashlib.sha256(body).hexdigest()
        data += body + b',"hash":"' + prev.encode() + b'"}\n'
    return data


def parsed(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines_of(name)]


def test_s21_both_find_a_segment_whose_chain_was_made_anew(tmp_path: Path) -> None:
    def change(entry: dict[str, Any]) -> None:
        if entry["seq"] == 3:
            entry["decision"] = "deny"

    name = f"audit/{PLAIN}.jsonl"
    said = both_say(tmp_path, {**STORY, name: chained(parsed(name), change)})
    assert said.broken == {name: 8}, "the ledger has the hash of the last entry"


def test_s21_both_find_a_ledger_whose_chain_was_made_anew(tmp_path: Path) -> None:
    def change(entry: dict[str, Any]) -> None:
        if entry["kind"] == "admin":
            entry["facts"] = {}
        elif entry["kind"] == "cut":
            entry["bytes"] = 18

    changed = chained(parsed("ledger.jsonl"), change)
    said = both_say(tmp_path, {**STORY, "ledger.jsonl": changed})
    assert said.broken["ledger.jsonl"] == 14, "the first note after the cut entry"


def test_s21_both_find_notes_that_another_key_signed_as_ours(tmp_path: Path) -> None:
    other = Signer("00112233445566778899aabbccddeeff", bytes(32))

    def change(entry: dict[str, Any]) -> None:
        if entry["note"] is not None:
            text = entry["note"].partition("\n\n")[0] + "\n"
            named = other(text)
            assert named is not None
            start, _, signature = named.rpartition(" ")
            forged = SIGNER.verifier.id + base64.b64decode(signature)[4:]
            entry["note"] = f"{start} {base64.b64encode(forged).decode()}\n"

    changed = chained(parsed("ledger.jsonl"), change)
    assert both_say(tmp_path, {**STORY, "ledger.jsonl": changed}).broken["ledger.jsonl"] == 2


def test_s21_both_want_a_note_by_the_key_that_is_given(tmp_path: Path) -> None:
    def change(entry: dict[str, Any]) -> None:
        entry["note"] = None

    made = chained(parsed("ledger.jsonl"), change)
    segments = {name: data for name, data in STORY.items() if "audit/" not in name}
    said = both_say(tmp_path, {**segments, "ledger.jsonl": made})
    assert said.broken["ledger.jsonl"] == 0


def test_s21_both_want_each_entry_of_a_segment_that_names_no_ledger_to_be_older(
    tmp_path: Path,
) -> None:
    def change(entry: dict[str, Any]) -> None:
        if entry["seq"] == 2:
            entry["time"] = "2027-01-15T08:30:00.000000Z"

    name = f"audit/{EARLIER}.jsonl"
    assert script(str(_written(tmp_path / "as", STORY)))["unnamed"] == 1
    said = both_say(tmp_path / "late", {**STORY, name: chained(parsed(name), change)})
    assert said.broken == {name: 1}


NEW = f"{PLAIN[:-1]}Z"
OPENED: tuple[str, dict[str, Any]] = (
    "open",
    {"segment": NEW, "pid": 1, "profile": None, "digest": None, "state": None},
)
MARK: dict[str, Any] = {"segment": NEW, "entries": 1, "head": "ab" * 32}


def goes_on(*told: tuple[str, dict[str, Any]]) -> bytes:
    """The ledger, with entries that nobody has signed."""
    data = STORY["ledger.jsonl"]
    last = json.loads(data.splitlines()[-1])
    before = Before("", last["seq"] + 1, last["hash"])
    for kind, fields in told:
        made = ledger_line(before, 1_800_100_000_000_000_000, kind, fields, None)
        data, before = data + made.line, before._replace(seq=before.seq + 1, hash=made.hash)
    return data


@pytest.mark.parametrize(
    "told",
    [
        [("checkpoint", MARK)],
        [OPENED, ("checkpoint", {**MARK, "entries": True})],
        [OPENED, ("checkpoint", {**MARK, "entries": 1.0})],
        [OPENED, ("prune", {"segments": [[NEW, 1, "ab" * 32]], "why": "age"})],
    ],
)
def test_both_refuse_what_the_ledger_cannot_tell(
    told: list[tuple[str, dict[str, Any]]], tmp_path: Path
) -> None:
    assert both_say(tmp_path / "open", {**STORY, "ledger.jsonl": goes_on(OPENED)}).good
    said = both_say(tmp_path / "more", {**STORY, "ledger.jsonl": goes_on(*told)})
    assert said.broken["ledger.jsonl"] == 17 + len(told)


@pytest.mark.parametrize("number", ["0", "2", "99", "-1", "true", "1.0", '"1"', "null"])
def test_both_refuse_a_row_that_was_given_another_number(number: str, tmp_path: Path) -> None:
    name = f"audit/{KILLED}.clear.jsonl"
    row = STORY[name].replace(b'"seq":1,', b'"seq":%b,' % number.encode())
    ours, theirs = verdicts(tmp_path, {**STORY, name: row})
    assert (ours.good, theirs.good) == (False, False)


def test_both_refuse_rows_that_changed_places_or_are_more_than_rows(tmp_path: Path) -> None:
    name = f"audit/{PLAIN}.clear.jsonl"
    first, erased, last = lines_of(name)
    for at, made in enumerate(
        (last + erased + first, b"\n" + first + erased + last, first + erased + last + b" ")
    ):
        ours, theirs = verdicts(tmp_path / str(at), {**STORY, name: made})
        assert (ours.good, theirs.good) == (False, False)
    more = last.replace(b"}}\n", b'},"more":1}\n')
    ours, theirs = verdicts(tmp_path / "more", {**STORY, name: first + erased + more})
    assert (ours.good, theirs.good) == (False, False)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = str(tmp_path / "home")
    monkeypatch.setenv(VARIABLE, folder)
    return make_home(folder)


def lived_in(home: Home) -> Signer:
    """A log as the product leaves it: signed, checkpoints, an erasure, a prune, one that runs."""
    signer = Signer(home.id, bytes(range(32)))
    told = {"verifier": signer.verifier.line, "seal": signer.seal}
    AuditLedger(home).append("key", told, signer)
    pruned, kept = serve_once(home, "cus_1"), serve_once(home, "cus_2", "cus_3")
    running = log_in(home)
    call_once(running, "cus_4")
    assert running.segment is not None
    running.segment.checkpoint(signer)
    call_once(running, "cus_5")
    erase_call(home, find_call(home, f"{Path(kept).stem}:1"), signer)
    AuditLedger(home).append("prune", {"segments": [_whole(pruned)], "why": "command"}, signer)
    os.unlink(pruned)
    return signer


def _whole(path: str) -> list[Any]:
    entries = [json.loads(line) for line in Path(path).read_bytes().splitlines()]
    return [f"{Path(path).parent.name}/{Path(path).stem}", len(entries), entries[-1]["hash"]]


def test_both_count_the_same_in_a_log_that_the_product_wrote_and_signed(home: Home) -> None:
    signer = lived_in(home)
    told = script(home.state, signer.verifier.line)
    report = verify(Place(home.state, home.id), Means((signer.verifier,), "given"))
    assert (told["good"], report.good) == (True, True), (told, report.findings)
    assert (told["entries"], told["ledger"]) == (report.entries, report.ledger)
    signed = next(item for item in report.properties if item.about == "signed")
    assert signed.detail.startswith(f"{told['ledger entries signed']} of {told['ledger']} ")
    assert told["erased"] == 1


def test_s21_both_refuse_a_log_that_another_home_signed(home: Home) -> None:
    lived_in(home)
    stranger = Signer(home.id, bytes(32)).verifier
    told = script(home.state, stranger.line)
    report = verify(Place(home.state, home.id), Means((stranger,), "given"))
    assert (told["good"], report.good) == (False, False)


def test_both_accept_segments_of_a_ledger_that_was_damaged_and_replaced(home: Home) -> None:
    lived_in(home)
    path = Path(ledger_path(home))
    AuditLedger(home).append("admin", {"what": "pause", "facts": {}})
    path.write_bytes(path.read_bytes()[:-9] + b"damage!!\n")
    assert list(mend_ledger(home, lambda _question: "y"))
    serve_once(home)
    told, report = script(home.state), verify(Place(home.state, home.id))
    assert (told["good"], report.good) == (True, True), (told, report.findings)


def test_both_accept_them_though_the_clock_was_set_back_before(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived_in(home)
    with open(ledger_path(home), "ab") as file:
        file.write(b"damage\n")
    SetClock(monkeypatch).set_back(1)
    assert replace_ledger(home)
    serve_once(home)
    told, report = script(home.state), verify(Place(home.state, home.id))
    assert (told["good"], report.good) == (True, True), (told, report.findings)


@pytest.mark.parametrize("made", [b"", b"another ledger\n"])
def test_s21_both_miss_a_damaged_ledger_that_was_put_aside(home: Home, made: bytes) -> None:
    lived_in(home)
    with open(ledger_path(home), "ab") as file:
        file.write(b"damage\n")
    aside = replace_ledger(home)
    assert aside is not None
    os.unlink(aside)
    if made:
        Path(aside).write_bytes(made)
    told, report = script(home.state), verify(Place(home.state, None))
    path = ledger_path(home)
    assert [place.split(": ")[0] for place in told["faults"]] == [f"{path}:1"]
    assert [(it.path, it.line) for it in report.findings if it.bad] == [(path, 1)]


@pytest.mark.skipif(os.name == "nt", reason="neither is to be had there")
@pytest.mark.parametrize("made", ["link", "pipe"])
def test_both_refuse_a_segment_that_is_no_file(made: str, tmp_path: Path) -> None:
    """A pipe without a writer would be waited for without an end."""
    assert both_say(tmp_path / "whole", STORY).good
    path = tmp_path / "whole" / "audit" / f"{PLAIN}.jsonl"
    path.rename(tmp_path / "moved")
    if made == "link":
        path.symlink_to(tmp_path / "moved")
    else:
        os.mkfifo(path)
    told = script(str(tmp_path / "whole"), SIGNER.verifier.line)
    report = verify(Place(str(tmp_path / "whole"), None), Means(KEYS, "given"))
    assert [place.split(":")[:2] for place in told["faults"]] == [[str(path), "0"]]
    assert [(it.path, it.line) for it in report.findings if it.bad] == [(str(path), 0)]


@pytest.mark.skipif(os.name == "nt", reason="neither is to be had there")
@pytest.mark.parametrize("made", ["link", "pipe"])
def test_both_refuse_a_ledger_that_is_no_file(made: str, tmp_path: Path) -> None:
    assert both_say(tmp_path / "whole", STORY).good
    path = tmp_path / "whole" / "ledger.jsonl"
    path.rename(tmp_path / "moved")
    if made == "link":
        path.symlink_to(tmp_path / "moved")
    else:
        os.mkfifo(path)
    told = script(str(tmp_path / "whole"), SIGNER.verifier.line)
    report = verify(Place(str(tmp_path / "whole"), None), Means(KEYS, "given"))
    assert f"{path}:0: it is no file" in told["faults"]
    assert (str(path), 0) in [(it.path, it.line) for it in report.findings if it.bad]


def test_both_find_a_row_in_another_form_than_it_was_written(tmp_path: Path) -> None:
    name = f"audit/{PLAIN}.clear.jsonl"
    files = {**STORY, name: STORY[name].replace(b'"key":', b'"key": ', 1)}
    ours, theirs = verdicts(tmp_path, files)
    assert (ours.good, theirs.good) == (False, False)


def test_the_script_calls_no_folder_good_that_holds_no_log(tmp_path: Path) -> None:
    for words in ([str(tmp_path / "nowhere")], [str(tmp_path)]):
        done = subprocess.run(
            [sys.executable, SCRIPT, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "ledger.jsonl:0: it is no file" in done.stdout


def test_the_script_says_of_a_key_line_that_is_none_how_it_looks(tmp_path: Path) -> None:
    command = [sys.executable, SCRIPT, str(tmp_path), "--key", "bad"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "invalid verifier value: 'bad'" in done.stderr
