"""A profile that is not trusted is not served, and the client is told why; changes are noticed."""

import os

import pytest
from e2e.client import RawClient
from e2e.stage import PROFILE, Stage, install_commands


def installed(stage: Stage) -> str:
    return stage.path("home", "data", "profiles", f"{PROFILE}.dsse.json")


def refusal(client: RawClient) -> str:
    error = client.request("tools/list")["error"]
    assert error["code"] == 1003
    assert error["data"]["next"]
    return str(error["data"]["id"])


def test_s4_a_tampered_profile_is_refused_and_says_so_in_the_client(own_stage: Stage) -> None:
    with open(installed(own_stage), "r+b") as file:
        data = file.read()
        at = len(data) // 2
        file.seek(at)
        file.write(b"B" if data[at : at + 1] == b"A" else b"A")
    with own_stage.serve() as client:
        assert refusal(client) == "MCPX-P02"
        assert client.request("ping", modern=False)["result"] == {}
        assert client.end() == 3
        assert client.stderr.count(b"\n") == 1
    refused = [entry for entry in own_stage.ledger() if entry["kind"] == "refused"]
    assert [entry["error"] for entry in refused] == ["MCPX-P02"]


def test_s3_a_replayed_older_profile_is_refused(own_stage: Stage) -> None:
    with open(installed(own_stage), "rb") as file:
        old = file.read()
    own_stage.batch(*install_commands(own_stage, {"version: 1\n": "version: 2\n"}))
    with open(installed(own_stage), "r+b") as file:
        file.truncate()
        file.write(old)
    with own_stage.serve() as client:
        assert refusal(client) == "MCPX-P07"


def test_s6_a_running_process_notices_that_its_signer_is_no_longer_trusted(
    own_stage: Stage,
) -> None:
    with own_stage.serve() as client:
        client.handshake()
        arguments = {"customer": "cus_0001"}
        assert not client.call("find_customer", arguments, modern=False).get("isError", False)
        own_stage.run("trust", "remove", "DEMO_SIGNING_KEY")
        seen = len(own_stage.api.seen)
        answer = client.call("find_customer", arguments, modern=False)
        assert answer.get("isError") is True or answer.get("code") == 1003
        assert len(own_stage.api.seen) == seen


def test_s6_a_running_process_notices_that_its_profile_is_removed(own_stage: Stage) -> None:
    with own_stage.serve() as client:
        client.handshake()
        own_stage.run("profile", "remove", PROFILE)
        answer = client.call("find_customer", {"customer": "cus_0001"}, modern=False)
        assert answer.get("isError") is True or answer.get("code") == 1003
    assert own_stage.api.seen == []


@pytest.mark.parametrize("name", ["../demo-billing", "demo billing", "", "x" * 65, "DEMO-BILLING"])
def test_s4_a_name_that_is_none_never_touches_a_path(stage: Stage, name: str) -> None:
    with stage.serve(profile=name) as client:
        assert refusal(client) == "MCPX-P11"
        assert client.end() == 3


def test_s10_a_home_made_elsewhere_is_refused(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = str(tmp_path_factory.mktemp("copy"))
    os.rmdir(copy)
    os.system(f"cp -a {stage.path('home')} {copy}")
    moved = stage._replace(env={**stage.env, "MCP_PROXY_HOME": copy})
    with moved.serve() as client:
        assert refusal(client) == "MCPX-H01"


def test_a_signature_of_an_untrusted_key_installs_nothing(own_stage: Stage) -> None:
    own_stage.run("trust", "remove", "DEMO_SIGNING_KEY")
    own_stage.run("profile", "install", own_stage.path("demo-billing.dsse.json"), "--yes", code=3)
