"""Which addresses untrusted metadata may lead to."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.addresses import is_loopback, is_public, parse_address

PRIVATE = [
    *("10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "0.0.0.0", "169.254.169.254"),
    *("100.64.0.1", "192.0.0.8", "192.88.99.1", "198.18.0.1", "224.0.1.1", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff0e::1", "100::1"),
    *("::ffff:10.0.0.1", "::ffff:8.8.8.8", "64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::1"),
    *("2001:db8::1", "2001:0:1::", "2002:a00:1::", "3fff::1", "5f00::1", "fec0::1", "::8.8.8.8"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_s9_what_is_not_public_is_found_in_every_form(address: str):
    assert parse_address(address) is not None
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1", "64:ff9b::808:808", "1.1.1.1"])
def test_a_public_address_is_one(address: str):
    assert is_public(address)


@pytest.mark.parametrize("text", ["", "localhost", "0x7f.1", "127.1", "2130706433", "[::1]", "a.b"])
def test_what_is_no_address_is_not_public(text: str):
    assert parse_address(text) is None
    assert not is_public(text)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_as_public_behind_nat64_as_it_is_itself(address: ipaddress.IPv4Address):
    mapped = ipaddress.IPv6Address((0x64FF9B << 96) | int(address))
    assert is_public(str(mapped)) == is_public(str(address))


@given(st.ip_addresses())
def test_no_address_is_public_that_python_holds_for_private(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
):
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_private


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_known_by_each_of_its_names(host: str):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["localhost.example.com", "128.0.0.1", "::2", "10.0.0.1"])
def test_others_are_not_taken_for_this_machine(host: str):
    assert not is_loopback(host)
