"""`mcp-proxy demo`: the whole job on this machine, told step by step.

The publisher builds and signs, the developer trusts and installs, real clients of both eras call,
a tampered and a rolled-back profile are refused, the auditor verifies. Every step says whether what
came of it is what must come of it.
"""

import json
import os
from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple

from mcp_proxy.app import audit_log, profiles, signing, trust, warmup
from mcp_proxy.app.audit_means import verify_home
from mcp_proxy.app.client_entry import client_entry, launch_command
from mcp_proxy.app.demo_calls import CALLS, Call
from mcp_proxy.app.demo_person import DemoPerson
from mcp_proxy.app.demo_stage import PROFILE, SCOPE, Stage, raised_stage
from mcp_proxy.core.audit_filter import Filter
from mcp_proxy.edges.profile_store import profile_path
from mcp_proxy.errors import ProfileError


class Step(NamedTuple):
    """One thing shown: the act it belongs to, what was tried, what came of it, as it must be?"""

    act: str
    tried: str
    came: str
    ok: bool


def perform(keep: bool) -> Generator[Step]:
    """Plays the demo; with `keep` the home stays, and the last step prints the client entry.

    Raises:
        McpProxyError: something that must work did not.
    """
    with raised_stage(keep) as stage:
        yield from _home(stage)
        first = yield from _publish(stage)
        yield from _develop(stage, first)
        yield from _use(stage)
        yield from _defend(stage, first)
        yield from _audit(stage)
        if keep:
            entry = json.dumps(client_entry(PROFILE), indent=2)
            meant = "a home to look into: its API and gateway end with the demo"
            yield Step("Kept", f"{stage.folder}\n{meant}", entry, True)


def _home(stage: Stage) -> Iterator[Step]:
    act = "A throw-away home, an API and a gateway"
    yield Step(act, "mcp-proxy home init", stage.home.config, True)
    yield Step(act, "keychain", stage.store.sentence, True)
    yield Step(act, "billing API", f"{stage.api.origin}, bearer-protected, OpenAPI 3.1", True)
    yield Step(act, "MCP gateway", f"{stage.gateway.origin}/mcp, bearer-protected", True)


def _publish(stage: Stage) -> Generator[Step, None, str]:
    """Returns the path of version 1."""
    act = "The publisher builds and signs"
    signed = signing.sign(stage.write_source(1), None, stage.key)
    tools = ", ".join(signed.profile.header.tools)
    yield Step(
        act, "mcp-proxy profile sign", f"{len(signed.profile.header.tools)} tools: {tools}", True
    )
    yield Step(act, "public key", signed.key_line, True)
    act = "The developer trusts and installs"
    yield _refused(act, "profile install, key unknown", signed.path, "MCPX-P03")
    trust.add(trust.read_key(signed.key_line, SCOPE), unasked=True)
    yield Step(act, f"mcp-proxy trust add --profiles '{SCOPE}'", "this key, for these names", True)
    return signed.path


def _develop(stage: Stage, path: str) -> Iterator[Step]:
    act = "The developer trusts and installs"
    profiles.install(profiles.prepare(path), unasked=True)
    yield Step(act, "mcp-proxy profile install", "verified, then installed", True)
    for item in stage.credentials:
        stage.store_credential(item)
        place = "in the keychain" if stage.store.keychain else f"env:{item.variable}"
        tried = f"mcp-proxy credential set {item.name}"
        yield Step(act, tried, f"{place}, for {item.origin} and {PROFILE} only", True)


