"""Whether a kept login serves an upstream, and until when (S8)."""

import math

from mcp_proxy.core.binding_use import Use, check_use
from mcp_proxy.core.profile import OAuth
from mcp_proxy.core.token_set import TokenSet
from mcp_proxy.errors import CredentialError

# So long before its end a token is renewed, beside the calls: a tenth of its lifetime at most.
_AHEAD_S = 60.0


def check_login(tokens: TokenSet, auth: OAuth, use: Use) -> None:
    """Whether the profile's upstream may use this login as it is.

    Raises:
        CredentialError: C03 another profile's, C05 made elsewhere, or one that has ended.
    """
    name = use.credential
    try:
        check_use(tokens.binding, use)
    except CredentialError as error:
        if error.id != "MCPX-C04":
            raise
        raise login_needed(error.why, use.profile) from None
    pinned = dict(auth.endpoints).get("token", tokens.server.token)
    if auth.issuer not in ("", tokens.server.issuer) or pinned != tokens.server.token:
        why = f"The login of {name} was made at {tokens.server.issuer}; the profile names another."
        raise login_needed(why, use.profile)
    identity = tokens.identity and (tokens.identity.server.issuer, tokens.identity.client.id)
    if auth.grant != tokens.grant or auth.identity != identity:
        why = f"The login of {name} was made in another way than the profile says."
        raise login_needed(why, use.profile)
    if auth.client_id not in ("", tokens.client.id):
        why = f"The login of {name} was made by another client than the profile names."
        raise login_needed(why, use.profile)
    if auth.resource not in ("", tokens.resource):
        why = f"The login of {name} was made for another resource than the profile names."
        raise login_needed(why, use.profile)
    if tokens.needs_login:
        raise login_needed(tokens.needs_login, use.profile)


def login_needed(why: str, profile: str) -> CredentialError:
    """C05 with the command; `why` is a whole sentence."""
    return CredentialError("MCPX-C05", why, f"mcp-proxy login {profile}")


def is_renewable(tokens: TokenSet) -> bool:
    """Whether there is anything that gives another access token without a person."""
    return tokens.grant != "authorization_code" or tokens.refresh is not None


def renewal_s(tokens: TokenSet) -> float:
    """From when on the access token is to be renewed, in seconds of the epoch."""
    ends_s = end_s(tokens)
    if not is_renewable(tokens):
        return ends_s
    return ends_s - min(_AHEAD_S, _lifetime_s(tokens) / 10)


def end_s(tokens: TokenSet) -> float:
    """When the access token ends, in seconds of the epoch; without end where nobody said."""
    return math.inf if tokens.expires_s is None else tokens.expires_s


def _lifetime_s(tokens: TokenSet) -> float:
    return max(0.0, end_s(tokens) - tokens.obtained_s)
