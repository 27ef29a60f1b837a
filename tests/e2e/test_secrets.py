"""Canary secrets: no trace anywhere but in the one request that each authorizes."""

import os
import secrets
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from e2e.client import text_of
from e2e.login_world import PASSPHRASE, World, open_world
from e2e.stage import Stage
from e2e.traces import Traces, assert_no_trace


def everything(stage: Stage) -> bytes:
    """Every byte of every file of the stage."""
    found = b""
    for place, _, names in os.walk(stage.folder):
        for name in names:
            with open(os.path.join(place, name), "rb") as file:
                found += file.read()
    return found


def test_s7_a_secret_is_in_its_request_and_nowhere_else(own_stage: Stage) -> None:
    api, gateway = own_stage.secrets["DEMO_API_TOKEN"], own_stage.secrets["DEMO_GATEWAY_TOKEN"]
    with own_stage.serve() as client:
        client.handshake()
        client.call("find_customer", {"customer": "cus_0001"}, modern=False)
        client.call("find_customer", {"customer": "cus_0009"}, modern=False)
        client.call("exchange_rate", {"from": "EUR", "to": "USD"}, modern=False)
        client.call("refund_invoice", {"invoice_id": api, "amount": 1}, modern=False)
        with open(f"/proc/{client.process.pid}/cmdline", "rb") as file:
            arguments = file.read()
        client.end()
        shown = client.stdout + client.stderr + arguments
    said = own_stage.complete("call", "demo-billing", "find_customer", '{"customer": "cus_0001"}')
    dry = own_stage.run(
        "call", "demo-billing", "find_customer", '{"customer": "cus_0001"}', "--dry-run"
    )
    listed = own_stage.run("credential", "list")
    shown += (said.stdout + said.stderr + dry + listed).encode() + everything(own_stage)
    for name, secret in own_stage.secrets.items():
        assert secret.encode() not in shown, name
    assert {item.headers["authorization"] for item in own_stage.api.seen} == {f"Bearer {api}"}
    assert {item.headers["authorization"] for item in own_stage.gateway.seen} == {
        f"Bearer {gateway}"
    }


def test_s7_a_credential_is_not_sent_to_another_origin(own_stage: Stage) -> None:
    options = ("--origin", own_stage.gateway.origin, "--profile", "demo-billing")
    own_stage.run("credential", "set", "demo-billing-api", *options, "--from", "env:DEMO_API_TOKEN")
    with own_stage.serve() as client:
        result = client.call("find_customer", {"customer": "cus_0001"})
        assert "MCPX-C04" in text_of(result)
    assert own_stage.api.seen == []


def test_s7_a_credential_of_another_profile_is_denied_with_the_command_that_allows_it(
    own_stage: Stage,
) -> None:
    options = ("--origin", own_stage.api.origin, "--profile", "other")
    own_stage.run("credential", "set", "demo-billing-api", *options, "--from", "env:DEMO_API_TOKEN")
    with own_stage.serve() as client:
        result = client.call("find_customer", {"customer": "cus_0001"})
        assert "MCPX-C03" in text_of(result)
        assert "mcp-proxy credential allow demo-billing-api" in text_of(result)
    assert own_stage.api.seen == []


def test_s9_variables_of_the_environment_do_not_redirect_a_call(stage: Stage) -> None:
    dead = "http://127.0.0.1:9"
    more = {
        "HTTP_PROXY": dead,
        "HTTPS_PROXY": dead,
        "ALL_PROXY": dead,
        "SSL_CERT_FILE": "/nonexistent",
        "REQUESTS_CA_BUNDLE": "/nonexistent",
        "SSLKEYLOGFILE": stage.path("keys.log"),
    }
    lower = {name.lower(): value for name, value in more.items()}
    turned = stage._replace(env={**stage.env, **more, **lower})
    with turned.serve() as client:
        result = client.call("find_customer", {"customer": "cus_0001"})
        assert "Nordlicht" in text_of(result)
    assert not os.path.exists(stage.path("keys.log"))


# -- logins


@pytest.fixture
def spied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Traces]]:
    """A world whose commands tell of their children and of every file that they take away."""
    folder = str(tmp_path_factory.mktemp("spied"))
    traces = Traces(folder)
    with open_world(folder, **traces.env) as world:
        yield world, traces


def key_pem() -> tuple[str, bytes]:
    """A private key in PEM, and its public half."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return private.decode(), key.public_key().public_bytes(serialization.Encoding.PEM, form)


def say(world: World, traces: Traces, *words: str, text: str = "", code: int | None = 0) -> str:
    """A command, its output kept as a place where traces may be."""
    said = world.run(*words, text=text, code=code)
    traces.add(" ".join(words), said)
    return said


def judge(world: World, traces: Traces, *more: tuple[str, str]) -> None:
    """Nothing that the server gave, nor the passphrase, nor `more`, is anywhere.

    The browser of the tests sees codes as any browser does: its own log is no place of ours.
    """
    passphrase = ("passphrase", world.stage.env[PASSPHRASE])
    given = [*world.server.ledger.issued, passphrase, *more]
    assert_no_trace(traces.places("browser.log"), given)


def children_inherit_no_secret(traces: Traces) -> None:
    """No child of ours has a variable that holds a secret; the browser not even our home's."""
    rows = traces.children()
    assert rows
    for row in rows:
        assert PASSPHRASE not in row["env"], row["argv"]
        if any("browser.py" in word for word in row["argv"]):
            assert "MCP_PROXY_HOME" not in row["env"]


