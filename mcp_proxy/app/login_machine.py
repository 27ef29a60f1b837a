"""Logins of a machine: the client's own tokens, and those that an identity provider answers for."""

from mcp_proxy.app.login_tokens import Asking, ungranted
from mcp_proxy.core.oauth_answer import Granted
from mcp_proxy.core.oauth_metadata import Metadata, unreliable
from mcp_proxy.core.profile import Identity, OAuth
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client, IdentityLogin, Server, TokenSet
from mcp_proxy.edges import clock
from mcp_proxy.edges.oauth_discovery import find_server
from mcp_proxy.edges.oauth_grants import renew
from mcp_proxy.edges.oauth_http import OAuthHttp
from mcp_proxy.edges.oauth_identity import read_id_token

# With a refresh token the ID token can be renewed, and nobody has to log in again each hour.
_SCOPES = ("openid", "offline_access")


async def by_client(asking: Asking) -> TokenSet:
    """The client's own tokens (client_credentials). Raises CredentialError C01, C07, C08."""
    tokens = ungranted(asking, "client_credentials")
    return await renew(tokens, asking.http, asking.secret, clock.now_s())


async def by_identity(asking: Asking, identity: IdentityLogin) -> TokenSet:
    """Tokens for the person's ID token (ID-JAG). Raises CredentialError C01, C07, C08."""
    tokens = ungranted(asking, "id_jag", identity)
    return await renew(tokens, asking.http, asking.secret, clock.now_s())


async def identity_server(identity: Identity, http: OAuthHttp, *, by_person: bool) -> Metadata:
    """The identity provider's endpoints; `by_person`: with one to log in at.

    Raises:
        CredentialError: C07, C08 its metadata cannot be had or relied on.
    """
    grant = "authorization_code" if by_person else "client_credentials"
    auth = OAuth("oauth", "", grant, identity.issuer, identity.client_id, "", (), ())
    server = await find_server(identity.issuer, auth, http)
    if by_person and not server.authorization:
        raise unreliable(f"{identity.issuer} has no page to log in at by a browser.")
    return server


def identity_asking(identity: Identity, server: Metadata, http: OAuthHttp) -> Asking:
    """What the provider is asked for by the person's browser."""
    scopes = tuple(name for name in _SCOPES if name == "openid" or name in (server.scopes or ()))
    return Asking(server, Client(identity.client_id, "none"), None, scopes, "", http)


def identity_granted(identity: Identity, server: Metadata, granted: Granted) -> IdentityLogin:
    """The login at the provider by what it gave. Raises CredentialError C07."""
    if granted.id_token is None:
        raise unreliable(f"{identity.issuer} gave no ID token.")
    return identity_login(identity, server, granted.id_token, granted.refresh)


def identity_login(
    identity: Identity, server: Metadata, id_token: Secret, refresh: Secret | None
) -> IdentityLogin:
    """The login at the provider by an ID token. Raises CredentialError C07, it is another's."""
    person = read_id_token(id_token, identity.issuer, identity.client_id)
    place = Server(identity.issuer, server.token, server.revocation)
    client = Client(identity.client_id, "none")
    return IdentityLogin(place, client, id_token, person.expires_s, refresh)
