"""What this machine's own log is verified with: the store's key, whatever the home's files say."""

import json
import os
import shutil
from pathlib import Path

import pytest
from audit_logs import Log
from edges.fakes_keychain import MemoryKeychain
from log_desk import serve_once

from mcp_proxy.app import audit_means, keychain_store
from mcp_proxy.app.audit_keys import KEY_ITEM, ensure_key, tell_again
from mcp_proxy.app.audit_means import verify_home
from mcp_proxy.app.audit_verify import Report
from mcp_proxy.core.audit_claims import Property
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.audit_repair import replace_ledger
from mcp_proxy.edges.places import VARIABLE, Home, init_home

FORGER = b"attacker-key-attacker-key-attack"


@pytest.fixture(autouse=True)
def keychain(monkeypatch: pytest.MonkeyPatch) -> MemoryKeychain:
    made = MemoryKeychain()
    monkeypatch.setattr(keychain_store, "_open", lambda _home_id: made)
    monkeypatch.setattr(audit_means, "find_mirror", lambda _home: None)  # as beside a vault
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    return made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.fspath(tmp_path / "home")
    monkeypatch.setenv(VARIABLE, folder)
    home = init_home(folder)
    ensure_key(home)
    serve_once(home)
    return home


def forged(home: Home, seed: bytes | None = FORGER) -> Log:
    """The whole log made anew by who can write the files."""
    shutil.rmtree(os.path.join(home.state, "audit"))
    log = Log(home=home.id, seed=seed)
    made = log.begin()
    made.call(customer="cus_1")
    made.close()
    log.write(home.state)
    return log


def signed(report: Report) -> Property:
    return next(item for item in report.properties if item.about == "signed")


def bad(report: Report) -> list[str]:
    return [item.what for item in report.findings if item.bad]


@pytest.mark.parametrize("kept", ["as it was", "deleted", "exchanged"])
@pytest.mark.parametrize("seed", [FORGER, None])
def test_s21_a_log_made_anew_is_broken_whatever_is_done_to_the_public_file(
    home: Home, kept: str, seed: bytes | None
) -> None:
    log = forged(home, seed)
    path = Path(home.state) / "audit-key.json"
    if kept == "deleted":
        path.unlink()
    elif kept == "exchanged":
        signer = Log(home=home.id, seed=FORGER).signer
        assert signer is not None
        told = {"verifier": signer.verifier.line, "seal": signer.seal}
        path.write_bytes(json.dumps(told).encode())
    assert log.ledger
    report = verify_home()
    assert bad(report) == ["no note of the ledger is by the key that is asked for"]
    assert (report.good, signed(report).state) == (False, "broken")


def test_s21_a_store_that_asks_somebody_leaves_signatures_unchecked_and_says_so(
    home: Home, keychain: MemoryKeychain
) -> None:
    keychain.locked = True
    reads = keychain.reads
    report = verify_home()
    assert (report.good, keychain.reads) == (True, reads)
    item = signed(report)
    assert item.state == "not checked here"
    assert item.detail.startswith("its key cannot be had without asking")


def test_s21_a_store_that_lacks_the_key_is_said_to_have_lost_it(
    home: Home, keychain: MemoryKeychain
) -> None:
    keychain.delete(KEY_ITEM)
    item = signed(verify_home())
    assert item.state == "not checked here"
    assert item.detail.endswith("it was lost; give --key")


def test_s21_what_another_key_goes_on_with_is_broken_at_home(home: Home) -> None:
    other = Log(home=home.id, seed=FORGER)
    lines = Path(ledger_path(home)).read_bytes().splitlines(keepends=True)
    last = json.loads(lines[-1])
    other.ledger.clear()
    other.follow(last["seq"] + 1, last["hash"])
    other.tell("admin", {"what": "pause", "facts": {}})
    Path(ledger_path(home)).write_bytes(b"".join(lines) + other.ledger_bytes)
    report = verify_home()
    assert (report.good, signed(report).state) == (False, "broken")
    assert bad(report)[0].startswith("from here on another key signs")


def test_a_new_ledger_that_is_not_told_of_the_key_yet_is_no_damage(
    home: Home, keychain: MemoryKeychain
) -> None:
    with open(ledger_path(home), "ab") as file:
        file.write(b"damage\n")
    assert replace_ledger(home)
    keychain.locked = True
    tell_again(home)
    keychain.locked = False
    report = verify_home()
    assert (report.good, signed(report).state) == (True, "not proven")
    assert any("no note" in item.what for item in report.findings)
