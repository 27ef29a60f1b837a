"""The [network] of the local settings: how this machine reaches upstreams (S9)."""

import os
from typing import Any, NamedTuple

from mcp_proxy.core.addresses import parse_address
from mcp_proxy.core.binding import CREDENTIAL_NAME
from mcp_proxy.core.proxy import FROM_ENVIRONMENT, parse_bypass, parse_proxy
from mcp_proxy.core.text import is_visible_line

_TEXTS = ("ca_file", "proxy", "proxy_credential")
_LISTS = ("no_proxy", "certificates", "private")
_ENTRIES = 256


class NetworkSettings(NamedTuple):
    """`localhost` admits http://localhost upstreams. Empty texts and lists stand for nothing.

    `ca_file` is an absolute path, read beside the system's own CAs. `proxy` is a URL or
    FROM_ENVIRONMENT, `proxy_credential` names what it wants, `no_proxy` who is reached without.
    `certificates` names credentials of kind mtls that are shown to the origins they are bound to.
    `private` holds hosts that metadata may name although their addresses are not public; one that
    begins with a dot stands for all below it.
    """

    localhost: bool = False
    ca_file: str = ""
    proxy: str = ""
    proxy_credential: str = ""
    no_proxy: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    private: tuple[str, ...] = ()


def parse_network(rows: dict[str, Any]) -> NetworkSettings:
    """The table as values. Raises ValueError with a sentence that names the key."""
    for key, value in rows.items():
        if key not in NetworkSettings._fields:
            known = ", ".join(NetworkSettings._fields)
            raise ValueError(f"[network] {key} is not known; known are {known}.")
        if not _is_of_type(key, value):
            what = (
                "text" if key in _TEXTS else "a list of text" if key in _LISTS else "true or false"
            )
            raise ValueError(f"[network] {key} is {what}.")
    values: dict[str, Any] = {
        key: tuple(row) if key in _LISTS else row for key, row in rows.items()
    }
    return check_network(NetworkSettings(**values))


def check_network(network: NetworkSettings) -> NetworkSettings:
    """The same in its plain form. Raises ValueError with a sentence that names the key."""
    path = network.ca_file
    if path and not (os.path.isabs(path) and is_visible_line(path)):
        raise ValueError("[network] ca_file is an absolute path, every character to be seen.")
    for key in ("proxy_credential", "certificates"):
        value = getattr(network, key)
        names = value if isinstance(value, tuple) else (value,) if value else ()
        if not all(CREDENTIAL_NAME.fullmatch(name) for name in names):
            raise ValueError(f"[network] {key} names a credential that cannot be.")
    if network.proxy_credential and not network.proxy:
        raise ValueError("[network] proxy_credential is of no use without `proxy`.")
    try:
        proxy = network.proxy
        if proxy not in ("", FROM_ENVIRONMENT):
            proxy = parse_proxy(proxy).text
    except ValueError as error:
        raise ValueError(f"[network] proxy is not right. {error}") from None
    return network._replace(
        proxy=proxy,
        no_proxy=_parse_entries("no_proxy", network.no_proxy),
        private=_parse_hosts(network.private),
    )


def plain_network(network: NetworkSettings) -> dict[str, Any]:
    """The inverse of `parse_network`; empty where nothing is set."""
    rows = {key: value for key, value in network._asdict().items() if value}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in rows.items()}


def _is_of_type(key: str, value: Any) -> bool:
    if key in _LISTS:
        texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return texts and len(value) <= _ENTRIES
    return isinstance(value, str if key in _TEXTS else bool)


def _parse_entries(key: str, entries: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(map(parse_bypass, entries)))
    except ValueError as error:
        raise ValueError(f"[network] {key} is not right. {error}") from None


def _parse_hosts(entries: tuple[str, ...]) -> tuple[str, ...]:
    hosts = _parse_entries("private", entries)
    if any(set(host) & set("*/[:") and parse_address(host) is None for host in hosts):
        raise ValueError("[network] private holds hosts or .suffixes, each named, without a port.")
    return tuple(str(parse_address(host) or host) for host in hosts)
