"""login, logout and status by the installed command, with sidecars that run meanwhile."""

import os
import re
import shlex
import signal
import threading
import urllib.request
from collections.abc import Iterator

import pytest
from authorization_server import AuthorizationServer
from e2e.login_world import World, open_world, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests' browser forks"),
]


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(str(tmp_path_factory.mktemp("login"))) as made:
        yield made


def assert_whole_life(world: World) -> None:
    """Missing, logged in, used, refreshed, restarted, logged out."""
    ledger = world.server.ledger
    with world.sidecar() as sidecar:
        assert "mcp-proxy login guarded" in sidecar.call()
        world.login()
        assert '"ada"' in sidecar.call()  # without a restart
        world.outlive()
        assert '"ada"' in sidecar.call()
    with world.sidecar() as sidecar:
        assert '"ada"' in sidecar.call()
    assert ledger.counts["refresh_token"] >= 1
    assert (ledger.counts["authorize"], ledger.alarms) == (1, 0)
    assert world.status()["state"] == "ready"
    world.run("logout", "guarded")
    assert ledger.counts["revoked refresh"] == 1
    assert ledger.access == {}
    assert "MCPX-C05" in world.run("call", "guarded", "whoami", "{}", code=4)


def test_a_login_with_a_passphrase_vault_from_its_making_to_its_end(world: World) -> None:
    assert_whole_life(world)


