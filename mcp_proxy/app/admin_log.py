"""Administrative commands in the audit log: written before the change, or there is no change."""

import re
from collections.abc import Mapping

from mcp_proxy.core.profile import NAME_PATTERN, Profile
from mcp_proxy.edges.audit_files import AuditSegment, Subject
from mcp_proxy.edges.places import Home


def record(home: Home, command: str, **facts: str | int | bool) -> None:
    """Log one command as a segment of its own; facts are names, ids and origins, never secrets.

    Raises:
        AuditError: A01, so that the command ends with exit code 5 and changes nothing.
    """
    segment = AuditSegment(home.state, Subject(None, None, None), {"name": "mcp-proxy command"})
    segment.append("note", {"what": command, "facts": facts})
    segment.close("done")


def record_refusal(home: Home, profile: str, error: str) -> None:
    """Log that serve refused a profile; no other text is kept. Raises AuditError A01."""
    named = profile if re.fullmatch(NAME_PATTERN, profile) else None
    segment = AuditSegment(home.state, Subject(named, None, None), {})
    segment.append("note", {"what": "profile refused", "error": error})
    segment.close("refused")


def record_notes(home: Home, profile: Profile, notes: Mapping[str, int]) -> None:
    """Log what a client without a single call sent amiss, how often. Raises AuditError A01."""
    subject = Subject(profile.header.profile, profile.header.version, profile.digest)
    segment = AuditSegment(home.state, subject, {})
    for what, count in notes.items():
        segment.append("note", {"what": what, "count": count})
    segment.close("client ended")
