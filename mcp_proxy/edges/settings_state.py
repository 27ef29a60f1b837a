"""The [state] of the local settings: where what all sidecars share may lie."""

from typing import Any, NamedTuple


class StateSettings(NamedTuple):
    """`network_filesystem`: state.db may lie on one, which one machine alone then uses (S23)."""

    network_filesystem: bool = False


def parse_state(rows: dict[str, Any]) -> StateSettings:
    """The table as values. Raises ValueError with a sentence that names the key."""
    extra = sorted(rows.keys() - set(StateSettings._fields))
    if extra:
        raise ValueError(f"[state] {extra[0]} is not known; `network_filesystem` is.")
    accepts = rows.get("network_filesystem", False)
    if accepts is not True and accepts is not False:
        raise ValueError("[state] network_filesystem is true or false.")
    return StateSettings(accepts)


def plain_state(state: StateSettings) -> dict[str, Any]:
    """The inverse of `parse_state`; empty where nothing is set."""
    return {"network_filesystem": True} if state.network_filesystem else {}
