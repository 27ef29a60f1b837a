"""Signed notes (C2SP): whose signature counts, and that nothing else passes for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.audit_key import Signer
from mcp_proxy.core.signed_note import VerifierKey, parse_key, sign_note, verify_note

SEED, OTHER = bytes(range(32)), bytes(range(1, 33))
NAME = "mcp-proxy-audit/ab"
TEXT = "mcp-proxy-audit/ab\n3\nline\n"
NOTE = sign_note(TEXT, NAME, SEED)
KEY = Signer("ab", SEED).verifier
STRANGER = Signer("ab", OTHER).verifier


def test_a_note_is_verified_by_the_key_that_signed_it() -> None:
    assert verify_note(NOTE, (STRANGER, KEY)) == (TEXT, KEY)
    assert verify_note(NOTE, (STRANGER,)) is None
    assert verify_note(NOTE, ()) is None


def test_several_signatures_may_stand_under_a_note() -> None:
    both = NOTE + sign_note(TEXT, NAME, OTHER).rpartition("\n\n")[2]
    assert verify_note(both, (STRANGER,)) == (TEXT, STRANGER)
    assert verify_note(both, (KEY,)) == (TEXT, KEY)


def test_a_key_survives_its_line() -> None:
    assert parse_key(f" {KEY.line}\n") == KEY
    assert KEY.line.startswith(f"{NAME}+{KEY.id.hex()}+")


@pytest.mark.parametrize("bit", range(7))
def test_no_flipped_bit_of_a_note_is_verified(bit: int) -> None:
    for at in range(len(NOTE)):
        changed = NOTE[:at] + chr(ord(NOTE[at]) ^ 1 << bit) + NOTE[at + 1 :]
        try:
            assert verify_note(changed, (KEY,)) is None, at
        except ValueError:
            continue


@pytest.mark.parametrize("bit", range(7))
def test_no_flipped_bit_of_a_key_line_is_that_key(bit: int) -> None:
    for at in range(len(KEY.line)):
        changed = KEY.line[:at] + chr(ord(KEY.line[at]) ^ 1 << bit) + KEY.line[at + 1 :]
        try:
            assert parse_key(changed) != KEY, at
        except ValueError:
            continue


@given(st.text(max_size=80))
def test_any_text_is_refused_or_unsigned(text: str) -> None:
    for note in (text, TEXT + "\n" + text, NOTE[:-1] + text):
        try:
            found = verify_note(note, (KEY,))
        except ValueError:
            continue
        assert found is None or note == NOTE


def test_a_key_id_binds_its_name() -> None:
    renamed = VerifierKey("other", KEY.public)
    assert renamed.id != KEY.id
    assert verify_note(NOTE, (renamed,)) is None
    with pytest.raises(ValueError, match="does not fit"):
        parse_key(KEY.line.replace(NAME, "other"))
