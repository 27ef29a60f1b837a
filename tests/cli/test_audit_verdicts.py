"""What `audit verify` says at the top and at the end: the verdict, and what a person does next."""

import base64
import hashlib
import json
import os
from pathlib import Path

import pytest
from audit_logs import HOME, Log, put, small_log
from homes import make_home

from mcp_proxy.app.admin_log import record
from mcp_proxy.cli.main import main
from mcp_proxy.core.audit_ledger import first, ledger_line
from mcp_proxy.core.audit_mac import NEEDED_BYTES, new_protection
from mcp_proxy.core.recipient import recipient_of
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.places import VARIABLE

PRIVATE = bytes(range(32))


def run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(["audit", "verify", *words]) == code
    return capsys.readouterr().out


def copied(folder: Path, log: Log) -> str:
    log.write(os.fspath(folder))
    return os.fspath(folder)


def joined(table: str) -> str:
    return " ".join(table.split())


def test_s21_a_folder_without_a_log_proves_nothing_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "audit").mkdir()
    out = run(capsys, "--folder", os.fspath(tmp_path), code=1)
    assert out.splitlines()[0] == "nothing was verified: there is no log here"
    assert " proven " not in out.replace("not proven", "")
    out = run(capsys, "--folder", os.fspath(tmp_path), "--json", code=1)
    assert json.loads(out)["good"] is False


def test_s21_a_key_that_fits_no_segment_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, recipient = Log(), recipient_of(PRIVATE, "acme")
    for _ in range(2):
        log.begin(new_protection(recipient.line, bytes(range(NEEDED_BYTES)))).close()
    monkeypatch.setenv("OTHER", base64.b64encode(b"o" * 32).decode())
    folder = copied(tmp_path / "copy", log)
    out = run(capsys, "--folder", folder, "--recipient-key", "env:OTHER", "--json")
    told = f"the key that was given fits none of the 2 segments (they name {recipient.id})"
    assert told in out


def test_s21_a_segment_broken_in_its_middle_and_cut_behind_is_not_said_to_be_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = small_log()
    lines = next(iter(log.files.values()))
    lines[1] = lines[1].replace(b'"decision":"allow"', b'"decision":"deny"')
    del lines[3:]
    out = run(capsys, "--folder", copied(tmp_path / "copy", log), "--json", code=1)
    assert "1 segments cannot be read to their end" in out
    (item,) = (row for row in out.split("{") if '"segments"' in row and '"state"' in row)
    assert '"not proven"' in item


def test_the_first_line_counts_what_was_pruned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = small_log()
    name, data = next((name, b"".join(lines)) for name, lines in log.files.items())
    gone = name.removesuffix(".jsonl")
    del log.files[name], log.files[f"{gone}.clear.jsonl"]
    pruned = [gone, data.count(b"\n"), data[-67:-3].decode()]
    log.tell("prune", {"segments": [pruned], "why": "age"})
    out = run(capsys, "--folder", copied(tmp_path / "copy", log))
    assert " in 1 segment, 1 pruned, 2027-" in out.splitlines()[0]


def test_the_first_line_says_that_the_ledger_follows_a_damaged_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = small_log()
    damaged = log.ledger_bytes + b"damage\n"
    fields = {"v": 1, "home": HOME, "follows": hashlib.sha256(damaged).hexdigest()}
    log.ledger[:] = [ledger_line(first(HOME), log.tick(), "ledger", fields, None).line]
    folder = copied(tmp_path / "copy", log)
    put(os.path.join(folder, "ledger.damaged-20270115T080000Z.jsonl"), damaged)
    out = run(capsys, "--folder", folder)
    assert out.splitlines()[0].startswith("OK: ")
    assert out.splitlines()[0].endswith("; the ledger follows a damaged one")


def test_a_damaged_log_says_what_a_person_does_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = os.fspath(tmp_path / "home")
    monkeypatch.setenv(VARIABLE, home)
    made = make_home(home)
    record(made, "trust add", scope="billing")
    assert "next:" not in run(capsys)
    path = Path(ledger_path(made))
    path.write_bytes(path.read_bytes() + b"damage\n")
    last = run(capsys, code=1).splitlines()[-1]
    assert last.startswith(f"next: keep a copy of {made.state} as evidence; then mcp-proxy doctor")
    last = run(capsys, "--folder", made.state, code=1).splitlines()[-1]
    assert last.startswith("next: keep this copy as evidence")
