"""The commands of local servers that may be started here: [commands] of the settings (S13)."""

import os

from mcp_proxy.core.command import Command, Place
from mcp_proxy.edges.files import FileLock
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import bump_generation
from mcp_proxy.edges.settings import read_settings, write_settings


def read_commands(home: Home) -> dict[Place, Command]:
    """Every record. Raises HomeError."""
    return read_settings(home).commands


def put_command(home: Home, place: Place, record: Command) -> None:
    """Trust the command; running processes hear of it. Raises HomeError."""
    _change(home, place, record)


def remove_command(home: Home, place: Place) -> None:
    """Trust it no longer; running processes hear of it. Raises HomeError."""
    _change(home, place, None)


def _change(home: Home, place: Place, record: Command | None) -> None:
    with FileLock(os.path.join(home.config, "settings.lock")):
        settings = read_settings(home)
        kept = {key: item for key, item in settings.commands.items() if key != place}
        added = {} if record is None else {place: record}
        write_settings(home, settings._replace(commands={**kept, **added}))
        bump_generation(home)
