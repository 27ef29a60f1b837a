"""Logins of machines and companies by the installed command: a signed assertion, an ID-JAG."""

import os
from collections.abc import Iterator

import pytest
from authorization_ledger import EXCHANGE_GRANT, Family
from authorization_server import AuthorizationServer
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from e2e.login_world import World, open_world

from mcp_proxy.core.profile import Identity

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests' browser forks"),
]


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(str(tmp_path_factory.mktemp("identity"))) as made:
        made.server.knobs.access_s = 3600
        yield made


@pytest.fixture
def idp(world: World) -> Iterator[AuthorizationServer]:
    """An identity provider that the server trusts, and that the profile names."""
    with AuthorizationServer(path="/idp") as made:
        made.knobs.wants_resource = False
        world.server.ledger.trusted[made.issuer] = made.ledger.public_key()
        identity = Identity(made.issuer, "app")
        auth = {"grant": "id_jag", "issuer": world.server.issuer, "client_id": "app"}
        world.install(**auth, identity=identity)
        yield made


def exchanges(idp: AuthorizationServer) -> int:
    """How often the provider was asked for an ID-JAG."""
    return sum(seen.form.get("grant_type") == EXCHANGE_GRANT for seen in idp.seen)


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), None])
def test_a_machine_logs_in_by_its_own_key(
    world: World, key: ec.EllipticCurvePrivateKey | None
) -> None:
    made = key or ed25519.Ed25519PrivateKey.generate()
    public = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    private = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    world.server.add_client("machine", "private_key_jwt", key=public)
    world.install("rest", grant="client_credentials", client_id="machine")
    world.server.knobs.wants_resource = False
    words = ("--kind", "client", "--issuer", world.server.issuer, "--client-id", "machine")
    world.run("credential", "set", "guarded", *words, "--method", "private_key_jwt", text=private)
    world.login()
    with world.sidecar() as sidecar:
        assert '"ada"' in sidecar.call()
        world.server.ledger.expire()
        assert '"ada"' in sidecar.call()
    counts = world.server.ledger.counts
    assert (counts["client:private_key_jwt"], counts["assertion reused"]) == (2, 0)


def test_a_companys_login_is_made_at_the_identity_provider_alone(
    world: World, idp: AuthorizationServer
) -> None:
    world.login()
    with world.sidecar() as sidecar:
        assert '"ada"' in sidecar.call()
        world.server.ledger.expire()
        assert '"ada"' in sidecar.call()
    assert (idp.ledger.counts["authorize"], world.server.ledger.counts["authorize"]) == (1, 0)
    assert exchanges(idp) == 2
    assert [seen.form.get("audience") for seen in idp.heard("/idp/token")][1:] == [
        world.server.issuer
    ] * 2


def test_an_id_token_that_is_given_needs_no_browser_and_ends_in_a_new_login(
    world: World, idp: AuthorizationServer
) -> None:
    idp.ledger.families["ada"] = Family("app", ("openid",), "")
    world.stage.env["ID_TOKEN"] = idp.ledger.answer("ada")["id_token"]
    world.login("--id-token-from", "env:ID_TOKEN")
    with world.sidecar() as sidecar:
        assert '"ada"' in sidecar.call()
        idp.ledger.key = ec.generate_private_key(ec.SECP256R1())  # it knows no earlier login
        world.server.ledger.expire()
        said = sidecar.call()
        assert "MCPX-C05" in said
        assert "mcp-proxy login guarded" in said
    assert world.status()["state"] != "ready"
    assert idp.ledger.counts["authorize"] == 0


def test_another_providers_id_token_is_never_sent_anywhere(
    world: World, idp: AuthorizationServer
) -> None:
    server = world.server
    server.ledger.families["ada"] = Family("app", ("openid",), "")
    world.stage.env["ID_TOKEN"] = server.ledger.answer("ada")["id_token"]
    said = world.login("--id-token-from", "env:ID_TOKEN", code=4)
    assert "another identity provider's" in said
    assert world.stage.env["ID_TOKEN"] not in said
    assert exchanges(idp) == 0
    assert server.heard("/token") == []
