"""The real command: where the ledger's head goes, what an idle process does, where the seed is."""

import base64
import json
import os
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from e2e.client import RawClient
from e2e.stage import PROFILE, Stage

from mcp_proxy.app.audit_keys import KEY_ITEM
from mcp_proxy.core.audit_anchor import HEADER, parse_anchor
from mcp_proxy.core.signed_note import parse_key, verify_note
from mcp_proxy.edges.audit_anchor import HEAD_ITEM
from mcp_proxy.edges.keychain import SystemKeychain, open_keychain
from mcp_proxy.edges.places import find_home

CALL = ("find_customer", {"customer": "cus_0001"})
needs_bus = pytest.mark.skipif(
    "DBUS_SESSION_BUS_ADDRESS" not in os.environ,
    reason="no session bus: run under scripts/with-keychain",
)


def configure(stage: Stage, **audit: Any) -> None:
    with open(stage.path("home", "config", "settings.toml"), "a", encoding="utf-8") as file:
        file.write("\n[audit]\n")
        file.writelines(f"{key} = {json.dumps(value)}\n" for key, value in audit.items())


def ledger(stage: Stage) -> list[dict[str, Any]]:
    lines = Path(stage.path("home", "state", "ledger.jsonl")).read_bytes().splitlines()
    return [json.loads(line) for line in lines]


def keychain_of(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> SystemKeychain:
    monkeypatch.setenv("MCP_PROXY_HOME", stage.env["MCP_PROXY_HOME"])
    return open_keychain(find_home().id)


def test_s21_upstreams_are_told_the_head_where_the_settings_say_so(own_stage: Stage) -> None:
    with own_stage.serve() as client:
        client.call(*CALL)
        client.end()
    assert own_stage.api.seen
    assert all(HEADER.lower() not in request.headers for request in own_stage.api.seen)
    own_stage.api.seen.clear()
    configure(own_stage, head_header=True)
    with own_stage.serve() as client:
        client.call(*CALL)
        client.call("exchange_rate", {"from": "EUR", "to": "USD"})
        client.end()
    own = [entry["hash"] for entry in ledger(own_stage)]
    for server in (own_stage.api, own_stage.gateway):
        assert server.seen
        for request in server.seen:
            head = parse_anchor(request.headers[HEADER.lower()])
            assert own[head.seq] == head.hash


def test_an_idle_process_runs_nothing_between_its_calls_and_the_next_checkpoint(
    stage: Stage,
) -> None:
    with stage.serve() as client:
        for _ in range(40):  # more than 64 entries, so that a checkpoint has been
            client.call(*CALL)
        wait_until_still(client)
        process = psutil.Process(client.process.pid)
        before, switches = process.cpu_times(), process.num_ctx_switches()
        time.sleep(1.0)
        after, more = process.cpu_times(), process.num_ctx_switches()
        assert (after.user, after.system) == (before.user, before.system)
        assert more.voluntary == switches.voluntary
        assert client.end() == 0
    assert [entry["kind"] for entry in ledger(stage)].count("checkpoint") >= 1


def wait_until_still(client: RawClient) -> None:
    """Until a fifth of a second has cost nothing: a checkpoint may have been under way."""
    process, was = psutil.Process(client.process.pid), None
    for _ in range(100):
        now = (process.cpu_times(), process.num_ctx_switches())
        if now == was:
            return
        was = now
        time.sleep(0.2)
    raise AssertionError("it does not come to rest")


@pytest.mark.keychain
@needs_bus
def test_s21_the_key_is_made_in_the_keychain_and_signs_what_processes_leave(
    own_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = own_stage.path("evidence")
    os.mkdir(folder)
    configure(own_stage, head_folder=folder)
    keychain = keychain_of(own_stage, monkeypatch)
    try:
        shown = served(own_stage)
        line = own_stage.run("audit", "key").strip()
        entries = ledger(own_stage)
        key, hashes = parse_key(line), [entry["hash"] for entry in entries]
        assert entries[-1]["kind"] == "close"
        assert verify_note(entries[-1]["note"], (key,)) is not None
        (head,) = Path(folder).iterdir()
        assert verify_note(head.read_text(), (key,)) is not None
        mirrored = parse_anchor(keychain.get(HEAD_ITEM) or "")
        assert hashes[mirrored.seq] == mirrored.hash
        shown += own_stage.run("audit", "verify").encode()
        assert_nowhere(own_stage, shown, base64.b64decode(keychain.get(KEY_ITEM) or ""))
    finally:
        for item in (KEY_ITEM, HEAD_ITEM):
            keychain.delete(item)


def served(stage: Stage) -> bytes:
    """A process that has come to a checkpoint, and ended; what there was to see of it."""
    with stage.serve() as client:
        for _ in range(40):
            client.call(*CALL)
        for _ in range(400):
            if any(entry["kind"] == "checkpoint" for entry in ledger(stage)):
                break
            time.sleep(0.05)
        with open(f"/proc/{client.process.pid}/cmdline", "rb") as file:
            arguments = file.read()
        assert client.end() == 0
        return arguments + client.stdout + client.stderr


def assert_nowhere(stage: Stage, shown: bytes, seed: bytes) -> None:
    """S7: neither the seed nor a form of it is in any file of the stage, nor in what was shown."""
    assert len(seed) == 32
    shown += b"".join(path.read_bytes() for path in Path(stage.folder).rglob("*") if path.is_file())
    assert PROFILE.encode() in shown
    for form in (seed, seed.hex().encode(), base64.b64encode(seed), base64.b64encode(seed)[:-1]):
        assert form not in shown
