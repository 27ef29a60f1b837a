"""The README's walk: from an OpenAPI file to an answered call, each step its own command."""

import json
import os
import re
import shutil
from typing import Any

import pytest
from e2e.stage import Stage

from mcp_proxy.app.assets import asset_path


def test_from_an_openapi_file_to_an_answered_call(
    own_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = own_stage
    document = stage.path("billing.openapi.json")
    with open(asset_path("demo-billing.openapi.json"), encoding="utf-8") as asset:
        text = asset.read().replace("https://billing.example.com", stage.api.origin)
    with open(document, "w", encoding="utf-8") as file:
        file.write(text)

    monkeypatch.chdir(stage.folder)
    api = ("--openapi", "billing.openapi.json", "--select", "method:get")
    stage.run("profile", "import", "billing", *api)
    assert stage.complete("profile", "lint", "billing.yaml").returncode == 1
    with open("billing.yaml", encoding="utf-8") as file:
        draft = file.read()
    with open("billing.yaml", "w", encoding="utf-8") as file:
        file.write(draft.replace("  # REVIEW: drafted from the document", ""))
    stage.run("profile", "lint", "billing.yaml")
    arguments = json.dumps({"customer_id": "cus_0001", "X-Tenant": "acme"})
    explained = stage.run("profile", "explain", "billing.yaml", "list_invoices", arguments)
    assert f"GET {stage.api.origin}/v1/invoices?customer_id=cus_0001" in explained
    signed = stage.run("profile", "sign", "billing.yaml", "--key", "env:DEMO_SIGNING_KEY")
    stage.run("trust", "add", signed.splitlines()[-1], "--profiles", "billing", "--yes")
    installed = stage.complete("profile", "install", "billing.dsse.json", "--yes")
    told = installed.stdout + installed.stderr
    assert installed.returncode == 0, told
    command = re.search(r"mcp-proxy (credential set billing .*)", told)
    assert command is not None, told
    options = command[1].split()
    stage.run(*options, "--from", "env:DEMO_API_TOKEN")
    dry = stage.run("call", "billing", "list_invoices", arguments, "--dry-run")
    assert f"GET {stage.api.origin}/v1/invoices?customer_id=cus_0001" in dry
    assert stage.api.seen == []
    answer = stage.run("call", "billing", "list_invoices", arguments)
    assert [row["id"] for row in json.loads(answer)["data"]] == ["inv_1001", "inv_1002", "inv_1003"]
    assert stage.run("audit", "verify").startswith("OK")


def test_the_entry_that_install_prints_launches_the_profile(own_stage: Stage) -> None:
    done = own_stage.complete(
        "profile", "install", own_stage.path("demo-billing.dsse.json"), "--yes"
    )
    entry = find_json(done.stdout + done.stderr)["mcpServers"]["demo-billing"]
    assert os.path.isabs(entry["command"])
    kept = {name: value for name, value in own_stage.env.items() if name in own_stage.secrets}
    launched = own_stage._replace(
        env={"PATH": os.environ["PATH"], "HOME": own_stage.folder, **kept, **entry.get("env", {})}
    )
    command = (entry["command"], *entry["args"][: entry["args"].index("--profile")])
    assert shutil.which(entry["command"]) == entry["command"]
    with launched.serve(command=command) as client:
        client.handshake()
        result = client.call("find_customer", {"customer": "cus_0001"}, modern=False)
        assert not result.get("isError", False)


def find_json(text: str) -> Any:
    at = text.index("{")
    return json.JSONDecoder().raw_decode(text[at:])[0]
