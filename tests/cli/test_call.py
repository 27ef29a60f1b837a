"""`mcp-proxy call`: the same road as serve, its exit codes, and a dry run that does nothing."""

import json
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from homes import BEARER, distrust, install, make_home, tool

from mcp_proxy.app.audit_log import Filter, read_entries
from mcp_proxy.app.audit_means import verify_home
from mcp_proxy.app.demo_http import LoopbackServer, Reply, Request
from mcp_proxy.cli.main import main
from mcp_proxy.edges.audit_files import AuditSegment
from mcp_proxy.edges.audit_reader import segment_paths
from mcp_proxy.edges.places import VARIABLE, Home
from mcp_proxy.errors import AuditError


class Stage(NamedTuple):
    """A home with billing installed against a real API on loopback, and what was printed."""

    home: Home
    api: LoopbackServer
    capsys: pytest.CaptureFixture[str]

    def call(self, *words: str, code: int) -> tuple[str, str]:
        """Runs `call billing WORDS`; returns stdout and stderr."""
        assert main(["call", "billing", *words]) == code
        return self.capsys.readouterr()

    def install(self, **shape: Any) -> None:
        install(self.home, url=self.api.origin, **shape)


def answer(request: Request) -> Reply:
    if request.path == "/refund":
        return Reply(200, b'{"refunded":true}')
    if request.query.get("customer") == "broken":
        return Reply(500, b'{"detail":"out of order"}')
    return Reply(200, b'{"total":5,"note":"a\\u200bb\\u001b[31m"}')


@pytest.fixture
def stage(
    tmp_path: os.PathLike[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Stage]:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    with LoopbackServer(answer) as api:
        made = Stage(make_home(folder), api, capsys)
        made.install()
        yield made


def entries() -> list[dict[str, Any]]:
    """What the calls left; where there is a keychain, the ledger names its key too."""
    return [entry for entry in read_entries(Filter()) if entry["segment"] != "ledger"]


def kinds() -> list[str]:
    return [entry["kind"] for entry in entries()]


def test_a_call_prints_its_answer_cleaned_and_is_logged(stage: Stage) -> None:
    out, err = stage.call("find", '{"customer":"cus_1","amount":3}', code=0)
    assert json.loads(out) == {"total": 5, "note": "ab"}
    assert err == ""
    assert [request.query for request in stage.api.seen] == [{"customer": "cus_1", "amount": "3"}]
    assert kinds() == ["open", "decided", "answered", "close"]
    opened, decided, answered, _ = entries()
    assert opened["client"]["name"] == "mcp-proxy call"
    assert decided["values"] == {"customer": "cus_1"}
    assert (answered["outcome"], answered["status"]) == ("ok", 200)
    assert verify_home().good


def test_the_whole_result_comes_as_json(stage: Stage) -> None:
    out, _ = stage.call("find", '{"customer":"cus_1"}', "--json", code=0)
    assert json.loads(out)["structuredContent"] == {"total": 5, "note": "ab"}


def test_a_mutating_call_goes_the_same_road(stage: Stage) -> None:
    out, _ = stage.call("refund", '{"customer":"cus_1","amount":3}', code=0)
    assert json.loads(out) == {"refunded": True}
    assert json.loads(stage.api.seen[0].body) == {"customer": "cus_1", "amount": 3}


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("find", '{"customer":"x"}', "MCPX-D01"),
        ("find", "{}", "MCPX-D01"),
        ("find", "[]", "MCPX-D01"),
        ("ask", '{"customer":"cus_1"}', "MCPX-D16"),
    ],
)
def test_a_denied_call_exits_1_and_sends_nothing(
    stage: Stage, name: str, arguments: str, error: str
) -> None:
    out, _ = stage.call(name, arguments, code=1)
    assert error in out
    assert stage.api.seen == []
    (decided,) = read_entries(Filter(kind="decided"))
    assert (decided["decision"], decided["error"]) == ("deny", error)


def test_what_must_have_been_shown_is_told_by_a_dry_run_and_by_the_call_that_cannot_pass(
    stage: Stage,
) -> None:
    rule = {"shown": "customer", "by": "find", "field": "id", "within_s": 600, "same": {}}
    stage.install(tools=[tool("find"), tool("refund", constraints=(rule,))], version=2)
    words = ("refund", '{"customer":"cus_1"}')
    _, err = stage.call(*words, "--dry-run", code=0)
    assert "only if customer was shown by find (as id) in the last 10 m." in err
    out, err = stage.call(*words, code=1)
    assert "MCPX-D14" in out
    assert "never passes here" in err
    _, err = stage.call("find", '{"customer":"cus_1"}', "--dry-run", code=0)
    assert "shown" not in err


def test_a_dry_run_of_a_call_that_asks_names_grants(stage: Stage) -> None:
    _, err = stage.call("ask", '{"customer":"cus_1"}', "--dry-run", code=0)
    assert "A grant may let it pass unasked" in err


