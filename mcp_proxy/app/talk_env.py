"""The variables that a launched proxy needs beyond those few that clients pass on by themselves."""

import os

from mcp_proxy.edges.places import VARIABLE

_PASSED = (
    VARIABLE,
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
)


def talk_env() -> dict[str, str]:
    """The home and the session bus of this process; no secret."""
    return {name: os.environ[name] for name in _PASSED if name in os.environ}