def _use(stage: Stage) -> Iterator[Step]:
    for era, some in (("modern", CALLS), ("legacy", CALLS[:1])):
        with DemoPerson():
            talk = _launch(stage, era, some)
        act = f"A client of the {era} era: mcp-proxy --profile {PROFILE}"
        if talk.problem is not None:
            yield Step(act, "tools/list", f"{talk.problem} {talk.stderr}", False)
            continue
        came = f"{len(talk.tools)} tools in {talk.list_ms} ms, protocol {talk.version}"
        modern = talk.version >= "2026-07-28"
        yield Step(act, "tools/list", came, modern == (era == "modern") and len(talk.tools) == 5)
        for call, told in zip(some, talk.told, strict=True):
            tried = f"{call.tool} {json.dumps(call.arguments)}"
            yield Step(act, f"{tried}\n{call.meant}", told.text, call.check(told))
    refunds = [seen for seen in stage.api.seen if seen.method == "POST"]
    came = f"{len(stage.api.seen)} requests, {len(refunds)} refunds: denied calls never arrived"
    yield Step("What the API saw", "requests", came, len(refunds) == 2)
    tenants = {seen.headers.get("x-tenant") for seen in stage.api.seen}
    yield Step(
        "What the API saw", "tenant, a constant", ", ".join(map(str, tenants)), tenants == {"acme"}
    )


def _defend(stage: Stage, first: str) -> Iterator[Step]:
    act = "A profile that is not what was signed"
    path = profile_path(stage.home, PROFILE)
    good = _read(path)
    _overwrite(path, _flip(good))
    yield _not_served(stage, act, "one character of the installed file changed", "MCPX-P02")
    _overwrite(path, good)
    second = signing.sign(stage.write_source(2), None, stage.key)
    profiles.install(profiles.prepare(second.path), unasked=True)
    newest = _read(path)
    _overwrite(path, good)
    yield _not_served(
        stage, act, "version 2 installed, version 1 put back in its place", "MCPX-P07"
    )
    _overwrite(path, newest)
    yield _refused(act, "profile install, version 1 again", first, "MCPX-P07")
    talk = _launch(stage, "modern", [])
    yield Step(act, "version 2 as it was signed", f"{len(talk.tools)} tools", talk.problem is None)


def _audit(stage: Stage) -> Iterator[Step]:
    act = "The auditor"
    for entry in audit_log.read_entries(Filter(kind="decided")):
        came = f"{entry['decision']} by {entry['rule']} {entry['error'] or ''}"
        values = " ".join(f"{key}={value}" for key, value in entry.get("values", {}).items())
        yield Step(
            act, f"{entry['time'][11:23]} {entry['tool'] or '(unknown)'} {values}", came, True
        )
    log = verify_home()
    came = f"{log.entries} entries in {log.segments} segments, every chain whole"
    yield Step(act, "mcp-proxy audit verify", came if log.good else str(log.findings), log.good)
    leaks = [path for path in _files(stage.folder) if _holds_secret(stage, path)]
    yield Step(act, "secrets in any file of the home", ", ".join(leaks) or "none", not leaks)


def _launch(stage: Stage, era: str, calls: Sequence[Call]) -> Any:
    client = warmup.load(warmup.SDK_CLIENT)
    asked = [client.Asked(call.tool, call.arguments) for call in calls]
    command = [*launch_command(), "--profile", PROFILE]
    return client.talk(command, stage.child_env(), era, asked)


def _not_served(stage: Stage, act: str, tried: str, error: str) -> Step:
    talk = _launch(stage, "modern", [])
    return Step(act, tried, talk.problem or "it was served", error in (talk.problem or ""))


def _refused(act: str, tried: str, path: str, error: str) -> Step:
    try:
        profiles.prepare(path)
    except ProfileError as refusal:
        return Step(act, tried, str(refusal), refusal.id == error)
    return Step(act, tried, "it was accepted", False)


def _flip(envelope: bytes) -> bytes:
    at = len(envelope) // 2
    return envelope[:at] + (b"B" if envelope[at : at + 1] == b"A" else b"A") + envelope[at + 1 :]


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _overwrite(path: str, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.truncate()
        file.write(data)


def _files(folder: str) -> list[str]:
    return [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]


def _holds_secret(stage: Stage, path: str) -> bool:
    data = _read(path)
    return any(item.secret.encode() in data for item in stage.credentials)
