"""What a 401 demands: the header as RFC 9110 writes it, and whatever else a server sends."""

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.client.auth.utils import (
    extract_resource_metadata_from_www_auth,
    extract_scope_from_www_auth,
)

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.oauth_challenge import Bearer, Challenge, bearer_challenge, parse_challenges

TOKENS = st.text("abcXYZ0123456789!#$%&'*+.^_`|~-", min_size=1, max_size=12)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)
PARAMS = st.dictionaries(TOKENS.map(str.lower), VALUES, max_size=4)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def written(challenge: Challenge) -> str:
    rows = ", ".join(f"{name}={quoted(value)}" for name, value in challenge.params.items())
    return f"{challenge.scheme} {rows}".strip()


@given(st.lists(st.builds(Challenge, TOKENS.map(str.lower), PARAMS), max_size=4))
def test_challenges_in_one_line_or_in_many_are_read_as_they_were_written(
    challenges: list[Challenge],
) -> None:
    texts = [written(challenge) for challenge in challenges]
    assert parse_challenges(texts) == tuple(challenges)
    assert parse_challenges([", ".join(texts)]) == tuple(challenges)


@given(st.lists(st.text(), max_size=3))
def test_whatever_stands_in_the_header_is_read_without_an_error(lines: list[str]) -> None:
    for _scheme, params in parse_challenges(lines):
        assert all(name == name.lower() for name in params)


@given(
    st.lists(st.sampled_from(["mcp:basic", "read", "files.write", "a/b"]), min_size=1, unique=True),
    st.sampled_from(
        ["https://a.example/.well-known/oauth-protected-resource/mcp", "https://b.test"]
    ),
)
def test_scope_and_metadata_are_those_that_the_sdk_finds(scopes: list[str], url: str) -> None:
    text = f'Bearer error="invalid_token", scope="{" ".join(scopes)}", resource_metadata="{url}"'
    response = httpx2.Response(401, headers={"WWW-Authenticate": text})
    found = bearer_challenge(text)
    assert found == Bearer(url, tuple(scopes), "invalid_token")
    assert " ".join(scopes) == extract_scope_from_www_auth(response)
    assert url == extract_resource_metadata_from_www_auth(response)


@pytest.mark.parametrize(
    ("text", "bearer"),
    [
        ("Bearer", Bearer("", None, "")),
        ('bEaReR SCOPE="a  b a"', Bearer("", ("a", "b"), "")),
        ('Bearer scope=""', Bearer("", (), "")),
        ("Negotiate YWJj==, Bearer error=invalid_token", Bearer("", None, "invalid_token")),
        ('Basic realm="x, Bearer scope=\\"no\\"", Bearer scope="yes"', Bearer("", ("yes",), "")),
        (',, Bearer  scope = "a" ,', Bearer("", ("a",), "")),
        ('DPoP algs="ES256", Bearer', Bearer("", None, "")),
        ('Bearer error="insufficient_scope' + "x" * 40_000 + '"', None),
        ('Basic realm="Bearer"', None),
        ("", None),
    ],
)
def test_the_first_bearer_challenge_counts(text: str, bearer: Bearer | None) -> None:
    assert bearer_challenge(text) == bearer


def test_a_challenge_that_names_a_parameter_twice_is_left_out() -> None:
    text = 'Bearer scope="a", scope="b", Basic realm="x"'
    assert parse_challenges([text]) == (Challenge("basic", {"realm": "x"}),)


def test_what_follows_a_malformed_part_is_not_read() -> None:
    assert parse_challenges(['Basic realm="open, Bearer scope="a"']) == (Challenge("basic", {}),)


def test_scopes_of_a_challenge_are_bounded_and_hold_no_control() -> None:
    many = " ".join(f"s{number}" for number in range(3000))
    found = bearer_challenge(f'Bearer scope="{many}"')
    assert found is None or len(found.scope or ()) <= LIMITS.scopes
    assert bearer_challenge('Bearer scope="a \\"b c\\\\d \x7f"') in (None, Bearer("", None, ""))
