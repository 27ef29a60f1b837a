"""Copies of the ledger's head outside of it: an item of the keychain, a folder (S21).

What lies there is replaced only while the ledger still holds what it says. Of a ledger that was cut
or rewritten the older word stays, for it is the evidence.
"""

import base64
import contextlib
import os
import time

from mcp_proxy.core.audit import Head
from mcp_proxy.core.audit_anchor import anchor_text, parse_anchor
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.signed_note import VerifierKey, verify_note
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.credentials import Keychain
from mcp_proxy.edges.files import open_file, read_given, write_given
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import HomeError, UsageError

HEAD_ITEM = "audit:head"
_CHUNK_BYTES = 256 << 10


def mirror_head(home: Home, keychain: Keychain, head: Head) -> bool:
    """Keep the head as an item; False where the item's older one is not in the ledger.

    Raises:
        CredentialError: C02.
        HomeError, OSError: the ledger cannot be read.
    """
    held = read_mirror(keychain)
    if held is not None and not ledger_holds(home, held):
        return False
    if held is None or held.seq < head.seq:
        keychain.set(HEAD_ITEM, anchor_text(head))
    return True


def read_mirror(keychain: Keychain) -> Head | None:
    """The head in the keychain; None where there is none, or none that can be read. Raises C02."""
    text = keychain.get(HEAD_ITEM)
    try:
        return None if text is None else parse_anchor(text)
    except ValueError:
        return None


def write_head_folder(home: Home, folder: str, note: str, key: VerifierKey) -> bool:
    """Put the newest signed note into `HOME-ID.head` there, in one step; the folder must exist.

    False where the one there is signed by `key` and tells of entries that the ledger lacks.

    Raises:
        UsageError: W01 the folder is not there or not writable.
        HomeError, OSError: the ledger cannot be read.
    """
    told, told_before = _told(note, key), read_head_folder(home, folder, key)
    if told_before is not None and not ledger_holds(home, told_before):
        return False
    if told_before is None or told is None or told_before.seq < told.seq:
        write_given(head_file(home, folder), note.encode())
    return True


def read_head_folder(home: Home, folder: str, key: VerifierKey) -> Head | None:
    """The entry before the note in the folder; None where `key` has signed none there."""
    path = head_file(home, folder)
    if not os.path.lexists(path):
        return None
    with contextlib.suppress(ValueError, UsageError):
        return _told(read_given(path, LIMITS.ledger_entry_bytes).decode(), key)
    return None


def head_file(home: Home, folder: str) -> str:
    """Where the note of that home lies in the folder."""
    return os.path.join(folder, f"{home.id}.head")


def set_aside(home: Home, folder: str) -> str | None:
    """Renames the folder's note, so that one of another ledger can take its place.

    Returns its new path, None where there was none. Raises HomeError H03.
    """
    path = head_file(home, folder)
    aside = f"{path}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    try:
        os.replace(path, aside)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HomeError("MCPX-H03", f"{path} cannot be renamed: {error.strerror}.") from None
    return aside


def ledger_holds(home: Home, head: Head) -> bool:
    """Whether the ledger has that entry; looks from its end. Raises HomeError, OSError."""
    needle = b'"hash":"' + head.hash.encode() + b'"}\n'
    descriptor = open_file(ledger_path(home), secret=True)
    if descriptor is None:
        return False
    try:
        end = os.fstat(descriptor).st_size
        while end > 0:
            start = max(0, end - _CHUNK_BYTES)
            os.lseek(descriptor, start, os.SEEK_SET)
            if needle in os.read(descriptor, end - start + len(needle)):
                return True
            end = start
        return False
    finally:
        os.close(descriptor)


def _told(note: str, key: VerifierKey) -> Head | None:
    """The entry before the one that the note signs; None for the first, and for another's note."""
    verified = verify_note(note, (key,))
    if verified is None:
        return None
    lines = verified[0].split("\n")
    count = int(lines[1])
    return Head(count - 1, base64.b64decode(lines[2]).hex()) if count else None