@pytest.mark.keychain
def test_a_login_with_the_systems_keychain_from_its_making_to_its_end(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with open_world(str(tmp_path_factory.mktemp("login")), vault=False) as world:
        assert_whole_life(world)


def test_a_restart_with_an_expired_token_refreshes_silently(world: World) -> None:
    world.login()
    world.outlive()
    for _ in range(2):
        with world.sidecar() as sidecar:
            assert '"ada"' in sidecar.call()
    counts = world.server.ledger.counts
    assert (counts["authorize"], counts["refresh_token"]) == (1, 1)


def test_without_a_browser_the_address_is_printed(world: World) -> None:
    with world.started("login", "guarded", "--no-browser") as login:
        said = login.wait_for("/authorize?")
        url = re.search(r"http\S+/authorize\?\S+", said)
        assert url is not None
        with urllib.request.urlopen(url[0], timeout=10) as page:
            assert page.status == 200
        assert login.end() == 0
    assert '"ada"' in world.run("call", "guarded", "whoami", "{}")
    assert not os.path.exists(world.stage.path("browser.log"))


def test_a_device_is_logged_in_without_a_browser_here(world: World) -> None:
    world.server.knobs.device_polls = 2
    said = world.login("--device")
    assert world.server.issuer + "/activate" in said
    assert '"ada"' in world.run("call", "guarded", "whoami", "{}")
    counts = world.server.ledger.counts
    assert (counts["authorize"], counts["device_code"], counts["device too fast"]) == (0, 1, 0)


@pytest.mark.parametrize("error", ["access_denied", "expired_token"])
def test_a_device_that_is_denied_says_so(world: World, error: str) -> None:
    world.server.knobs.device_answer = error
    assert "MCPX-C08" in world.login("--device", code=4)
    assert world.status()["state"] != "ready"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_machine_logs_in_by_its_own_secret(world: World, method: str) -> None:
    world.server.add_client("machine", method, "canary:client/secret")
    world.install("rest", grant="client_credentials", client_id="machine")
    world.server.knobs.wants_resource = False
    words = ("--kind", "client", "--issuer", world.server.issuer, "--client-id", "machine")
    text = "canary:client/secret"
    world.run("credential", "set", "guarded", *words, "--method", method, text=text)
    world.login()
    world.outlive()
    with world.sidecar() as sidecar:
        assert '"ada"' in sidecar.call()
    counts = world.server.ledger.counts
    assert (counts["authorize"], counts["client_credentials"]) == (0, 2)
    assert not os.path.exists(world.stage.path("browser.log"))


def test_scopes_that_do_not_suffice_are_told_with_the_command_that_asks_for_them(
    world: World,
) -> None:
    world.install(scopes=("read",))
    world.server.faults.challenge_scope = "read"
    world.login()
    world.server.resource.needed = ("read", "write")
    with world.sidecar() as sidecar:
        said = sidecar.call()
        assert "MCPX-C06" in said
        command = re.search(r"mcp-proxy (login guarded[^\n`(]*)", said)
        assert command is not None, said
        world.run(*shlex.split(command[1].rstrip(". ")))
        assert '"ada"' in sidecar.call()
        world.server.resource.still_refuses = True
        said = sidecar.call()
        assert "another login would not help" in said
        assert "mcp-proxy login" not in said
    asked = [seen.query["scope"].split() for seen in world.server.heard("/authorize")]
    assert [set(scopes) - {"offline_access"} for scopes in asked] == [{"read"}, {"read", "write"}]


def test_a_grant_that_ended_is_one_state_for_all_until_the_next_login(world: World) -> None:
    world.login()
    with world.sidecar() as first, world.sidecar() as second:
        assert '"ada"' in first.call()
        assert '"ada"' in second.call()
        world.outlive()
        world.server.ledger.end_grants()
        before = len(world.server.heard("/token"))
        for sidecar in (first, second, first):
            said = sidecar.call()
            assert "MCPX-C05" in said
            assert "mcp-proxy login guarded" in said
        assert len(world.server.heard("/token")) == before + 1  # one refresh for all
        assert world.status()["state"] != "ready"
        world.login()
        assert '"ada"' in first.call()
        assert '"ada"' in second.call()
    assert world.server.ledger.alarms == 0


def test_one_login_at_a_time(world: World) -> None:
    with world.started("login", "guarded", "--no-browser") as login:
        login.wait_for("/authorize?")
        assert "is under way" in world.login("--no-browser", code=None)
        assert world.server.ledger.counts["authorize"] == 0
        login.process.send_signal(signal.SIGINT)
        assert login.end() != 0
        assert b"Traceback" not in login.said
    world.login()


def test_a_login_that_is_interrupted_leaves_nothing(world: World) -> None:
    world.server.faults.hold = threading.Event()
    with world.started("login", "guarded") as login:
        assert until(lambda: world.server.heard("/token"))
        login.process.send_signal(signal.SIGINT)
        assert login.end() != 0
        assert b"Traceback" not in login.said
    assert os.listdir(world.stage.path("person")) == []
    world.server.faults.hold.set()
    world.server.faults.hold = None
    assert "MCPX-C05" in world.run("call", "guarded", "whoami", "{}", code=4)


def test_a_server_out_of_reach_keeps_the_login_unless_asked_to_forget_it_here(
    world: World,
) -> None:
    world.login()
    world.server.faults.answers = {"/revoke": (503, {}, b"")}
    assert "--local" in world.run("logout", "guarded", code=6)
    assert '"ada"' in world.run("call", "guarded", "whoami", "{}")
    world.run("logout", "guarded", "--local")
    assert "MCPX-C05" in world.run("call", "guarded", "whoami", "{}", code=4)


def test_a_server_without_revocation_says_so_and_forgets(world: World) -> None:
    world.server.faults.metadata = {"revocation_endpoint": None}
    world.login()
    assert "revo" in world.run("logout", "guarded")
    assert world.server.heard("/revoke") == []
    assert world.status()["state"] != "ready"


def test_a_sidecar_keeps_its_login_while_the_server_is_out_of_order(world: World) -> None:
    world.login()
    with world.sidecar() as sidecar:
        assert '"ada"' in sidecar.call()
        world.outlive()
        world.server.faults.queued = {"/token": [(503, {}, b"")] * 20}
        assert "MCPX-C08" in sidecar.call()
        world.server.faults.queued.clear()
        assert until(lambda: '"ada"' in sidecar.call())
    assert world.server.ledger.counts["authorize"] == 1


def test_each_login_registers_a_client_where_there_is_no_other_way(world: World) -> None:
    world.install(client_id="")
    world.server.faults.metadata = {"client_id_metadata_document_supported": None}
    world.login()
    world.login()
    counts = world.server.ledger.counts
    assert (counts["register"], counts["authorize"]) == (2, 2)
    row = next(seen for seen in world.server.seen if seen.path == "/register")
    assert b'"application_type":"native"' in row.body.replace(b": ", b":")


def test_a_client_is_known_by_its_document(world: World) -> None:
    url = "https://client.example.com/mcp-proxy.json"
    world.server.ledger.documents[url] = {
        "client_id": url,
        "redirect_uris": ["http://127.0.0.1/callback"],
    }
    world.install(client_id="", client_metadata=url)
    world.login()
    assert world.server.heard("/authorize")[0].query["client_id"] == url


def test_an_issuer_with_a_path_is_found(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = str(tmp_path_factory.mktemp("login"))
    with open_world(folder) as world, AuthorizationServer(path="/tenant") as server:
        world.server = server
        world.install()
        world.login()
        assert '"ada"' in world.run("call", "guarded", "whoami", "{}")
        server.faults.only_oidc = True
        world.login()
