"""Renewals of every grant: who is asked, with what proof, and what they spend."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from authorization_ledger import Family
from authorization_server import AuthorizationServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from edges.kept_login import AUTH, NAME, KeptLogin

from mcp_proxy.core.binding import make_client_binding
from mcp_proxy.core.credential_item import Item
from mcp_proxy.core.profile import Identity
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client, IdentityLogin, Server
from mcp_proxy.edges.places import init_home
from mcp_proxy.errors import CredentialError


@pytest.fixture
def login(tmp_path: Path) -> Iterator[KeptLogin]:
    with AuthorizationServer() as server:
        yield KeptLogin(init_home(str(tmp_path / "home")), server)


@pytest.fixture
def provider() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as made:
        made.knobs.wants_resource = False
        yield made


def call(login: KeptLogin) -> bool:
    """Whether a call of a process that starts now would have a good token."""
    found = asyncio.run(login.keeper().authorization(login.spec))
    token = found.headers[0][1].removeprefix("Bearer ")
    return login.server.ledger.valid(token) is not None


def lapse(login: KeptLogin) -> None:
    """The access token ends; the clock stays, for what is signed names the time."""
    login.put(login.tokens._replace(expires_s=time.time() - 1))
    login.server.ledger.expire()


def machine(login: KeptLogin, method: str) -> None:
    """The login of a client that has tokens of its own, its secret being a credential."""
    tokens, client = login.tokens, Client("machine", method)
    login.put(tokens._replace(grant="client_credentials", client=client, refresh=None))
    auth = AUTH._replace(grant="client_credentials", client_id="machine")
    login.spec = login.spec._replace(auth=auth)


def give_secret(login: KeptLogin, issuer: str, method: str, secret: str) -> None:
    binding = make_client_binding(issuer, "machine", method, [(NAME, "keys")])
    login.credentials.put(NAME, Item(binding, Secret(secret)))


def person(login: KeptLogin, provider: AuthorizationServer) -> None:
    """The login by an identity provider, whose ID token has ended."""
    ledger = provider.ledger
    ledger.families["person"] = Family("app", ("openid",), "")
    row = ledger.answer("person")
    identity = IdentityLogin(
        Server(provider.issuer, f"{provider.issuer}/token"),
        Client("app", "none"),
        Secret(row["id_token"]),
        time.time() - 1,
        Secret(row["refresh_token"]),
    )
    login.put(login.tokens._replace(grant="id_jag", refresh=None, identity=identity))
    auth = AUTH._replace(grant="id_jag", identity=Identity(provider.issuer, "app"))
    login.spec = login.spec._replace(auth=auth)
    login.server.ledger.trusted[provider.issuer] = provider.ledger.public_key()


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_client_s_secret_is_read_when_it_is_needed_and_not_before(
    login: KeptLogin, method: str
) -> None:
    login.server.add_client("machine", method, "s3cret:of/it")
    machine(login, method)
    give_secret(login, login.server.issuer, method, "s3cret:of/it")
    assert call(login)
    assert login.keychain.reads == 0
    lapse(login)
    assert call(login)
    assert login.keychain.reads == 1
    assert login.server.ledger.counts[f"client:{method}"] == 1


def test_s8_a_key_set_since_the_login_is_not_sent_in_the_place_of_its_secret(
    login: KeptLogin,
) -> None:
    login.server.add_client("machine", "client_secret_post", "s3cret")
    machine(login, "client_secret_post")
    pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    give_secret(login, login.server.issuer, "private_key_jwt", pem)
    lapse(login)
    with pytest.raises(CredentialError, match="the login was made by client_secret_post") as caught:
        call(login)
    assert (caught.value.id, caught.value.next) == ("MCPX-C04", f"mcp-proxy login {NAME}")
    assert login.server.heard("/token") == []


def test_a_client_signs_each_request_anew(login: KeptLogin) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    login.server.add_client("machine", "private_key_jwt", key=public)
    machine(login, "private_key_jwt")
    give_secret(login, login.server.issuer, "private_key_jwt", pem.decode())
    for _ in range(2):
        lapse(login)
        assert call(login)
    assert login.server.ledger.counts["client_credentials"] == 2


def test_s8_a_client_s_secret_goes_to_its_own_issuer_alone(login: KeptLogin) -> None:
    login.server.add_client("machine", "client_secret_basic", "s3cret")
    machine(login, "client_secret_basic")
    give_secret(login, "https://other.example", "client_secret_basic", "s3cret")
    lapse(login)
    with pytest.raises(CredentialError) as caught:
        call(login)
    assert caught.value.id == "MCPX-C04"
    assert login.server.seen == []


def test_an_identity_is_renewed_kept_and_exchanged(
    login: KeptLogin, provider: AuthorizationServer
) -> None:
    person(login, provider)
    before = login.tokens.identity
    for _ in range(2):
        lapse(login)
        assert call(login)
    assert provider.ledger.counts["refresh_token"] == 1
    after = login.tokens.identity
    assert before is not None
    assert after is not None
    assert after.refresh != before.refresh
    assert (provider.ledger.counts["token-exchange"], provider.ledger.alarms) == (2, 0)
    assert login.server.ledger.counts["jwt-bearer"] == 2
    assert login.tokens.sent == ""


def test_a_provider_whose_id_tokens_have_ended_already_is_asked_once(
    login: KeptLogin, provider: AuthorizationServer
) -> None:
    person(login, provider)
    login.end()  # by our clock, whatever the provider gives is old
    assert call(login)
    assert provider.ledger.counts["refresh_token"] == 1


def test_s8_a_provider_s_lost_answer_ends_in_a_login(
    login: KeptLogin, provider: AuthorizationServer
) -> None:
    person(login, provider)
    provider.faults.drop, provider.faults.drops = "after", 1
    lapse(login)
    for _ in range(2):
        with pytest.raises(CredentialError) as caught:
            call(login)
        assert caught.value.id == "MCPX-C05"
    assert (provider.ledger.alarms, len(provider.heard("/token"))) == (0, 1)


def test_a_grant_that_is_lost_on_its_way_is_asked_for_again(
    login: KeptLogin, provider: AuthorizationServer
) -> None:
    person(login, provider)
    login.server.faults.drop, login.server.faults.drops = "after", 1
    lapse(login)
    with pytest.raises(CredentialError) as caught:
        call(login)
    assert caught.value.id == "MCPX-C08"
    assert call(login)
    assert (provider.ledger.alarms, login.server.ledger.counts["assertion reused"]) == (0, 0)
