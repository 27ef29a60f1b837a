"""Which proxy the usual variables name, and who is reached without it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.origin import Origin
from mcp_proxy.core.proxy import (
    Proxy,
    find_proxy,
    is_pac,
    needs_proxy,
    parse_bypass,
    parse_proxy,
)
from mcp_proxy.core.secret import Secret

CORP = Origin("http", "proxy.corp", 3128)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://proxy.corp:3128", CORP),
        ("HTTP://Proxy.Corp:3128/", CORP),
        ("https://proxy.corp", Origin("https", "proxy.corp", 443)),
        ("http://10.1.2.3:8080", Origin("http", "10.1.2.3", 8080)),
        ("http://[fd00::1]:8080", Origin("http", "fd00::1", 8080)),
    ],
)
def test_a_proxy_may_be_anywhere_and_speak_plain_http(text: str, origin: Origin):
    assert parse_proxy(text) == origin


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http://wpad.corp/wpad.dat", "auto-configuration"),
        ("http://corp/proxy.PAC?x=1", "auto-configuration"),
        ("pac+https://corp/x", "auto-configuration"),
        ("file:///etc/proxy.pac", "auto-configuration"),
        ("socks5://proxy.corp:1080", "SOCKS"),
        ("http://jo:canary@proxy.corp:3128", "user name or password"),
        ("http://proxy.corp:3128/path", "without path"),
        ("proxy.corp:3128", "does not start with"),
        ("http://proxy.corp:99999", "port"),
    ],
)
def test_what_is_no_proxy_is_refused_in_words_that_help(text: str, words: str):
    with pytest.raises(ValueError, match=words) as caught:
        parse_proxy(text)
    assert "canary" not in str(caught.value)


def test_a_name_that_merely_holds_pac_is_no_auto_configuration():
    assert not is_pac("http://pac.example.com:3128")
    assert not is_pac("http://proxy.package:3128")


@pytest.mark.parametrize(
    ("environment", "variable", "proxy"),
    [
        ({"HTTPS_PROXY": "http://proxy.corp:3128"}, "HTTPS_PROXY", Proxy(CORP)),
        ({"https_proxy": "proxy.corp:3128"}, "https_proxy", Proxy(CORP)),
        ({"all_proxy": "http://proxy.corp:3128"}, "all_proxy", Proxy(CORP)),
        (
            {"https_proxy": "", "ALL_PROXY": "http://proxy.corp:3128", "http_proxy": "http://x"},
            "ALL_PROXY",
            Proxy(CORP),
        ),
        (
            {"HTTPS_PROXY": "http://j%6F:p%40ss%3A@proxy.corp:3128"},
            "HTTPS_PROXY",
            Proxy(CORP, Secret("jo:p@ss:")),
        ),
        ({"HTTPS_PROXY": "jo:pw@proxy.corp:3128"}, "HTTPS_PROXY", Proxy(CORP, Secret("jo:pw"))),
        ({"HTTP_PROXY": "http://proxy.corp:3128"}, "", None),
        ({}, "", None),
    ],
)
def test_the_variables_are_read_as_curl_reads_them(
    environment: dict[str, str], variable: str, proxy: Proxy | None
):
    found = find_proxy(environment)
    assert (found.variable, found.proxy) == (variable, proxy)


@pytest.mark.parametrize(
    "environment",
    [
        {"HTTPS_PROXY": "socks5h://jo:canary@proxy.corp"},
        {"HTTPS_PROXY": "http://jo:canary@proxy.corp/wpad.dat"},
        {"HTTPS_PROXY": "http://jo:can%0Aary@proxy.corp"},
        {"HTTPS_PROXY": "http://jo:canary@@"},
        {"HTTPS_PROXY": "http://jo:can/ary@proxy.corp"},
        {"HTTPS_PROXY": "http://jo@proxy.corp?canary@evil.example"},
        {"auto_proxy": "http://jo:canary@corp/x"},
    ],
)
def test_a_variable_that_cannot_be_used_is_named_and_never_quoted(environment: dict[str, str]):
    with pytest.raises(ValueError, match=next(iter(environment))) as caught:
        find_proxy(environment)
    assert "canary" not in str(caught.value)
    assert "ary@" not in str(caught.value)


@given(st.dictionaries(st.sampled_from(["HTTPS_PROXY", "NO_PROXY", "auto_proxy"]), st.text()))
def test_whatever_the_environment_says_is_read_or_refused(environment: dict[str, str]):
    try:
        found = find_proxy(environment)
    except ValueError:
        return
    assert needs_proxy("api.example.com", 443, found.no_proxy) in (True, False)


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("*", "api.example.com", 443),
        ("example.com", "example.com", 443),
        ("example.com", "api.example.com", 443),
        (".example.com", "api.example.com", 443),
        ("*.example.com", "api.example.com", 443),
        ("api.example.com:8443", "api.example.com", 8443),
        ("10.0.0.0/8", "10.1.2.3", 443),
        ("fd00::/8", "fd00::1", 443),
        ("10.1.2.3", "10.1.2.3", 443),
        ("[fd00::1]:8443", "fd00::1", 8443),
        ("fd00:0::1", "fd00::1", 443),
    ],
)
def test_an_entry_of_no_proxy_lets_its_hosts_through(entry: str, host: str, port: int):
    assert parse_bypass(entry) == entry
    assert not needs_proxy(host, port, [entry])


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("example.com", "badexample.com", 443),
        ("api.example.com", "example.com", 443),
        ("api.example.com:8443", "api.example.com", 443),
        ("10.0.0.0/8", "11.1.2.3", 443),
        ("10.0.0.0/8", "10.example.com", 443),
        ("fd00::/8", "10.1.2.3", 443),
        ("1.2.3", "0.1.2.3", 443),
    ],
)
def test_an_entry_of_no_proxy_lets_no_other_through(entry: str, host: str, port: int):
    assert needs_proxy(host, port, [entry])


@pytest.mark.parametrize(
    "entry", ["", "a b", "http://x", "10.0.0.0/99", "a/b", "*x", "ex*.com", "é"]
)
def test_an_entry_that_would_be_without_effect_is_refused(entry: str):
    with pytest.raises(ValueError, match="no entry of no_proxy"):
        parse_bypass(entry)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_this_machine_itself_is_never_reached_by_a_proxy(host: str):
    assert not needs_proxy(host, 443, [])
