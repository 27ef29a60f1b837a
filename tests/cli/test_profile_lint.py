"""What `profile lint` prints and returns, for each thing that it takes."""

import argparse
import json
import os
import shutil
from pathlib import Path

import pytest
from trust_samples import SEED, keys, payload

from mcp_proxy.app import profiles
from mcp_proxy.cli import profile
from mcp_proxy.core.signing import sign_payload
from mcp_proxy.core.trust_store import TrustStore, dump_trust_store
from mcp_proxy.edges.files import write_file
from mcp_proxy.edges.places import VARIABLE, init_home
from mcp_proxy.edges.profile_store import trust_path
from mcp_proxy.errors import McpProxyError, UsageError

PROFILES = Path(__file__).parent.parent.parent / "profiles"
GATEWAY = """\
profile: support
version: 1
expires: 2099-01-01
upstreams:
  gateway: {kind: mcp, url: "https://gateway.example.com/mcp", listing: demo-gateway.tools.json}
tools:
  delete_account: {upstream: gateway, operation: delete_account, effect: destructive}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a source with an error in it, a payload, a signed file, a home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    write_file(
        trust_path(init_home(str(tmp_path / "home"))), dump_trust_store(TrustStore(keys(), {}))
    )
    shutil.copy(PROFILES / "demo-gateway.tools.json", tmp_path)
    (tmp_path / "support.yaml").write_text(GATEWAY)
    (tmp_path / "billing.payload.jsonl").write_bytes(payload())
    (tmp_path / "billing.dsse.json").write_bytes(sign_payload(payload(), SEED))
    return tmp_path


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    profile.add_commands(parser.add_subparsers())
    options = parser.parse_args(["profile", "lint", *words])
    return int(options.run(options))


def test_findings_are_lines_with_place_rule_level_and_fix(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("support.yaml") == 1
    printed = capsys.readouterr()
    (line,) = [text for text in printed.out.splitlines() if " L301 " in text]
    assert line == (
        "support.yaml:7:3: L301 error delete_account is destructive, and nobody is asked. "
        "Fix: add `approval: always`, or a condition."
    )
    assert "support.yaml: 1 error, " in printed.err
    assert "an estimate" in printed.err
    assert " delete_account\n" in printed.err


def test_without_an_error_it_returns_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "support.yaml").write_text(
        GATEWAY.replace("effect: destructive", "effect: destructive, approval: always")
    )
    assert run("support.yaml", "--level", "error") == 0
    assert capsys.readouterr().out == ""


def test_a_level_hides_what_is_less_and_changes_no_exit_code(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("support.yaml", "--level", "error", "--json") == 1
    row = json.loads(capsys.readouterr().out)
    assert {one["rule"] for one in row["findings"]} == {"L301"}
    assert run("support.yaml", "--json") == 1
    assert len(json.loads(capsys.readouterr().out)["findings"]) > 1


def test_json_has_findings_and_the_cost_of_each_tool(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("support.yaml", "--json")
    row = json.loads(capsys.readouterr().out)
    assert row["file"] == "support.yaml"
    assert (
        row["estimated_tokens"]["whole"] == row["estimated_tokens"]["tools"]["delete_account"] > 0
    )
    error = next(one for one in row["findings"] if one["rule"] == "L301")
    assert (error["line"], error["column"], error["place"]) == (7, 3, ["tools", "delete_account"])


def test_sarif_names_the_file_as_seen_from_here(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a b").mkdir()
    for name in ("support.yaml", "demo-gateway.tools.json"):
        shutil.move(folder / name, folder / "a b" / name)
    assert run(os.path.join("a b", "support.yaml"), "--sarif") == 1
    log = json.loads(capsys.readouterr().out)
    places = {
        one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for one in log["runs"][0]["results"]
    }
    assert places == {"a%20b/support.yaml"}


def test_sarif_names_a_file_outside_of_this_folder_by_its_whole_address(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    run(os.path.join(os.pardir, "support.yaml"), "--sarif")
    (first, *_) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    uri = first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri.startswith("file:/")
    assert uri.endswith("/support.yaml")


@pytest.mark.parametrize("given", ["billing.payload.jsonl", "billing.dsse.json", "billing"])
def test_payloads_signed_files_and_installed_profiles_are_linted_without_lines(
    folder: Path, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    profiles.install(profiles.prepare("billing.dsse.json"), unasked=True)
    run(given, "--json")
    row = json.loads(capsys.readouterr().out)
    assert row["findings"]
    assert {one["line"] for one in row["findings"]} == {0}
    run(given)
    assert all(text.startswith(f"{given}: L") for text in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("nowhere.yaml", UsageError),
        ("rubbish.json", McpProxyError),
        ("unknown", McpProxyError),
    ],
)
def test_what_cannot_be_linted_is_told(folder: Path, given: str, kind: type[McpProxyError]) -> None:
    (folder / "rubbish.json").write_text("{}")
    with pytest.raises(kind):
        run(given)


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("version: 1", "version: one", 2, "version: "),
        ("operation: delete_account", "operation: gone", 7, "tools.delete_account.operation: "),
        ("demo-gateway.tools", "gone.tools", 7, "listing"),
        ("version: 1", "version: [", 4, "not YAML"),
    ],
)
def test_a_source_that_does_not_build_has_errors_with_lines(
    folder: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, line: int, told: str
) -> None:
    (folder / "support.yaml").write_text(GATEWAY.replace(old, new))
    assert run("support.yaml") == 1
    printed = capsys.readouterr()
    assert printed.out.startswith(f"support.yaml:{line}:1: L001 error ")
    assert told in printed.out
    assert "estimate" not in printed.err
    assert run("support.yaml", "--sarif") == 1
    (result,) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert (result["ruleId"], region["startLine"]) == ("L001", line)


def test_the_demos_profile_has_neither_errors_nor_warnings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(str(PROFILES / "demo-billing.yaml"), "--level", "warning") == 0
    assert capsys.readouterr().out == ""
