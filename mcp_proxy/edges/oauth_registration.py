"""Who we are at an authorization server: named beforehand, by a document, or registered now.

MCP 2025-11-25, "Client Registration Approaches". Each login registers anew: its redirect URI has
another port, which many servers compare, and what one server gave is never shown to another.
"""

from shlex import quote
from typing import NamedTuple

from mcp_proxy.core.oauth_client import parse_registration, registration
from mcp_proxy.core.oauth_metadata import Metadata
from mcp_proxy.core.oauth_scopes import Scopes
from mcp_proxy.core.profile import OAuth
from mcp_proxy.core.token_set import Client
from mcp_proxy.edges.oauth_http import OAuthHttp
from mcp_proxy.errors import CredentialError


class Wish(NamedTuple):
    """What a login brings with it.

    `given` is a client that is known beforehand: by the command line, by the profile, or by the
    credential of kind client, whose method it bears. `redirect_uri` is "" for a device.
    """

    redirect_uri: str
    scopes: Scopes
    given: Client | None = None


async def find_client(oauth: OAuth, metadata: Metadata, wish: Wish, http: OAuthHttp) -> Client:
    """The client to log in with; registers one where there is no other way.

    Raises:
        CredentialError: C08 the server wants a client that it knows beforehand, or refuses to
            register one; C07 what it gives is of no use.
    """
    if wish.given is not None:
        return wish.given
    if oauth.client_metadata and metadata.client_metadata:
        return Client(oauth.client_metadata, "none")
    if not metadata.registration or oauth.grant != "authorization_code":
        raise _unknown(oauth, metadata)
    asked = registration(metadata, wish.redirect_uri, wish.scopes)
    answer = await http.post_json(metadata.registration, asked)
    return parse_registration(answer.status, answer.doc, asked["token_endpoint_auth_method"])


def _unknown(oauth: OAuth, metadata: Metadata) -> CredentialError:
    if oauth.grant == "authorization_code":
        why = f"The authorization server {metadata.issuer} registers no new clients here."
        return CredentialError("MCPX-C08", why, "mcp-proxy login PROFILE --client-id ID")
    why = f"The grant {oauth.grant} needs a client that {metadata.issuer} knows beforehand."
    named = f"{oauth.credential} --kind client --issuer {quote(metadata.issuer)}"
    return CredentialError("MCPX-C08", why, f"mcp-proxy credential set {named} --client-id ID")
