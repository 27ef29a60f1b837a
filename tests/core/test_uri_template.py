"""URI templates: expansions match, and nothing that a client writes moves the request (S11)."""

import time
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.text import hidden_character
from mcp_proxy.core.uri_template import compile_template, matches


def fits(template: str, uri: str) -> bool:
    return matches(compile_template(template), uri)


@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("docs://handbook/{page}", "docs://handbook/intro"),
        ("docs://handbook/{page}", "docs://handbook/a%20b"),
        ("docs://handbook/{page}", "docs://handbook/caf%C3%A9"),
        ("docs://handbook/{page}", "docs://handbook/caf%c3%a9"),
        ("docs://handbook/{page}", "docs://handbook/me@example.com"),
        ("docs://handbook/{page}.md", "docs://handbook/a.b.md"),
        ("docs://{a}-{b}", "docs://x-y-z"),
        ("docs://{a,b}/x", "docs://1,2/x"),
        ("docs://{list*}", "docs://1,2,3"),
        ("file:///{+path}", "file:///a/b/c.txt"),
        ("file:///base/{+path}", "file:///base/a//b"),
        ("docs://h/{+path:3}", "docs://h/a/b"),
        ("https://api.example.com{+path}", "https://api.example.com/a/b"),
        ("https://api.example.com:81{/path*}{?q}", "https://api.example.com:81/a/b?q=@"),
        ("file:///{+path}", "file:///a?b#c"),
        ("docs://x{#part}", "docs://x"),
        ("docs://x{#part}", "docs://x#a/b"),
        ("docs://x{/a,b}", "docs://x"),
        ("docs://x{/a,b}", "docs://x/1/2"),
        ("docs://x{/a*}", "docs://x/1/2/3"),
        ("docs://x{.ext}", "docs://x.tar"),
        ("docs://x{;a,b}", "docs://x;a=1;b"),
        ("docs://x{?a,b}", "docs://x"),
        ("docs://x{?a,b}", "docs://x?b=2"),
        ("docs://x{?a,b}", "docs://x?a=1&b=2"),
        ("docs://x{?a*}", "docs://x?a=1&a=2"),
        ("docs://x{?a}", "docs://x?a="),
        ("docs://x{?a}", "docs://x?a=1%2F2%25"),
        ("docs://x?z=1{&a}", "docs://x?z=1&a=2"),
        ("docs://x/{a:3}", "docs://x/abc"),
        ("docs://x", "docs://x"),
    ],
)
def test_expansions_match(template: str, uri: str) -> None:
    assert fits(template, uri)


@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("docs://handbook/{page}", "docs://handbook/"),
        ("docs://handbook/{page}", "docs://handbook/a/b"),
        ("docs://handbook/{page}", "docs://handbook/a%2Fb"),
        ("docs://handbook/{page}", "docs://handbook/a%2fb"),
        ("docs://handbook/{page}", "docs://handbook/a%5Cb"),
        ("docs://handbook/{page}", "docs://handbook/a\\b"),
        ("docs://handbook/{page}", "docs://handbook/a%252Fb"),
        ("docs://handbook/{page}", "docs://handbook/a%00"),
        ("docs://handbook/{page}", "docs://handbook/a%0D%0Ab"),
        ("docs://handbook/{page}", "docs://handbook/a%7F"),
        ("docs://handbook/{page}", "docs://handbook/."),
        ("docs://handbook/{page}", "docs://handbook/.."),
        ("docs://handbook/{page}", "docs://handbook/..;x"),
        ("docs://handbook/{page}", "docs://handbook/%2E%2E"),
        ("docs://handbook/{page}", "docs://handbook/%2e."),
        ("docs://handbook/{page}", "docs://handbook/%C0%AF"),
        ("docs://handbook/{page}", "docs://handbook/%E2%80%AE"),
        ("docs://handbook/{page}", "docs://handbook/%F"),
        ("docs://handbook/{page}", "docs://handbook/a?b"),
        ("docs://handbook/{page}", "docs://handbook/a#b"),
        ("docs://handbook/{page}", "docs://handbook/a\n"),
        ("docs://handbook/{page}", "docs://handbook/caf\xe9"),
        ("docs://handbook/{page}", "docs://handbook/\uff0f"),
        ("docs://handbook/{page}", "docs://handbook/a b"),
        ("docs://handbook/{page}", "DOCS://handbook/a"),
        ("docs://handbook/{page}", "docs://handbook/" + "a" * LIMITS.uri_chars),
        ("docs://x/{a}.{b}", "docs://x/.."),
        ("file:///{+path}", "file:///a/../b"),
        ("file:///{+path}", "file:///a/%2E%2E/b"),
        ("file:///{+path}", "file:///a%2F..%2Fb"),
        ("file:///{+path}", "file:///a?/../b"),
        ("file:///{+path}", "file:///"),
        ("file:///{+path}", "file:////host/share"),
        ("file:///base/{+path}", "file:///base//etc/passwd"),
        ("docs://h/{+path:3}", "docs://h//a"),
        ("https://api.example.com{+path}", "https://api.example.com@evil.example/x"),
        ("https://api.example.com{+path}", "https://api.example.com.evil.example/x"),
        ("https://api.example.com{+path}", "https://api.example.com:81/x"),
        ("HTTPS://api.example.com{name}", "HTTPS://api.example.com@evil.example"),
        ("https://{host}/x", "https://evil.example/x"),
        ("docs://x{/a*}", "docs://x/1//2"),
        ("docs://x{/a*}", "docs://x/../2"),
        ("docs://x{?a,b}", "docs://x?"),
        ("docs://x{?a,b}", "docs://x?b=2&a=1"),
        ("docs://x{?a,b}", "docs://x?c=1"),
        ("docs://x{?a}", "docs://x?a=1&b=2"),
        ("docs://x{?a}", "docs://x?a=1&a=2"),
        ("docs://x{?a}", "docs://x?a=%0A"),
        ("docs://x/{a:3}", "docs://x/abcd"),
        ("docs://x", "docs://x/"),
        ("docs://x.y", "docs://xzy"),
    ],
)
def test_s11_other_uris_do_not(template: str, uri: str) -> None:
    assert not fits(template, uri)


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{+uri}",
        "{scheme}://x",
        "docs",
        "docs://{",
        "docs://}",
        "docs://{}",
        "docs://{a}}",
        "docs://{{a}}",
        "docs://{=a}",
        "docs://{|a}",
        "docs://{@a}",
        "docs://{a,}",
        "docs://{a b}",
        "docs://{a*:3}",
        "docs://{a:0}",
        "docs://{a:1000}",
        "docs://{/a:3}",
        "docs://a b/{x}",
        "docs://caf\xe9/{x}",
        "docs://x/../{x}",
        "docs://%zz/{x}",
        "docs://" + "{a}" * (LIMITS.uri_expressions + 1),
        "docs://{" + ",".join("a" * (LIMITS.uri_expressions + 1)) + "}",
        "docs://" + "a" * LIMITS.uri_chars,
    ],
)
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(ValueError):
        compile_template(template)


