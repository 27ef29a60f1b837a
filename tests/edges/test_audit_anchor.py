"""Heads kept elsewhere: renewed while the ledger holds them, left alone where it does not."""

import os
from pathlib import Path

import pytest
from edges.fakes_keychain import MemoryKeychain

from mcp_proxy.core.audit import Head
from mcp_proxy.core.audit_key import Signer
from mcp_proxy.core.signed_note import verify_note
from mcp_proxy.edges.audit_anchor import (
    HEAD_ITEM,
    head_file,
    ledger_holds,
    mirror_head,
    read_mirror,
    set_aside,
    write_head_folder,
)
from mcp_proxy.edges.audit_ledger import AuditLedger, ledger_path
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.errors import UsageError

SEED, OTHER = b"an audit key's seed for tests 01", b"an audit key's seed for tests 02"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(str(tmp_path / "home"))


def grow(home: Home, count: int = 1) -> Head:
    """The head after so many more entries."""
    for number in range(count):
        head = AuditLedger(home).append("admin", {"what": "x" * 300, "facts": {"n": number}})
    return head


def cut(home: Home, lines: int) -> None:
    """Takes the newest lines out of the ledger."""
    kept = Path(ledger_path(home)).read_bytes().splitlines(keepends=True)
    Path(ledger_path(home)).write_bytes(b"".join(kept[:-lines]))


def signed(home: Home, seed: bytes = SEED) -> str:
    """The note of one more entry."""
    notes: list[str] = []

    def sign(text: str) -> str | None:
        notes.append(Signer(home.id, seed)(text) or "")
        return notes[-1]

    AuditLedger(home).append("admin", {"what": "signed", "facts": {}}, sign)
    return notes[0]


def test_every_entry_of_the_ledger_is_found_in_it_and_no_other(home: Home) -> None:
    heads = [grow(home) for _ in range(5)]
    assert all(ledger_holds(home, head) for head in heads)
    assert not ledger_holds(home, Head(3, "0" * 64))
    cut(home, 1)
    assert [ledger_holds(home, head) for head in heads] == [True] * 4 + [False]
    os.unlink(ledger_path(home))
    assert not ledger_holds(home, heads[0])


def test_an_entry_is_found_where_it_lies_over_the_border_of_what_is_read_at_once(
    home: Home,
) -> None:
    heads = [grow(home) for _ in range(3)]
    long = Path(ledger_path(home)).read_bytes()
    for over in range(0, len(long), 29):
        rest = b"x" * ((512 << 10) + over - len(long))
        Path(ledger_path(home)).write_bytes(long + rest)
        assert all(ledger_holds(home, head) for head in heads)


def test_the_mirror_follows_the_ledger(home: Home) -> None:
    keychain = MemoryKeychain()
    assert read_mirror(keychain) is None
    for _ in range(3):
        head = grow(home)
        assert mirror_head(home, keychain, head)
        assert read_mirror(keychain) == head
        assert keychain.items == {HEAD_ITEM: f"{head.seq + 1} {head.hash}"}


def test_a_mirror_is_not_turned_back_by_whoever_comes_late(home: Home) -> None:
    keychain = MemoryKeychain()
    early, late = grow(home), grow(home)
    assert mirror_head(home, keychain, late)
    assert mirror_head(home, keychain, early)
    assert read_mirror(keychain) == late


@pytest.mark.parametrize("regrown", [0, 1, 5])
def test_s21_of_a_ledger_that_was_cut_the_mirror_stays_as_evidence(
    home: Home, regrown: int
) -> None:
    keychain = MemoryKeychain()
    head = grow(home, 4)
    mirror_head(home, keychain, head)
    cut(home, 2)
    for _ in range(regrown):
        grow(home)
    now = AuditLedger(home).head()
    assert now is not None
    assert not mirror_head(home, keychain, now)
    assert read_mirror(keychain) == head


def test_an_item_that_is_no_head_is_replaced(home: Home) -> None:
    keychain = MemoryKeychain()
    keychain.items[HEAD_ITEM] = "rubbish"
    assert read_mirror(keychain) is None
    head = grow(home)
    assert mirror_head(home, keychain, head)
    assert read_mirror(keychain) == head


def test_the_folder_holds_the_newest_note_whole(home: Home, tmp_path: Path) -> None:
    key = Signer(home.id, SEED).verifier
    for _ in range(3):
        note = signed(home)
        assert write_head_folder(home, str(tmp_path), note, key)
        text = Path(head_file(home, str(tmp_path))).read_text()
        assert text == note
        assert verify_note(text, (key,)) is not None
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"home", f"{home.id}.head"}


def test_an_older_note_does_not_take_a_newer_ones_place(home: Home, tmp_path: Path) -> None:
    key = Signer(home.id, SEED).verifier
    early, late = signed(home), signed(home)
    assert write_head_folder(home, str(tmp_path), late, key)
    assert write_head_folder(home, str(tmp_path), early, key)
    assert Path(head_file(home, str(tmp_path))).read_text() == late


def test_s21_of_a_ledger_that_was_cut_the_folders_note_stays_as_evidence(
    home: Home, tmp_path: Path
) -> None:
    key = Signer(home.id, SEED).verifier
    grow(home, 3)
    note = signed(home)
    write_head_folder(home, str(tmp_path), note, key)
    cut(home, 2)
    assert not write_head_folder(home, str(tmp_path), signed(home), key)
    assert Path(head_file(home, str(tmp_path))).read_text() == note


@pytest.mark.parametrize("foreign", [b"", b"rubbish", b"\xff\xfe", b"a\n\nb\n", b"x" * (2 << 20)])
def test_what_our_key_has_not_signed_does_not_keep_the_note_out(
    home: Home, tmp_path: Path, foreign: bytes
) -> None:
    key = Signer(home.id, SEED).verifier
    Path(head_file(home, str(tmp_path))).write_bytes(foreign)
    note = signed(home)
    assert write_head_folder(home, str(tmp_path), note, key)
    assert Path(head_file(home, str(tmp_path))).read_text() == note


def test_a_note_of_another_key_does_not_keep_ours_out(home: Home, tmp_path: Path) -> None:
    grow(home, 3)
    Path(head_file(home, str(tmp_path))).write_text(signed(home, OTHER))
    cut(home, 2)
    note = signed(home)
    assert write_head_folder(home, str(tmp_path), note, Signer(home.id, SEED).verifier)
    assert Path(head_file(home, str(tmp_path))).read_text() == note


def test_a_folder_that_is_not_there_is_told_and_not_made(home: Home, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_head_folder(
            home, str(tmp_path / "none"), signed(home), Signer(home.id, SEED).verifier
        )
    assert not (tmp_path / "none").exists()


def test_the_note_of_a_damaged_ledger_is_put_aside_and_kept(home: Home, tmp_path: Path) -> None:
    assert set_aside(home, str(tmp_path)) is None
    note = signed(home)
    write_head_folder(home, str(tmp_path), note, Signer(home.id, SEED).verifier)
    aside = set_aside(home, str(tmp_path))
    assert aside is not None
    assert Path(aside).read_text() == note
    assert not os.path.exists(head_file(home, str(tmp_path)))
