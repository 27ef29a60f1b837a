"""Which proxy stands before a host, by a URL or the usual variables, and which hosts have none."""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from mcp_proxy.core.addresses import is_loopback, parse_address
from mcp_proxy.core.origin import Origin, split_url
from mcp_proxy.core.secret import Secret, check_secret

FROM_ENVIRONMENT = "from_environment"
PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
BYPASS_VARIABLES = ("no_proxy", "NO_PROXY")
PAC_VARIABLES = ("auto_proxy", "AUTO_PROXY")

_PAC = re.compile(r"pac\+\w*:.*|.*(\.pac|/wpad\.dat)([?#].*)?", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r"(\*?\.)?[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
_WITH_PORT = re.compile(r"(\[[0-9a-f:]+\]|[^:]+):([0-9]{1,5})")


class Proxy(NamedTuple):
    """An HTTP proxy, and `user:password` where it wants them."""

    origin: Origin
    login: Secret | None = None


class Found(NamedTuple):
    """What an environment says; `variable` names where, "" where it says nothing."""

    proxy: Proxy | None
    no_proxy: tuple[str, ...]
    variable: str


def parse_proxy(text: str) -> Origin:
    """A proxy's URL. Raises ValueError with a whole sentence that quotes nothing."""
    if is_pac(text):
        raise ValueError(
            "It is a proxy auto-configuration file (PAC), which is a program and not run here; "
            "give the proxy that it names for the upstream, as http://HOST:PORT."
        )
    if text.lower().startswith("socks"):
        raise ValueError("SOCKS proxies are not spoken; give an HTTP proxy, as http://HOST:PORT.")
    origin, path = split_url(text)
    if path not in ("", "/"):
        raise ValueError("A proxy is written http://HOST:PORT or https://HOST:PORT, without path.")
    return origin


def is_pac(text: str) -> bool:
    """Whether it names a proxy auto-configuration file instead of a proxy."""
    return _PAC.fullmatch(text) is not None


def find_proxy(environment: Mapping[str, str]) -> Found:
    """The proxy for https that the usual variables name, read as curl does.

    Raises:
        ValueError: a whole sentence that names the variable and never quotes it.
    """
    bypass = next((environment[name] for name in BYPASS_VARIABLES if environment.get(name)), "")
    no_proxy = tuple(entry for entry in re.split(r"[,\s]+", bypass.lower()) if entry)
    for name in PROXY_VARIABLES:
        if environment.get(name):
            try:
                return Found(_parse_variable(environment[name]), no_proxy, name)
            except ValueError as error:
                raise ValueError(f"The variable {name} names no proxy to use. {error}") from None
    pac = next((name for name in PAC_VARIABLES if environment.get(name)), None)
    if pac is not None:
        raise ValueError(
            f"The variable {pac} names a proxy auto-configuration file (PAC), which is a program "
            "and not run here; give the proxy that it names for the upstream, as http://HOST:PORT."
        )
    return Found(None, no_proxy, "")


def parse_bypass(text: str) -> str:
    """An entry of no_proxy: `*`, a host, a .suffix, each with :PORT or not, or a CIDR block.

    Raises:
        ValueError: a whole sentence.
    """
    entry = text.lower()
    name = _split_port(entry)[0]
    known = entry == "*" or _NAME.fullmatch(name) or parse_address(name.strip("[]"))
    if not known and _network(entry) is None:
        raise ValueError(
            f"{text!r} is no entry of no_proxy; write a host, .suffix, 10.0.0.0/8, or *."
        )
    return entry


def needs_proxy(host: str, port: int, no_proxy: Iterable[str]) -> bool:
    """Whether a connection to that host goes through the proxy; this machine's own never does."""
    if is_loopback(host):
        return False
    return not any(_matches(entry, host, port) for entry in no_proxy)


def is_named(host: str, entries: Iterable[str]) -> bool:
    """Whether an entry is that very host, or a .suffix of it."""
    return any(host == entry or (entry[:1] == "." and host.endswith(entry)) for entry in entries)


def _is_below(host: str, entry: str) -> bool:
    suffix = entry.removeprefix("*").removeprefix(".")
    return host == suffix or host.endswith(f".{suffix}")


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    address = parse_address(host)
    network = _network(entry)
    if network is not None:
        return address is not None and address in network
    name, wanted = _split_port(entry)
    if wanted not in (None, port):
        return False
    named = parse_address(name.strip("[]"))
    return named == address if named is not None else address is None and _is_below(host, name)


def _split_port(entry: str) -> tuple[str, int | None]:
    found = _WITH_PORT.fullmatch(entry)
    return (entry, None) if found is None else (found[1], int(found[2]))


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if "/" not in entry:
        return None
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None


def _parse_variable(text: str) -> Proxy:
    """A URL that may lack its scheme, and may hold a name and password."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = "http", text
    login, at, place = rest.rpartition("@")
    if re.search("[/?#]", login):
        raise ValueError("Its name or password holds a /, ? or #; write it as %2F, %3F or %23.")
    origin = parse_proxy(f"{scheme}://{place}")
    if not at:
        return Proxy(origin)
    user, _, password = login.partition(":")
    return Proxy(origin, check_secret("basic", f"{unquote(user)}:{unquote(password)}"))
