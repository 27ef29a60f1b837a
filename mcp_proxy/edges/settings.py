"""config/settings.toml: what is particular to this machine, read after tools/list.

It is written by the CLI and may be edited by hand; whatever this version does not know is an error,
so that a setting is never silently without effect. Secrets never stand in it.
"""

import json
import os
import re
import tomllib
from typing import Any, NamedTuple

from mcp_proxy.core.command import UPSTREAM_NAME, Command, Place, parse_command, plain_command
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import NAME_PATTERN
from mcp_proxy.edges.files import read_file, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.settings_approval import ApprovalSettings, parse_approval, plain_approval
from mcp_proxy.edges.settings_audit import AuditSettings, parse_audit, plain_audit
from mcp_proxy.edges.settings_credentials import Reference, parse_credential, plain_credential
from mcp_proxy.edges.settings_login import LoginSettings, parse_login, plain_login
from mcp_proxy.edges.settings_network import NetworkSettings, parse_network, plain_network
from mcp_proxy.edges.settings_state import StateSettings, parse_state, plain_state
from mcp_proxy.edges.settings_vault import VaultSettings, parse_vault, plain_vault
from mcp_proxy.errors import HomeError

_HEAD = "# Written by mcp-proxy, which keeps no comments. Secrets do not belong here.\n"

# Tables that later versions fill; one that is not empty holds what this version would ignore.
_LATER = ("confirm",)
_TABLES = (
    "network",
    "credentials",
    "commands",
    "login",
    "vault",
    "approval",
    "state",
    "audit",
    *_LATER,
)


class Settings(NamedTuple):
    """A credential of None is a keychain item; `commands` are the local servers' (S13).

    `vault` is the reference that gives the vault's passphrase; None where the key is in the
    keychain.
    """

    network: NetworkSettings = NetworkSettings()
    credentials: dict[str, Reference | None] = {}  # noqa: RUF012 - never changed in place
    commands: dict[Place, Command] = {}  # noqa: RUF012 - never changed in place
    login: LoginSettings = LoginSettings()
    vault: VaultSettings | None = None
    approval: ApprovalSettings = ApprovalSettings()
    state: StateSettings = StateSettings()
    audit: AuditSettings = AuditSettings()

    @property
    def localhost(self) -> bool:
        """Whether http://localhost upstreams are admitted."""
        return self.network.localhost


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
        if table not in _TABLES or not isinstance(rows, dict):
            raise ValueError(f"{table} is not a table that this version knows.")
        if table in _LATER and rows:
            raise ValueError(f"[{table}] is not enforced by this version; take it out.")
    return Settings(
        parse_network(document.get("network", {})),
        {
            name: parse_credential(name, row)
            for name, row in document.get("credentials", {}).items()
        },
        _parse_commands(document.get("commands", {})),
        parse_login(document.get("login", {})),
        parse_vault(document["vault"]) if document.get("vault") else None,
        parse_approval(document.get("approval", {})),
        parse_state(document.get("state", {})),
        parse_audit(document.get("audit", {})),
    )


def dump_settings(settings: Settings) -> bytes:
    """The inverse of `parse_settings`; credentials by name."""
    parts = [_HEAD]
    tables = {
        "network": plain_network(settings.network),
        "login": plain_login(settings.login),
        "vault": {} if settings.vault is None else plain_vault(settings.vault),
        "approval": plain_approval(settings.approval),
        "state": plain_state(settings.state),
        "audit": plain_audit(settings.audit),
    }
    parts += [_table(name, row) for name, row in tables.items() if row]
    for name, reference in sorted(settings.credentials.items()):
        parts.append(_table(f"credentials.{name}", plain_credential(reference)))
    for place, command in sorted(settings.commands.items()):
        parts.append(_table(f"commands.{place.profile}.{place.upstream}", plain_command(command)))
    return "\n".join(parts).encode()


def _table(name: str, row: dict[str, Any]) -> str:
    # JSON's text and list literals are TOML's too, but for characters written as two escapes.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in row.items()]
    return f"[{name}]\n" + "".join(lines)


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
