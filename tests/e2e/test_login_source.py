"""A profile is made for a gateway that lists nothing without a login, by the installed command."""

import base64
import os
import secrets
import subprocess
from collections.abc import Iterator

import login_stage
import pytest
from authorization_server import AuthorizationServer
from e2e.client import text_of
from e2e.publishing import Person
from e2e.stage import KEPT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests' browser forks"),
]

PASSPHRASE = "TESTS_VAULT_PASSPHRASE"
AUTH = "auth: {kind: oauth, credential: acme}"


class Publisher:
    """One with a home, a browser and the gateway's address; `acme.yaml` is theirs."""

    def __init__(self, folder: str, server: AuthorizationServer) -> None:
        env = {name: os.environ[name] for name in KEPT if name in os.environ}
        env["HOME"] = os.path.join(folder, "person")
        os.mkdir(env["HOME"])
        env[PASSPHRASE] = "canary-passphrase-of-the-vault"
        env["KEY_SIGN"] = base64.b64encode(secrets.token_bytes(32)).decode()
        env["MCP_PROXY_HOME"] = os.path.join(folder, "home")
        login_stage.make_home(folder)
        self.person = Person(folder, env)
        self.server = server
        self.run("vault", "init", "--from", f"env:{PASSPHRASE}")

    def run(self, *words: str, code: int = 0) -> str:
        """A command's whole text; it must end with `code`."""
        done = self.complete(*words)
        assert done.returncode == code, f"{words}\n{done.stdout}{done.stderr}"
        return " ".join((done.stdout + " " + done.stderr).split())

    def complete(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """A command, whatever comes of it."""
        return self.person.complete(*words)

    def path(self, *parts: str) -> str:
        """A path in the folder where they work."""
        return os.path.join(self.person.folder, *parts)

    def source(self) -> str:
        """The text of acme.yaml."""
        with open(self.path("acme.yaml"), encoding="utf-8") as file:
            return file.read()

    def install(self) -> None:
        """Signs the source as it is, trusts the key, installs."""
        signed = self.person.run("profile", "sign", "acme.yaml", "--key", "env:KEY_SIGN")
        self.run("trust", "add", signed.splitlines()[-1], "--profiles", "acme", "--yes")
        self.run("profile", "install", "acme.dsse.json", "--yes")


@pytest.fixture
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    with AuthorizationServer() as server:
        yield Publisher(str(tmp_path_factory.mktemp("source")), server)


def test_from_a_gateways_address_to_a_call_with_one_login(publisher: Publisher) -> None:
    said = publisher.run("profile", "new", "acme", "--mcp", publisher.server.mcp)
    assert "First: mcp-proxy login acme.yaml Then: mcp-proxy profile import acme" in said
    assert AUTH in publisher.source()
    assert not os.path.exists(publisher.path("acme.tools.json"))
    said = publisher.run("login", "acme.yaml")
    assert "for capturing the listings that acme.yaml names" in said
    publisher.run("profile", "import", "acme", "--select", "id:whoami")
    assert AUTH in publisher.source()
    assert os.path.exists(publisher.path("acme.tools.json"))
    publisher.run("profile", "build", "acme.yaml", "--refresh")
    publisher.install()
    assert "ready" in publisher.run("status", "acme")
    with publisher.person.serve("acme") as client:
        assert '"ada"' in text_of(client.call("whoami", {}))
    counts = publisher.server.ledger.counts
    assert (counts["authorize"], publisher.server.ledger.alarms) == (1, 0)
