"""An upstream's own secret is taken out in every form it may be echoed in."""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.edges.own_secret import REMOVED, OwnSecret

PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)


@given(PRINTABLE)
def test_every_form_of_a_token_is_removed(token: str):
    secret = OwnSecret(f"Bearer {token}")
    forms = [token, json.dumps(token), json.dumps(token).replace("/", "\\/"), quote(token, safe="")]
    for form in forms:
        shown = secret.remove_text(f"before {form} after")
        assert token not in shown.replace(REMOVED, "")
        assert secret.remove(form.encode()).decode().count(REMOVED) >= 1


TOKEN = "ab+cd/ef=gh&ij'kl<mn>"


@pytest.mark.parametrize(
    "echo",
    [
        "ab\\u002Bcd/ef=gh\\u0026ij\\u0027kl\\u003Cmn\\u003E",
        "ab+cd/ef=gh\\u0026ij'kl\\u003cmn\\u003e",
        "ab+cd\\/ef\\u003dgh\\u0026ij\\u0027kl\\u003Cmn>",
        "ab%2bcd%2fef%3dgh%26ij%27kl%3cmn%3e",
        "ab%2Bcd/ef%3Dgh%26ij'kl%3Cmn%3E",
        "ab+cd/ef=gh&amp;ij&#39;kl&lt;mn&gt;",
    ],
)
def test_a_token_is_hidden_however_its_characters_are_escaped(echo: str):
    secret = OwnSecret(f"Bearer {TOKEN}")
    assert secret.remove_text(f"<{echo}>") == f"<{REMOVED}>"
    assert secret.remove(f"<{echo}>".encode()) == f"<{REMOVED}>".encode()


@pytest.mark.parametrize("before", ["", "a", "ab", "Bearer "])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_token_is_hidden_within_base64(before: str, encode: Callable[[bytes], bytes]):
    token = "s3cr3t??>>token~~~"
    echo = encode(f"{before}{token}, more".encode()).decode()
    shown = OwnSecret(f"Bearer {token}").remove_text(echo)
    assert REMOVED in shown
    rest = shown.replace(REMOVED, "")
    assert len(rest) <= len(encode(f"{before}, more".encode())) + 8


def test_an_escaped_text_without_the_secret_is_left_as_it_is():
    echo = '{"a":"\\u002B%2b&amp;"}'
    assert OwnSecret(f"Bearer {TOKEN}").remove(echo.encode()) == echo.encode()


def test_basic_hides_the_pair_its_encoding_and_the_password():
    encoded = base64.b64encode(b"someone:hunter2hunter2").decode()
    secret = OwnSecret(f"Basic {encoded}")
    for text in (f"Basic {encoded}", encoded, "someone:hunter2hunter2", "hunter2hunter2"):
        assert secret.remove_text(f"<{text}>") == f"<{REMOVED}>"
    assert secret.remove_text("someone") == "someone"


@pytest.mark.parametrize("password", ["", "x", "api"])
def test_a_key_given_as_user_name_is_hidden_too(password: str):
    encoded = base64.b64encode(f"sk_live_abcdef:{password}".encode()).decode()
    assert OwnSecret(f"Basic {encoded}").remove_text("sk_live_abcdef x") == f"{REMOVED} x"


def test_a_key_in_a_header_of_its_own_is_hidden():
    assert OwnSecret("k-12345").remove(b'{"k":"k-12345"}') == b'{"k":"[credential removed]"}'


def test_without_a_secret_nothing_is_changed():
    assert OwnSecret("").remove(b"anything") == b"anything"
    assert OwnSecret("Basic !!!").remove_text("anything") == "anything"
