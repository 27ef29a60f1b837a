"""The key that signs the ledger: an item of the home's keychain or vault, made at need.

Serving processes ask nobody for it: a keychain that is locked, or a vault whose passphrase a person
would have to type, gives none, and entries stay unsigned until a later one, which covers them, is
signed. What is public of it stands in `state/audit-key.json` too, for processes that only seal.
"""

import binascii
import contextlib
import json
import os
from contextlib import closing
from threading import Thread
from typing import NamedTuple

from mcp_proxy.app.keychain_store import asks_nobody, home_keychain, kept_key, store_name
from mcp_proxy.core.audit_key import SEED_BYTES, Signer
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.audit_ledger import AuditLedger, ledger_path
from mcp_proxy.edges.audit_lines import Lines
from mcp_proxy.edges.audit_lock import LedgerLock
from mcp_proxy.edges.files import ensure_folder, read_file, remove_file, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import CredentialError, HomeError, McpProxyError

KEY_ITEM = "audit:key"
_NAMES_KEY = b',"kind":"key",'


class PublicKey(NamedTuple):
    """The verifier line of the notes, and the key that arguments are sealed to, in base64."""

    verifier: str
    seal: str


def find_seed(home: Home) -> bytes | None:
    """The 32 bytes of the key; None where there is none, or a person would have to be asked."""
    try:
        return read_seed(home) if home.id and asks_nobody(home) else None
    except McpProxyError:
        return None


def find_signer(home: Home) -> Signer | None:
    """What signs the ledger's entries, if it is there without asking anybody; makes nothing.

    A key that the ledger does not name yet signs nothing.
    """
    seed = find_seed(home)
    signer = None if seed is None else Signer(home.id, seed)
    with contextlib.suppress(HomeError):
        return signer if signer is not None and is_told(home, signer) else None
    return None


def signer_at_once(home: Home) -> Signer | None:
    """As `find_signer`, within a second: no keychain keeps a person's answer from being taken."""
    found: list[Signer | None] = []
    looking = Thread(target=lambda: found.append(find_signer(home)), name="audit", daemon=True)
    looking.start()
    looking.join(LIMITS.audit_close_ms / 1000)
    return found[0] if found else None


def quiet_signer(home: Home) -> Signer | None:
    """As `find_signer`, but makes the key of a home that never had one.

    A key that is lost is not replaced: that is for a person to do (`ensure_key`).
    """
    seed = find_seed(home)
    try:
        if seed is None and (had_key(home) or not asks_nobody(home)):
            return None
        return ensure_key(home)
    except McpProxyError:
        return None


def ensure_key(home: Home) -> Signer:
    """The home's key, made and told in the ledger where it is not there; may ask a person.

    Raises:
        CredentialError: C01 the item holds no key, C02, C09 keychain or vault do not answer.
        HomeError: a file of the home is not safe or cannot be used.
        AuditError: A01 also where another process is at it for two seconds, A02; no key is made.
    """
    signer = _held(home)
    if signer is not None and is_told(home, signer):
        return signer
    ensure_folder(home.state)
    with LedgerLock(os.path.join(home.state, "audit.key.lock"), "its key"):
        signer = _held(home)
        if signer is None:
            return _make(home)
        if not is_told(home, signer):
            _tell(home, signer)
        return signer


def tell_again(home: Home) -> None:
    """A new ledger stands in the place of the one that was told: tells it, or has that be done.

    Where nobody may be asked for the key now, its next use tells it. Raises HomeError.
    """
    remove_file(_public_path(home))
    if find_seed(home) is not None:
        quiet_signer(home)


def read_public(home: Home) -> PublicKey | None:
    """What is public of the key, as the ledger was told last; None where it was told of none.

    Raises HomeError: the file is not safe to use, or damaged.
    """
    path = _public_path(home)
    data = read_file(path, LIMITS.small_file_bytes)
    if data is None:
        return None
    try:
        row = json.loads(data)
        return PublicKey(str(row["verifier"]), str(row["seal"]))
    except (ValueError, RecursionError, LookupError, TypeError):
        mend = f"rm '{path}', then mcp-proxy audit key"
        raise HomeError("MCPX-H03", f"{path} is damaged.", mend) from None


def had_key(home: Home) -> bool:
    """Whether the ledger was told of a key, by its own word too: then one is lost, not to be made.

    Raises HomeError.
    """
    if read_public(home) is not None:
        return True
    with closing(Lines(ledger_path(home))) as lines:
        return any(_NAMES_KEY in line for line in lines.read())


def is_told(home: Home, signer: Signer) -> bool:
    """Whether that key is the one that the ledger was told last. Raises HomeError."""
    return read_public(home) == PublicKey(signer.verifier.line, signer.seal)


def _make(home: Home) -> Signer:
    """Under the lock. A key that the ledger cannot name is taken away again (S20)."""
    keychain = home_keychain(home)
    made = binascii.b2a_base64(os.urandom(SEED_BYTES), newline=False).decode()
    with kept_key():
        keychain.set(KEY_ITEM, made)
    signer = _held(home)  # what the keychain gives back counts
    if signer is None:
        where = store_name(home)
        raise CredentialError("MCPX-C02", f"The {where} has not kept the audit log's key.")
    try:
        _tell(home, signer)
    except McpProxyError:
        keychain.delete(KEY_ITEM)
        raise
    return signer


def _tell(home: Home, signer: Signer) -> None:
    told = PublicKey(signer.verifier.line, signer.seal)
    AuditLedger(home).append("key", told._asdict(), signer)
    write_file(_public_path(home), json.dumps(told._asdict()).encode() + b"\n")


def _held(home: Home) -> Signer | None:
    seed = read_seed(home)
    return None if seed is None else Signer(home.id, seed)


def read_seed(home: Home) -> bytes | None:
    """The 32 bytes of the key, None where there is none; may ask a person.

    Raises CredentialError: C01 the item holds no key, C02, C09; HomeError.
    """
    with kept_key():
        text = home_keychain(home).get(KEY_ITEM)
    if text is None:
        return None
    try:
        seed = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        why = f"The {store_name(home)}'s item {KEY_ITEM} does not hold the audit log's key."
        mend = f"remove the item {KEY_ITEM} there, then mcp-proxy audit key"
        raise CredentialError("MCPX-C01", why, mend)
    return seed


def _public_path(home: Home) -> str:
    return os.path.join(home.state, "audit-key.json")
