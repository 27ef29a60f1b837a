"""What `doctor` says of the ledger's key, of what waits for it, and of heads elsewhere (S21)."""

import json
import os
from collections.abc import Iterator
from contextlib import closing

from mcp_proxy.app.audit_anchors import find_mirror
from mcp_proxy.app.audit_keys import PublicKey, find_signer, had_key, read_public, read_seed
from mcp_proxy.app.check import Check
from mcp_proxy.app.keychain_store import asks_nobody, store_name
from mcp_proxy.core.audit import Head
from mcp_proxy.core.audit_key import Signer
from mcp_proxy.edges.audit_anchor import ledger_holds, read_head_folder
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.audit_lines import Lines
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.errors import McpProxyError

_WHAT = "audit key"
_MAKE = "mcp-proxy audit key"
_ACCEPT = "mcp-proxy audit verify; if a backup was put back: mcp-proxy doctor --fix"


def check_key(home: Home) -> Iterator[Check]:
    """One finding; makes nothing, and asks nobody for anything."""
    try:
        yield _check(home)
    except McpProxyError as error:
        yield Check(_WHAT, False, str(error), error.next)


def check_heads(home: Home) -> Iterator[Check]:
    """What is wrong with the ledger's head as it is kept elsewhere; none where it is in order."""
    try:
        yield from _check_heads(home)
    except (McpProxyError, OSError) as error:
        yield Check("audit head", False, str(error), "mcp-proxy audit verify")


def lost_heads(home: Home) -> Iterator[tuple[str, Head]]:
    """Each head that is kept elsewhere and is not in the ledger any more, after where it is kept.

    Raises McpProxyError, OSError.
    """
    kept = [(f"the {store_name(home)}", find_mirror(home))]
    signer, folder = find_signer(home), read_settings(home).audit.head_folder
    if folder and os.path.isdir(folder) and signer is not None:
        kept.append((folder, read_head_folder(home, folder, signer.verifier)))
    for place, head in kept:
        if head is not None and not ledger_holds(home, head):
            yield place, head


def _check_heads(home: Home) -> Iterator[Check]:
    folder = read_settings(home).audit.head_folder
    if folder and not os.path.isdir(folder):
        yield Check("audit head", False, f"{folder} is not there.", f"mkdir '{folder}'")
    for place, _ in lost_heads(home):
        found = f"What {place} keeps of the ledger is not in it any more."
        yield Check("audit head", False, found, _ACCEPT)


def _check(home: Home) -> Check:
    told, where = read_public(home), store_name(home)
    if not asks_nobody(home):
        found = f"The {where} gives none without asking, so entries are chained but not signed."
        return Check(_WHAT, True, found, f"unlock or install one, then {_MAKE}")
    seed = read_seed(home)
    if seed is None:
        return _lacking(had_key(home), where)
    signer = Signer(home.id, seed)
    if told != PublicKey(signer.verifier.line, signer.seal):
        return Check(_WHAT, False, f"The ledger does not name the {where}'s key.", _MAKE)
    found = (
        f"{signer.verifier.id.hex()} signs the ledger; entries since it last did: {_unsigned(home)}"
    )
    return Check(_WHAT, True, found)


def _lacking(was_there: bool, where: str) -> Check:
    if not was_there:
        return Check(_WHAT, True, "None yet; the first served call makes it.", _MAKE)
    found = f"The {where} has lost the key that the ledger names; nothing is signed."
    return Check(_WHAT, False, found, f"{_MAKE}   (makes another)")


def _unsigned(home: Home) -> int:
    """How many entries follow the last one that is signed, which the next signature covers."""
    count = 0
    with closing(Lines(ledger_path(home))) as lines:
        for line in lines.read():
            count = 0 if _is_signed(line) else count + 1
    return count


def _is_signed(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line)["note"], str)
    except (ValueError, LookupError, TypeError, RecursionError):
        return False
