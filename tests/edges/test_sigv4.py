"""AWS signatures: AWS's own examples, and a server that checks what arrived by RFC and paper."""

import asyncio
import calendar
import hashlib
import hmac
import re
import time
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import pytest
from edges.fakes_http import Heard, Loopback, always, http, json_answer
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.answer import Answer, Failure, Wishes
from mcp_proxy.core.authorization import Authorization
from mcp_proxy.core.binding import make_binding
from mcp_proxy.core.credential_item import Item
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Aws, UpstreamSpec
from mcp_proxy.core.request import RestRequest
from mcp_proxy.core.secret import Secret, check_secret
from mcp_proxy.edges.placement import place
from mcp_proxy.edges.sigv4 import AwsKeys, AwsSigner, Scope
from mcp_proxy.edges.upstream_rest import RestUpstream
from mcp_proxy.errors import CredentialError

ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEYS = AwsKeys(ID, Secret(SECRET))
MOMENT_S = calendar.timegm((2015, 8, 30, 12, 36, 0))
FORM = "application/x-www-form-urlencoded"

# Of AWS's Signature Version 4 test suite, and of the example in its documentation (iam).
PUBLISHED = {
    "get-vanilla": (
        ("GET", "/", (), b"", "service"),
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "get-vanilla-query-order-key-case": (
        ("GET", "/?Param2=value2&Param1=value1", (), b"", "service"),
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "post-vanilla": (
        ("POST", "/", (), b"", "service"),
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    "post-x-www-form-urlencoded": (
        ("POST", "/", (("Content-Type", FORM),), b"Param1=value1", "service"),
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    "iam": (
        (
            "GET",
            "/?Action=ListUsers&Version=2010-05-08",
            (("Content-Type", f"{FORM}; charset=utf-8"),),
            b"",
            "iam",
        ),
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    ),
}


@pytest.mark.parametrize(("request_", "signature"), PUBLISHED.values(), ids=PUBLISHED.keys())
def test_the_published_examples_have_their_published_signatures(
    request_: tuple[str, str, Any, bytes, str], signature: str
) -> None:
    method, target, headers, body, service = request_
    host = "iam.amazonaws.com" if service == "iam" else "example.amazonaws.com"
    signer = AwsSigner(KEYS, Scope("us-east-1", service), lambda: MOMENT_S)
    rows = (("Host", host), ("User-Agent", "x"), ("Accept-Encoding", "gzip"), *headers)
    added = dict(signer(method, f"https://{host}{target}", rows, body))
    assert added["Authorization"].endswith(f"Signature={signature}")
    assert added["X-Amz-Date"] == "20150830T123600Z"


def signature_of(heard: Heard, secret: str) -> str:
    """What the signature of a request must be, from its bytes as a server hears them."""
    told = heard.headers["authorization"]
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=[^/]+/(\S+), SignedHeaders=(\S+), Signature=[0-9a-f]{64}",
        told,
    )
    assert found is not None
    path, _, query = heard.target.partition("?")
    again = [
        [quote(unquote_to_bytes(x), safe="-_.~") for x in p.partition("=")[::2]]
        for p in query.split("&")
        if p
    ]
    signed = found[2].split(";")
    assert "host" in signed
    assert {name for name in heard.headers if name.startswith("x-amz-")} <= set(signed)
    canonical = [
        heard.method,
        quote(path, safe="/-_.~"),
        "&".join(f"{name}={value}" for name, value in sorted(again)),
        *(f"{name}:{' '.join(heard.headers[name].split())}" for name in signed),
        "",
        found[2],
        hashlib.sha256(heard.body).hexdigest(),
    ]
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{heard.headers['x-amz-date']}\n{found[1]}\n{digest}"
    key = f"AWS4{secret}".encode()
    for part in found[1].split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def item(secret: str) -> Item:
    binding = make_binding("sigv4", None, ["http://127.0.0.1:1"], "", [])
    return Item(binding, check_secret("sigv4", secret))


class Placed:
    """Gives what an item of kind sigv4 places."""

    def __init__(self, secret: str) -> None:
        self.item = item(secret)

    async def authorization(self, spec: UpstreamSpec) -> Authorization:
        return place(self.item, spec)

    async def renewed(self, _spec: UpstreamSpec, _used: Authorization) -> None:
        return None


async def called(server: Loopback, outgoing: RestRequest, secret: str) -> Answer:
    spec = server.spec(auth=Aws("sigv4", "api", "eu-central-1", "execute-api"))
    upstream = RestUpstream(spec, Placed(secret), LIMITS)
    try:
        return await upstream.call(outgoing, Wishes({}, progress=True), lambda _: None, 5.0)
    finally:
        await upstream.close()


def heard_of(outgoing: tuple[str, str, Any, bytes | None], secret: str) -> Heard:
    async def main() -> Heard:
        async with Loopback(always(json_answer({}))) as server:
            method, target, headers, body = outgoing
            request = RestRequest(method, server.url + target, headers, body, retry_safe=True)
            await called(server, request, secret)
            return server.heard[0]

    return asyncio.run(main())


SENT = {
    "plain": ("GET", "/v1/items/7", (), None),
    "spaces": ("GET", "/v1/a%20b%2Fc/~x?q=a%20b&q=a,b&c=%C3%A4&b", (), None),
    "body": ("POST", "/v1/items?z=1&a=2", (("Content-Type", "application/json"),), b'{"a":"\xc3"}'),
    "header": ("PUT", "/v1/items/1", (("X-Note", "a  b"), ("X-Amz-Meta", "m")), b""),
}


@pytest.mark.parametrize("outgoing", SENT.values(), ids=SENT.keys())
@pytest.mark.parametrize("session", ["", ":IQoJb3JpZ2luX2VjE=="])
def test_what_is_signed_is_byte_for_byte_what_the_server_hears(
    outgoing: tuple[str, str, Any, bytes | None], session: str
) -> None:
    heard = heard_of(outgoing, f"{ID}:{SECRET}{session}")
    expected = f"Signature={signature_of(heard, SECRET)}"
    assert heard.headers["authorization"].endswith(expected)
    assert heard.headers.get("x-amz-security-token", "") == session.removeprefix(":")
    assert f"Credential={ID}/" in heard.headers["authorization"]
    assert "/eu-central-1/execute-api/aws4_request" in heard.headers["authorization"]
    assert heard.target == outgoing[1]


WORD = st.text(st.sampled_from("ab.~- ,/:@%+=&äß"), min_size=1, max_size=8)


@given(WORD, st.lists(st.tuples(WORD, WORD), max_size=4), st.binary(max_size=40))
def test_every_path_query_and_body_is_signed_as_a_server_reads_it(
    segment: str, pairs: list[tuple[str, str]], body: bytes
) -> None:
    query = "&".join(f"{quote(a, safe='')}={quote(b, safe=',:@')}" for a, b in pairs)
    target = f"/x{quote(segment, safe='')}" + (f"?{query}" if query else "")
    signer = AwsSigner(KEYS, Scope("us-east-1", "execute-api"), lambda: MOMENT_S)
    rows = (("Host", "api.example.com"),)
    added = signer("POST", f"https://api.example.com{target}", rows, body)
    headers = {name.lower(): value for name, value in (*rows, *added)}
    heard = Heard("POST", target, headers, body)
    assert headers["authorization"].endswith(f"Signature={signature_of(heard, SECRET)}")


def test_s3_gets_the_bodys_digest_and_its_path_as_it_is() -> None:
    signer = AwsSigner(KEYS, Scope("us-east-1", "s3"), lambda: MOMENT_S)
    rows = (("Host", "b.s3.amazonaws.com"),)
    added = dict(signer("PUT", "https://b.s3.amazonaws.com/a%20b", rows, b"x"))
    assert added["X-Amz-Content-SHA256"] == hashlib.sha256(b"x").hexdigest()
    assert "x-amz-content-sha256" in added["Authorization"]


def test_an_echo_of_the_keys_is_masked() -> None:
    async def echo(heard: Heard, _writer: Any) -> bytes:
        token = heard.headers["x-amz-security-token"]
        return http(400, f"{SECRET} {token}".encode(), content_type="text/plain")

    async def main() -> Answer:
        async with Loopback(echo) as server:
            request = RestRequest("GET", f"{server.url}/v1", (), None, retry_safe=True)
            return await called(server, request, f"{ID}:{SECRET}:canary-session-1f")

    answer = asyncio.run(main())
    assert isinstance(answer, Failure)
    assert SECRET not in answer.text
    assert "canary-session-1f" not in answer.text


def test_expired_keys_are_refused_and_fresh_ones_say_when_they_end() -> None:
    spec = UpstreamSpec("rest", "https://a.example", Aws("sigv4", "api", "eu", "s3"), 1, ())

    def process(year: int) -> str:
        return (
            f'{{"Version":1,"AccessKeyId":"{ID}","SecretAccessKey":"{SECRET}",'
            f'"Expiration":"{year}-01-01T00:00:00Z"}}'
        )

    assert place(item(process(2400)), spec).expires_s == 13_569_465_600
    with pytest.raises(CredentialError, match="have expired") as caught:
        place(item(process(2020)), spec)
    assert caught.value.id == "MCPX-C01"


def test_the_same_keys_make_the_same_authorization() -> None:
    spec = UpstreamSpec("rest", "https://a.example", Aws("sigv4", "api", "eu", "s3"), 1, ())
    assert place(item(f"{ID}:{SECRET}"), spec) == place(item(f"{ID}:{SECRET}"), spec)
    assert place(item(f"{ID}:{SECRET}x"), spec) != place(item(f"{ID}:{SECRET}"), spec)
    assert SECRET not in repr(place(item(f"{ID}:{SECRET}"), spec).sign)
    assert abs(AwsSigner(KEYS, Scope("eu", "s3")).now_s() - time.time()) < 60