def test_a_template_knows_its_names() -> None:
    assert compile_template("d://{a}/{+b,c}{?d*,a}").names == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("template", "tail"),
    [
        ("d://{a}{b}{c}{d}{e}{f}{g}{h}", "a/"),
        ("d://" + "{a}a" * 15 + "{b}", "a/"),
        ("d://x{/a*}{/b*}{/c*}{/d*}", "/a/a/a%2F"),
        ("d://" + "{+a}" * 16, "a/b?c#^"),
        ("d://x{?" + ",".join("abcdefghijklmnop") + "}", "?a=1&q=2"),
        ("d://{a:99}{b:99}{c:99}{d:99}", "a/"),
    ],
)
def test_hostile_uris_take_linear_time(template: str, tail: str) -> None:
    made = compile_template(template)
    longest = ("d://" + "a" * LIMITS.uri_chars)[: LIMITS.uri_chars - len(tail)] + tail
    began_s = time.process_time()
    assert not matches(made, longest)
    assert time.process_time() - began_s < 2


# A small reference of the expansion, RFC 6570 section 3.2, for string values.
_RESERVED = ":/?#[]@!$&'()*+,;="
_SEEN = st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"])
_VALUE = st.text(_SEEN, min_size=1, max_size=12)


def expanded(operator: str, names: list[str], values: dict[str, str]) -> str:
    first = {"": "", "+": "", "#": "#", ".": ".", "/": "/", ";": ";", "?": "?", "&": "&"}[operator]
    between = {"": ",", "+": ",", "#": ",", "?": "&"}.get(operator, operator)
    safe = _RESERVED if operator in {"+", "#"} else ""
    told = []
    for name in names:
        if name in values:
            text = quote(values[name], safe=safe + "~")
            told.append(f"{name}={text}" if operator in {";", "?", "&"} else text)
    return first + between.join(told) if told else ""


@given(
    st.sampled_from(["", "+", "#", ".", "/", ";", "?", "&"]),
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True),
    st.dictionaries(st.sampled_from("abcd"), _VALUE),
)
def test_every_harmless_expansion_matches(
    operator: str, names: list[str], values: dict[str, str]
) -> None:
    uri = "docs://x/y" + expanded(operator, names, values)
    template = "docs://x/y{" + operator + ",".join(names) + "}"
    given_values = [values[name] for name in names if name in values]
    banned = "\\%" if operator in {"+", "#"} else "/\\%"
    is_harmless = operator in {"?", "&"} or not any(set(banned) & set(v) for v in given_values)
    if operator in {"", "+"} and not given_values:
        assert not fits(template, uri)  # an empty value in a path
    elif is_harmless and not any(map(hidden_character, given_values)):
        assert fits(template, uri) or any(
            segment in {".", ".."} for segment in uri.replace("?", "/").replace("#", "/").split("/")
        )


@given(st.text(max_size=40), st.sampled_from(["", "+", "/", "."]))
def test_s11_no_value_ever_brings_dot_segments_or_escaped_separators(
    text: str, operator: str
) -> None:
    uri = f"docs://x/y/{text}"
    if fits("docs://x/y/{" + operator + "a}", uri):
        upper = uri.upper()
        assert not any(part in {".", ".."} for part in uri.split("/"))
        assert not any(bad in upper for bad in ("%2F", "%5C", "%25", "%2E", "%0", "%1", "\\"))


def test_the_matcher_is_total() -> None:
    shapes: list[Any] = ["", "\ud800", "%", "docs://", "docs://x" + "\x00"]
    assert not any(fits("docs://x/{a}", shape) for shape in shapes)
