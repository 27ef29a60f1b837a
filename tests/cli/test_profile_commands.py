"""What `profile sign`, `verify`, `install`, `list`, `show`, `remove` print, ask and return."""

import argparse
import base64
import json
import os
import sys
from collections.abc import Callable

import pytest
from trust_samples import OTHER_SEED, SEED, keys, payload, trusted

from mcp_proxy.app import profiles
from mcp_proxy.app.profile_check import ToolSummary
from mcp_proxy.cli import profile, render
from mcp_proxy.cli.profile_view import log_lines, plain, summary_lines
from mcp_proxy.core.profile import AuditRules, Limit
from mcp_proxy.core.signing import public_key, sign_payload
from mcp_proxy.core.trust_store import TrustStore, dump_trust_store, format_key_line
from mcp_proxy.edges.files import write_file, write_given
from mcp_proxy.edges.places import VARIABLE, find_home, init_home
from mcp_proxy.edges.profile_store import trust_path
from mcp_proxy.errors import ProfileError, SourceError, UsageError

ASSETS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "assets")

ACME = "mcpxr1:S70N3kbXhfU6no9T/+gIJVziilP3/T87GIJazyBhW3M=:acme"


@pytest.fixture
def folder(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder with billing.dsse.json, and a home that trusts its signer."""
    path = os.fspath(tmp_path)
    monkeypatch.setenv(VARIABLE, os.path.join(path, "home"))
    monkeypatch.setattr(render, "_TERMINAL", os.path.join(path, "no-terminal"))
    home = init_home(os.path.join(path, "home"))
    write_file(trust_path(home), dump_trust_store(TrustStore(keys(), {})))
    write_given(os.path.join(path, "billing.dsse.json"), sign_payload(payload(), SEED))
    return path


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    profile.add_commands(parser.add_subparsers())
    options = parser.parse_args(["profile", *words])
    return int(options.run(options))


def test_key_line_is_the_last_line_of_sign(
    folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KEY", base64.b64encode(SEED).decode())
    source, out = os.path.join(folder, "billing.payload.jsonl"), os.path.join(folder, "out.json")
    write_given(source, payload())
    assert run("sign", source, "-o", out, "--key", "env:KEY") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [out, format_key_line(public_key(SEED), "KEY")]


def test_verify_says_what_it_checked(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", os.path.join(folder, "billing.dsse.json")) == 0
    out = capsys.readouterr().out
    assert trusted().keyid in out
    assert out.count("checked: ") == 4


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (payload(), "MCPX-P01"),
        (sign_payload(payload(), OTHER_SEED), "MCPX-P03"),
        (sign_payload(payload(expires=1), SEED), "MCPX-P06"),
        (b"rubbish", "MCPX-P10"),
        (None, "MCPX-W01"),
    ],
)
def test_verify_is_0_or_1(
    folder: str, capsys: pytest.CaptureFixture[str], data: bytes | None, error: str
) -> None:
    path = os.path.join(folder, "bad.json")
    if data is not None:
        write_given(path, data)
    assert run("verify", path) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert error in captured.err
    assert run("verify", path, "--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["valid"], said["id"]) == (False, error)


def test_install_ends_with_what_is_missing_the_entry_and_a_dry_run(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("install", os.path.join(folder, "billing.dsse.json"), "--yes") == 0
    captured = capsys.readouterr()
    for shown in (trusted().keyid, "https://api.example.com", "find_invoices: read"):
        assert shown in captured.err
    missing = captured.out.index(
        "mcp-proxy credential set billing-api --origin https://api.example.com"
    )
    start, end = captured.out.index("{\n"), captured.out.index("\n}\n") + 2
    entry = json.loads(captured.out[start:end])["mcpServers"]["billing"]
    assert entry["env"] == {VARIABLE: os.environ[VARIABLE]}
    dry_run = captured.out.index('mcp-proxy call billing find_invoices \'{"customer": "xxx"}\'')
    assert missing < start < dry_run


def test_s1_install_asks_for_what_was_never_installed(folder: str) -> None:
    path = os.path.join(folder, "billing.dsse.json")
    with pytest.raises(UsageError):
        run("install", path)
    assert profiles.list_profiles() == []
    assert run("install", path, "--yes") == 0
    assert run("install", path) == 0


def test_s1_install_that_is_declined_changes_nothing(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = os.path.join(folder, "terminal")
    write_given(terminal, b"n\n")
    monkeypatch.setattr(render, "_TERMINAL", terminal)
    assert run("install", os.path.join(folder, "billing.dsse.json")) == 1
    assert profiles.list_profiles() == []


def test_list_and_show_are_data(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    run("install", os.path.join(folder, "billing.dsse.json"), "--yes")
    capsys.readouterr()
    assert run("list", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["version"], row["tools"], row["problem"]) == ("billing", 3, 1, None)
    assert run("list") == 0
    assert "Billing support" in capsys.readouterr().out
    assert run("show", "billing") == 0
    assert "customer (required)" in capsys.readouterr().out
    assert run("show", "billing", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["tools"][0]["arguments"][0]["name"] == "customer"
    assert shown["upstreams"]["billing-api"]["auth"]["credential"] == "billing-api"


def test_list_says_what_is_refused(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    run("install", os.path.join(folder, "billing.dsse.json"), "--yes")
    os.unlink(os.path.join(folder, "home", "data", "seen.json"))
    capsys.readouterr()
    assert run("list", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["problem"]["id"] == "MCPX-P13"
    assert run("list") == 0
    assert "MCPX-P13" in capsys.readouterr().out


def test_remove_takes_it_away(folder: str) -> None:
    run("install", os.path.join(folder, "billing.dsse.json"), "--yes")
    assert run("remove", "billing") == 0
    assert profiles.list_profiles() == []


@pytest.mark.parametrize("check", [profiles.verify, profiles.prepare])
def test_a_source_in_the_place_of_a_signed_file_names_sign(
    folder: str, check: Callable[[str], object]
) -> None:
    with pytest.raises(ProfileError) as caught:
        check("billing.yaml")
    assert (caught.value.id, caught.value.next) == (
        "MCPX-P01",
        "mcp-proxy profile sign billing.yaml",
    )


def test_approval_is_told_in_words(folder: str) -> None:
    rule = [{"amount": {"above": 100}, "kind": {"not_in": ["gift"]}}, {"urgent": {"is": True}}]
    tool = ToolSummary("refund", "write", "api", "Refunds.", rule, ())
    checked = profiles.verify(os.path.join(folder, "billing.dsse.json"))._replace(tools=(tool,))
    assert summary_lines(checked)[-1] == (
        '  refund: write, api, approval when amount above 100 and kind not in ["gift"] '
        "or urgent is true"
    )


def test_limits_constraints_and_masks_are_told_below_their_tool(folder: str) -> None:
    tool = ToolSummary(
        *("refund", "destructive", "api", "Refunds.", "always", ()),
        channels=("terminal",),
        limits=(Limit("sum/amount/day/who", "amount", "day", 200_000, "who"),),
        constraints=({"days": [0, 1], "between": [480, 1080]}, {"sum": "/a/*", "at_most": 5}),
        masks=("email", "data.note"),
        outward="allow",
    )
    checked = profiles.verify(os.path.join(folder, "billing.dsse.json"))._replace(tools=(tool,))
    assert summary_lines(checked)[-7:] == [
        "  refund: destructive, api, approval always",
        "    answered by terminal",
        "    limit at most 200,000 of amount per day, for each who",
        "    rule  called only on mon, tue between 08:00 and 18:00",
        "    rule  the sum of /a/* is at most 5",
        "    masks email, data.note",
        "    a secret in an argument is let out",
    ]
    assert plain(checked)["tools"][0]["limits"][0]["at_most"] == 200_000


def test_s25_text_of_a_signed_profile_is_never_markup(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = os.path.join(folder, "odd.json")
    write_given(path, sign_payload(payload(title="All good[bold]"), SEED))
    run("install", path, "--yes")
    assert "All good[bold]" in capsys.readouterr().err


def test_s25_text_of_a_signed_profile_cannot_move_the_terminal(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = os.path.join(folder, "odd.json")
    write_given(path, sign_payload(payload(title="\x1b[2J\u202eAll good"), SEED))
    with pytest.raises(ProfileError) as caught:
        run("install", path, "--yes")
    render.fail(caught.value)
    captured = capsys.readouterr()
    assert "hidden character U+001B" in captured.err
    assert not {"\x1b", "\u202e"} & set(captured.err + captured.out)
    assert profiles.list_profiles() == []


@pytest.fixture
def whole(folder: str) -> str:
    """A signed file of a profile with a local server, features, links, resources and prompts."""
    with open(os.path.join(ASSETS, "vector.payload.jsonl"), "rb") as file:
        data = file.read()
    write_file(
        trust_path(find_home()), dump_trust_store(TrustStore(keys(trusted(SEED, "vector")), {}))
    )
    path = os.path.join(folder, "vector.dsse.json")
    write_given(path, sign_payload(data, SEED))
    return path


def test_arguments_that_are_sealed_without_a_recipient_are_the_home_s_own() -> None:
    assert log_lines(AuditRules((), "deny")) == []
    assert log_lines(AuditRules((), "deny", "", "sealed")) == [
        "log       keeps all arguments, sealed for this home itself"
    ]


def test_s13_s14_install_shows_what_is_started_and_what_upstreams_may_do(
    whole: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("install", whole, "--yes") == 0
    told = capsys.readouterr().err
    for line in (
        "upstream  local: a program on this machine, env notes in NOTES_KEY",
        "  runs     uvx mcp-notes==1.2.3 --read-only",
        "           (an exact version is no pin of its content)",
        "  sets     APP_DIR=/srv/notes",
        "  may      roots",
        "  may      progress, logging, completion, elicitation, sampling, roots, tasks, apps",
        "  links    https://login.example.com",
        "log       keeps all arguments, sealed for acme",
        f"log       bears MACs that the holder of {ACME} verifies",
        "resources 4",
        "  handbook: docs://handbook/{page} (template), gateway",
        "  ui:look_up: ui://x (app, pinned by its digest), gateway",
        "prompts   2",
        "  summarise: summarize_account, gateway, takes account, tone",
    ):
        assert f"{line}\n" in told


def test_verify_and_show_list_resources_prompts_and_commands(
    whole: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", whole) == 0
    assert "7 tools, 4 resources, 2 prompts" in capsys.readouterr().out
    run("install", whole, "--yes")
    capsys.readouterr()
    assert run("show", "vector", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert [item["name"] for item in shown["resources"]] == [
        *("terms", "intro", "handbook", "ui:look_up")
    ]
    assert [item["prompt"] for item in shown["prompts"]] == ["summarize_account", "greet"]
    assert shown["audit"] == {
        "clear": ["id", "limit"],
        "on_failure": "deny",
        "recipient": ACME,
        "arguments": "sealed",
    }
    local = shown["upstreams"]["local"]
    assert local["command"] == ["uvx", "mcp-notes==1.2.3", "--read-only"]
    assert local["environment"] == {"APP_DIR": "/srv/notes", "LOG_LEVEL": "debug"}
    assert shown["upstreams"]["gateway"]["links"] == ["https://login.example.com"]


def test_s13_a_build_asks_with_the_exact_command(
    folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = os.path.join(folder, "terminal")
    write_given(terminal, b"n\n")
    monkeypatch.setattr(render, "_TERMINAL", terminal)
    source = os.path.join(folder, "shop.yaml")
    text = (
        "profile: shop\nversion: 1\nupstreams:\n  local: {kind: stdio, listing: l.json, "
        f'command: ["{sys.executable}", "-c", "open(1) #"], '
        "auth: {kind: env, credential: c, name: API_KEY}}\n"
        'tools:\n  "*": {upstream: local}\n'
    )
    write_given(source, text.encode())
    with pytest.raises(SourceError, match="was not confirmed, so nothing was started"):
        run("build", source)
    told = capsys.readouterr().err
    assert f"runs     {sys.executable} -c 'open(1) #'" in told
    assert f"program  {sys.executable}" in told
    assert "lacks    API_KEY" in told
    assert "Start it? [y/N]" in told


def test_s25_text_of_a_resource_cannot_move_the_terminal(
    whole: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(os.path.join(ASSETS, "vector.payload.jsonl"), "rb") as file:
        data = file.read().replace(b'"title":"Terms"', b'"title":"\\u001b[2JTerms"')
    path = whole.replace("vector.", "odd.")
    write_given(path, sign_payload(data, SEED))
    with pytest.raises(ProfileError, match="hidden character U\\+001B"):
        run("install", path, "--yes")
    assert "\x1b" not in capsys.readouterr().err
