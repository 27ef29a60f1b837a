"""Which IP addresses are anybody's to reach: what untrusted metadata may lead to (S9)."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 4291, 2.4 and the IANA registry: every unicast address that is given out is in here.
_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
# RFC 6052: a network that has IPv6 alone reaches IPv4 hosts under these.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Special-purpose blocks that `is_global` of older Python versions holds for public.
_SPECIAL = tuple(
    ipaddress.ip_network(block)
    for block in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20")
)


def parse_address(text: str) -> Address | None:
    """The address, without its zone; None for what is none, such as a name."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether the host, a name or an address, is this machine for itself."""
    address = parse_address(host)
    return host == "localhost" if address is None else address.is_loopback


def is_public(text: str) -> bool:
    """Whether it is an address of the public network: not private, local, shared or reserved."""
    address = parse_address(text)
    if address is None:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        if address not in _UNICAST_6:
            return False
    special = any(address in block for block in _SPECIAL)
    return address.is_global and not address.is_multicast and not special
