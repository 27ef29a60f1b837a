"""What a log is verified with: what the command line names, and what this machine itself keeps."""

import os

from mcp_proxy.app.audit_anchors import find_mirror
from mcp_proxy.app.audit_keys import find_seed
from mcp_proxy.app.audit_ledger_check import NAME, Place
from mcp_proxy.app.audit_segment import Finding
from mcp_proxy.app.audit_verify import Means, Report, verify
from mcp_proxy.app.keychain_store import asks_nobody, store_name
from mcp_proxy.app.recipient_keys import find_recipient_key
from mcp_proxy.core.audit_key import Signer
from mcp_proxy.core.ledger_anchors import Anchor, parse_anchors
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.signed_note import VerifierKey, parse_key
from mcp_proxy.edges.audit_anchor import head_file
from mcp_proxy.edges.files import read_given
from mcp_proxy.edges.places import Home, find_home
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.errors import UsageError


def own_place() -> tuple[Place, Means]:
    """The log of this machine's home, with its key and the head that it keeps elsewhere, if any.

    The keychain is read only where nobody would be asked. Raises HomeError.
    """
    home = find_home()
    keys, source = _own_keys(home)
    anchors, damaged = _head_folder(home, keys)
    means = Means(keys, source, (*_mirror(home), *anchors), damaged=damaged)
    return Place(home.state, home.id), means


def verify_home() -> Report:
    """The log of this machine's home, with what the machine itself keeps. Raises HomeError."""
    return verify(*own_place())


def copied_place(folder: str) -> Place:
    """A copy of a state folder, or of a home with one. Raises UsageError: neither is there."""
    for state in (folder, os.path.join(folder, "state")):
        if os.path.isdir(os.path.join(state, "audit")) or os.path.exists(os.path.join(state, NAME)):
            return Place(os.path.abspath(state), None)
    raise UsageError(
        "MCPX-W01",
        f"{folder} holds neither a folder audit nor a file {NAME}.",
        "name a state folder, or a copy of one",
    )


def named_means(keys: list[str], anchors: list[str], recipient: str | None) -> Means:
    """What the command line names: each key a line or a file, each anchor `SIZE HASH` or a file.

    Raises:
        UsageError: W01 one of them is none.
        CredentialError: C01, C02, C09 the recipient's key cannot be had.
    """
    verifiers = tuple(key for text in keys for key in _keys(text))
    heads = tuple(anchor for text in anchors for anchor in _anchors(text, verifiers))
    private = None if recipient is None else find_recipient_key(recipient).private
    return Means(verifiers, "given", heads, private)


def joined(own: Means, named: Means) -> Means:
    """Both; keys that are named stand in the place of the keychain's."""
    keys, source = (named.keys, "given") if named.keys else (own.keys, own.source)
    return Means(keys, source, own.anchors + named.anchors, named.private, own.damaged)


def _own_keys(home: Home) -> tuple[tuple[VerifierKey, ...], str]:
    """The store's key, whatever the home's files say of it: who forges the log can change these."""
    seed = find_seed(home)
    if seed is not None:
        return (Signer(home.id, seed).verifier,), "keychain"
    return (), "lost" if asks_nobody(home) else "locked"


def _keys(text: str) -> tuple[VerifierKey, ...]:
    lines = [text]
    if os.path.exists(text):
        lines = read_given(text, LIMITS.small_file_bytes).decode(errors="replace").splitlines()
    try:
        found = tuple(parse_key(line) for line in lines if line.strip())
    except ValueError as error:
        raise _no_key(str(error)) from None
    if not found:
        raise _no_key("no key is in it")
    return found


def _no_key(why: str) -> UsageError:
    return UsageError("MCPX-W01", f"--key: {why}.", "mcp-proxy audit key   (there, prints it)")


def _anchors(text: str, keys: tuple[VerifierKey, ...]) -> tuple[Anchor, ...]:
    kept = "the head that was given"
    if os.path.exists(text):
        kept = f"the head in {text}"
        text = read_given(text, LIMITS.ledger_entry_bytes).decode(errors="replace")
    try:
        return tuple(anchor._replace(kept=kept) for anchor in parse_anchors(text, keys))
    except ValueError as error:
        why = f"--anchor: {error}."
        raise UsageError("MCPX-W01", why, "give a .head file, or SIZE HASH in quotes") from None


def _mirror(home: Home) -> tuple[Anchor, ...]:
    head = find_mirror(home)
    if head is None:
        return ()
    kept = f"the {store_name(home)}'s head"
    return (Anchor(head.seq + 1, head.hash, near=True, kept=kept),)


def _head_folder(
    home: Home, keys: tuple[VerifierKey, ...]
) -> tuple[tuple[Anchor, ...], tuple[Finding, ...]]:
    """The head that is kept in the folder of the settings; a finding where it is none any more."""
    folder = read_settings(home).audit.head_folder
    path = head_file(home, folder) if folder else ""
    if not path or not os.path.exists(path):
        return (), ()
    try:
        return _anchors(path, keys), ()
    except UsageError as error:
        why = error.why.removeprefix("--anchor: ")
        return (), (Finding(path, 0, f"the head that was kept there: {why}", True, "cut"),)
