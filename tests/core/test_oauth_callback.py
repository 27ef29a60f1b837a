"""The answer that a browser brings back, good and forged."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.client.auth import OAuthFlowError
from mcp.client.auth.utils import validate_authorization_response_iss
from mcp.shared.auth import OAuthMetadata

from mcp_proxy.core.oauth_answer import Refused
from mcp_proxy.core.oauth_callback import is_ours, judge
from mcp_proxy.core.secret import Secret
from mcp_proxy.errors import CredentialError

STATE = Secret("s" * 43)
ISSUER = "https://login.example/"


def answer(**changes: str | None) -> str:
    rows = {"code": "c0de", "state": STATE.reveal(), "iss": ISSUER, **changes}
    return urlencode({name: value for name, value in rows.items() if value is not None})


def test_a_code_comes_with_our_state_and_the_logins_issuer() -> None:
    assert judge(answer(session_state="x"), STATE, ISSUER, iss_sent=True) == Secret("c0de")
    assert judge(answer(iss=None), STATE, ISSUER, iss_sent=False) == Secret("c0de")


@given(
    st.none()
    | st.sampled_from([ISSUER, "https://login.example", "https://LOGIN.example/", "https://evil.x"])
    | st.text(st.characters(codec="utf-8")),
    st.booleans(),
)
def test_s8_the_issuer_is_judged_as_the_sdk_judges_it(iss: str | None, sent: bool) -> None:
    metadata = OAuthMetadata(
        issuer=ISSUER,
        authorization_endpoint=ISSUER + "a",
        token_endpoint=ISSUER + "t",
        authorization_response_iss_parameter_supported=sent,
    )
    try:
        validate_authorization_response_iss(iss, metadata)
        theirs = True
    except OAuthFlowError:
        theirs = False
    try:
        ours = judge(answer(iss=iss), STATE, ISSUER, iss_sent=sent) == Secret("c0de")
    except CredentialError:
        ours = False
    assert ours == theirs


@pytest.mark.parametrize(
    "iss", ["https://login.example", "https://evil.example/", "", "https://LOGIN.example/", None]
)
def test_s8_of_an_answer_of_another_server_nothing_is_shown(iss: str | None) -> None:
    query = answer(iss=iss, code=None, error="evil_error", error_description="evil words")
    with pytest.raises(CredentialError, match="MCPX-C07") as caught:
        judge(query, STATE, ISSUER, iss_sent=True)
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize("state", [None, "", "x", "s" * 42, "s" * 44, "é"])
def test_s22_an_answer_with_another_state_is_not_ours(state: str | None) -> None:
    query = answer(state=state, code=None, error="evil_error")
    assert not is_ours(query, STATE)
    with pytest.raises(CredentialError, match="does not belong to this login") as caught:
        judge(query, STATE, ISSUER, iss_sent=True)
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize("name", ["code", "state", "iss", "error"])
def test_s22_an_answer_that_names_a_parameter_twice_is_damaged(name: str) -> None:
    query = answer(error="access_denied") + f"&{name}=other"
    assert not is_ours(query, STATE)
    with pytest.raises(CredentialError, match="is damaged"):
        judge(query, STATE, ISSUER, iss_sent=True)


@pytest.mark.parametrize(
    "query", ["a=1&" * 40, "state=%ff", "state=\ud800", "state=é", "code=" + "x" * 40_000]
)
def test_s22_an_answer_beyond_all_bounds_is_damaged(query: str) -> None:
    assert not is_ours(query, STATE)
    with pytest.raises(CredentialError, match="is damaged"):
        judge(query, STATE, ISSUER, iss_sent=True)


def test_a_refusal_is_told_in_the_servers_cleaned_words() -> None:
    query = answer(code=None, error="access_denied", error_description="You\x1b[2J said\nno.")
    assert is_ours(query, STATE)
    with pytest.raises(Refused) as caught:
        judge(query, STATE, ISSUER, iss_sent=True)
    assert caught.value.why == "The authorization server refused (access_denied): You said no."
    assert caught.value.error == "access_denied"


@pytest.mark.parametrize("code", [None, "", "a\nb", "é", "x" * 20_000])
def test_an_answer_without_a_code_or_an_error_is_refused(code: str | None) -> None:
    with pytest.raises(CredentialError, match="neither a code nor an error"):
        judge(answer(code=code), STATE, ISSUER, iss_sent=True)


@given(st.text())
def test_whatever_comes_is_never_a_code_without_our_state(query: str) -> None:
    with pytest.raises(CredentialError):
        judge(query, STATE, ISSUER, iss_sent=False)
