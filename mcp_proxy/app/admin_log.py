"""Administrative commands in the audit log: written before the change, or there is no change."""

import re
from collections.abc import Mapping

from mcp_proxy.core.profile import NAME_PATTERN, Profile
from mcp_proxy.edges.audit_files import AuditSegment, Subject
from mcp_proxy.edges.audit_ledger import AuditLedger, Sign
from mcp_proxy.edges.audit_sealing import protection_of
from mcp_proxy.edges.places import Home


def record(home: Home, command: str, **facts: str | int | bool) -> None:
    """Tell the ledger of one command; facts are names, ids and origins, never secrets.

    Raises:
        AuditError: A01, A02, so that the command ends with exit code 5 and changes nothing.
    """
    record_signed(home, None, command, facts)


def record_signed(
    home: Home, sign: Sign | None, command: str, facts: Mapping[str, str | int | bool]
) -> None:
    """The same, signed. Raises AuditError A01, A02."""
    AuditLedger(home).append("admin", {"what": command, "facts": facts}, sign)


def record_refusal(home: Home, profile: str, error: str) -> None:
    """Tell the ledger that serve refused a profile; no other text is kept. Raises AuditError."""
    named = profile if re.fullmatch(NAME_PATTERN, profile) else None
    AuditLedger(home).append("refused", {"profile": named, "error": error})


def record_notes(home: Home, profile: Profile, notes: Mapping[str, int]) -> None:
    """Log what a client without a single call sent amiss, how often. Raises AuditError A01."""
    subject = Subject(profile.header.profile, profile.header.version, profile.digest)
    protect = protection_of(profile.header.audit)
    segment = AuditSegment(home, subject, {}, protect=protect)
    for what, count in notes.items():
        segment.append("note", {"what": what, "count": count})
    segment.close("client ended")
