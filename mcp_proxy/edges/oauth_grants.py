"""New access tokens for what a login holds: each grant's requests, to endpoints fixed then (S8).

A refresh token may be replaced by its use, so whoever spends one has to make that durable first;
what a step spends is said before it is taken.
"""

import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from mcp_proxy.core.oauth_answer import parse_tokens
from mcp_proxy.core.oauth_request import (
    Form,
    assertion_form,
    authenticate,
    client_form,
    refresh_form,
)
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import IdentityLogin, TokenSet
from mcp_proxy.edges.oauth_assertion import private_key_jwt
from mcp_proxy.edges.oauth_http import OAuthHttp
from mcp_proxy.edges.oauth_identity import exchange, is_fresh, renew_identity
from mcp_proxy.errors import CredentialError


class Step(NamedTuple):
    """One request, or one that spends nothing after another such.

    `spends` is the token that the server may replace by this, None for none of that kind. After the
    last step the access token is another one.
    """

    spends: Secret | None
    take: Callable[[OAuthHttp], Awaitable[TokenSet]]
    is_last: bool = True


def next_step(tokens: TokenSet, client_secret: Secret | None, now_s: float) -> Step:
    """What comes next on the way to another access token; `now_s` since the epoch.

    `client_secret` is the client's own where `tokens` hold none: its secret, or its private key.

    Raises:
        CredentialError: C05 there is nothing to renew it with.
    """
    if tokens.grant == "client_credentials":
        form = client_form(tokens.asked, tokens.resource)
        return Step(None, partial(_asked, tokens, client_secret, now_s, form))
    if tokens.grant == "id_jag":
        return _identity_step(tokens, client_secret, now_s)
    if tokens.refresh is None:
        why = f"The login at {tokens.server.issuer} has ended: nothing was given to renew it with."
        raise CredentialError("MCPX-C05", why)
    form = refresh_form(tokens.refresh, tokens.resource)
    take = partial(_asked, tokens, client_secret, now_s, form)
    return Step(tokens.refresh, take)


async def renew(
    tokens: TokenSet, http: OAuthHttp, client_secret: Secret | None, now_s: float
) -> TokenSet:
    """All steps at once, for a login that nobody shares yet. Raises CredentialError."""
    while not (step := next_step(tokens, client_secret, now_s)).is_last:
        tokens = await step.take(http)
    return await step.take(http)


def _identity_step(tokens: TokenSet, client_secret: Secret | None, now_s: float) -> Step:
    identity = tokens.identity
    if identity is None:
        why = f"The login at {tokens.server.issuer} holds no login at an identity provider."
        raise CredentialError("MCPX-C05", why)
    if not is_fresh(identity, now_s):
        take = partial(_identified, tokens, identity, now_s)
        return Step(identity.refresh, take, is_last=False)
    asserted = partial(_asserted, tokens, identity, client_secret, now_s)
    return Step(None, asserted)


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
    rows, headers = authenticate(tokens.client, _proof(tokens, client_secret, now_s), form)
    answer = await http.post(tokens.server.token, rows, headers)
    granted = parse_tokens(answer.status, answer.doc, tokens.scopes, now_s)
    return tokens._replace(
        access=granted.access,
        expires_s=granted.expires_s,
        refresh=granted.refresh or tokens.refresh,
        scopes=granted.scopes,
        obtained_s=now_s,
        sent="",
        needs_login="",
    )


def _proof(tokens: TokenSet, client_secret: Secret | None, now_s: float) -> Secret | None:
    secret = tokens.client.secret or client_secret
    if tokens.client.method != "private_key_jwt" or secret is None:
        return secret
    issuer, client_id = tokens.server.issuer, tokens.client.id
    return private_key_jwt(client_id, issuer, secret, now_s, os.urandom(16).hex())
