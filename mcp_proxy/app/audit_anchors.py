"""Where the ledger's head goes, by the settings and the machine: keychain, folder, a header (S21).

Everything here may wait for a keychain or a file share, so that it runs in a thread of its own; the
header alone is looked up for each request, from the ledger's last line.
"""

import contextlib
import sys
import time

from mcp_proxy.app.keychain_store import asks_nobody, system_keychain
from mcp_proxy.core.audit import Head
from mcp_proxy.core.audit_anchor import HEADER, anchor_text
from mcp_proxy.core.audit_key import Signer
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.audit_anchor import (
    HEAD_ITEM,
    mirror_head,
    read_mirror,
    set_aside,
    write_head_folder,
)
from mcp_proxy.edges.audit_ledger import AuditLedger
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.errors import McpProxyError

# What the log says where an anchor was left as it is, and where it could not be renewed.
DIFFERS = "audit head differs"
NOT_WRITTEN = "audit head not written"


class Anchors:
    """One process's; the keychain's mirror is renewed once a minute at most, and at the end."""

    def __init__(self, home: Home) -> None:
        """Opens and reads nothing yet."""
        self._home = home
        self._mirrored_s = float("-inf")

    def renew(self, head: Head, note: str, signer: Signer, *, is_last: bool) -> tuple[str, ...]:
        """Bring a signed head to where heads go; what the log should note of it. Blocks."""
        told = [self._folder(note, signer)]
        due_s = self._mirrored_s + LIMITS.mirror_every_ms / 1000
        if is_last or time.monotonic() >= due_s:
            self._mirrored_s = time.monotonic()
            told.append(self._mirror(head))
        return tuple(what for what in told if what)

    def _folder(self, note: str, signer: Signer) -> str:
        try:
            folder = read_settings(self._home).audit.head_folder
            if not folder or write_head_folder(self._home, folder, note, signer.verifier):
                return ""
        except (McpProxyError, OSError, ValueError):
            return NOT_WRITTEN
        return DIFFERS

    def _mirror(self, head: Head) -> str:
        try:
            if not has_mirror(self._home):
                return ""
            kept = mirror_head(self._home, system_keychain(self._home), head)
        except (McpProxyError, OSError):
            return NOT_WRITTEN
        return "" if kept else DIFFERS


class HeadHeader:
    """The header that tells HTTP upstreams the ledger's head, where the settings say so."""

    def __init__(self, home: Home) -> None:
        """Reads nothing yet."""
        self._home = home
        self._is_on: bool | None = None

    def __call__(self) -> tuple[tuple[str, str], ...]:
        """The header's row, or none."""
        with contextlib.suppress(McpProxyError, OSError):
            if self._is_on is None:
                self._is_on = read_settings(self._home).audit.head_header
            head = AuditLedger(self._home).head() if self._is_on else None
            return () if head is None else ((HEADER, anchor_text(head)),)
        return ()

    def forget(self) -> None:
        """Read the settings again at the next request."""
        self._is_on = None


def has_mirror(home: Home) -> bool:
    """Whether the head is mirrored to a keychain that can be read now without asking anybody.

    Not on macOS, which would ask; nor where a vault, a file beside the ledger, stands in for the
    keychain. Raises HomeError.
    """
    return sys.platform != "darwin" and read_settings(home).vault is None and asks_nobody(home)


def find_mirror(home: Home) -> Head | None:
    """The head in the keychain; None where none is there, or nothing can be read unasked."""
    try:
        return read_mirror(system_keychain(home)) if has_mirror(home) else None
    except McpProxyError:
        return None


def forget_anchors(home: Home) -> str | None:
    """A new ledger takes the place of a damaged one: the anchors of that one are put aside.

    Returns where the folder's note is now. Raises CredentialError C02, HomeError.
    """
    if has_mirror(home):
        system_keychain(home).delete(HEAD_ITEM)
    folder = read_settings(home).audit.head_folder
    return set_aside(home, folder) if folder else None
