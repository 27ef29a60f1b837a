"""New access tokens for what a login holds: each grant's requests, to endpoints fixed then (S8).

A refresh token may be replaced by its use, so whoever spends one has to make that durable first;
what a step spends is said before it is taken.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from mcp_proxy.core.oauth_answer import Granted, parse_tokens
from mcp_proxy.core.oauth_request import (
    Form,
    assertion_form,
    authenticate,
    client_form,
    refresh_form,
)
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import IdentityLogin, TokenSet
from mcp_proxy.edges.oauth_assertion import prove
from mcp_proxy.edges.oauth_http import OAuthHttp
from mcp_proxy.edges.oauth_identity import exchange, is_fresh, renew_identity
from mcp_proxy.errors import CredentialError


class Step(NamedTuple):
    """`spends` is the token that the server may replace by this, None for none of that kind."""

    spends: Secret | None
    take: Callable[[OAuthHttp], Awaitable[TokenSet]]


def identity_step(tokens: TokenSet, now_s: float) -> Step | None:
    """The first step of the grant id_jag where the ID token has ended; None where it has not.

    It leaves the access token as it is; `now_s` is since the epoch.
    """
    identity = tokens.identity
    if tokens.grant != "id_jag" or identity is None or is_fresh(identity, now_s):
        return None
    return Step(identity.refresh, partial(_identified, tokens, identity, now_s))


def access_step(tokens: TokenSet, client_secret: Secret | None, now_s: float) -> Step:
    """The last step, which gives another access token.

    `client_secret` is the client's own where `tokens` hold none: its secret, or its private key.

    Raises:
        CredentialError: C05 there is nothing to renew it with.
    """
    asked = partial(_asked, tokens, client_secret, now_s)
    if tokens.grant == "client_credentials":
        return Step(None, partial(asked, client_form(tokens.asked, tokens.resource)))
    if tokens.grant == "id_jag" and tokens.identity is not None:
        return Step(None, partial(_asserted, tokens, tokens.identity, client_secret, now_s))
    if tokens.refresh is None:
        why = f"The login at {tokens.server.issuer} has ended: nothing was given to renew it with."
        raise CredentialError("MCPX-C05", why)
    return Step(tokens.refresh, partial(asked, refresh_form(tokens.refresh, tokens.resource)))


async def renew(
    tokens: TokenSet, http: OAuthHttp, client_secret: Secret | None, now_s: float
) -> TokenSet:
    """Both steps at once, for a login that nobody shares yet. Raises CredentialError."""
    first = identity_step(tokens, now_s)
    if first is not None:
        tokens = await first.take(http)
    return await access_step(tokens, client_secret, now_s).take(http)


async def _identified(
    tokens: TokenSet, identity: IdentityLogin, now_s: float, http: OAuthHttp
) -> TokenSet:
    return tokens._replace(identity=await renew_identity(identity, http, now_s), sent="")


async def _asserted(
    tokens: TokenSet,
    identity: IdentityLogin,
    client_secret: Secret | None,
    now_s: float,
    http: OAuthHttp,
) -> TokenSet:
    issuer = tokens.server.issuer
    assertion = await exchange(identity, issuer, tokens.resource, tokens.asked, http)
    form = assertion_form(assertion, tokens.asked, tokens.resource)
    return await _asked(tokens, client_secret, now_s, form, http)


async def _asked(
    tokens: TokenSet, client_secret: Secret | None, now_s: float, form: Form, http: OAuthHttp
) -> TokenSet:
    client, server = tokens.client, tokens.server
    proof = prove(client, client.secret or client_secret, server.issuer, now_s)
    rows, headers = authenticate(client, proof, form)
    answer = await http.post(server.token, rows, headers)
    granted = parse_tokens(answer.status, answer.doc, tokens.scopes, now_s)
    return granted_to(tokens, granted, now_s)


def granted_to(tokens: TokenSet, granted: Granted, now_s: float) -> TokenSet:
    """The login with what its server gave; a refresh token that was not replaced stays."""
    return tokens._replace(
        access=granted.access,
        expires_s=granted.expires_s,
        refresh=granted.refresh or tokens.refresh,
        scopes=granted.scopes,
        obtained_s=now_s,
        sent="",
        needs_login="",
    )
