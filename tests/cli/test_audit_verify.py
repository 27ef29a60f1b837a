"""`mcp-proxy audit verify`: what it prints, its exit codes, and that it needs no home."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from audit_logs import HOME, SEED, Log, small_log
from homes import make_home
from terminal import Person

from mcp_proxy.app.admin_log import record
from mcp_proxy.app.audit_keys import ensure_key
from mcp_proxy.cli.main import main
from mcp_proxy.core.audit_key import Signer
from mcp_proxy.core.audit_mac import NEEDED_BYTES, new_protection
from mcp_proxy.core.recipient import recipient_of
from mcp_proxy.edges.places import VARIABLE, Home

KEY = Signer(HOME, SEED).verifier.line
PRIVATE = bytes(range(32))


def copied(folder: Path, log: Log) -> str:
    log.write(os.fspath(folder))
    return os.fspath(folder)


def run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(["audit", "verify", *words]) == code
    return capsys.readouterr().out


def test_a_copy_is_verified_with_the_public_key_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(tmp_path / "copy", small_log())
    out = run(capsys, "--folder", folder, "--key", KEY).splitlines()
    assert out[0].startswith("OK: 9 entries in 2 segments, 2027-01-15T08:00:00.")
    assert out[0].endswith("running, or ended by a kill, of which 1 the ledger has closed")
    assert out[1].startswith("told ")
    assert "its process was killed after line 3" in out[1]
    assert out[2].split() == ["property", "state", "against", "what"]
    (signed,) = (line for line in out if "the ledger is signed" in line)
    assert "proven" in signed
    assert "whoever can write the files and has not the key" in signed


def test_a_key_may_stand_in_a_file_and_the_folder_may_be_a_whole_home(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied(tmp_path / "home" / "state", small_log())
    (tmp_path / "key").write_text(KEY + "\n", encoding="utf-8")
    home, key = os.fspath(tmp_path / "home"), os.fspath(tmp_path / "key")
    assert run(capsys, "--folder", home, "--key", key).startswith("OK")


def test_the_first_broken_place_is_named_and_exits_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = small_log()
    lines = next(iter(log.files.values()))
    lines[1] = lines[1].replace(b'"decision":"allow"', b'"decision":"deny"')
    folder = copied(tmp_path / "copy", log)
    out = run(capsys, "--folder", folder, "--key", KEY, code=1).splitlines()
    path = next(iter(log.files))
    place = os.path.join(folder, "audit", path)
    assert out[0].startswith("DAMAGED: ")
    assert out[1] == f"first broken place: {place}:2"
    assert out[2] == f"BAD  {place}:2 its hash does not fit its bytes"
    told = json.loads(run(capsys, "--folder", folder, "--json", code=1))
    assert told["good"] is False
    assert told["findings"][0] == {
        "path": place,
        "line": 2,
        "what": "its hash does not fit its bytes",
        "bad": True,
        "about": "entries",
    }
    assert told["properties"][0]["state"] == "broken"


def test_an_anchor_is_a_head_or_a_note_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = small_log()
    folder = copied(tmp_path / "copy", log)
    head = f"{log.head.seq + 1} {log.head.hash}"
    note = tmp_path / "kept.head"
    note.write_text(json.loads(log.ledger[-1])["note"], encoding="utf-8")
    for anchor in (head, os.fspath(note)):
        out = run(capsys, "--folder", folder, "--anchor", anchor)
        assert "8 of 8 ledger entries" in out
    del log.ledger[-1]
    copied(tmp_path / "copy", log)
    for anchor, named in ((head, "that was given (8 "), (os.fspath(note), f"in {note} (7 ")):
        out = run(capsys, "--folder", folder, "--anchor", anchor, code=1)
        assert f"ledger.jsonl:8 the head {named}" in out


def test_s21_the_recipients_key_checks_the_macs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log()
    line = recipient_of(PRIVATE, "acme").line
    log.begin(new_protection(line, bytes(range(NEEDED_BYTES)))).close()
    folder = copied(tmp_path / "copy", log)
    assert "only the organisation's key checks them" in run(capsys, "--folder", folder)
    monkeypatch.setenv("ACME", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    words = ("--folder", folder, "--recipient-key", "env:ACME", "--json")
    assert macs(run(capsys, *words)) == "not proven", "anybody can wrap a key to the recipient"
    anchor = f"{log.head.seq + 1} {log.head.hash}"
    assert macs(run(capsys, *words, "--anchor", anchor)) == "proven"


def macs(report: str) -> str:
    """The state of that property."""
    told = json.loads(report)["properties"]
    return next(str(item["state"]) for item in told if item["about"] == "macs")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--folder", "nowhere"), "holds neither a folder audit nor a file ledger.jsonl"),
        (("--folder", "copy", "--key", "x"), "a verifier key is NAME+KEYID+BASE64"),
        (("--folder", "copy", "--key", ""), "--key: no key is in it"),
        (("--folder", "copy", "--key", "empty"), "--key: no key is in it"),
        (("--folder", "copy", "--anchor", "x"), "neither a signed note nor lines of SIZE HASH"),
        (("--folder", "copy", "--recipient-key", "no name"), "A key's name is"),
    ],
)
def test_what_cannot_be_used_is_wrong_usage(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    why: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    copied(tmp_path / "copy", small_log())
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    assert main(["audit", "verify", *words]) == 2
    assert why in capsys.readouterr().err


def test_many_findings_are_summed_up_and_listed_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log()
    for _ in range(30):
        log.begin().crash()
    folder = copied(tmp_path / "copy", log)
    out = run(capsys, "--folder", folder)
    assert out.count("its process was killed after line 1") == 20
    assert "told and 10 more; --json lists all" in out
    assert len(json.loads(run(capsys, "--folder", folder, "--json"))["findings"]) == 30


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.fspath(tmp_path / "home")
    monkeypatch.setenv(VARIABLE, folder)
    home = make_home(folder)
    record(home, "trust add", scope="billing")
    return home


def test_our_own_log_is_verified_where_nothing_is_named(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads(run(capsys, "--json"))
    states = {item["about"]: item["state"] for item in told["properties"]}
    assert (told["good"], told["ledger"], states["private"]) == (True, 2, "proven")
    assert states["signed"] == "not proven"


def test_our_own_log_that_was_taken_away_whole_is_not_good(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    os.unlink(os.path.join(home.state, "ledger.jsonl"))
    assert run(capsys, code=1).startswith("nothing was verified: there is no log here")
    assert json.loads(run(capsys, "--json", code=1))["good"] is False


def test_a_damaged_head_in_our_folder_of_heads_is_told_as_broken(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heads = tmp_path / "heads"
    heads.mkdir()
    settings = Path(home.config) / "settings.toml"
    settings.write_text(f'[audit]\nhead_folder = "{heads.as_posix()}"\n', encoding="utf-8")
    settings.chmod(0o600)
    assert run(capsys).startswith("OK")
    (heads / f"{home.id}.head").write_text("nothing that was kept\n", encoding="utf-8")
    out = run(capsys, code=1)
    assert f"first broken place: {heads / home.id}.head" in out
    assert "it is neither a signed note nor lines of SIZE HASH" in out
    (heads / f"{home.id}.head").write_text(f"9 {'ab' * 32}\n", encoding="utf-8")
    assert f"{home.id}.head (9 abababab...) is not in the ledger" in run(capsys, code=1)


@pytest.mark.keychain
def test_our_own_key_and_head_are_taken_from_the_keychain(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    ensure_key(home)
    out = run(capsys)
    (signed,) = (line for line in out.splitlines() if "the ledger is signed" in line)
    assert " proven " in signed
    assert "key from the keychain" in " ".join(out.split())


def test_s23_a_log_that_others_may_read_is_damaged(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    os.chmod(os.path.join(home.state, "ledger.jsonl"), 0o644)
    out = run(capsys, code=1)
    assert "other users may read it" in out
    assert "owner and mode of each file and folder" in out


def test_a_home_is_not_needed_for_a_copy(tmp_path: Path) -> None:
    folder = copied(tmp_path / "copy", small_log())
    nowhere = {"PATH": os.environ["PATH"], "HOME": os.fspath(tmp_path / "none")}
    done = subprocess.run(
        [sys.executable, "-m", "mcp_proxy", "audit", "verify", "--folder", folder, "--key", KEY],
        env=nowhere,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout[:3], done.stderr) == (0, "OK:", "")
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_a_terminal_shows_how_far_it_is(tmp_path: Path) -> None:
    person = Person("audit", "verify", "--folder", copied(tmp_path / "copy", small_log()))
    person.sees("verifying")
    person.sees("OK: 9 entries in 2 segments")
    assert person.ends() == 0
