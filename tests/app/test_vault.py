"""The vault's commands: what they ask, log and change, and that logins are taken along."""

import argparse
import base64
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from edges.fakes_keychain import MemoryKeychain
from trust_samples import SEED

from mcp_proxy.app import asking, keychain_store, vault
from mcp_proxy.app.doctor import examine
from mcp_proxy.app.keychain_store import credential_store, home_keychain, token_store
from mcp_proxy.app.signing_keys import find_key, held_keys
from mcp_proxy.cli import vault as cli
from mcp_proxy.core import passphrase as under
from mcp_proxy.core.binding import OAUTH, make_binding
from mcp_proxy.core.credential_item import Item
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client, Server, TokenSet
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.profile_store import read_generation
from mcp_proxy.edges.settings import read_settings, write_settings
from mcp_proxy.edges.settings_vault import VaultSettings
from mcp_proxy.edges.vault import vault_path
from mcp_proxy.edges.vault_key import KEY_ITEM
from mcp_proxy.errors import AuditError, CredentialError, UsageError

WORDS, OTHER = "canary-correct-horse", "canary-battery-staple"
SEED_TEXT = base64.b64encode(SEED).decode()
ORIGIN = "https://api.example.com"
SECRETS = ("keychain", "vault", "secrets")
BINDING = make_binding("bearer", None, [ORIGIN], "", [])
TOKENS = TokenSet(
    "authorization_code",
    Server("https://login.example", "https://login.example/token"),
    Client("app", "none"),
    "",
    (),
    (),
    Secret("canary-access"),
    None,
    Secret("canary-refresh"),
    0.0,
    BINDING._replace(kind=OAUTH, header="Authorization"),
)


@pytest.fixture(autouse=True)
def keychain(monkeypatch: pytest.MonkeyPatch) -> MemoryKeychain:
    made = MemoryKeychain()
    monkeypatch.setattr(keychain_store, "_open", lambda _home_id: made)
    monkeypatch.setattr(under, "COST", (1 << 10, 1))
    monkeypatch.setattr(asking, "_ASKERS", [])
    monkeypatch.setenv("WORDS", WORDS)
    monkeypatch.setenv("OTHER", OTHER)
    return made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("MCP_PROXY_HOME", str(tmp_path / "home"))
    return init_home(str(tmp_path / "home"))


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser.add_subparsers())
    options = parser.parse_args(["vault", *arguments])
    return int(options.run(options))


def nobody() -> str:
    raise AssertionError("asked")


def fresh() -> None:
    """As another process, which holds no key."""
    keychain_store._key.cache_clear()


def everything_written(home: Home) -> bytes:
    folder = Path(home.data).parent
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_vault_takes_the_place_of_the_keychain(home: Home, keychain: MemoryKeychain) -> None:
    before = read_generation(home)
    made = vault.init("env:WORDS", nobody)
    assert made == (vault_path(home), "env:WORDS", (), (), "", False)
    assert read_generation(home) != before
    credential_store(home).put("billing-api", Item(BINDING, Secret("canary-secret")))
    home_keychain(home).set("signing:default", "canary-seed")
    token_store(home).write("crm", TOKENS)
    fresh()
    assert credential_store(home).read_item("billing-api").secret == Secret("canary-secret")
    assert home_keychain(home).get("signing:default") == "canary-seed"
    assert token_store(home).read("crm") == TOKENS
    assert keychain.items == {}
    assert b"canary" not in everything_written(home)


def test_logins_so_far_are_taken_along_under_another_key(
    home: Home, keychain: MemoryKeychain
) -> None:
    token_store(home).write("crm", TOKENS)
    credential_store(home).put("billing-api", Item(BINDING, Secret("s")))
    assert KEY_ITEM in keychain.items
    home_keychain(home).set("signing:default", SEED_TEXT)
    made = vault.init("env:WORDS", nobody)
    assert (made.taken, made.left) == (("credential:billing-api", "signing:default"), ())
    assert list(keychain.items) == list(made.taken)
    keychain.items.clear()
    fresh()
    assert token_store(home).read("crm") == TOKENS
    assert credential_store(home).read_item("billing-api").secret == Secret("s")
    assert home_keychain(home).get("signing:default") == SEED_TEXT


