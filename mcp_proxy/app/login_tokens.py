"""What a login says to its authorization server, with the client's proof of who it is."""

from typing import NamedTuple

from mcp_proxy.core.binding import OAUTH, Binding
from mcp_proxy.core.oauth_answer import Granted, parse_tokens
from mcp_proxy.core.oauth_metadata import Metadata
from mcp_proxy.core.oauth_request import Form, authenticate
from mcp_proxy.core.oauth_scopes import Scopes
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client, IdentityLogin, Server, TokenSet
from mcp_proxy.edges import clock
from mcp_proxy.edges.oauth_assertion import prove
from mcp_proxy.edges.oauth_http import Fetched, OAuthHttp


class Asking(NamedTuple):
    """A server, the client that we are there, and what is asked for.

    `secret` is the client's, or its private key in PEM; None for a public client.
    """

    metadata: Metadata
    client: Client
    secret: Secret | None
    scopes: Scopes
    resource: str
    http: OAuthHttp


async def ask(asking: Asking, url: str, form: Form) -> Fetched:
    """The answer of one of the server's endpoints to a form.

    Raises:
        CredentialError: C01 the client's secret is lacking; C07, C08 no usable answer.
    """
    proof = prove(asking.client, asking.secret, asking.metadata.issuer, clock.now_s())
    rows, headers = authenticate(asking.client, proof, form)
    return await asking.http.post(url, rows, headers)


async def ask_tokens(asking: Asking, form: Form) -> Granted:
    """Tokens for a form. Raises CredentialError as `ask`; C08 the server says no."""
    answer = await ask(asking, asking.metadata.token, form)
    return parse_tokens(answer.status, answer.doc, asking.scopes, clock.now_s())


def ungranted(asking: Asking, grant: str, identity: IdentityLogin | None = None) -> TokenSet:
    """A login as it is before anything is granted, bound to nothing."""
    server = asking.metadata
    return TokenSet(
        grant,
        Server(server.issuer, server.token, server.revocation),
        asking.client,
        asking.resource,
        asking.scopes,
        asking.scopes,
        Secret(""),
        None,
        None,
        clock.now_s(),
        Binding(OAUTH, "Authorization", (), "", ()),
        identity=identity,
    )
