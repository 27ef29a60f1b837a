"""Canary secrets: no trace anywhere but in the one request that each authorizes."""

import os

from e2e.client import text_of
from e2e.stage import Stage


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
