"""Which client a login uses at a server, and a registration at a real one."""

import asyncio
import json

import pytest
from authorization_server import AuthorizationServer

from mcp_proxy.core.oauth_answer import Refused
from mcp_proxy.core.profile import OAuth
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client
from mcp_proxy.edges.network import DIRECT
from mcp_proxy.edges.oauth_discovery import find_server
from mcp_proxy.edges.oauth_http import OAuthHttp
from mcp_proxy.edges.oauth_registration import Wish, find_client
from mcp_proxy.errors import CredentialError

GRANT = OAuth("oauth", "api", "authorization_code", "", "", "", (), ())
DOCUMENT = "https://client.example/mcp-proxy.json"
REDIRECT = "http://127.0.0.1:4321/callback"
WISH = Wish(REDIRECT, ("read",))


def client_of(server: AuthorizationServer, oauth: OAuth = GRANT, wish: Wish = WISH) -> Client:
    async def main() -> Client:
        http = OAuthHttp(DIRECT, frozenset({"127.0.0.1"}), localhost=False)
        try:
            metadata = await find_server(server.issuer, oauth, http)
            return await find_client(oauth, metadata, wish, http)
        finally:
            await http.close()

    return asyncio.run(main())


def test_without_another_client_one_is_registered_as_native() -> None:
    with AuthorizationServer() as server:
        client = client_of(server)
        assert client.method == "none"
        assert server.ledger.clients[client.id].redirects == (REDIRECT,)
        (seen,) = server.heard("/register")
        asked = json.loads(seen.body)
        assert asked["application_type"] == "native"
        assert asked["grant_types"][:2] == ["authorization_code", "refresh_token"]
        assert "authorization" not in seen.headers


def test_a_server_that_gives_secrets_gives_one_to_the_client() -> None:
    with AuthorizationServer() as server:
        methods = ["client_secret_basic"]
        server.faults.metadata = {"token_endpoint_auth_methods_supported": methods}
        client = client_of(server)
        assert client.method == "client_secret_basic"
        assert client.secret == Secret(server.ledger.clients[client.id].secret)


def test_a_client_known_beforehand_comes_before_a_document_and_that_before_a_registration() -> None:
    given = Client("given", "client_secret_post")
    with AuthorizationServer() as server:
        oauth = GRANT._replace(client_metadata=DOCUMENT)
        assert client_of(server, oauth, WISH._replace(given=given)) == given
        assert client_of(server, oauth) == Client(DOCUMENT, "none")
        assert server.heard("/register") == []
        server.faults.metadata = {"client_id_metadata_document_supported": None}
        assert client_of(server, oauth).id in server.ledger.clients


def test_each_login_registers_anew_for_its_own_redirect() -> None:
    with AuthorizationServer() as server:
        other = "http://127.0.0.1:9876/callback"
        first, second = client_of(server), client_of(server, wish=WISH._replace(redirect_uri=other))
        assert first != second
        assert server.ledger.clients[second.id].redirects == (other,)


def test_a_server_that_registers_nobody_needs_a_client_by_name() -> None:
    with AuthorizationServer() as server:
        server.faults.metadata = {"registration_endpoint": None}
        with pytest.raises(CredentialError, match="registers no new clients") as caught:
            client_of(server)
        assert caught.value.id == "MCPX-C08"
        assert caught.value.next == "mcp-proxy login PROFILE --client-id ID"


@pytest.mark.parametrize("grant", ["client_credentials", "id_jag"])
def test_a_machine_needs_a_client_that_the_server_knows(grant: str) -> None:
    with AuthorizationServer() as server:
        with pytest.raises(CredentialError, match="knows beforehand") as caught:
            client_of(server, GRANT._replace(grant=grant))
        wanted = f"credential set api --kind client --issuer {server.issuer} --client-id ID"
        assert caught.value.next == f"mcp-proxy {wanted}"
        assert server.heard("/register") == []


def test_a_refused_registration_is_told_in_the_servers_cleaned_words() -> None:
    body = json.dumps({"error": "invalid_redirect_uri", "error_description": "No\x1b[2J ports."})
    with AuthorizationServer() as server:
        server.faults.answers["/register"] = (400, {}, body.encode())
        with pytest.raises(Refused, match=r"refused \(invalid_redirect_uri\): No ports\."):
            client_of(server)
