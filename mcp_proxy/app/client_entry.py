"""The entry that a client's configuration needs to launch an installed profile."""

import os
import sys
from typing import Any

from mcp_proxy.core.profile import Profile
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.settings import read_settings

# Clients start servers with few variables of the user's; these decide where the default home lies.
_XDG = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")


def launch_command() -> list[str]:
    """The command that started this program, absolute; never found through PATH.

    Another program of the same name exists, so a name alone could run a stranger's code.
    """
    suffix = ".exe" if sys.platform == "win32" else ""
    script = os.path.join(os.path.dirname(os.path.abspath(sys.executable)), f"mcp-proxy{suffix}")
    if os.path.isfile(script):
        return [script]
    return [os.path.abspath(sys.executable), "-I", "-m", "mcp_proxy"]


def client_entry(name: str) -> dict[str, Any]:
    """`{"mcpServers": {NAME: {command, args[, env]}}}`, as Claude Desktop and others read it."""
    command, *arguments = launch_command()
    entry: dict[str, Any] = {"command": command, "args": [*arguments, "--profile", name]}
    deciding = (VARIABLE,) if VARIABLE in os.environ else _XDG
    places = {key: os.environ[key] for key in deciding if os.environ.get(key)}
    if places:
        entry["env"] = places
    return {"mcpServers": {name: entry}}


def client_variables(home: Home, profile: Profile) -> list[str]:
    """The variables that hold this profile's secrets, or the vault's passphrase; by name alone.

    Raises:
        HomeError: the settings cannot be read.
    """
    settings = read_settings(home)
    wanted = [spec.auth.credential for spec in profile.header.upstreams.values() if spec.auth]
    held = [settings.credentials.get(name) for name in wanted]
    names = [reference.variable for reference in held if reference and not reference.argv]
    passphrase = "" if settings.vault is None else settings.vault.passphrase
    if passphrase.startswith("env:"):
        names.append(passphrase.removeprefix("env:"))
    return list(dict.fromkeys(names))
