"""The commands that show and change the [network] of the local settings; each is logged first."""

import os
from collections.abc import Callable
from typing import Any

from mcp_proxy.app import admin_log
from mcp_proxy.edges.ca_file import read_ca_file
from mcp_proxy.edges.files import FileLock
from mcp_proxy.edges.network import make_context
from mcp_proxy.edges.places import ensure_home, find_home
from mcp_proxy.edges.profile_store import bump_generation
from mcp_proxy.edges.settings import read_settings, write_settings
from mcp_proxy.edges.settings_network import NetworkSettings, check_network
from mcp_proxy.errors import CredentialError, UsageError

_A_PROXY = "http://HOST:PORT"
LISTS = ("no_proxy", "certificates", "private")


def show() -> NetworkSettings:
    """What is set. Raises HomeError."""
    return read_settings(find_home()).network


def change(given: dict[str, Any]) -> NetworkSettings:
    """Sets texts and adds to lists; what is set then. `given` is by key, lists as tuples.

    Raises:
        UsageError: W01, a value is not right.
        CredentialError: C01, a credential is named that is not set here.
        HomeError: the CA file is not safe or not right, or the settings are not.
        AuditError: A01, and nothing is changed.
    """
    if "ca_file" in given:
        given["ca_file"] = _check_ca_file(given["ca_file"])
    _check_credential(given.get("proxy_credential"), f"--kind basic --origin {_A_PROXY}")
    for name in given.get("certificates", ()):
        _check_credential(name, "--kind mtls --certificate FILE --key FILE --origin URL")

    def changed(network: NetworkSettings) -> NetworkSettings:
        added = {key: (*getattr(network, key), *given[key]) for key in LISTS if key in given}
        return network._replace(**{**given, **added})

    return _write("network set", sorted(given), changed)


def clear(key: str) -> NetworkSettings:
    """Takes a key out; what is set then. Raises as `change`."""
    if key not in NetworkSettings._fields:
        known = ", ".join(NetworkSettings._fields)
        raise UsageError("MCPX-W01", f"Known keys are {known}.", "mcp-proxy network show")
    default = NetworkSettings._field_defaults[key]
    return _write("network unset", [key], lambda network: network._replace(**{key: default}))


def _write(
    command: str, keys: list[str], changed: Callable[[NetworkSettings], NetworkSettings]
) -> NetworkSettings:
    home = ensure_home()
    with FileLock(os.path.join(home.config, "settings.lock")):
        settings = read_settings(home)
        try:
            network = check_network(changed(settings.network))
        except ValueError as error:
            raise UsageError("MCPX-W01", str(error), "mcp-proxy network set --help") from None
        facts = {key: _fact(getattr(network, key)) for key in keys}
        admin_log.record(home, command, **facts)
        write_settings(home, settings._replace(network=network))
        bump_generation(home)
    return network


def _fact(value: Any) -> str | bool:
    return " ".join(value) if isinstance(value, tuple) else value


def _check_credential(name: str | None, options: str) -> None:
    """One that is not there would stop every request that needs it."""
    if name and name not in read_settings(find_home()).credentials:
        mend = f"mcp-proxy credential set {name} {options}"
        raise CredentialError("MCPX-C01", f"The credential {name} is not set here.", mend)


def _check_ca_file(path: str) -> str:
    """Its real place, once every certificate in it can be used. Raises HomeError."""
    real = os.path.realpath(path)
    make_context(real, read_ca_file(real), None)
    return real
