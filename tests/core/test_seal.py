"""Sealed request state: what was sealed comes back, and nothing else is ever believed (S15)."""

import base64
import json
from typing import Any

import pytest
from core.tool_samples import decided, mcp_tool, rule
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.policy import Allow
from mcp_proxy.core.request import McpRequest, RestRequest
from mcp_proxy.core.seal import Sealed, request_digest, seal, unseal

KEY, OTHER_KEY, NONCE = b"k" * 32, b"o" * 32, b"n" * 12
IT = Sealed("h1", "d" * 64, "refund", "r" * 64, "gateway", "", ("a", "b"), 2, 1_700_000_000)
TOKEN = seal(KEY, NONCE, IT)
REQUEST = McpRequest("tools/call", {"name": "t", "arguments": {"a": [1]}}, "t", (), False)
texts = st.text(max_size=50)


def opened(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def closed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@given(
    st.builds(Sealed, *[texts] * 6, st.lists(texts).map(tuple), st.integers(1, 10), st.integers(0)),
    st.binary(min_size=12, max_size=12),
)
def test_s15_what_was_sealed_comes_back(it: Sealed, nonce: bytes) -> None:
    token = seal(KEY, nonce, it)
    if len(token) <= LIMITS.sealed_chars:
        assert unseal(KEY, token) == it


def test_s15_another_processs_seal_is_none() -> None:
    assert unseal(OTHER_KEY, TOKEN) is None


@given(st.integers(0, len(opened(TOKEN)) - 1), st.integers(1, 255))
def test_s15_every_changed_byte_is_found(place: int, by: int) -> None:
    data = bytearray(opened(TOKEN))
    data[place] ^= by
    assert unseal(KEY, closed(bytes(data))) is None


@given(st.text() | st.binary() | st.integers() | st.none() | st.lists(st.text()))
def test_s15_anything_else_is_none(text: Any) -> None:
    assert unseal(KEY, text) is None


@pytest.mark.parametrize(
    "text",
    [
        TOKEN[:-4],
        TOKEN + "AAAA",
        TOKEN + "=",
        " " + TOKEN,
        TOKEN + "\n",
        "",
        "A",
        "AAAA",
        "A" * (LIMITS.sealed_chars + 1),
    ],
)
def test_s15_a_cut_or_grown_seal_is_none(text: str) -> None:
    assert unseal(KEY, text) is None


def test_s15_a_seal_for_another_purpose_is_none() -> None:
    data = json.dumps(IT).encode()
    foreign = NONCE + AESGCM(KEY).encrypt(NONCE, data, b"something else")
    assert unseal(KEY, closed(foreign)) is None


def test_s15_a_token_shows_nothing_of_what_it_holds() -> None:
    assert b"refund" not in opened(TOKEN)


@pytest.mark.parametrize(
    "other",
    [
        REQUEST._replace(method="prompts/get"),
        REQUEST._replace(params={"name": "t", "arguments": {"a": [2]}}),
        REQUEST._replace(params={"name": "t", "arguments": {"a": 1}}),
        REQUEST._replace(params={"name": "t", "arguments": {"required": ["b", "a"]}}),
        REQUEST._replace(name="u"),
        REQUEST._replace(headers=(("Mcp-Param-A", "1"),)),
        RestRequest("POST", "https://x", (), b"{}", False),
    ],
)
def test_s15_a_request_digest_covers_all_that_is_sent(other: Any) -> None:
    assert request_digest(other) != request_digest(REQUEST)


def test_s15_lists_that_differ_in_order_alone_have_other_digests() -> None:
    one = REQUEST._replace(params={"arguments": {"required": ["a", "b"]}})
    two = REQUEST._replace(params={"arguments": {"required": ["b", "a"]}})
    assert request_digest(one) != request_digest(two)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"url": "https://y"},
        {"headers": (("A", "1"),)},
        {"body": b"x"},
        {"body": None},
    ],
)
def test_s15_a_rest_requests_digest_covers_all_that_is_sent(change: dict[str, Any]) -> None:
    base = RestRequest("POST", "https://x", (), b"{}", False)
    assert request_digest(base._replace(**change)) != request_digest(base)


def test_s15_the_same_arguments_in_another_order_are_the_same_request() -> None:
    tool = mcp_tool({"a": rule("argument", "/a"), "b": rule("argument", "/b")})
    one, two = (decided(tool, made) for made in ({"a": 1, "b": 2}, {"b": 2, "a": 1}))
    assert isinstance(one, Allow)
    assert isinstance(two, Allow)
    assert request_digest(one.request) == request_digest(two.request)


def test_s15_a_seal_has_one_spelling() -> None:
    it = next(it for n in range(3) if len(seal(KEY, NONCE, it := IT._replace(handle="h" * n))) % 4)
    token = seal(KEY, NONCE, it)
    others = [token[:-1] + char for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"]
    assert "=" not in token
    assert {found for other in others if (found := unseal(KEY, other))} <= {it}
    assert sum(unseal(KEY, other) is not None for other in {*others, token}) == 1