def test_an_unknown_tool_exits_1_and_is_logged(stage: Stage) -> None:
    out, err = stage.call("nonsense", code=1)
    assert (out, err) == (
        "",
        "error: Unknown tool: nonsense\nnext:  mcp-proxy profile show billing\n",
    )
    assert kinds() == ["open", "decided", "close"]


@pytest.mark.parametrize("text", ["{", "{'a':1}", '{"a":1,"a":2}', "NaN", '"\\ud800"', "\udcff"])
def test_arguments_that_are_no_json_exit_2_and_are_not_repeated(stage: Stage, text: str) -> None:
    out, err = stage.call("find", text, code=2)
    assert out == ""
    assert "The arguments are not acceptable JSON" in err
    assert segment_paths(stage.home.state) == []


def test_an_upstreams_error_exits_with_6(stage: Stage) -> None:
    out, _ = stage.call("find", '{"customer":"broken"}', code=6)
    assert "MCPX-U03" in out


def test_an_upstream_out_of_reach_exits_with_6(stage: Stage) -> None:
    install(stage.home, url="http://127.0.0.1:9", version=2)
    out, _ = stage.call("find", '{"customer":"cus_1"}', code=6)
    assert "MCPX-U01" in out


def test_a_missing_credential_exits_with_4_and_names_the_command(stage: Stage) -> None:
    stage.install(version=2, auth=BEARER)
    out, _ = stage.call("find", '{"customer":"cus_1"}', code=4)
    assert "MCPX-C0" in out
    assert stage.api.seen == []


def test_a_profile_that_is_not_trusted_exits_with_3(stage: Stage) -> None:
    distrust(stage.home)
    out, err = stage.call("find", '{"customer":"cus_1"}', code=3)
    assert out == ""
    assert "MCPX-P03" in err
    assert main(["call", "other", "find"]) == 3


def test_s20_a_call_that_cannot_be_logged_exits_with_5_and_is_not_made(stage: Stage) -> None:
    os.chmod(stage.home.state, 0o722)
    out, _ = stage.call("find", '{"customer":"cus_1"}', code=5)
    assert "MCPX-A01" in out
    assert stage.api.seen == []


def test_s20_an_answer_that_cannot_be_logged_is_shown_and_exits_with_5(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise AuditError("MCPX-A01", "The audit log cannot be written: the disk is full.")

    monkeypatch.setattr(AuditSegment, "append_last", full)
    out, _ = stage.call("find", '{"customer":"cus_1"}', code=5)
    assert "Note: The audit log cannot be written" in out
    assert len(out.splitlines()) > 1
    assert len(stage.api.seen) == 1


def test_a_dry_run_shows_the_exact_request_and_does_nothing(stage: Stage) -> None:
    stage.install(version=2, auth=BEARER)
    out, err = stage.call("find", '{"customer":"a b&c"}', "--dry-run", code=0)
    assert out.splitlines() == [
        f"GET {stage.api.origin}/find?customer=a%20b%26c",
        "Authorization: ********",
    ]
    assert err == "decision: allow (allow)\n"
    assert (stage.api.seen, segment_paths(stage.home.state)) == ([], [])


def test_a_dry_run_shows_the_body(stage: Stage) -> None:
    out, _ = stage.call("refund", '{"customer":"cus_1","amount":3}', "--dry-run", code=0)
    lines = out.splitlines()
    assert lines[0] == f"POST {stage.api.origin}/refund"
    assert json.loads(lines[-1]) == {"customer": "cus_1", "amount": 3}
    assert stage.api.seen == []


def test_a_dry_run_of_a_call_that_asks_shows_it_and_exits_0(stage: Stage) -> None:
    out, err = stage.call("ask", '{"customer":"cus_1"}', "--dry-run", code=0)
    assert out.startswith("GET ")
    assert err.startswith("decision: ask (approval.always)")


@pytest.mark.parametrize("name", ["find", "nonsense"])
def test_a_dry_run_of_a_denied_call_exits_1(stage: Stage, name: str) -> None:
    out, err = stage.call(name, '{"customer":5}', "--dry-run", code=1)
    assert out == ""
    assert err.startswith("decision: deny")


def test_a_dry_run_as_json(stage: Stage) -> None:
    stage.install(version=2, auth=BEARER._replace(kind="header", name="X-Api-Key"))
    out, _ = stage.call("refund", '{"customer":"cus_1"}', "--dry-run", "--json", code=0)
    shown = json.loads(out)
    assert (shown["decision"], shown["rule"], shown["text"]) == ("allow", "allow", None)
    assert shown["request"]["method"] == "POST"
    assert ["X-Api-Key", "********"] in shown["request"]["headers"]
    out, _ = stage.call("find", "{}", "--dry-run", "--json", code=1)
    assert json.loads(out)["request"] is None


def test_a_tool_can_be_tried_without_arguments(stage: Stage) -> None:
    stage.install(version=2, tools=[tool("find", enforced={"type": "object"})])
    out, _ = stage.call("find", code=0)
    assert json.loads(out)["total"] == 5
