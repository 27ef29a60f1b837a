"""The [approval] of the local settings: how long a call waits, and how a person hears of it."""

from typing import Any, NamedTuple

SHOWS = ("notification", "page", "terminal")
_WAIT_MAX_S = 200


class ApprovalSettings(NamedTuple):
    """`wait` is in seconds. `show` is notification, page (opened at once) or terminal (neither)."""

    wait: float = 40
    show: str = "notification"


def parse_approval(rows: dict[str, Any]) -> ApprovalSettings:
    """The table as values. Raises ValueError with a sentence that names the key."""
    extra = sorted(rows.keys() - set(ApprovalSettings._fields))
    if extra:
        raise ValueError(f"[approval] {extra[0]} is not known; `wait` and `show` are.")
    wait, show = rows.get("wait", 40), rows.get("show", "notification")
    if isinstance(wait, bool) or not isinstance(wait, int) or not 1 <= wait <= _WAIT_MAX_S:
        raise ValueError(f"[approval] wait is a number of seconds from 1 to {_WAIT_MAX_S}.")
    if show not in SHOWS:
        raise ValueError(f"[approval] show is one of {', '.join(SHOWS)}.")
    return ApprovalSettings(wait, show)


def plain_approval(approval: ApprovalSettings) -> dict[str, Any]:
    """The inverse of `parse_approval`; empty where nothing is set."""
    usual = ApprovalSettings()._asdict()
    return {key: item for key, item in approval._asdict().items() if item != usual[key]}
