"""Where the head goes: what a machine can keep unasked, and what follows a damaged ledger."""

import os
import sys
from pathlib import Path

import pytest
from edges.fakes_keychain import MemoryKeychain

from mcp_proxy.app import keychain_store
from mcp_proxy.app.audit_anchors import (
    DIFFERS,
    NOT_WRITTEN,
    Anchors,
    find_mirror,
    forget_anchors,
    has_mirror,
)
from mcp_proxy.app.audit_keys import ensure_key
from mcp_proxy.app.ledger_mending import mend_ledger
from mcp_proxy.core.audit import Head
from mcp_proxy.core.audit_key import Signer
from mcp_proxy.edges.audit_anchor import HEAD_ITEM, head_file
from mcp_proxy.edges.audit_ledger import AuditLedger, ledger_path
from mcp_proxy.edges.places import VARIABLE, Home, init_home
from mcp_proxy.edges.settings import read_settings, settings_path, write_settings
from mcp_proxy.edges.settings_audit import AuditSettings
from mcp_proxy.edges.settings_vault import VaultSettings


@pytest.fixture(autouse=True)
def keychain(monkeypatch: pytest.MonkeyPatch) -> MemoryKeychain:
    made = MemoryKeychain()
    monkeypatch.setattr(keychain_store, "_open", lambda _home_id: made)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    return made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    made = init_home(str(tmp_path / "home"))
    audit = AuditSettings(head_folder=str(tmp_path))
    write_settings(made, read_settings(made)._replace(audit=audit))
    return made


def entry(home: Home) -> tuple[Head, str, Signer]:
    """One more signed entry of the ledger."""
    signer, notes = ensure_key(home), []

    def sign(text: str) -> str | None:
        notes.append(signer(text) or "")
        return notes[0]

    return AuditLedger(home).append("admin", {"what": "x", "facts": {}}, sign), notes[0], signer


def renewed(home: Home, anchors: Anchors, *, is_last: bool = False) -> tuple[str, ...]:
    """One more, brought to where heads go."""
    return anchors.renew(*entry(home), is_last=is_last)


def test_both_are_kept_and_nothing_is_to_be_told(home: Home, tmp_path: Path) -> None:
    assert renewed(home, Anchors(home)) == ()
    assert find_mirror(home) == AuditLedger(home).head()
    assert os.path.exists(head_file(home, str(tmp_path)))


def test_macos_which_would_ask_keeps_no_mirror(
    home: Home, keychain: MemoryKeychain, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed(home, Anchors(home))
    before, made = dict(keychain.items), entry(home)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not has_mirror(home)
    assert find_mirror(home) is None
    assert Anchors(home).renew(*made, is_last=True) == ()
    assert keychain.items == before


def test_a_vault_which_lies_beside_the_ledger_keeps_no_mirror(home: Home) -> None:
    write_settings(home, read_settings(home)._replace(vault=VaultSettings("env:WORDS")))
    assert not has_mirror(home)


def test_a_locked_keychain_has_no_mirror_to_read_or_write(
    home: Home, keychain: MemoryKeychain
) -> None:
    keychain.items[HEAD_ITEM] = "1 " + "ab" * 32
    assert find_mirror(home) == Head(0, "ab" * 32)
    keychain.locked = True
    assert find_mirror(home) is None
    reads = keychain.reads
    assert find_mirror(home) is None
    assert keychain.reads == reads


def test_what_cannot_be_renewed_is_told_in_words_for_the_log(
    home: Home, keychain: MemoryKeychain, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchors = Anchors(home)
    keychain.items[HEAD_ITEM] = "900 " + "ab" * 32
    assert renewed(home, anchors) == (DIFFERS,)
    monkeypatch.setattr(keychain, "set", keychain_that_fails)
    del keychain.items[HEAD_ITEM]
    assert renewed(home, anchors, is_last=True) == (NOT_WRITTEN,)
    Path(settings_path(home)).write_text("rubbish = ")
    told = anchors.renew(Head(0, ""), "", Signer(home.id, bytes(32)), is_last=True)
    assert told == (NOT_WRITTEN, NOT_WRITTEN)


def keychain_that_fails(_name: str, _value: str) -> None:
    raise OSError("no")


def test_s21_a_new_ledger_names_the_key_and_takes_the_places_of_the_damaged_ones_heads(
    home: Home, tmp_path: Path
) -> None:
    anchors = Anchors(home)
    renewed(home, anchors)
    before = Path(head_file(home, str(tmp_path))).read_text()
    with open(ledger_path(home), "ab") as file:
        file.write(b"rubbish\n")
    told = list(mend_ledger(home, lambda _question: "y"))
    kept = told[-1].rpartition(": ")[2]
    assert Path(kept).read_text() == before
    assert find_mirror(home) is None
    assert renewed(home, anchors, is_last=True) == ()
    assert find_mirror(home) == AuditLedger(home).head()
    lines = Path(ledger_path(home)).read_text()
    assert lines.count('"kind":"key"') == 1
    assert ensure_key(home).verifier.line in lines


def test_heads_that_cannot_be_put_aside_do_not_keep_the_ledger_from_being_mended(
    home: Home, keychain: MemoryKeychain, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed(home, Anchors(home))
    with open(ledger_path(home), "ab") as file:
        file.write(b"rubbish\n")

    def refuse(name: str) -> None:
        keychain.locked = True
        MemoryKeychain.delete(keychain, name)

    monkeypatch.setattr(keychain, "delete", refuse)
    told = list(mend_ledger(home, lambda _question: "y"))
    assert "stay there. Locked: the fake keychain." in told[-1]
    assert AuditLedger(home).head() is not None


def test_where_nothing_is_kept_elsewhere_there_is_nothing_to_forget(home: Home) -> None:
    assert forget_anchors(home) is None
