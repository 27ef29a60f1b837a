"""A bad network between sidecar and gateway: one clean answer in time, and the next call works."""

import os
import secrets
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from e2e import fault_proxy as faults
from e2e.client import RawClient, text_of
from e2e.fault_proxy import Fault, FaultProxy
from e2e.stage import Gate, Stage, build_stage, install_commands

from mcp_proxy.app.demo_api import BillingApi
from mcp_proxy.app.demo_gateway import Gateway
from mcp_proxy.app.demo_http import LoopbackServer, Reply, Request

DEADLINE_S = 2.0
# What a busy machine may add to a deadline before it is called late.
GRACE_S = 3.0
RATE = ("exchange_rate", {"from": "EUR", "to": "USD"})
EXPORT = ("export_statement", {"month": "2026-01"})
CHANGES = {
    "    features: [progress]\n": f"    features: [progress]\n    deadline: {DEADLINE_S:.0f}s\n",
    "    operation: export_statement\n    effect: read": (
        "    operation: export_statement\n    effect: write"
    ),
    "version: 1\n": "version: 2\n",
}

FAULTS: dict[str, Fault] = {
    "drop": faults.drop,
    "reset": faults.reset,
    "half-close": faults.half_close,
    "truncated stream": faults.truncated_stream,
    "cut stream": faults.cut_stream,
    "garbage": faults.garbage,
    "garbage body": faults.garbage_body,
    "foreign answer": faults.foreign_answer,
    "500": faults.status(500),
    "502": faults.status(502),
    "503": faults.status(503),
    "504": faults.status(504, b""),
    "418": faults.status(418, b"{}", kind="application/json"),
    "204": faults.status(204, b""),
    "wrong type": faults.wrong_type,
    "100 MiB": faults.huge,
    "100 MiB event": faults.huge_stream,
    "endless comments": faults.endless_comments,
    "drip": faults.drip,
    "silence": faults.silence,
    "late": faults.late(DEADLINE_S + 0.5),
}
QUICK = ("drop", "reset", "truncated stream", "garbage", "garbage body", "500", "wrong type")


class LegacyGateway(Gateway):
    """The demo's gateway without the modern era: a server of the year before."""

    def handle(self, request: Request) -> Reply:
        if request.headers.get("mcp-protocol-version") == "2026-07-28":
            return Reply(400, b'{"error":"Bad Request"}')
        return super().handle(request)


class Bad(NamedTuple):
    """The stage with the bad network before its gateway."""

    stage: Stage
    network: FaultProxy
    elsewhere: LoopbackServer


@pytest.fixture(scope="module", params=["modern", "legacy"])
def bad(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bad]:
    tokens = (f"canary-{secrets.token_hex(16)}", f"canary-{secrets.token_hex(16)}")
    kind = LegacyGateway if request.param == "legacy" else Gateway
    api = LoopbackServer(BillingApi(tokens[0]).handle)
    gateway = LoopbackServer(kind(tokens[1]).handle)
    elsewhere = LoopbackServer(lambda _request: Reply(200, b"{}"))
    with api, gateway, elsewhere, FaultProxy(gateway.origin) as network:
        stage = build_stage(
            str(tmp_path_factory.mktemp("bad")),
            api,
            network,
            tokens,
            Gate(),
        )
        stage.batch(*install_commands(stage, CHANGES))
        yield Bad(stage, network, elsewhere)


@pytest.fixture(scope="module")
def client(bad: Bad) -> Iterator[RawClient]:
    with bad.stage.serve() as client:
        assert good(client)
        yield client


def good(client: RawClient) -> bool:
    result = client.call(*RATE)
    return bool(result["structuredContent"]["rate"] > 0) and "isError" not in result


def struck(bad: Bad, client: RawClient, fault: Fault, call: tuple[str, Any]) -> tuple[Any, float]:
    """The result of a call that meets the fault, and how long it took in seconds."""
    bad.network.arm(fault)
    before, began = bad.network.struck, time.monotonic()
    result = client.call(*call)
    took_s = time.monotonic() - began
    assert bad.network.struck == before + 1, "the fault was met"
    return result, took_s


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_ends_in_one_clean_answer_in_time_and_the_next_call_works(
    bad: Bad, client: RawClient, name: str
) -> None:
    result, took_s = struck(bad, client, FAULTS[name], RATE)
    assert took_s < DEADLINE_S + GRACE_S
    if result.get("isError"):
        assert "(MCPX-" in text_of(result)
        assert "canary" not in str(result)
    else:
        assert result["structuredContent"]["rate"] > 0, "what is safe to repeat was repeated"
    assert good(client)
    assert client.kept == [], "one answer for one request, and nothing beside it"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_s9_no_redirect_is_followed(bad: Bad, client: RawClient, code: int) -> None:
    target = bad.elsewhere.origin + "/mcp"
    result, _ = struck(bad, client, faults.redirect(target, code), RATE)
    assert "(MCPX-U04)" in text_of(result)
    assert bad.elsewhere.seen == []
    assert good(client)


def test_a_mutating_call_is_never_repeated(bad: Bad, client: RawClient) -> None:
    for name in ("drop", "cut stream", "503"):
        before = len(bad.network.seen)
        result, _ = struck(bad, client, FAULTS[name], EXPORT)
        assert result["isError"] is True
        sent = [body for _, body in bad.network.seen[before:] if b'"tools/call"' in body]
        assert len(sent) == 1
    assert good(client)


@pytest.mark.parametrize("where", [b'"server/discover"', b'"initialize"', b'"tools/list"'])
@pytest.mark.parametrize("name", ["drop", "garbage", "500", "silence", "truncated stream"])
def test_a_fault_before_the_first_call_costs_at_most_that_call(
    bad: Bad, where: bytes, name: str
) -> None:
    with bad.stage.serve() as client:
        bad.network.arm(FAULTS[name], where)
        began = time.monotonic()
        first = client.call(*RATE)
        assert time.monotonic() - began < 2 * DEADLINE_S + GRACE_S
        assert first.get("isError") is not True or "(MCPX-" in text_of(first)
        bad.network.arm(FAULTS["late"], b"disarmed")
        assert good(client)


@pytest.mark.slow
def test_nothing_leaks_over_ten_thousand_calls_on_a_bad_network(bad: Bad) -> None:
    with bad.stage.serve() as client:
        assert good(client)
        sizes = []
        for _ in range(10):
            for number in range(1000):
                if number % 20 == 0:
                    bad.network.arm(FAULTS[QUICK[(number // 20) % len(QUICK)]])
                client.call(*RATE)
            bad.network.arm(FAULTS["late"], b"disarmed")
            assert good(client)
            sizes.append(measured(client.process.pid))
        assert client.kept == []
        (first, *_, last) = sizes[1:]
        assert last["fds"] <= first["fds"] + 3
        assert last["threads"] <= first["threads"]
        assert last["rss_kib"] <= first["rss_kib"] + 4096
        assert client.end() == 0
    rows = bad.stage.log()
    decided = sum(row["kind"] == "decided" for row in rows)
    ended = sum(row["kind"] in ("answered", "cancelled") for row in rows)
    assert decided == ended
    assert bad.stage.run("audit", "verify")


def measured(pid: int) -> dict[str, int]:
    """Open descriptors, threads and resident memory of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        rows = dict(line.split(":", 1) for line in file if ":" in line)
    return {
        "fds": len(os.listdir(f"/proc/{pid}/fd")),
        "threads": int(rows["Threads"]),
        "rss_kib": int(rows["VmRSS"].split()[0]),
    }
