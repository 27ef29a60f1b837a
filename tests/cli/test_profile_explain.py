"""`mcp-proxy profile explain`: the decision of serve in words, for what is installed and files."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from homes import BEARER, distrust, install, make_home, payload

from mcp_proxy.app.audit_log import Filter, read_entries
from mcp_proxy.app.demo_http import LoopbackServer, Reply
from mcp_proxy.cli.main import main
from mcp_proxy.edges.audit_reader import segment_paths
from mcp_proxy.edges.places import VARIABLE, Home


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


@pytest.mark.parametrize(
    ("tool", "arguments", "line"),
    [
        ("find", '{"customer":"cus_1"}', "decision   allow"),
        ("ask", '{"customer":"cus_1"}', "decision   ask, answered as MCPX-D03"),
        ("find", '{"customer":"x"}', "decision   deny, answered as MCPX-D01"),
        ("nonsense", "{}", "decision   deny, answered as MCPX-D05"),
    ],
)
def test_any_decision_exits_0(
    home: Home, capsys: pytest.CaptureFixture[str], tool: str, arguments: str, line: str
) -> None:
    install(home, auth=BEARER)
    assert main(["profile", "explain", "billing", tool, arguments]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == line
    sends = any(text.startswith("  GET https://api.example.com/") for text in out)
    assert (
        sends is ("  Authorization: ********" in out) is (tool != "nonsense" and "1" in arguments)
    )


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
