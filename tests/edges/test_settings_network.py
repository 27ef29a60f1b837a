"""[network]: every key is written and read, and what is wrong names its key."""

from typing import Any

import pytest

from mcp_proxy.edges.settings import Settings, dump_settings, parse_settings
from mcp_proxy.edges.settings_network import NetworkSettings, parse_network, plain_network

FULL = NetworkSettings(
    localhost=True,
    ca_file="/etc/corp/ca.pem",
    proxy="http://proxy.corp:3128",
    proxy_credential="corp-proxy",
    no_proxy=(".corp", "10.0.0.0/8", "*"),
    certificates=("corp",),
    private=("idp.corp", ".intern.corp"),
)
VECTOR = """\
[network]
localhost = true
ca_file = "/etc/corp/ca.pem"
proxy = "http://proxy.corp:3128"
proxy_credential = "corp-proxy"
no_proxy = [".corp", "10.0.0.0/8", "*"]
certificates = ["corp"]
private = ["idp.corp", ".intern.corp"]
"""


def test_every_key_is_written_as_a_person_would_and_read_again():
    written = dump_settings(Settings(FULL)).decode()
    assert VECTOR in written
    assert parse_settings(written.encode()).network == FULL
    assert parse_network(plain_network(FULL)) == FULL


def test_nothing_set_writes_nothing():
    assert plain_network(NetworkSettings()) == {}


def test_a_proxy_is_kept_in_one_form():
    assert parse_network({"proxy": "HTTP://Proxy.Corp:80/"}).proxy == "http://proxy.corp"
    assert parse_network({"proxy": "from_environment"}).proxy == "from_environment"


def test_a_private_address_is_kept_in_the_form_that_a_url_has():
    assert parse_network({"private": ["FD00:0::1"]}).private == ("fd00::1",)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"proxi": "x"}, "proxi is not known"),
        ({"localhost": 1}, "localhost is true or false"),
        ({"ca_file": True}, "ca_file is text"),
        ({"ca_file": "ca.pem"}, "ca_file is an absolute path"),
        ({"proxy": "proxy.corp:3128"}, "proxy is not right"),
        ({"proxy": "http://wpad/wpad.dat"}, "auto-configuration"),
        ({"proxy": "http://jo:canary@proxy.corp"}, "proxy is not right"),
        ({"proxy_credential": "corp"}, "of no use without `proxy`"),
        ({"proxy": "http://p", "proxy_credential": "Not A Name"}, "proxy_credential names"),
        ({"certificates": ["../x"]}, "certificates names"),
        ({"certificates": "corp"}, "certificates is a list of text"),
        ({"no_proxy": [1]}, "no_proxy is a list of text"),
        ({"no_proxy": ["http://x"]}, "no_proxy is not right"),
        ({"no_proxy": ["x"] * 257}, "no_proxy is a list"),
        ({"private": ["*"]}, "private holds hosts"),
        ({"private": ["10.0.0.0/8"]}, "private holds hosts"),
        ({"private": ["idp.corp:8443"]}, "private holds hosts"),
        ({"private": ["[fd00::1]"]}, "private holds hosts"),
        ({"ca_file": "/etc/c\x7fa.pem"}, "ca_file is an absolute path"),
        ({"ca_file": "/etc/c\udc80a.pem"}, "ca_file is an absolute path"),
    ],
)
def test_what_is_not_right_names_its_key_and_quotes_no_secret(rows: dict[str, Any], words: str):
    with pytest.raises(ValueError, match=words) as caught:
        parse_network(rows)
    assert str(caught.value).startswith("[network] ")
    assert "canary" not in str(caught.value)
