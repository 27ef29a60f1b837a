"""The MAC of a segment (S21): by position, under keys that are gone."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from mcp_proxy.core import audit
from mcp_proxy.core.audit_mac import (
    NEEDED_BYTES,
    MacCheck,
    check_macs,
    evolve,
    new_protection,
    unwrap,
)
from mcp_proxy.core.recipient import recipient_of

PRIVATE = hashlib.sha256(b"a recipient").digest()
ACME = recipient_of(PRIVATE, "acme")
RANDOM = bytes(range(NEEDED_BYTES))
FIRST_KEY = RANDOM[:32]
ENTRIES = 6


def segment(entries: int = ENTRIES) -> list[bytes]:
    """A segment's lines: open, notes, close."""
    mac, key = new_protection(ACME.line, RANDOM)
    rows: list[tuple[str, dict[str, Any]]] = [
        ("open", audit.open_fields(7, {}, "billing", 1, "d" * 64, None, mac))
    ]
    rows += [("note", {"what": f"event {at}"}) for at in range(entries - 2)]
    rows += [("close", {"reason": "end"})]
    lines, prev = [], audit.GENESIS
    for seq, (kind, fields) in enumerate(rows):
        line, prev = audit.chain(seq, 1_800_000_000 * 10**9, kind, fields, prev, key)
        lines.append(line)
        evolve(key)
    return lines


def forged(line: bytes, key: bytes) -> bytes:
    """A note that tells something else, under that key, its chain mended."""
    entry = json.loads(line)
    made = audit.chain(entry["seq"], 0, "note", {"what": "forged"}, entry["prev"], key)
    return made.line


def test_s21_the_first_key_opens_for_the_recipient_alone() -> None:
    mac = json.loads(segment()[0])["mac"]
    assert mac.keys() == {"recipient", "wrapped"}
    assert mac["recipient"] == ACME.id
    assert unwrap(PRIVATE, mac) == FIRST_KEY
    with pytest.raises(ValueError, match="another recipient"):
        unwrap(hashlib.sha256(b"another").digest(), mac)


def test_s21_no_key_stands_in_the_segment() -> None:
    key, text = bytearray(FIRST_KEY), b"".join(segment())
    for _ in range(ENTRIES + 1):
        assert bytes(key) not in text
        assert key.hex().encode() not in text
        assert base64.b64encode(key) not in text
        evolve(key)
    assert bytes(FIRST_KEY).hex() not in repr(new_protection(ACME.line, RANDOM))


def test_s21_the_key_of_an_entry_is_overwritten_in_its_place() -> None:
    key = bytearray(FIRST_KEY)
    assert evolve(key) is key
    assert bytes(key) == hmac.new(FIRST_KEY, b"evolve", hashlib.sha256).digest()


def test_each_mac_is_over_the_line_without_it_by_the_key_of_its_position() -> None:
    key = FIRST_KEY
    for at, line in enumerate(segment()):
        if at:
            told = json.loads(line)["mac"]
            whole = line.replace(f',"mac":"{told}"'.encode(), b"")
            body = whole[: whole.index(b',"hash":')]
            assert hmac.new(key, body, hashlib.sha256).hexdigest() == told
        key = hmac.new(key, b"evolve", hashlib.sha256).digest()


def test_a_whole_segment_fits_and_so_does_each_beginning_of_it() -> None:
    lines = segment()
    for end in range(len(lines) + 1):
        assert check_macs(lines[:end], FIRST_KEY) is None


def test_no_line_bears_a_key_twice() -> None:
    for line in segment():
        names = [name for name, _ in json.loads(line, object_pairs_hook=lambda pairs: pairs)]
        assert len(set(names)) == len(names)


def test_s21_an_entry_forged_with_a_later_key_is_found() -> None:
    """As in CVE-2023-31439: who has the newest key signs an old entry with it, and says so."""
    lines, key = segment(), bytearray(FIRST_KEY)
    keys = [bytes(key), *(bytes(evolve(key)) for _ in lines)]
    for at in range(1, len(lines)):
        for later in keys[at + 1 :]:
            changed = [*lines[:at], forged(lines[at], later), *lines[at + 1 :]]
            assert check_macs(changed, FIRST_KEY) == at


def test_s21_entries_taken_out_moved_or_put_in_are_found() -> None:
    lines = segment()
    for at in range(1, len(lines) - 1):
        assert check_macs(lines[:at] + lines[at + 1 :], FIRST_KEY) == at
        swapped = [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]
        assert check_macs(swapped, FIRST_KEY) == at
        assert check_macs([*lines[:at], lines[at], *lines[at:]], FIRST_KEY) == at + 1


def test_s21_every_bit_of_an_entry_counts() -> None:
    lines = segment(4)
    for at in range(1, len(lines)):
        hashed = lines[at].index(b',"hash":"')
        for bit in range(hashed * 8):
            damaged = bytearray(lines[at])
            damaged[bit // 8] ^= 1 << bit % 8
            check = MacCheck(FIRST_KEY)
            assert all(check.fits(line) for line in lines[:at])
            assert not check.fits(bytes(damaged))


def test_an_entry_without_its_mac_does_not_fit() -> None:
    lines = segment()
    entry = json.loads(lines[2])
    bare = audit.chain(2, 0, "note", {"what": "event 1"}, entry["prev"]).line
    assert check_macs([*lines[:2], bare, *lines[3:]], FIRST_KEY) == 2


@pytest.mark.parametrize(
    "mac",
    [
        None,
        {},
        "text",
        {"recipient": ACME.id},
        {"recipient": ACME.id, "wrapped": 7},
        {"recipient": ACME.id, "wrapped": ""},
        {"recipient": "0" * 16, "wrapped": new_protection(ACME.line, RANDOM).mac["wrapped"]},
    ],
)
def test_what_holds_no_key_for_the_recipient_is_refused(mac: object) -> None:
    with pytest.raises(ValueError, match=r"key|damaged"):
        unwrap(PRIVATE, mac)


def test_a_line_that_is_no_recipients_makes_no_key() -> None:
    with pytest.raises(ValueError, match="recipient"):
        new_protection("mcpx1:AAAA:acme", RANDOM)
