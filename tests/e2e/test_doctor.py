"""`mcp-proxy doctor` finds what does not work, and names the command that mends it."""

import json
from typing import Any

from e2e.stage import Stage


def examine(stage: Stage) -> tuple[int, dict[str, Any]]:
    done = stage.complete("doctor", "--json")
    return done.returncode, {row["what"]: row for row in json.loads(done.stdout)}


def test_a_whole_installation_is_found_whole(stage: Stage) -> None:
    code, found = examine(stage)
    assert [row for row in found.values() if not row["ok"]] == []
    assert code == 0
    assert found["serving demo-billing"]["found"].startswith("5 tools listed")
    assert found["upstream gateway"]["found"].endswith("/mcp lists 4 tools")
    assert "answers HTTP" in found["upstream billing-api"]["found"]
    assert "ms" in found["keychain"]["found"] or "No credential here needs it" in str(found)


def test_a_missing_credential_is_named_with_its_command(own_stage: Stage) -> None:
    own_stage.run("credential", "remove", "demo-gateway")
    code, found = examine(own_stage)
    lacking = found["credentials of demo-billing"]
    assert code == 1
    assert lacking["next"].startswith("mcp-proxy credential set demo-gateway --origin http://127")


def test_an_upstream_that_is_gone_is_out_of_reach(own_stage: Stage) -> None:
    own_stage.api.__exit__()
    code, found = examine(own_stage)
    assert code == 1
    assert found["upstream billing-api"]["ok"] is False
    assert found["upstream gateway"]["ok"] is True


def test_a_damaged_profile_is_named(own_stage: Stage) -> None:
    with open(own_stage.path("home", "data", "profiles", "demo-billing.dsse.json"), "ab") as file:
        file.write(b" ")
    code, found = examine(own_stage)
    assert code == 1
    assert "MCPX-P10" in found["profile demo-billing"]["found"]


def test_no_secret_is_shown(stage: Stage) -> None:
    done = stage.complete("doctor")
    for secret in stage.secrets.values():
        assert secret not in done.stdout + done.stderr