def test_what_a_silent_keychain_did_not_give_is_said_and_taken_by_a_second_init(
    home: Home, keychain: MemoryKeychain
) -> None:
    credential_store(home).put("billing-api", Item(BINDING, Secret("s")))
    keychain.locked = True
    made = vault.init("env:WORDS", nobody)
    assert (made.taken, made.left, made.silent) == (
        (),
        ("billing-api",),
        "Locked: the fake keychain.",
    )
    with pytest.raises(CredentialError, match="The vault holds no credential billing-api"):
        credential_store(home).read_item("billing-api")
    keychain.locked = False
    assert vault.init("env:WORDS", nobody).taken == ("credential:billing-api",)
    assert credential_store(home).read_item("billing-api").secret == Secret("s")
    changed = Item(BINDING, Secret("newer"))
    credential_store(home).put("billing-api", changed)
    assert vault.init("env:WORDS", nobody).taken == ()
    assert credential_store(home).read_item("billing-api") == changed


def test_a_signing_key_that_the_vault_lacks_is_taken_from_the_keychain_and_not_made_anew(
    home: Home, keychain: MemoryKeychain
) -> None:
    keychain.locked = True
    vault.init("env:WORDS", nobody)
    assert find_key("other", make=True).made
    keychain.locked = False
    keychain.items["signing:default"] = SEED_TEXT
    assert [(key.name, key.is_old) for key in held_keys(["default"])] == [("default", True)]
    found = find_key("default", make=True)
    assert (found.seed, found.made, found.is_old) == (SEED, False, True)
    keychain.items.clear()
    assert find_key("default", make=False) == found._replace(is_old=False)
    assert b'"what":"signing key copied"' in everything_written(home)
    with pytest.raises(CredentialError, match="The vault has no signing key lacking"):
        find_key("lacking", make=False)


def test_s8_a_renewal_under_way_is_waited_for_so_that_its_result_is_not_lost(home: Home) -> None:
    store = token_store(home)
    store.write("crm", TOKENS)
    making = threading.Thread(target=vault.init, args=("env:WORDS", nobody))
    with store.lock("crm"):
        making.start()
        making.join(0.5)
        assert making.is_alive()
        store.write("crm", TOKENS._replace(access=Secret("canary-renewed")))
    making.join(10)
    assert vault.show().key == "passphrase"
    fresh()
    tokens = token_store(home).read("crm")
    assert tokens is not None
    assert tokens.access == Secret("canary-renewed")


def test_a_vault_that_is_there_only_gets_its_source_recorded_anew(home: Home) -> None:
    vault.init("env:WORDS", nobody)
    before = Path(vault_path(home)).read_bytes()
    write_settings(home, read_settings(home)._replace(vault=None))
    with pytest.raises(CredentialError, match="not the passphrase"):
        vault.init("env:OTHER", nobody)
    assert read_settings(home).vault is None
    vault.init("env:WORDS", nobody)
    assert read_settings(home).vault == VaultSettings("env:WORDS")
    assert Path(vault_path(home)).read_bytes() == before


def test_the_passphrase_is_changed_and_the_entries_stay(home: Home) -> None:
    vault.init("env:WORDS", nobody)
    token_store(home).write("crm", TOKENS)
    entries = json.loads(Path(vault_path(home)).read_bytes())["entries"]
    assert vault.change_passphrase("env:OTHER", nobody) == "env:OTHER"
    assert json.loads(Path(vault_path(home)).read_bytes())["entries"] == entries
    fresh()
    assert token_store(home).read("crm") == TOKENS
    write_settings(home, read_settings(home)._replace(vault=VaultSettings("env:WORDS")))
    fresh()
    with pytest.raises(CredentialError, match="not the passphrase"):
        token_store(home).read("crm")
    with pytest.raises(CredentialError, match="not the passphrase"):
        vault.change_passphrase("env:OTHER", nobody)


def test_a_person_is_asked_where_no_reference_is_given(home: Home) -> None:
    vault.init("", lambda: WORDS)
    fresh()
    with pytest.raises(CredentialError) as caught:
        token_store(home).write("crm", TOKENS)
    assert (caught.value.id, caught.value.exit_code) == ("MCPX-C09", 4)
    assert "vault init --from env:VAR" in caught.value.next
    asked = []

    def ask() -> str:
        asked.append(1)
        return WORDS

    asking.ask_by(ask)
    token_store(home).write("crm", TOKENS)
    assert token_store(home).read("crm") == TOKENS
    assert asked == [1]