@pytest.mark.slow
def test_s8_what_a_login_gives_and_takes_leaves_no_trace(spied: tuple[World, Traces]) -> None:
    world, traces = spied
    world.server.resource.echoes = True
    world.install(scopes=("openid", "read"))
    world.server.faults.challenge_scope = "openid read"
    say(world, traces, "login", "guarded")
    with world.sidecar() as sidecar:
        assert "[credential removed]" in sidecar.call()
        world.outlive()
        world.server.knobs.access_s = 2
        assert "[credential removed]" in sidecar.call()
        traces.add_process(sidecar.client.process.pid)
        world.outlive()
        world.server.ledger.end_grants()
        assert "MCPX-C05" in sidecar.call()
        sidecar.client.end()
        traces.add("the sidecar", sidecar.client.stdout + sidecar.client.stderr)
    say(world, traces, "login", "guarded", "--device")
    for words in (("status", "guarded", "--json"), ("credential", "list", "--json"), ("doctor",)):
        say(world, traces, *words, code=None)
    say(world, traces, "call", "guarded", "whoami", "{}", "--dry-run")
    say(world, traces, "call", "guarded", "whoami", "{}", "--json")
    say(world, traces, "logout", "guarded")
    kinds = {kind for kind, _ in world.server.ledger.issued}
    assert kinds == {"code", "access", "refresh", "jwt", "device_code"}
    judge(world, traces)
    children_inherit_no_secret(traces)


@pytest.mark.slow
def test_s8_what_a_server_says_of_a_refused_secret_is_not_shown(
    spied: tuple[World, Traces],
) -> None:
    """Some servers name the code or the token that they refuse."""
    world, traces = spied
    said = b'{"error": "invalid_grant", "error_description": "unknown: %s"}'
    say(world, traces, "login", "guarded")
    refresh = next(value for kind, value in world.server.ledger.issued if kind == "refresh")
    world.outlive()
    kind = {"Content-Type": "application/json"}
    world.server.faults.answers = {"/token": (400, kind, said % refresh.encode())}
    say(world, traces, "call", "guarded", "whoami", "{}", code=4)
    say(world, traces, "status", "guarded", code=None)
    judge(world, traces)


@pytest.mark.slow
def test_s8_a_clients_own_secret_leaves_no_trace(spied: tuple[World, Traces]) -> None:
    world, traces = spied
    secret = f"canary:{secrets.token_hex(12)}/%"
    world.server.add_client("machine", "client_secret_basic", secret)
    world.install(grant="client_credentials", client_id="machine")
    place = ("--kind", "client", "--issuer", world.server.issuer, "--client-id", "machine")
    method = ("--method", "client_secret_basic")
    say(world, traces, "credential", "set", "guarded", *place, *method, text=secret)
    use_it(world, traces)
    heard = world.server.heard("/token")
    assert [seen.form["grant_type"] for seen in heard] == ["client_credentials"] * len(heard)
    assert len(heard) >= 2
    judge(world, traces, ("client secret", secret))


@pytest.mark.slow
def test_s8_a_clients_private_key_leaves_no_trace(spied: tuple[World, Traces]) -> None:
    world, traces = spied
    private, public = key_pem()
    world.server.add_client("machine", "private_key_jwt", key=public)
    world.install(grant="client_credentials", client_id="machine")
    place = ("--kind", "client", "--issuer", world.server.issuer, "--client-id", "machine")
    method = ("--method", "private_key_jwt")
    say(world, traces, "credential", "set", "guarded", *place, *method, text=private)
    use_it(world, traces)
    assertions = [
        ("assertion", seen.form["client_assertion"]) for seen in world.server.heard("/token")
    ]
    assert len(assertions) >= 2
    lines = [("private key", line) for line in private.splitlines()[1:-1]]
    judge(world, traces, *lines, *assertions)


def use_it(world: World, traces: Traces) -> None:
    """Logs in, calls, lets it be renewed, and shows what there is to be shown."""
    world.server.resource.echoes = True
    say(world, traces, "login", "guarded")
    with world.sidecar() as sidecar:
        assert "[credential removed]" in sidecar.call()
        world.outlive()
        assert "[credential removed]" in sidecar.call()
        traces.add_process(sidecar.client.process.pid)
        sidecar.client.end()
        traces.add("the sidecar", sidecar.client.stdout + sidecar.client.stderr)
    for words in (("status", "guarded"), ("credential", "list"), ("doctor",)):
        say(world, traces, *words, code=None)
    say(world, traces, "logout", "guarded")
