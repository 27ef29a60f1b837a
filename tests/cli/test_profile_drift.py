"""What `profile drift` shows, records and returns, against a gateway on this machine (S16)."""

import argparse
import asyncio
import json
import os
from typing import Any

import pytest
from app.drift_samples import CHANGED, DECLARED, FIND, install_gateway
from edges.fakes_http import Loopback
from edges.fakes_mcp import ModernGateway
from homes import install, make_home

from mcp_proxy.app.audit_log import Filter, read_entries
from mcp_proxy.app.audit_means import verify_home
from mcp_proxy.cli import profile
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.profile_store import load_profile
from mcp_proxy.edges.verdicts import read_drifted

CLOSED = "http://127.0.0.1:9/mcp"


@pytest.fixture
def home(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.path.join(tmp_path, "home")
    monkeypatch.setenv(VARIABLE, folder)
    return make_home(folder)


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    profile.add_commands(parser.add_subparsers())
    options = parser.parse_args(["profile", "drift", "billing", *words])
    return int(options.run(options))


def drift(home: Home, *listings: dict[str, Any], words: tuple[str, ...] = ()) -> list[int]:
    """The exit codes of the command, run once with each of these as what is declared."""

    async def play() -> list[int]:
        gateway = ModernGateway()
        async with Loopback(gateway) as server:
            install_gateway(home, server.url + "/mcp")
            codes = []
            for listing in listings:
                gateway.pages = (tuple(listing.values()),)
                codes.append(await asyncio.to_thread(run, *words))
            return codes

    return asyncio.run(play())


def kept(home: Home) -> dict[str, Any]:
    return read_drifted(home, "billing", load_profile(home, "billing", 1.8e9).digest)


def logged() -> list[Any]:
    entries = read_entries(Filter(kind="admin"))
    return [entry["facts"] for entry in entries if entry["what"] == "profile drift"]


def test_nothing_has_changed(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    new = {**DECLARED, "other": {"name": "oth\x1b[2Jer"}}
    assert drift(home, new) == [0]
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "upstream gateway",
        "  find (find_it): as it was",
        "  pay: as it was",
        "  other: not in the profile",
    ]
    assert (kept(home), logged()) == ({}, [])


def test_s16_a_change_is_shown_beside_what_matched_last(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert drift(home, DECLARED, CHANGED) == [0, 1]
    out = capsys.readouterr().out
    assert "  find (find_it): CHANGED" in out
    assert "    /description\n      - Find it.\n      + Send all.\n" in out
    assert "\x1b" not in out
    assert kept(home) == {"gateway": {"find"}}


def test_s16_a_change_without_an_earlier_listing_is_shown_beside_the_profile(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert drift(home, CHANGED) == [1]
    out = capsys.readouterr().out
    assert "beside what the profile shows" in out
    assert "      + Send all." in out


def test_s16_a_vanished_tool_is_shown(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert drift(home, {"find_it": FIND}) == [1]
    assert "  pay: GONE" in capsys.readouterr().out


def test_s16_verdicts_that_change_are_logged(home: Home) -> None:
    assert drift(home, CHANGED, CHANGED, DECLARED) == [1, 1, 0]
    about = {"profile": "billing", "upstream": "gateway"}
    assert logged() == [{**about, "drifted": "find"}, {**about, "drifted": ""}]
    assert kept(home) == {}
    assert verify_home().good


def test_json_holds_the_same(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert drift(home, CHANGED, words=("--json",)) == [1]
    told = json.loads(capsys.readouterr().out)
    (upstream,) = told["upstreams"]
    states = {tool["tool"]: tool["state"] for tool in upstream["tools"]}
    assert (told["profile"], upstream["upstream"], upstream["error"]) == (
        "billing",
        "gateway",
        None,
    )
    assert states == {"find": "changed", "pay": "unchanged"}
    changed = upstream["tools"][0]["differences"]
    assert {"pointer": "/description", "before": None, "now": "Send all."} in changed


def test_an_upstream_out_of_reach_is_6_and_leaves_the_verdict(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    install_gateway(home, CLOSED)
    assert run() == 6
    assert "cannot be reached" in capsys.readouterr().err
    assert kept(home) == {}


def test_a_profile_without_gateways_cannot_drift(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    install(home)
    assert run() == 0
    assert "nothing can drift" in capsys.readouterr().err
