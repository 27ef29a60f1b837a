"""What doctor says of the ledger's key: how it stands, and the command that betters it."""

import json
import os
import sys
from pathlib import Path

import pytest
from edges.fakes_keychain import MemoryKeychain

from mcp_proxy.app import keychain_store
from mcp_proxy.app.audit_anchors import Anchors
from mcp_proxy.app.audit_key_check import check_heads, check_key
from mcp_proxy.app.audit_keys import KEY_ITEM, ensure_key
from mcp_proxy.app.check import Check
from mcp_proxy.app.ledger_mending import mend_ledger
from mcp_proxy.core.audit import Head
from mcp_proxy.edges.audit_ledger import AuditLedger, ledger_path
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.settings import read_settings, settings_path, write_settings
from mcp_proxy.edges.settings_audit import AuditSettings


@pytest.fixture(autouse=True)
def keychain(monkeypatch: pytest.MonkeyPatch) -> MemoryKeychain:
    made = MemoryKeychain()
    monkeypatch.setattr(keychain_store, "_open", lambda _home_id: made)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    return made


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(str(tmp_path / "home"))


def check(home: Home) -> Check:
    (found,) = check_key(home)
    return found


def test_a_home_without_a_key_is_told_when_it_gets_one(home: Home) -> None:
    found = check(home)
    assert found.ok
    assert found.found.startswith("None yet")
    assert found.next == "mcp-proxy audit key"
    assert not os.path.exists(ledger_path(home))


def test_a_keychain_that_gives_none_unasked_is_no_fault(
    home: Home, keychain: MemoryKeychain
) -> None:
    ensure_key(home)
    keychain.locked = True
    reads = keychain.reads
    found = check(home)
    assert (found.ok, keychain.reads) == (True, reads)
    assert "chained but not signed" in found.found


def test_the_key_in_force_is_named_with_what_it_has_yet_to_sign(home: Home) -> None:
    key = ensure_key(home)
    named = f"{key.verifier.id.hex()} signs the ledger; entries since it last did"
    assert check(home) == Check("audit key", True, f"{named}: 0")
    for _ in range(3):
        AuditLedger(home).append("admin", {"what": "x", "facts": {}})
    assert check(home).found == f"{named}: 3"
    AuditLedger(home).append("admin", {"what": "x", "facts": {}}, key)
    assert check(home).found == f"{named}: 0"


def test_a_lost_key_is_a_fault_that_a_person_mends(home: Home, keychain: MemoryKeychain) -> None:
    ensure_key(home)
    keychain.delete(KEY_ITEM)
    found = check(home)
    assert not found.ok
    assert "has lost the key" in found.found
    assert str(found.next).startswith("mcp-proxy audit key")
    ensure_key(home)
    assert check(home).ok


def test_a_key_that_the_ledger_does_not_name_is_a_fault(
    home: Home, keychain: MemoryKeychain
) -> None:
    ensure_key(home)
    keychain.items[KEY_ITEM] = "A" * 43 + "="
    assert not check(home).ok
    ensure_key(home)
    assert check(home).ok


def test_an_item_that_is_no_key_is_told_and_not_quoted(
    home: Home, keychain: MemoryKeychain
) -> None:
    keychain.items[KEY_ITEM] = "rubbish-canary"
    found = check(home)
    assert not found.ok
    assert "audit:key" in found.found
    assert "canary" not in str(found)


# -- heads kept elsewhere


def signed(home: Home) -> Head:
    """One more signed entry, brought to keychain and folder."""
    signer, notes = ensure_key(home), []

    def sign(text: str) -> str | None:
        notes.append(signer(text) or "")
        return notes[0]

    head = AuditLedger(home).append("admin", {"what": "x", "facts": {}}, sign)
    assert Anchors(home).renew(head, notes[0], signer, is_last=True) == ()
    return head


@pytest.fixture
def folder(home: Home, tmp_path: Path) -> Path:
    made = tmp_path / "evidence"
    made.mkdir()
    audit = AuditSettings(head_folder=str(made))
    write_settings(home, read_settings(home)._replace(audit=audit))
    return made


def test_heads_that_the_ledger_holds_are_nothing_to_tell(home: Home, folder: Path) -> None:
    assert list(check_heads(home)) == []
    for _ in range(2):
        signed(home)
    assert list(check_heads(home)) == []


def test_s21_heads_that_the_ledger_lacks_are_faults_by_their_places(
    home: Home, folder: Path
) -> None:
    for _ in range(3):
        signed(home)
    lines = Path(ledger_path(home)).read_bytes().splitlines(keepends=True)
    Path(ledger_path(home)).write_bytes(b"".join(lines[:-2]))
    found = list(check_heads(home))
    assert [check.ok for check in found] == [False, False]
    assert all("mcp-proxy doctor --fix" in str(check.next) for check in found)
    assert "What the keychain keeps" in found[0].found
    assert f"What {folder} keeps" in found[1].found


def test_s21_a_ledger_that_was_put_back_is_accepted_by_a_person_and_says_so(
    home: Home, folder: Path
) -> None:
    kept = [signed(home) for _ in range(3)][-1]
    lines = Path(ledger_path(home)).read_bytes().splitlines(keepends=True)
    back = b"".join(lines[:-2])
    Path(ledger_path(home)).write_bytes(back)
    asked: list[str] = []

    def answer(said: str) -> list[str]:
        return list(mend_ledger(home, lambda question: asked.append(question) or said))

    assert answer("")[0].startswith("Nothing was changed.")
    assert Path(ledger_path(home)).read_bytes() == back
    assert (len(list(check_heads(home))), len(asked)) == (2, 1)
    assert f"the keychain: {kept.seq + 1} {kept.hash}" in asked[0]
    told = answer("y")
    assert told[0].startswith("The ledger is accepted")
    assert f"{home.id}.head." in told[1]
    entry = json.loads(Path(ledger_path(home)).read_bytes().splitlines()[-1])
    assert entry["facts"]["did"] == "ledger accepted"
    assert f"{kept.seq + 1} {kept.hash}" in entry["facts"]["lacks"]
    assert list(check_heads(home)) == []
    assert [path.name[:37] for path in folder.iterdir()] == [f"{home.id}.head"]
    assert answer("y") == []
    signed(home)
    assert list(check_heads(home)) == []


def test_a_folder_that_is_not_there_is_told(home: Home, folder: Path) -> None:
    folder.rmdir()
    (found,) = check_heads(home)
    assert found == Check("audit head", False, f"{folder} is not there.", f"mkdir '{folder}'")


def test_settings_that_are_not_right_are_told(home: Home, folder: Path) -> None:
    Path(settings_path(home)).write_text("rubbish = ")
    (found,) = check_heads(home)
    assert not found.ok
