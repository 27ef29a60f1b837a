"""An upstream's own secret is taken out in every form it may be echoed in."""

import base64
import json
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
