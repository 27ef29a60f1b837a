"""Roles signed anew before they expire, so that developers are not cut off.

A role is renewed when less than a third of its term is left, or when it would end before the new
timestamp does; the timestamp always. It stays as it is where its keys are not at hand.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from mcp_proxy.edges.repository_change import Change, role_days


class Renewed(NamedTuple):
    """Roles that were signed anew, and those that end soon and whose keys were not at hand."""

    roles: tuple[str, ...]
    lacking: tuple[str, ...]


def renew(change: Change, days: int | None, now_s: float) -> Renewed:
    """Marks the timestamp, and what ends soon, to be signed anew; root is only told of."""
    held, root = change.held, change.held.root.signed
    now = datetime.fromtimestamp(int(now_s), UTC)
    term = days if days is not None else role_days(root, "timestamp")
    roles = {"targets": held.targets, "snapshot": held.snapshot, **held.profiles}
    due, lacking = [], []
    for role, metadata in roles.items():
        left = timedelta(days=max(term, role_days(root, role) / 3))
        # A draft is numbered after what is published now; nothing may come between.
        if role in held.waiting or metadata is None or metadata.signed.expires >= now + left:
            continue
        if role == "snapshot" or change.keys_suffice(role):
            change.resign(role)
            due.append(role)
        else:
            lacking.append(role)
    change.resign("timestamp", days)
    if root.expires < now + timedelta(days=max(term, role_days(root, "root") / 3)):
        lacking.append("root")
    return Renewed((*due, "timestamp"), tuple(lacking))
