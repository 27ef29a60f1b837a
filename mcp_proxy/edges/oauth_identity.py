"""Enterprise-managed authorization: the login at an identity provider becomes an ID-JAG.

The provider's tokens go to its own token endpoint alone, which was fixed at login (S8). It gives an
Identity Assertion Authorization Grant for one server and resource (RFC 8693), and the server's
token endpoint takes that for an access token (RFC 7523).
"""

import base64
import binascii
from typing import Any, NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.oauth_answer import parse_exchanged, parse_tokens
from mcp_proxy.core.oauth_metadata import unreliable
from mcp_proxy.core.oauth_request import ID_JAG, Form, authenticate, exchange_form, refresh_form
from mcp_proxy.core.oauth_scopes import Scopes
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import IdentityLogin
from mcp_proxy.edges.oauth_http import Fetched, OAuthHttp
from mcp_proxy.errors import CredentialError

# An ID token that ends sooner is renewed first: the provider's clock may be ahead of ours.
MARGIN_S = 60


class Person(NamedTuple):
    """Of whom an ID token speaks, and until when, in seconds of the epoch."""

    subject: str
    expires_s: float


def read_id_token(id_token: Secret, issuer: str, client_id: str) -> Person:
    """An ID token's claims, if it is this provider's and for this client (OpenID Core, 3.1.3.7).

    Its signature is not looked at: it comes from the provider's token endpoint over TLS, or from
    the person, and the provider itself judges it before it gives anything for it. PKCE ties it to
    the login, so there is no nonce.

    Raises:
        CredentialError: C07, without any of the token.
    """
    claims = _claims(id_token)
    named = claims.get("aud")
    audience = named if isinstance(named, list) else [named]
    subject, expires = claims.get("sub"), claims.get("exp")
    if claims.get("iss") != issuer:
        raise unreliable("The ID token is another identity provider's.")
    if client_id not in audience or claims.get("azp", client_id) != client_id:
        raise unreliable("The ID token is for another client.")
    if not isinstance(subject, str) or not subject:
        raise unreliable("The ID token does not say of whom it speaks.")
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        raise unreliable("The ID token does not say when it ends.")
    return Person(subject, float(expires))


def is_fresh(identity: IdentityLogin, now_s: float) -> bool:
    """Whether the ID token can still be exchanged."""
    return identity.expires_s is None or identity.expires_s > now_s + MARGIN_S


async def exchange(
    identity: IdentityLogin, issuer: str, resource: str, scopes: Scopes, http: OAuthHttp
) -> Secret:
    """An ID-JAG for the server `issuer` and its `resource`.

    Raises:
        CredentialError: Refused C08 the provider says no, C07 what it gives is no ID-JAG;
            Unanswered C08.
    """
    form = exchange_form(identity.id_token, issuer, scopes, resource)
    answer = await _post(identity, form, http)
    return parse_exchanged(answer.status, answer.doc, ID_JAG)


async def renew_identity(identity: IdentityLogin, http: OAuthHttp, now_s: float) -> IdentityLogin:
    """The same person's login with a new ID token; its refresh token may be another afterwards.

    Raises:
        CredentialError: C05 there is nothing to renew it with; Refused C08, C07, Unanswered C08.
    """
    if identity.refresh is None:
        raise _login_needed(identity, "has expired")
    answer = await _post(identity, refresh_form(identity.refresh, ""), http)
    granted = parse_tokens(answer.status, answer.doc, (), now_s)
    if granted.id_token is None:
        raise _login_needed(identity, "was renewed without an ID token")
    issuer, client_id = identity.server.issuer, identity.client.id
    person = read_id_token(granted.id_token, issuer, client_id)
    if person.subject != read_id_token(identity.id_token, issuer, client_id).subject:
        raise unreliable("The renewed ID token speaks of another person.")
    return identity._replace(
        id_token=granted.id_token,
        expires_s=person.expires_s,
        refresh=granted.refresh or identity.refresh,
    )


async def _post(identity: IdentityLogin, form: Form, http: OAuthHttp) -> Fetched:
    rows, headers = authenticate(identity.client, identity.client.secret, form)
    return await http.post(identity.server.token, rows, headers)


def _claims(id_token: Secret) -> dict[str, Any]:
    try:
        _, middle, _ = id_token.reveal().encode("ascii").decode().split(".")
        padded = middle + "=" * (-len(middle) % 4)
        claims = strict_json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise unreliable("The ID token is not a signed token.") from None
    if not isinstance(claims, dict):
        raise unreliable("The ID token is not a signed token.")
    return claims


def _login_needed(identity: IdentityLogin, how: str) -> CredentialError:
    why = f"The login at the identity provider {identity.server.issuer} {how}."
    return CredentialError("MCPX-C05", why)
