"""One profile over upstreams of different kinds and eras; one that is down takes none along."""

import json
import secrets
import socket
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from e2e.client import RawClient, text_of
from e2e.matrix_stage import http_server, install, local_command, make_stage
from e2e.stage import Stage

from mcp_proxy.app.assets import asset_path
from mcp_proxy.app.demo_api import BillingApi
from mcp_proxy.app.demo_http import LoopbackServer

SOURCE = """
profile: mx-many
version: 1
expires: 2099-01-01
upstreams:
  billing:
    kind: rest
    url: {api}
    openapi: billing.openapi.json
    auth: {{kind: bearer, credential: billing}}
  modern: {{kind: mcp, url: "{modern}", listing: matrix.tools.json, features: [progress]}}
  legacy: {{kind: mcp, url: "{legacy}", listing: matrix.tools.json, features: [roots]}}
  local: {{kind: stdio, command: {command}, listing: matrix.tools.json, features: [sampling]}}
  gone: {{kind: mcp, url: "http://127.0.0.1:{port}/mcp", listing: matrix.tools.json, deadline: 3s}}
  broken: {{kind: stdio, command: ["/bin/false"], listing: matrix.tools.json, deadline: 3s}}
tools:
  customer: {{upstream: billing, operation: getCustomer, effect: read}}
  echo_modern: {{upstream: modern, operation: echo, effect: read}}
  echo_legacy: {{upstream: legacy, operation: echo, effect: read}}
  echo_local: {{upstream: local, operation: echo, effect: read}}
  seen_modern: {{upstream: modern, operation: report, effect: read}}
  seen_legacy: {{upstream: legacy, operation: report, effect: read}}
  seen_local: {{upstream: local, operation: report, effect: read}}
  echo_gone: {{upstream: gone, operation: echo, effect: read}}
  echo_broken: {{upstream: broken, operation: echo, effect: read}}
resources:
  note: {{upstream: legacy, uri: "note://1"}}
  page: {{upstream: local, uri: "page://{{id}}"}}
prompts:
  greet: {{upstream: modern, prompt: greet}}
"""
CAPABILITIES = {"elicitation": {}, "sampling": {}, "roots": {}}


class Many(NamedTuple):
    """A stage with that profile, and a client of it."""

    stage: Stage
    client: RawClient


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Many]:
    token = f"canary-{secrets.token_hex(16)}"
    stage = make_stage(str(tmp_path_factory.mktemp("many")), BILLING=token)
    with open(asset_path("demo-billing.openapi.json"), encoding="utf-8") as file:
        document = file.read()
    with open(stage.path("billing.openapi.json"), "w", encoding="utf-8") as file:
        file.write(document)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    api = LoopbackServer(BillingApi(token).handle)
    with api, http_server("modern") as modern, http_server("legacy") as legacy:
        command = json.dumps(local_command("legacy"))
        places = {"api": api.origin, "modern": modern, "legacy": legacy, "port": port}
        source = SOURCE.format(command=command, **places)
        install(stage, "mx-many", source, "local", "broken")
        bound = ("--origin", api.origin, "--profile", "mx-many", "--from", "env:BILLING")
        stage.batch(("credential", "set", "billing", *bound))
        with stage.serve(profile="mx-many") as client:
            yield Many(stage, client)


def test_every_upstream_answers_for_its_own_tools(many: Many) -> None:
    client = many.client
    given = {"customer_id": "cus_0001", "X-Tenant": "acme"}
    assert "isError" not in client.call("customer", given)
    for name in ("modern", "legacy", "local"):
        assert client.call(f"echo_{name}", {"value": name})["structuredContent"] == {"value": name}


def test_an_upstream_that_is_down_takes_its_own_tools_along_and_no_other(many: Many) -> None:
    client = many.client
    for name, why in (("gone", "cannot be reached"), ("broken", "ended")):
        result = client.call(f"echo_{name}", {"value": 1})
        assert result["isError"] is True
        assert text_of(result).startswith(f"{name}: ")
        assert why in text_of(result)
        assert "(MCPX-U0" in text_of(result)
        assert client.call("echo_legacy", {"value": 1})["structuredContent"] == {"value": 1}
    assert len(client.request("tools/list")["result"]["tools"]) == 9


def test_each_upstream_is_told_of_its_own_features_alone(many: Many) -> None:
    meta = {"io.modelcontextprotocol/clientCapabilities": CAPABILITIES}
    with many.stage.serve(profile="mx-many") as client:
        for name, told in (("modern", {}), ("legacy", {"roots": {}}), ("local", {"sampling": {}})):
            params = {"name": f"seen_{name}", "arguments": {}, "_meta": meta}
            seen = client.request("tools/call", params)["result"]["structuredContent"]
            assert seen["capabilities"] == told


def test_resources_and_prompts_go_to_their_own_upstream(many: Many) -> None:
    client = many.client
    for uri in ("note://1", "page://7"):
        result = client.request("resources/read", {"uri": uri})["result"]
        assert result["contents"][0]["text"] == f"text of {uri}"
    result = client.request("prompts/get", {"name": "greet", "arguments": {"who": "Ada"}})["result"]
    assert result["messages"][0]["content"]["text"] == "Hello Ada"
