"""When a login's token is renewed, and when it serves no longer."""

import math

from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.binding import Binding
from mcp_proxy.core.login_state import end_s, is_renewable, renewal_s
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client, Server, TokenSet

TOKENS = TokenSet(
    "authorization_code",
    Server("https://as.example", "https://as.example/token"),
    Client("app", "none"),
    "https://api.example",
    (),
    (),
    Secret("access"),
    None,
    Secret("refresh"),
    0.0,
    Binding("oauth", "Authorization", (), "", ()),
)
moments = st.floats(0, 1e10)


@given(obtained_s=moments, lifetime_s=st.floats(1, 1e6))
def test_renewal_begins_before_the_end_by_a_tenth_and_a_minute_at_most(
    obtained_s: float, lifetime_s: float
) -> None:
    tokens = TOKENS._replace(obtained_s=obtained_s, expires_s=obtained_s + lifetime_s)
    ahead_s = end_s(tokens) - renewal_s(tokens)
    assert 0 < ahead_s <= 60
    assert ahead_s <= lifetime_s / 10 + 1e-5


@given(expires_s=moments, obtained_s=moments)
def test_what_nothing_renews_is_used_to_its_end(expires_s: float, obtained_s: float) -> None:
    tokens = TOKENS._replace(refresh=None, expires_s=expires_s, obtained_s=obtained_s)
    assert not is_renewable(tokens)
    assert renewal_s(tokens) == end_s(tokens) == expires_s


def test_a_token_without_a_lifetime_has_no_end() -> None:
    assert renewal_s(TOKENS) == end_s(TOKENS) == math.inf
