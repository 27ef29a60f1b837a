"""config/settings.toml: what is particular to this machine, read after tools/list.

It is written by the CLI and may be edited by hand; whatever this version does not know is an error,
so that a setting is never silently without effect. Secrets never stand in it.
"""

import json
import os
import re
import tomllib
from typing import Any, NamedTuple

from mcp_proxy.core.binding import CREDENTIAL_NAME, Binding, parse_binding, plain_binding
from mcp_proxy.core.command import UPSTREAM_NAME, Command, Place, parse_command, plain_command
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import NAME_PATTERN
from mcp_proxy.edges.files import read_file, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import HomeError

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEAD = "# Written by mcp-proxy, which keeps no comments. Secrets are in the keychain.\n"

# Tables that later versions fill; one that is not empty holds what this version would ignore.
_LATER = ("login", "approval", "confirm")


class Reference(NamedTuple):
    """A secret in an environment variable of the serving process, with its binding."""

    variable: str
    binding: Binding


class Settings(NamedTuple):
    """`localhost` admits http://localhost upstreams; a credential of None is a keychain item.

    `commands` are the local servers' that may be started (S13).
    """

    localhost: bool
    credentials: dict[str, Reference | None]
    commands: dict[Place, Command] = {}  # noqa: RUF012 - never changed in place


def settings_path(home: Home) -> str:
    """Where the file is or will be."""
    return os.path.join(home.config, "settings.toml")


def read_settings(home: Home) -> Settings:
    """The file as values; a missing file is empty settings.

    Raises:
        HomeError: H02 not safe to use, H03 not right, naming the table and key.
    """
    path = settings_path(home)
    data = read_file(path, LIMITS.settings_bytes)
    try:
        return parse_settings(b"" if data is None else data)
    except ValueError as error:
        raise HomeError("MCPX-H03", f"{path}: {error}", f"edit {path}") from None


def write_settings(home: Home, settings: Settings) -> None:
    """Replace the file, atomically; call it under the settings' lock. Raises HomeError."""
    write_file(settings_path(home), dump_settings(settings))


def parse_settings(data: bytes) -> Settings:
    """TOML bytes as values. Raises ValueError with a sentence that names the table and key."""
    try:
        document = tomllib.loads(data.decode())
    except UnicodeDecodeError:
        raise ValueError("It is not UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"It is not TOML: {error}.") from None
    except RecursionError:
        raise ValueError("It is nested too deeply.") from None
    for table, rows in document.items():
        if table not in {"network", "credentials", "commands", *_LATER} or not isinstance(
            rows, dict
        ):
            raise ValueError(f"{table} is not a table that this version knows.")
        if table in _LATER and rows:
            raise ValueError(f"[{table}] is not enforced by this version; take it out.")
    return Settings(
        _parse_network(document.get("network", {})),
        {
            name: _parse_credential(name, row)
            for name, row in document.get("credentials", {}).items()
        },
        _parse_commands(document.get("commands", {})),
    )


def dump_settings(settings: Settings) -> bytes:
    """The inverse of `parse_settings`; credentials by name."""
    parts = [_HEAD]
    if settings.localhost:
        parts.append("[network]\nlocalhost = true\n")
    for name, reference in sorted(settings.credentials.items()):
        row = {"store": "keychain"} if reference is None else _plain_reference(reference)
        parts.append(_table(f"credentials.{name}", row))
    for place, command in sorted(settings.commands.items()):
        parts.append(_table(f"commands.{place.profile}.{place.upstream}", plain_command(command)))
    return "\n".join(parts).encode()


def _table(name: str, row: dict[str, Any]) -> str:
    # JSON's text and list literals are TOML's too, but for characters written as two escapes.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in row.items()]
    return f"[{name}]\n" + "".join(lines)


def parse_reference(text: str) -> str:
    """`env:VAR` as the variable's name. Raises ValueError with a sentence."""
    kind, _, variable = text.partition(":")
    if kind != "env" or not _VARIABLE.fullmatch(variable):
        raise ValueError("A reference is written env:VAR, with the name of a variable.")
    return variable


def _plain_reference(reference: Reference) -> dict[str, Any]:
    return {"from": f"env:{reference.variable}", **plain_binding(reference.binding)}


def _parse_network(rows: dict[str, Any]) -> bool:
    for key, value in rows.items():
        if key != "localhost" or not isinstance(value, bool):
            raise ValueError(f"[network] {key} is not known; only `localhost = true` or false is.")
    return bool(rows.get("localhost", False))


def _parse_commands(rows: dict[str, Any]) -> dict[Place, Command]:
    return {
        Place(profile, upstream): _parse_place(profile, upstream, row)
        for profile, upstreams in rows.items()
        for upstream, row in (upstreams if isinstance(upstreams, dict) else {"": None}).items()
    }


def _parse_place(profile: str, upstream: str, row: Any) -> Command:
    named = f"[commands.{profile}.{upstream}]"
    if not re.fullmatch(NAME_PATTERN, profile) or not UPSTREAM_NAME.fullmatch(upstream):
        raise ValueError(f"{named} is not a command of a profile's upstream.")
    try:
        return parse_command(row)
    except ValueError as error:
        raise ValueError(f"{named} is not right. {error}") from None


def _parse_credential(name: str, row: Any) -> Reference | None:
    if not CREDENTIAL_NAME.fullmatch(name) or not isinstance(row, dict):
        raise ValueError(f"[credentials.{name}] is not a credential.")
    if row.get("store") == "keychain":
        extra = sorted(row.keys() - {"store"})
        if extra:
            raise ValueError(f"[credentials.{name}] {extra[0]} is not known beside `store`.")
        return None
    if "from" not in row:
        raise ValueError(f'[credentials.{name}] needs `store = "keychain"` or `from = "env:VAR"`.')
    return _parse_bound(name, row)


def _parse_bound(name: str, row: dict[str, Any]) -> Reference:
    extra = sorted(row.keys() - {"from", "variable", *Binding._fields})
    if extra:
        raise ValueError(f"[credentials.{name}] {extra[0]} is not known.")
    rest = {key: value for key, value in row.items() if key != "from"}
    try:
        return Reference(parse_reference(str(row["from"])), parse_binding(rest))
    except ValueError as error:
        raise ValueError(f"[credentials.{name}] is not right. {error}") from None
