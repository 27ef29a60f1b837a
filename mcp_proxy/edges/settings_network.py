"""The [network] of the local settings: how this machine reaches upstreams (S9)."""

from typing import Any, NamedTuple


class NetworkSettings(NamedTuple):
    """`localhost` admits http://localhost upstreams."""

    localhost: bool = False


def parse_network(rows: dict[str, Any]) -> NetworkSettings:
    """The table as values. Raises ValueError with a sentence that names the key."""
    for key, value in rows.items():
        if key != "localhost" or not isinstance(value, bool):
            raise ValueError(f"[network] {key} is not known; only `localhost = true` or false is.")
    return NetworkSettings(bool(rows.get("localhost", False)))


def plain_network(network: NetworkSettings) -> dict[str, Any]:
    """The inverse of `parse_network`; empty where nothing is set."""
    return {"localhost": True} if network.localhost else {}
