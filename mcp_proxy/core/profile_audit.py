"""The audit rules of a payload's header read."""

from typing import Any

from mcp_proxy.core.fields import as_form, as_object, as_strings, one_of
from mcp_proxy.core.profile import AuditRules

# `core.recipient` reads such a line.
RECIPIENT_PATTERN = r"mcpxr1:([A-Za-z0-9+/]{43}=):([A-Za-z0-9._-]{1,64})"


def parse_audit(value: Any) -> AuditRules:
    """`audit` of the header. Raises ProfileError P09, P10."""
    row = as_object(value, AuditRules._fields, "audit")
    return AuditRules(
        as_strings(row["clear"], "audit.clear"),
        one_of(row["on_failure"], ("deny",), "audit.on_failure"),
        as_form(row["recipient"], RECIPIENT_PATTERN, "audit.recipient"),
        one_of(row["arguments"], ("digest", "sealed"), "audit.arguments"),
    )
