"""What the profile's publisher opted in to: MACs for one reader, and whole arguments, sealed."""

import base64
import json
import os
from typing import Any

from mcp_proxy.core.audit_mac import NEEDED_BYTES, Protection, new_protection
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import AuditRules
from mcp_proxy.core.recipient import RANDOM_BYTES, parse_recipient
from mcp_proxy.core.sealed_arguments import seal_arguments
from mcp_proxy.edges.files import read_file
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import AuditError, HomeError


def protection_of(rules: AuditRules) -> Protection | None:
    """What a new segment begins with, None without a recipient. Raises AuditError A01: it is none.

    S21: the first key is random, for this segment alone.
    """
    if not rules.recipient:
        return None
    try:
        return new_protection(rules.recipient, os.urandom(NEEDED_BYTES))
    except ValueError as error:
        why = f"The audit log cannot be written: the profile's audit.recipient {error}."
        raise AuditError("MCPX-A01", why) from None


class Sealing:
    """Seals to the profile's recipient, else to the home's own key, once there is one."""

    def __init__(self, home: Home, rules: AuditRules) -> None:
        """Reads nothing yet."""
        self._home = home
        self._recipient = rules.recipient
        self.is_wanted = rules.arguments == "sealed"
        self._public: bytes | None = None

    def seal(self, arguments: Any) -> str | None:
        """A call's arguments, sealed; None where the profile does not ask, or nobody has a key."""
        public = self._find() if self.is_wanted else None
        if public is None:
            return None
        try:
            return seal_arguments(public, arguments, os.urandom(RANDOM_BYTES))
        except ValueError:  # the home's file is damaged, and what it holds is no key
            return None

    def _find(self) -> bytes | None:
        """The home's own key is looked up for each call: a lost one is replaced while we serve."""
        if not self._recipient:
            return self._find_own()
        if self._public is None:
            self._public = parse_recipient(self._recipient).public
        return self._public

    def _find_own(self) -> bytes | None:
        try:
            path = os.path.join(self._home.state, "audit-key.json")
            data = read_file(path, LIMITS.small_file_bytes)
            return None if data is None else base64.b64decode(json.loads(data)["seal"])
        except (HomeError, ValueError, LookupError, TypeError, RecursionError):
            return None
