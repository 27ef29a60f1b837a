"""`credential list`: logins beside credentials, their ends and last uses, and never a secret."""

import argparse
import json
from pathlib import Path

import pytest
from edges.fakes_keychain import MemoryKeychain

from mcp_proxy.app import keychain_store
from mcp_proxy.app.credential_list import list_credentials
from mcp_proxy.app.keychain_store import credential_store, token_store
from mcp_proxy.cli import credential
from mcp_proxy.core.binding import OAUTH, make_binding
from mcp_proxy.core.credential_item import Item
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client, Server, TokenSet
from mcp_proxy.core.vault_file import damaged
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.settings_credentials import Source, make_reference
from mcp_proxy.edges.token_store import TokenStore
from mcp_proxy.edges.uses import Uses
from mcp_proxy.edges.vault import Vault
from mcp_proxy.errors import CredentialError

ORIGIN = "https://api.example.com"
BINDING = make_binding("bearer", None, [ORIGIN], "/v1", [("billing", "keys")])
TOKENS = TokenSet(
    "authorization_code",
    Server("https://login.example", "https://login.example/token"),
    Client("app", "none", Secret("canary-client")),
    ORIGIN,
    ("read",),
    ("read",),
    Secret("canary-access"),
    1_800_000_000.0,
    Secret("canary-refresh"),
    1_700_000_000.0,
    BINDING._replace(kind=OAUTH),
)


@pytest.fixture(autouse=True)
def keychain(monkeypatch: pytest.MonkeyPatch) -> MemoryKeychain:
    made = MemoryKeychain()
    monkeypatch.setattr(keychain_store, "_open", lambda _home_id: made)
    return made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("MCP_PROXY_HOME", str(tmp_path / "home"))
    return init_home(str(tmp_path / "home"))


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    credential.add_commands(parser.add_subparsers())
    options = parser.parse_args(["credential", "list", *arguments])
    return int(options.run(options))


def test_a_login_is_listed_with_its_issuer_end_and_last_use(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    credential_store(home).put("billing-api", Item(BINDING, Secret("canary-static")))
    source = Source("", ("/usr/bin/op", "read", "op://x/y"))
    credential_store(home).put_reference("ci", make_reference(source, BINDING))
    token_store(home).write("crm", TOKENS)
    Uses(home, lambda: 0.0).record("crm")
    assert run() == 0
    table = " ".join(capsys.readouterr().out.split())
    assert f"crm oauth {ORIGIN}/v1 by https://login.example billing vault 2027-01-15" in table
    assert f"billing-api bearer {ORIGIN}/v1 billing keychain not yet" in table
    assert run("--json") == 0
    text = capsys.readouterr().out
    rows = {row["name"]: row for row in json.loads(text)}
    assert rows["crm"]["expires"] == "2027-01-15 08:00 UTC"
    assert rows["crm"]["last_use"] is not None
    assert (rows["crm"]["issuer"], rows["crm"]["kind"]) == ("https://login.example", "oauth")
    assert (rows["billing-api"]["last_use"], rows["billing-api"]["expires"]) == (None, None)
    assert rows["ci"]["store"] == 'cmd:["/usr/bin/op","read","op://x/y"]'
    assert "canary" not in text + table


def test_a_login_that_is_required_says_why(home: Home) -> None:
    token_store(home).write("crm", TOKENS._replace(needs_login="The server refused it."))
    assert list_credentials()[0].problem == "The server refused it."


def test_a_vault_that_cannot_be_opened_is_asked_once_and_still_listed(home: Home) -> None:
    for name in ("crm", "erp"):
        token_store(home).write(name, TOKENS)
    asked = []

    def locked() -> bytes:
        asked.append(1)
        raise damaged("The vault is locked.")

    rows = list_credentials(logins=TokenStore(home, Vault(home, locked)))
    assert [(row.name, row.kind, row.issuer, row.problem) for row in rows] == [
        ("crm", OAUTH, "https://login.example", "The vault is locked."),
        ("erp", OAUTH, "https://login.example", "The vault is locked."),
    ]
    assert asked == [1]
    assert all(row.is_locked for row in rows)


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_a_list_of_nothing_but_what_is_locked_is_printed_and_ends_with_4(
    home: Home,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
) -> None:
    credential_store(home).put("crm", Item(BINDING, Secret("s")))

    def locked(_home_id: str) -> MemoryKeychain:
        raise CredentialError("MCPX-C02", "The keychain is locked.")

    monkeypatch.setattr(keychain_store, "_open", locked)
    assert run(*arguments) == 4
    assert "crm" in capsys.readouterr().out
    source = Source("", ("/usr/bin/op", "read", "op://x/y"))
    credential_store(home).put_reference("ci", make_reference(source, BINDING))
    assert run(*arguments) == 0


@pytest.mark.parametrize("end", [-1e30, 1e30, float(1 << 62)])
def test_an_end_beyond_all_calendars_is_said_to_be_never(
    home: Home, end: float, capsys: pytest.CaptureFixture[str]
) -> None:
    token_store(home).write("crm", TOKENS._replace(expires_s=end))
    assert run("--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["expires"] == "never"


def test_a_login_of_another_version_is_told_and_not_shown(home: Home) -> None:
    token_store(home).write("crm", TOKENS)
    vault = keychain_store._vault(home)
    vault.write("token:crm", {}, b'{"v":2,"access":"canary"}')
    assert list_credentials()[0].problem == (
        "The login of crm was written by another version of mcp-proxy."
    )
