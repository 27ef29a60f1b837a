"""What the log of a real home proves and to whom (S21), by the command and by a second verifier.

Serving processes of both eras, one of them killed, under a profile that names an organisation's
key; before it, one of a profile that names none.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.conftest import raise_stage
from e2e.stage import PROFILE, Stage, write_source

from mcp_proxy.core.audit_mac import evolve, unwrap
from mcp_proxy.core.recipient import recipient_of

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "verify_audit.py"
PRIVATE = bytes(range(7, 39))
CUSTOMER = {"customer": "cus_0001"}
NONE_NAMED = "audit: {clear: [customer]}"
NAMED = f'audit: {{clear: [customer], recipient: "{recipient_of(PRIVATE, "acme").line}"}}'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Its log holds every kind of segment; nothing writes it any more."""
    for stage in raise_stage(str(tmp_path_factory.mktemp("claims"))):
        stage.env["ACME_KEY"] = base64.b64encode(PRIVATE).decode()
        serve(stage, modern=True)
        install_named(stage)
        serve(stage, modern=True)
        serve(stage, modern=False)
        with stage.serve() as client:
            client.call("find_invoices", CUSTOMER)
            client.process.kill()
        stage.run("pause", f"{PROFILE}/refund_invoice")
        yield stage


def serve(stage: Stage, *, modern: bool) -> None:
    with stage.serve() as client:
        if not modern:
            client.handshake()
        client.call("find_invoices", CUSTOMER, modern=modern)
        client.call("refund_invoice", {"invoice_id": "inv_1", "amount": 99_999}, modern=modern)
        assert client.end() == 0


def install_named(stage: Stage) -> None:
    """The next version of the profile, with the organisation's key."""
    changes = {NONE_NAMED: NAMED, "version: 1\n": "version: 2\n"}
    source = write_source(stage.folder, stage.api.origin, stage.gateway.origin, changes)
    envelope = stage.path("named.dsse.json")
    stage.batch(
        ("profile", "sign", source, "-o", envelope, "--key", "env:DEMO_SIGNING_KEY"),
        ("profile", "install", envelope, "--yes"),
    )


def verified(stage: Stage, *more: str) -> dict[str, Any]:
    """What `audit verify` says of the home."""
    told: dict[str, Any] = json.loads(stage.run("audit", "verify", "--json", *more))
    return told


def state_of(told: dict[str, Any], about: str) -> str:
    return next(str(item["state"]) for item in told["properties"] if item["about"] == about)


def segments(stage: Stage) -> list[Path]:
    found = Path(stage.path("home", "state", "audit")).glob("*/*.jsonl")
    return sorted(path for path in found if ".clear." not in path.name)


def test_s21_macs_are_not_checked_here_without_the_organisations_key(home: Stage) -> None:
    told = verified(home)
    assert told["good"]
    assert state_of(told, "macs") == "not checked here"
    assert all(item["against"] for item in told["properties"])


def test_s21_macs_are_proven_by_the_organisations_key_on_another_machine(
    home: Stage, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(home.path("home", "state"), copy)
    ledger = (copy / "ledger.jsonl").read_bytes().splitlines()
    head = f"{len(ledger)} {json.loads(ledger[-1])['hash']}"
    words = ("--folder", str(copy), "--recipient-key", "env:ACME_KEY")
    told = verified(home, *words, "--anchor", head)
    assert told["good"]
    assert state_of(told, "macs") == "proven"
    # Without a head that was kept elsewhere, whole segments may be new.
    assert state_of(verified(home, *words), "macs") == "not proven"
    assert state_of(told, "private") == "not checked here"


def test_s21_no_first_mac_key_and_none_after_it_stands_in_any_file(home: Stage) -> None:
    keys = []
    for path in segments(home):
        lines = path.read_bytes().splitlines()
        mac = json.loads(lines[0])["mac"]
        key = bytearray(b"" if mac is None else unwrap(PRIVATE, mac))
        keys += [bytes(key if not at else evolve(key)) for at in range(len(lines) * bool(key))]
    assert len(keys) > 8
    texts = {form for key in keys for form in (key, key.hex().encode(), base64.b64encode(key))}
    for place, _, names in os.walk(home.path("home")):
        for name in names:
            data = Path(place, name).read_bytes()
            assert not any(text in data for text in texts), name


def test_s21_without_an_organisations_key_there_is_no_mac_and_no_such_claim(home: Stage) -> None:
    first, *named = segments(home)
    assert b'"mac":"' not in first.read_bytes()
    assert all(path.read_bytes().count(b',"mac":') > 1 for path in named)


def test_s20_commands_and_each_segments_life_stand_in_the_ledger(home: Stage) -> None:
    ledger = Path(home.path("home", "state", "ledger.jsonl")).read_bytes().splitlines()
    entries = [json.loads(line) for line in ledger]
    commands = [entry["what"] for entry in entries if entry["kind"] == "admin"]
    assert {"trust add", "profile install", "credential set", "pause"} <= set(commands)
    opened = {entry["segment"]: entry for entry in entries if entry["kind"] == "open"}
    assert len(opened) == len(segments(home)) == 4
    for path in segments(home):
        name, row = f"{path.parent.name}/{path.stem}", json.loads(path.read_bytes().split(b"\n")[0])
        assert row["ledger"] == {key: opened[name][key] for key in ("seq", "hash")}
    ends = [entry["reason"] for entry in entries if entry["kind"] == "close"]
    assert ends == ["client ended"] * 3, "the killed one is closed by the next process"


def test_the_second_verifier_agrees_on_a_real_home(home: Stage) -> None:
    told, ours = second(home.path("home", "state"), 0), verified(home)
    assert told["good"] is True
    assert (told["entries"], told["ledger"]) == (ours["entries"], ours["ledger"])


def test_the_second_verifier_finds_what_the_first_finds_in_it(home: Stage, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(home.path("home", "state"), copy)
    damaged = sorted(path for path in copy.glob("audit/*/*.jsonl") if ".clear." not in path.name)[1]
    lines = damaged.read_bytes().splitlines(keepends=True)
    damaged.write_bytes(b"".join([lines[0], lines[1].replace(b"allow", b"allew"), *lines[2:]]))
    told = second(str(copy), 1)
    ours = json.loads(home.run("audit", "verify", "--json", "--folder", str(copy), code=1))
    assert [item["line"] for item in ours["findings"] if item["bad"]] == [2]
    assert [fault.split(":")[:2] for fault in told["faults"]] == [[str(damaged), "2"]]


def second(state: str, code: int) -> dict[str, Any]:
    """What the script says, run as anybody would."""
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), state, "--json"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told