def test_a_command_without_the_variable_says_to_set_it_and_repeat(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.init("env:WORDS", nobody)
    fresh()
    monkeypatch.delenv("WORDS")
    with pytest.raises(CredentialError) as served:
        token_store(home).write("crm", TOKENS)
    assert "start the client again" in served.value.next
    asking.ask_by(nobody)
    fresh()
    with pytest.raises(CredentialError) as caught:
        token_store(home).write("crm", TOKENS)
    assert caught.value.next == "export WORDS=PASSPHRASE, then repeat the command"


@pytest.mark.parametrize("words", ["", "short", "line\nbreak-and-more"])
def test_a_passphrase_that_cannot_be_is_refused_and_nothing_is_made(home: Home, words: str) -> None:
    with pytest.raises(UsageError):
        vault.init("", lambda: words)
    assert not os.path.exists(vault_path(home))
    assert read_settings(home).vault is None


@pytest.mark.parametrize("source", ["WORDS", "cmd:op read", "cmd:[]", "env:"])
def test_a_reference_that_cannot_be_is_refused(home: Home, source: str) -> None:
    with pytest.raises(UsageError, match="A reference is written"):
        vault.init(source, nobody)
    assert not os.path.exists(vault_path(home))


def test_s1_what_cannot_be_logged_is_not_done(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise AuditError("MCPX-A01", "The disk is full.")

    vault.init("env:WORDS", nobody)
    before = Path(vault_path(home)).read_bytes()
    monkeypatch.setattr(vault.admin_log, "record", full)
    with pytest.raises(AuditError):
        vault.change_passphrase("env:OTHER", nobody)
    assert Path(vault_path(home)).read_bytes() == before
    assert read_settings(home).vault == VaultSettings("env:WORDS")


def test_s1_the_commands_are_logged_without_the_passphrase(home: Home) -> None:
    vault.init("env:WORDS", nobody)
    vault.change_passphrase("env:OTHER", nobody)
    written = everything_written(home)
    assert b'"what":"vault init"' in written
    assert b'"what":"vault passphrase"' in written
    assert WORDS.encode() not in written
    assert OTHER.encode() not in written


def test_the_commands_say_what_they_did(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show") == 0
    assert "none yet" in capsys.readouterr().out
    credential_store(home).put("billing-api", Item(BINDING, Secret("s")))
    assert run("init", "--from", "env:WORDS") == 0
    said = capsys.readouterr().err.replace("\n", " ")
    assert "take the passphrase from env:WORDS" in said
    assert "Copied from the keychain: the credential billing-api." in said
    assert run("init", "--from", "env:WORDS") == 0
    said = capsys.readouterr().err.replace("\n", " ")
    assert "was under this passphrase already, which stays." in said
    assert "Where the passphrase comes from is recorded anew." in said
    token_store(home).write("crm", TOKENS)
    assert run("show", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": vault_path(home),
        "key": "passphrase",
        "source": "env:WORDS",
        "logins": ["crm"],
        "items": ["credential:billing-api"],
    }
    assert run("passphrase", "--from", "env:OTHER") == 0
    assert "its new passphrase" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="a session without a terminal")
def test_doctor_opens_the_vault_where_there_is_one_and_asks_no_keychain(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.init("env:WORDS", nobody)
    assert {row.what: row.ok for row in examine() if row.what in SECRETS} == {"vault": True}
    fresh()
    monkeypatch.setenv("WORDS", OTHER)
    (found,) = [row for row in examine() if row.what in SECRETS]
    assert not found.ok
    assert "MCPX-C09" in found.found


def test_without_a_terminal_nothing_is_read_from_stdin(home: Home) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mcp_proxy", "vault", "init"],
        input=f"{WORDS}\n{WORDS}\n",
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no terminal to ask for the passphrase at" in done.stderr
    assert "repeat the command at a terminal" in done.stderr
    assert not os.path.exists(vault_path(home))


@pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal")
def test_at_a_terminal_the_passphrase_is_typed_twice_and_not_shown(home: Home) -> None:
    pty = pytest.importorskip("pty")
    child, master = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "mcp_proxy", "vault", "init"])
    shown = b""
    for prompt in (b"(not shown): ", b"once more: "):
        while prompt not in shown.rpartition(b"\n")[2]:
            shown += os.read(master, 1)
        os.write(master, f"{WORDS}\n".encode())
    while True:
        try:
            part = os.read(master, 1_024)
        except OSError:
            break
        if not part:
            break
        shown += part
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(master)
    assert WORDS.encode() not in shown
    assert read_settings(home).vault == VaultSettings("")
