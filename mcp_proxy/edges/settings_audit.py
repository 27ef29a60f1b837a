"""The [audit] of the local settings: how long the log is kept, and where its head and copies go."""

import os
from typing import Any, NamedTuple

_KINDS = {int: "a whole number", bool: "true or false", str: "a text"}


class AuditSettings(NamedTuple):
    """0 and "" are not set.

    Closed segments older than `keep_days`, and the oldest beyond `keep_mib` in all, are pruned.
    The ledger's head goes to HTTP upstreams in a header with `head_header`, and as a signed note
    into `head_folder`, an absolute path. `otlp` is a collector's base URL, such as
    http://127.0.0.1:4318; `otlp_credential` a credential that is bound to its origin.
    """

    keep_days: int = 0
    keep_mib: int = 0
    head_header: bool = False
    head_folder: str = ""
    otlp: str = ""
    otlp_credential: str = ""


def parse_audit(rows: dict[str, Any]) -> AuditSettings:
    """The table as values. Raises ValueError with a sentence that names the key."""
    extra = sorted(rows.keys() - set(AuditSettings._fields))
    if extra:
        known = ", ".join(AuditSettings._fields)
        raise ValueError(f"[audit] {extra[0]} is not known; {known} are.")
    for key, value in rows.items():
        kind = type(AuditSettings._field_defaults[key])
        if type(value) is not kind:
            raise ValueError(f"[audit] {key} is {_KINDS[kind]}.")
        if isinstance(value, int) and not 0 <= value <= 1 << 20:
            raise ValueError(f"[audit] {key} is a number from 0 to {1 << 20}.")
    audit = AuditSettings(**rows)
    if audit.head_folder and not os.path.isabs(audit.head_folder):
        raise ValueError("[audit] head_folder is an absolute path.")
    return audit


def plain_audit(audit: AuditSettings) -> dict[str, Any]:
    """The inverse of `parse_audit`; empty where nothing is set."""
    usual = AuditSettings()._asdict()
    return {key: item for key, item in audit._asdict().items() if item != usual[key]}
