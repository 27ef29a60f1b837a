"""Origins of upstreams, parsed so strictly that no two URL parsers can read them differently.

Whatever has more than one reading (userinfo, backslashes, odd IPv4 spellings, dot segments, IDNA
mappings that changed between versions) is refused, with a sentence that says how to write it.
"""

import ipaddress
import re
from typing import NamedTuple

_URL = re.compile(r"(https?)://([^/]*)(/.*)?", re.IGNORECASE | re.DOTALL)
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PATH = re.compile(r"(/([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)*")
_DEFAULT_PORTS = {"https": 443, "http": 80}
_LOOPBACK = ("127.0.0.1", "::1")


class Origin(NamedTuple):
    """Scheme, host in ASCII lower case (an IPv6 address without brackets), port."""

    scheme: str
    host: str
    port: int

    @property
    def text(self) -> str:
        """`https://host`, with the port where it is not the scheme's own (RFC 6454, 6.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def parse_url(url: str, *, localhost: bool = False) -> tuple[Origin, str]:
    """An upstream's URL as its origin and its path, which has no trailing slash ("" for the root).

    `localhost` admits `http://localhost`, which a person allows in the local settings.

    Raises:
        ValueError: a whole sentence that says what is wrong with it; it never quotes userinfo.
    """
    origin, path = split_url(url)
    here = (*_LOOPBACK, "localhost") if localhost else _LOOPBACK
    if origin.scheme == "http" and origin.host not in here:
        raise ValueError(_plain_http(origin.host))
    return origin, parse_path(path)


def split_url(url: str) -> tuple[Origin, str]:
    """The origin of any http or https URL, checked as `parse_url` does, and the rest as it is.

    Raises:
        ValueError: a whole sentence that says what is wrong with it; it never quotes userinfo.
    """
    if any(char.isspace() or not char.isprintable() for char in url) or "\\" in url:
        raise ValueError("The URL holds a space, a backslash or a character that is not printable.")
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError("The URL does not start with https:// (or http://) and a host.")
    scheme = found[1].lower()
    host, port = _parse_authority(found[2], _DEFAULT_PORTS[scheme])
    return Origin(scheme, host, port), found[3] or ""


def parse_path(path: str) -> str:
    """A path or path prefix without its trailing slash.

    Raises:
        ValueError: not absolute, a query or fragment, empty or dot segments, escaped separators.
    """
    if "?" in path or "#" in path:
        raise ValueError("The URL has a query or a fragment; only scheme, host, port and path fit.")
    trimmed = path.removesuffix("/")
    if not _PATH.fullmatch(trimmed):
        raise ValueError(
            "The path must start with /, have no empty segment, and be ASCII with %XX for the rest."
        )
    if any(_is_unsafe(int(code, 16)) for code in re.findall(r"%(..)", trimmed)):
        raise ValueError("The path holds an escaped dot, slash, backslash, % or control character.")
    if any(segment in {".", ".."} for segment in trimmed.split("/")):
        raise ValueError("The path holds a `.` or `..` segment.")
    return trimmed


def is_within(path: str, prefix: str) -> bool:
    """Whether `path` is `prefix` or lies below it, on segment boundaries; "" holds everything."""
    return path == prefix or path.startswith(prefix + "/")


def _parse_authority(authority: str, default_port: int) -> tuple[str, int]:
    if "@" in authority:
        raise ValueError("The URL holds a user name or password; secrets go into the keychain.")
    if "?" in authority or "#" in authority:
        raise ValueError("The URL has a query or a fragment; only scheme, host, port and path fit.")
    if authority.startswith("["):
        address, bracket, rest = authority[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError("The URL's IPv6 address is not closed by a bracket.")
        return _parse_ipv6(address), _parse_port(rest, default_port)
    name, colon, port = authority.partition(":")
    return _parse_host(name), _parse_port(colon + port, default_port)


def _parse_port(text: str, default_port: int) -> int:
    if not text:
        return default_port
    if not _PORT.fullmatch(text[1:]) or int(text[1:]) > 65535:
        raise ValueError("The URL's port is not a number from 1 to 65535 without leading zeros.")
    return int(text[1:])


def _parse_ipv6(text: str) -> str:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise ValueError("The URL's host in brackets is not an IPv6 address.") from None
    if address.ipv4_mapped is not None or address.scope_id is not None:
        raise ValueError("The URL's IPv6 address is IPv4-mapped or has a zone; neither is allowed.")
    if str(address) != text.lower():
        raise ValueError(f"The URL's IPv6 address must be written in its short form, {address}.")
    return str(address)


def _parse_host(name: str) -> str:
    host = _ascii(name)
    if host.endswith("."):
        raise ValueError("The URL's host ends in a dot; write it without.")
    if "*" in host:
        raise ValueError("The URL's host holds a wildcard; name each host on its own.")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("The URL's host is not a DNS name or an IP address.")
    if _NUMBER.fullmatch(labels[-1]):
        return _parse_ipv4(host)
    return host


def _parse_ipv4(host: str) -> str:
    # inet_aton reads 127.1, 0x7f.1 and 2130706433 as addresses too; only one spelling is ours.
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise ValueError(
            "The URL's host is a number, but not an IPv4 address of four decimal parts."
        ) from None


def _ascii(name: str) -> str:
    host = name.lower()
    if name.isascii():
        return host
    try:
        encoded = host.encode("idna").decode("ascii")
        # IDNA 2003 and 2008 agree on the names that survive the way back unchanged; on others not,
        # such as those of characters whose lower case is ASCII (U+212A).
        if encoded.encode("ascii").decode("idna") == host and encoded != host:
            return encoded
    except UnicodeError:
        pass
    raise ValueError("The URL's host has no single ASCII form; write it as DNS holds it (xn--).")


def _is_unsafe(code: int) -> bool:
    return code < 0x20 or code == 0x7F or chr(code) in "./\\%"


def _plain_http(host: str) -> str:
    if host == "localhost":
        return (
            "http://localhost is not allowed here: write http://127.0.0.1, or set "
            "`localhost = true` under [network] in settings.toml."
        )
    return "The URL is not https; plain http goes to 127.0.0.1 and [::1] only."
