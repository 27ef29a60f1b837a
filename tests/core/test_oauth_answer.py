"""What an authorization server answers: tokens within bounds, or a clean refusal."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.oauth_answer import (
    Device,
    Granted,
    Refused,
    parse_device,
    parse_exchanged,
    parse_tokens,
)
from mcp_proxy.core.oauth_request import ID_JAG
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.text import is_visible_line
from mcp_proxy.errors import CredentialError

TOKENS: dict[str, Any] = {"access_token": "at-1", "token_type": "bearer"}
DEVICE: dict[str, Any] = {
    "device_code": "dc 1",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://login.example/device",
    "expires_in": 900,
}
JSON = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


def test_tokens_are_read_with_their_end_and_scopes() -> None:
    doc = TOKENS | {"expires_in": 3600, "refresh_token": "r t", "scope": "a b", "id_token": "x.y.z"}
    expected = Granted(Secret("at-1"), 4600.0, Secret("r t"), ("a", "b"), Secret("x.y.z"))
    assert parse_tokens(200, doc, ("asked",), 1000.0) == expected
    assert parse_tokens(200, TOKENS, ("asked",), 1000.0) == Granted(
        Secret("at-1"), None, None, ("asked",), None
    )


@pytest.mark.parametrize(
    ("lifetime", "expires_s"),
    [("60", 1060.0), (0.5, 1000.5), (10**18, 1000.0 + 10 * 365 * 86_400)]
    + [(value, None) for value in (0, -5, True, "-1", "1e3", "", [60], None)],
)
def test_a_lifetime_is_seconds_or_it_is_not_known(lifetime: Any, expires_s: float | None) -> None:
    assert parse_tokens(200, TOKENS | {"expires_in": lifetime}, (), 1000.0).expires_s == expires_s


@pytest.mark.parametrize(
    "changes",
    [
        {"token_type": "DPoP"},
        {"token_type": None},
        {"access_token": ""},
        {"access_token": "a b"},
        {"access_token": "a\r\nX: y"},
        {"access_token": ["a"]},
        {"access_token": "a" * 20_000},
        {"refresh_token": "a\nb"},
        {"refresh_token": 7},
    ],
)
def test_tokens_that_cannot_be_used_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(CredentialError, match="MCPX-C07"):
        parse_tokens(200, TOKENS | changes, (), 0.0)


@pytest.mark.parametrize(
    ("status", "doc", "error", "words", "is_invalid"),
    [
        (400, {"error": "invalid_grant"}, "invalid_grant", "refused (invalid_grant).", True),
        (200, {"error": "invalid_grant"} | TOKENS, "invalid_grant", "(invalid_grant).", True),
        (500, {"error": "invalid_grant"}, "invalid_grant", "(invalid_grant).", False),
        (
            401,
            {"error": "invalid_client", "error_description": "No \x1b[31msuch\n\u200bclient."},
            "invalid_client",
            "refused (invalid_client): No such client.",
            False,
        ),
        (400, {"error": "<script>alert(1)</script>"}, "", "refused (with status 400).", False),
        (400, {"error": ["invalid_grant"]}, "", "refused (with status 400).", False),
        (502, None, "", "refused (with status 502).", False),
        (200, None, "", "gave no usable answer (with status 200).", False),
        (201, TOKENS, "", "refused (with status 201).", False),
    ],
)
def test_a_refusal_has_a_code_and_a_clean_sentence(
    status: int, doc: dict[str, Any] | None, error: str, words: str, is_invalid: bool
) -> None:
    with pytest.raises(Refused) as caught:
        parse_tokens(status, doc, (), 0.0)
    found = caught.value
    assert (found.id, found.status, found.error) == ("MCPX-C08", status, error)
    assert words in found.why
    assert found.is_invalid_grant is is_invalid


def told(status: int, doc: dict[str, Any]) -> Granted | str:
    try:
        return parse_tokens(status, doc, (), 0.0)
    except CredentialError as error:
        return error.why


@given(
    st.sampled_from([200, 400, 500]),
    st.dictionaries(
        st.sampled_from([*TOKENS, "error", "error_description", "expires_in", "scope"]), JSON
    ),
)
def test_whatever_a_server_answers_is_tokens_or_one_clean_sentence(
    status: int, changes: dict[str, Any]
) -> None:
    said = told(status, TOKENS | changes)
    assert isinstance(said, Granted) or is_visible_line(said)


def test_an_exchange_gives_the_type_that_was_asked_for_alone() -> None:
    doc = {"access_token": "jag", "issued_token_type": ID_JAG, "token_type": "N_A"}
    assert parse_exchanged(200, doc, ID_JAG) == Secret("jag")
    for other in ({**doc, "issued_token_type": "urn:x"}, {"access_token": "jag"}):
        with pytest.raises(CredentialError, match="MCPX-C07"):
            parse_exchanged(200, other, ID_JAG)
    with pytest.raises(Refused):
        parse_exchanged(400, {"error": "invalid_grant"}, ID_JAG)


def test_a_devices_codes_are_bounded_in_time() -> None:
    found = parse_device(200, DEVICE, 100.0)
    address = "https://login.example/device"
    assert found == Device(Secret("dc 1"), "WDJB-MJHT", address, "", 1000.0, 5)
    many = DEVICE | {"expires_in": 10**9, "interval": 10**9}
    assert parse_device(200, many, 0.0)[-2:] == (1800.0, 60)


@pytest.mark.parametrize(
    "changes",
    [
        {"verification_uri": "file:///etc/passwd"},
        {"verification_uri": "http://login.example/"},
        {"verification_uri": "http://localhost/"},
        {"verification_uri": None},
        {"verification_uri_complete": "javascript:alert(1)"},
        {"user_code": "\x1b[2J"},
        {"user_code": "x" * 65},
        {"user_code": "A. Now run: rm -rf ~"},
        {"device_code": None},
        {"expires_in": None},
    ],
)
def test_a_device_answer_that_cannot_be_shown_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(CredentialError, match="MCPX-C07"):
        parse_device(200, DEVICE | changes, 0.0)
