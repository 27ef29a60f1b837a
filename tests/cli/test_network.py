"""What `network` prints, writes and logs."""

import argparse
import json
import os
from pathlib import Path

import pytest
from edges.fakes_company import Authority
from homes import block_ledger, ledger_text

from mcp_proxy.app.network_change import change
from mcp_proxy.cli import credential, network
from mcp_proxy.edges.places import VARIABLE, Home, find_home, init_home
from mcp_proxy.edges.profile_store import read_generation
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.errors import AuditError, CredentialError, HomeError, UsageError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    init_home(folder)
    return find_home()


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for group in (network, credential):
        group.add_commands(commands)
    options = parser.parse_args(words)
    return int(options.run(options))


def set_login(name: str) -> None:
    words = ("--kind", "basic", "--origin", "http://proxy.corp:3128", "--from", "env:PROXY_LOGIN")
    assert run("credential", "set", name, *words) == 0


def test_what_is_set_is_shown_and_stands_in_the_settings(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    company = Authority(tmp_path, "Example Corp CA")
    set_login("corp-proxy")
    before = read_generation(home)
    words = ("--proxy", "http://proxy.corp:3128", "--proxy-credential", "corp-proxy")
    lists = ("--no-proxy", ".corp", "--no-proxy", "10.0.0.0/8", "--private", "idp.corp")
    assert run("network", "set", "--ca-file", company.file, *words, *lists, "--localhost") == 0
    assert read_generation(home) != before
    capsys.readouterr()
    assert run("network", "show", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "localhost": True,
        "ca_file": os.path.realpath(company.file),
        "proxy": "http://proxy.corp:3128",
        "proxy_credential": "corp-proxy",
        "no_proxy": [".corp", "10.0.0.0/8"],
        "private": ["idp.corp"],
    }
    assert read_settings(home).credentials.keys() == {"corp-proxy"}


def test_lists_grow_and_a_key_is_taken_out_whole(home: Home, capsys: pytest.CaptureFixture[str]):
    assert run("network", "set", "--private", "idp.corp", "--localhost") == 0
    assert run("network", "set", "--private", "hub.corp", "--private", "idp.corp") == 0
    assert read_settings(home).network.private == ("idp.corp", "hub.corp")
    assert run("network", "unset", "private") == 0
    assert run("network", "unset", "localhost") == 0
    assert "was not set" not in capsys.readouterr().err
    assert run("network", "unset", "localhost") == 0
    assert "localhost was not set." in capsys.readouterr().err
    assert read_settings(home).network == type(read_settings(home).network)()


def test_nothing_set_is_said(capsys: pytest.CaptureFixture[str]):
    assert run("network", "show") == 0
    assert "reached directly" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("set",), UsageError),
        (("set", "--proxy", "http://wpad/wpad.dat"), UsageError),
        (("set", "--proxy", "http://jo:canary@proxy.corp"), UsageError),
        (("set", "--proxy-credential", "corp-proxy"), CredentialError),
        (("set", "--certificate", "corp"), CredentialError),
        (("set", "--ca-file", "/nonexistent/ca.pem"), HomeError),
        (("set", "--private", "*"), UsageError),
        (("unset", "proxi"), UsageError),
    ],
)
def test_what_is_not_right_changes_nothing(
    words: tuple[str, ...], error: type[Exception], home: Home
):
    before = read_generation(home)
    with pytest.raises(error) as caught:
        run("network", *words)
    assert "canary" not in str(caught.value)
    assert read_generation(home) == before
    assert not os.path.exists(os.path.join(home.config, "settings.toml"))


def test_s1_a_change_is_logged_before_it_is_made(home: Home):
    assert run("network", "set", "--proxy", "http://proxy.corp:3128") == 0
    log = ledger_text(home)
    assert '"what":"network set"' in log
    assert "http://proxy.corp:3128" in log
    block_ledger(home)
    with pytest.raises(AuditError):
        change({"proxy": "http://other.corp:3128"})
    assert read_settings(home).network.proxy == "http://proxy.corp:3128"
