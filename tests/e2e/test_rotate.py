"""`credential rotate` under a running profile: the old secret, then the new one, and no failure."""

import secrets
import threading
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from e2e.stage import PROFILE, Gate, Stage, build_stage

from mcp_proxy.app.demo_api import BillingApi
from mcp_proxy.app.demo_gateway import Gateway
from mcp_proxy.app.demo_http import LoopbackServer, Reply, Request

pytestmark = pytest.mark.slow

NEW = f"canary-new-{secrets.token_hex(16)}"
CUSTOMER = {"customer": "cus_0001"}


class Doors:
    """The billing API with the tokens that it lets in now; `seen` says which came."""

    def __init__(self, *tokens: str) -> None:
        self.open = set(tokens)
        self.seen: list[str] = []
        self.refused = 0

    def handle(self, request: Request) -> Reply:
        """As the API, for each token that is open."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.seen.append(token)
        if token not in self.open:
            self.refused += 1
        known = token if token in self.open else "none"
        return BillingApi(known).handle(request)


class Scene(NamedTuple):
    """A stage whose API credential lies in the vault."""

    stage: Stage
    doors: Doors
    old: str


@pytest.fixture
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    old, gateway_token = (f"canary-{secrets.token_hex(16)}" for _ in range(2))
    doors = Doors(old)
    gateway = LoopbackServer(Gateway(gateway_token).handle)
    with LoopbackServer(doors.handle) as api, gateway:
        folder = str(tmp_path_factory.mktemp("rotate"))
        stage = build_stage(folder, api, gateway, (old, gateway_token), Gate())
        stage.env["VAULT_WORDS"] = "canary-correct-horse"
        stage.run("vault", "init", "--from", "env:VAULT_WORDS")
        words = ("credential", "set", "demo-billing-api", "--origin", api.origin)
        stage.run(*words, "--profile", PROFILE, text=old)
        yield Scene(stage, doors, old)


def test_a_running_profile_never_fails_while_its_secret_is_rotated(scene: Scene) -> None:
    stage, doors, old = scene
    results = []
    done = threading.Event()
    with stage.serve() as client:
        client.handshake()

        def call() -> bool:
            result = client.call("find_invoices", CUSTOMER, modern=False)
            results.append(result)
            return not result.get("isError", False)

        assert call()
        doors.open.add(NEW)
        rotation = threading.Thread(
            target=lambda: (
                stage.run("credential", "rotate", "demo-billing-api", text=NEW),
                done.set(),
            )
        )
        rotation.start()
        while not done.is_set():
            assert call(), results[-1]
        rotation.join()
        doors.open.remove(old)
        assert call(), results[-1]
    assert (doors.seen[0], doors.seen[-1], doors.refused) == (old, NEW, 0)
    assert len(results) > 2
    said = stage.run("credential", "list", "--json") + stage.run("vault", "show")
    log = str(stage.log() + stage.ledger())
    assert "credential rotate" in log
    for secret in (old, NEW, "canary-correct-horse"):
        assert secret not in said + log


def test_a_secret_that_was_rotated_at_the_server_first_is_taken_at_the_401(scene: Scene) -> None:
    stage, doors, old = scene
    with stage.serve() as client:
        client.handshake()
        assert not client.call("find_invoices", CUSTOMER, modern=False).get("isError", False)
        doors.open = {NEW}
        refused = client.call("find_invoices", CUSTOMER, modern=False)
        assert refused["isError"]
        stage.run("credential", "rotate", "demo-billing-api", text=NEW)
        assert not client.call("find_invoices", CUSTOMER, modern=False).get("isError", False)
    assert doors.seen[0] == old


def test_a_rotation_to_a_reference_keeps_what_it_may_be_used_for(scene: Scene) -> None:
    stage, doors, _ = scene
    doors.open.add(NEW)
    stage.env["NEW_TOKEN"] = NEW
    stage.run("credential", "rotate", "demo-billing-api", "--from", "env:NEW_TOKEN")
    with stage.serve() as client:
        client.handshake()
        assert not client.call("find_invoices", CUSTOMER, modern=False).get("isError", False)
    assert doors.seen[-1] == NEW
    again = stage.complete("credential", "rotate", "demo-billing-api", text="x")
    assert again.returncode == 2
    assert "comes from env:NEW_TOKEN" in again.stderr
    missing = stage.complete("credential", "rotate", "nothing", text="x")
    assert (missing.returncode, "MCPX-C01" in missing.stderr) == (4, True)
