"""The MAC of a segment that only the organisation can verify (S21). Pure.

The first key is random, in memory alone and, wrapped to the profile's recipient, in the segment's
open entry. Entry i bears HMAC-SHA256 under key i over its line's bytes without the MAC, before
`,"hash":`; key i+1 is HMAC-SHA256(key i, "evolve"), and key i is overwritten. So who takes over the
process has no key of the entries before. The open entry, which has the wrapped key, bears no MAC
itself: the entry after it names its hash. A verifier derives an entry's key from its position alone
and never from what the entry says.

CPython keeps copies of short-lived bytes until their memory is used again: the key that was
overwritten is gone from its place, not provably from the process.
"""

import hmac
from collections.abc import Iterable
from typing import Any, NamedTuple

from mcp_proxy.core.recipient import RANDOM_BYTES, open_with, parse_recipient, recipient_of, seal_to

KEY_BYTES = 32
NEEDED_BYTES = KEY_BYTES + RANDOM_BYTES
_INFO = b"mcp-proxy audit mac 1"
_NAME = b',"mac":"'
# From a line's end: its hash with the brace, the hash of the entry before, the MAC.
_HASH = len(b',"hash":""}') + 64
_PREV = _HASH + len(b',"prev":""') + 64
_MAC = _PREV + len(b',"mac":""') + 64


class Protection(NamedTuple):
    """What a segment begins with: `mac` of its open entry, and the first key (32 bytes)."""

    mac: dict[str, str]
    key: bytearray

    def __repr__(self) -> str:
        return f"Protection({self.mac!r})"


def new_protection(line: str, random: bytes) -> Protection:
    """For one segment; `line` is the profile's recipient, `random` has `NEEDED_BYTES`.

    Raises ValueError: the line is no recipient's.
    """
    recipient = parse_recipient(line)
    key = random[:KEY_BYTES]
    wrapped = seal_to(recipient.public, key, _INFO, random[KEY_BYTES:])
    return Protection({"recipient": recipient.id, "wrapped": wrapped}, bytearray(key))


def evolve(key: bytearray) -> bytearray:
    """The next entry's key, in the place of this one's, which is overwritten."""
    key[:] = hmac.digest(key, b"evolve", "sha256")
    return key


def unwrap(private: bytes, mac: Any) -> bytes:
    """The first key out of an open entry's `mac`, by the recipient's 32 private bytes.

    Raises ValueError with a sentence's end: wrapped to another recipient, or damaged.
    """
    told = mac if isinstance(mac, dict) else {}
    if told.get("recipient") != recipient_of(private, "").id:
        raise ValueError("its key is wrapped to another recipient")
    key = open_with(private, told.get("wrapped"), _INFO)
    if len(key) != KEY_BYTES:
        raise ValueError("its wrapped key has another length")
    return key


class MacCheck:
    """The MACs of one segment's lines, in their order."""

    def __init__(self, first_key: bytes) -> None:
        self._key = bytearray(first_key)
        self._is_first = True

    def fits(self, line: bytes) -> bool:
        """Whether the next entry bears the MAC of its position; the open entry bears none."""
        is_first, self._is_first = self._is_first, False
        text = line.removesuffix(b"\n")
        is_named = text[-_MAC:].startswith(_NAME)
        told = text[len(_NAME) - _MAC : -_PREV]
        mac = hmac.digest(self._key, text[:-_MAC] + text[-_PREV:-_HASH], "sha256")
        evolve(self._key)
        if is_first or not is_named:
            return is_first and not is_named
        return hmac.compare_digest(mac.hex().encode() + b'"', told)


def check_macs(lines: Iterable[bytes], first_key: bytes) -> int | None:
    """The position (from 0) of the first entry of a whole segment without its MAC; None: all fit.

    `lines` begin with the open entry; an entry put in, taken out or moved has another's key.
    """
    check = MacCheck(first_key)
    return next((at for at, line in enumerate(lines) if not check.fits(line)), None)
