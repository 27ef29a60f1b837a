"""Origins: each way to write a host so that two parsers read it differently is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.origin import Origin, is_within, parse_path, parse_url


@pytest.mark.parametrize(
    ("url", "text", "path"),
    [
        ("https://api.example.com", "https://api.example.com", ""),
        ("https://api.example.com/", "https://api.example.com", ""),
        ("HTTPS://API.Example.COM:443/V1/", "https://api.example.com", "/V1"),
        ("https://api.example.com:8443/a/b", "https://api.example.com:8443", "/a/b"),
        ("https://bücher.example", "https://xn--bcher-kva.example", ""),
        ("https://BÜCHER.example", "https://xn--bcher-kva.example", ""),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example", ""),
        ("https://10.0.0.1:444", "https://10.0.0.1:444", ""),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]", ""),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080", "/x"),
        ("http://[::1]:80", "http://[::1]", ""),
        ("https://localhost", "https://localhost", ""),
        ("https://api.example.com/a%20b", "https://api.example.com", "/a%20b"),
    ],
)
def test_an_origin_is_scheme_ascii_host_and_port(url: str, text: str, path: str) -> None:
    origin, found = parse_url(url)
    assert (origin.text, found) == (text, path)
    assert parse_url(origin.text) == (origin, "")


ATTACKS = {
    "no scheme": "api.example.com",
    "other scheme": "ftp://api.example.com",
    "file": "file:///etc/passwd",
    "protocol relative": "//api.example.com",
    "one slash": "https:/api.example.com",
    "empty host": "https://",
    "empty host with path": "https:///v1",
    "user": "https://user@api.example.com",
    "user and password": "https://user:pass@api.example.com",
    "at sign that hides a host": "https://api.example.com@evil.example",
    "trailing dot": "https://api.example.com.",
    "wildcard": "https://*.example.com",
    "empty label": "https://api..example.com",
    "leading hyphen": "https://-api.example.com",
    "long label": f"https://{'a' * 64}.example",
    "long host": f"https://{'a.' * 127}aa",
    "percent in host": "https://api%2eexample.com",
    "decimal address": "https://2130706433",
    "octal address": "https://0177.0.0.1",
    "hexadecimal address": "https://0x7f.0.0.1",
    "hexadecimal number": "https://0x7f000001",
    "short address": "https://127.1",
    "five parts": "https://127.0.0.0.1",
    "part too large": "https://256.0.0.1",
    "mapped address": "https://[::ffff:127.0.0.1]",
    "mapped address in hexadecimal": "https://[::ffff:7f00:1]",
    "long form of loopback": "http://[0:0:0:0:0:0:0:1]",
    "zone": "https://[fe80::1%eth0]",
    "open bracket": "https://[::1",
    "text after bracket": "https://[::1]evil.example",
    "no address in brackets": "https://[api.example.com]",
    "bare IPv6": "https://::1",
    "fullwidth letters": "https://ａpi.example.com",
    "mathematical letters": "https://𝐚pi.example.com",
    "sharp s, which maps in one IDNA only": "https://faß.example",
    "kelvin sign, whose lower case is a letter of ASCII": "https://\u212aelvin.example",
    "fullwidth dot": "https://api。example.com",
    "zero width joiner": "https://a\u200dpi.example.com",
    "soft hyphen": "https://a\u00adpi.example.com",
    "right to left override": "https://api\u202e.example.com",
    "backslash": "https://api.example.com\\@evil.example",
    "backslash for slashes": "https:\\\\api.example.com",
    "leading space": " https://api.example.com",
    "trailing newline": "https://api.example.com\n",
    "tab in host": "https://api\t.example.com",
    "null": "https://api.example.com\0",
    "no-break space": "https://api.example.com\u00a0",
    "query": "https://api.example.com/?a=1",
    "query without path": "https://api.example.com?a=1",
    "fragment": "https://api.example.com/#a",
    "fragment without path": "https://api.example.com#@evil.example",
    "empty port": "https://api.example.com:",
    "port 0": "https://api.example.com:0",
    "port with zero": "https://api.example.com:0443",
    "port too large": "https://api.example.com:65536",
    "signed port": "https://api.example.com:+443",
    "port in other digits": "https://api.example.com:٤٤٣",
    "two ports": "https://api.example.com:443:80",
    "dot segment": "https://api.example.com/v1/../admin",
    "single dot": "https://api.example.com/./v1",
    "escaped dot segment": "https://api.example.com/%2e%2E/admin",
    "escaped slash": "https://api.example.com/a%2fb",
    "escaped backslash": "https://api.example.com/a%5Cb",
    "escaped percent": "https://api.example.com/a%252e",
    "escaped null": "https://api.example.com/a%00",
    "half an escape": "https://api.example.com/a%2",
    "empty segment": "https://api.example.com//v1",
    "two trailing slashes": "https://api.example.com/v1//",
    "braces": "https://api.example.com/{id}",
    "letters outside ASCII in path": "https://api.example.com/bücher",
}


@pytest.mark.parametrize("url", ATTACKS.values(), ids=ATTACKS.keys())
def test_s7_a_url_with_two_readings_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        parse_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "http://10.0.0.1",
        "http://127.0.0.2",
        "http://[::2]",
        "http://0.0.0.0",
    ],
)
def test_s9_plain_http_goes_to_literal_loopback_only(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        parse_url(url, localhost=True)


def test_s9_plain_http_to_localhost_needs_the_local_setting() -> None:
    with pytest.raises(ValueError, match="localhost = true"):
        parse_url("http://localhost:8080")
    assert parse_url("http://localhost:8080", localhost=True)[0] == Origin(
        "http", "localhost", 8080
    )
    with pytest.raises(ValueError):
        parse_url("http://localhost.example", localhost=True)


def test_an_error_never_quotes_a_password() -> None:
    with pytest.raises(ValueError) as caught:
        parse_url("https://user:canary@api.example.com")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "prefix", "within"),
    [
        ("/v1", "", True),
        ("", "", True),
        ("/v1", "/v1", True),
        ("/v1/a", "/v1", True),
        ("/v10", "/v1", False),
        ("/v", "/v1", False),
        ("", "/v1", False),
        ("/V1", "/v1", False),
    ],
)
def test_s7_a_path_prefix_holds_on_segment_boundaries(path: str, prefix: str, within: bool) -> None:
    assert is_within(path, prefix) is within


def test_a_path_must_be_absolute() -> None:
    with pytest.raises(ValueError):
        parse_path("v1")


@given(st.text(max_size=40))
def test_whatever_follows_the_scheme_gives_an_ascii_host_or_a_refusal(rest: str) -> None:
    try:
        origin, path = parse_url("https://" + rest)
    except ValueError:
        return
    assert origin.text.isascii()
    assert parse_url(origin.text + path) == (origin, path)
