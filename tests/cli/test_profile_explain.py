"""`mcp-proxy profile explain`: the decision of serve in words, for what is installed and files."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from homes import BEARER, distrust, install, make_home, payload, tool

from mcp_proxy.app import grants
from mcp_proxy.app.audit_log import Filter, read_entries
from mcp_proxy.app.demo_http import LoopbackServer, Reply
from mcp_proxy.cli.main import main
from mcp_proxy.core.profile import AuditRules, Limit, Tool
from mcp_proxy.edges.audit_reader import segment_paths
from mcp_proxy.edges.grants import take_grant
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.edges.state_db import StateDb
from mcp_proxy.edges.state_file import state_path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    folder = os.fspath(tmp_path / "home")
    monkeypatch.setenv(VARIABLE, folder)
    return make_home(folder)


def test_it_shows_the_request_that_a_call_then_sends(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    with LoopbackServer(lambda _request: Reply(200, b"{}")) as api:
        install(home, url=api.origin)
        words = ["billing", "refund", '{"customer":"cus_1","amount":3.0}']
        assert main(["profile", "explain", *words, "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert (api.seen, segment_paths(home.state)) == ([], [])
        assert main(["call", *words]) == 0
        (sent,) = api.seen
    assert shown["trusted"] is True
    assert shown["request"]["method"] == sent.method
    assert shown["request"]["url"] == api.origin + sent.path
    assert shown["request"]["body"].encode() == sent.body
    assert shown["clear"] == ["customer"]
    (decided,) = read_entries(Filter(kind="decided"))
    assert (decided["decision"], decided["rule"]) == (shown["decision"], shown["rule"])
    assert decided["values"].keys() == set(shown["clear"])


def test_what_the_log_keeps_for_whom_is_told(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    acme = "mcpxr1:S70N3kbXhfU6no9T/+gIJVziilP3/T87GIJazyBhW3M=:acme"
    install(home, audit=AuditRules(("customer",), "deny", acme, "sealed"))
    assert main(["profile", "explain", "billing", "find", '{"customer":"cus_1"}']) == 0
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "log",
        "  readable: customer; every argument as a keyed digest",
        "  all arguments too, sealed to the key of acme",
        f"  with a MAC that only the holder of {acme} verifies",
    ]


@pytest.mark.parametrize(
    ("name", "arguments", "line"),
    [
        ("find", '{"customer":"cus_1"}', "decision   allow"),
        ("ask", '{"customer":"cus_1"}', "decision   ask"),
        ("find", '{"customer":"x"}', "decision   deny, answered as MCPX-D01"),
        ("nonsense", "{}", "decision   deny, answered as MCPX-D05"),
    ],
)
def test_any_decision_exits_0(
    home: Home, capsys: pytest.CaptureFixture[str], name: str, arguments: str, line: str
) -> None:
    install(home, auth=BEARER)
    assert main(["profile", "explain", "billing", name, arguments]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == line
    sends = any(text.startswith("  GET https://api.example.com/") for text in out)
    assert (
        sends is ("  Authorization: ********" in out) is (name != "nonsense" and "1" in arguments)
    )


def limited(amount: int) -> list[Tool]:
    found = tool("find", limits=(Limit("calls/month", "", "month", amount, ""),))
    shown = {"shown": "customer", "by": "find", "field": "id", "within_s": 600, "same": {}}
    return [found, tool("refund", constraints=(shown,))]


def test_what_is_taken_of_a_limit_is_told_once_something_was_counted(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["billing", "find", '{"customer":"cus_1"}']
    line = "  at most 3 calls per month: this call takes 1"
    with LoopbackServer(lambda _request: Reply(200, b"{}")) as api:
        install(home, url=api.origin, tools=limited(3), requires=("limits",))
        assert main(["profile", "explain", *words]) == 0
        assert line in capsys.readouterr().out.splitlines()
        assert main(["call", *words]) == 0
        capsys.readouterr()
        assert main(["profile", "explain", *words]) == 0
    assert f"{line}; 1 taken now, 2 left" in capsys.readouterr().out.splitlines()


def test_what_was_shown_only_the_serving_process_knows(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    install(home, tools=limited(3))
    assert main(["profile", "explain", "billing", "refund", '{"customer":"cus_1"}']) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "decision   allow"
    assert out[1] == "           if customer was shown by find (as id) in the last 10 m"
    assert "  customer was shown by find (as id) in the last 10 m: holds, if it was shown" in out


def test_a_grant_that_would_let_the_call_pass_decides(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(home)
    monkeypatch.setenv("WORDS", "a passphrase of this test alone")
    assert main(["vault", "init", "--from", "env:WORDS"]) == 0
    small = '{"amount": {"at_most": 5}}'
    offer = grants.prepare(grants.Wish("billing", "ask", 3, "8h", small))
    grants.add(offer)
    state = StateDb(home)
    assert state.run_now(lambda tx: take_grant(tx, offer.grant))
    state.close()
    words = ["profile", "explain", "billing", "ask"]
    capsys.readouterr()
    assert main([*words, '{"customer":"cus_1","amount":5}']) == 0
    line = f"decision   allow, by grant {offer.grant.id}, 2 of 3 left"
    assert capsys.readouterr().out.splitlines()[0] == line
    assert main([*words, '{"customer":"cus_1","amount":6}']) == 0
    assert capsys.readouterr().out.splitlines()[0] == "decision   ask"
    grants.revoke(offer.grant.id)
    assert main([*words, '{"customer":"cus_1","amount":5}']) == 0
    assert capsys.readouterr().out.splitlines()[0] == "decision   ask"


def test_without_state_db_it_explains_and_says_that_serve_denies(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    install(home, tools=limited(3))
    state = StateDb(home)
    state.run_now(lambda tx: None)
    state.close()
    os.remove(state_path(home))
    assert main(["profile", "explain", "billing", "find", '{"customer":"cus_1"}']) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "decision   deny, answered as MCPX-D16"
    assert "is missing. Serve denies this call with MCPX-D16 until: mcp-proxy doctor" in out[1]
    assert "  at most 3 calls per month: this call takes 1" in out


def test_a_file_is_explained_without_trust_and_says_so(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "billing.jsonl"
    path.write_bytes(payload(name="other"))
    distrust(home)
    assert main(["profile", "explain", str(path), "find", '{"customer":"cus_1"}']) == 0
    out, err = capsys.readouterr()
    assert "  GET https://api.example.com/find?customer=cus_1" in out.splitlines()
    assert "no signature and no trust is looked at" in err


def test_an_installed_profile_that_may_not_be_served_is_refused(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    install(home)
    distrust(home)
    assert main(["profile", "explain", "billing", "find"]) == 3
    assert "MCPX-P03" in capsys.readouterr().err


def test_names_of_a_file_stay_in_their_line(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [json.loads(line) for line in payload(auth=BEARER).splitlines()]
    for upstream in lines[0]["upstreams"].values():
        upstream["auth"]["credential"] = "x\ndecision   deny\x85rule       none\x1b[2J"
    path = tmp_path / "foreign.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert main(["profile", "explain", os.fspath(path), "find", '{"customer":"cus_1"}']) == 0
    out = capsys.readouterr().out
    assert "x␤decision   deny␤rule       none, which is read only then" in out
    assert [line for line in out.splitlines() if line.startswith("decision")] == [
        "decision   allow"
    ]


def test_a_limit_that_has_no_room_left_denies(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["billing", "find", '{"customer":"cus_1"}']
    with LoopbackServer(lambda _request: Reply(200, b"{}")) as api:
        install(home, url=api.origin, tools=limited(1), requires=("limits",))
        assert main(["call", *words]) == 0
        capsys.readouterr()
        assert main(["profile", "explain", *words]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "decision   deny, answered as MCPX-D13"
    assert (
        out[1] == "rule       limit.calls/month: a limit of the tool has no room for the call now"
    )
