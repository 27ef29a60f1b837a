"""The credential commands: what they store, whom they allow, and what they never show."""

import argparse
import io
import json
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest
from edges.fakes_keychain import MemoryKeychain
from homes import block_ledger, ledger_text

from mcp_proxy.app.client_entry import client_variables
from mcp_proxy.app.credential_list import list_credentials
from mcp_proxy.app.credentials import (
    Wish,
    allow_credential,
    remove_credential,
    set_credential,
)
from mcp_proxy.app.keychain_store import credential_store
from mcp_proxy.app.login_status import read_status
from mcp_proxy.app.missing import unset_variables
from mcp_proxy.cli import credential
from mcp_proxy.cli.main import main
from mcp_proxy.core.payload import dump_lines
from mcp_proxy.core.profile import AuditRules, Auth, Header, UpstreamSpec
from mcp_proxy.core.signing import public_key, sign_payload
from mcp_proxy.core.trust_store import EMPTY, TrustedKey, dump_trust_store, key_id
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.files import write_file
from mcp_proxy.edges.installs import install_profile
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.edges.profile_store import load_profile, trust_path
from mcp_proxy.edges.settings import read_settings, write_settings
from mcp_proxy.edges.settings_vault import VaultSettings
from mcp_proxy.errors import CredentialError, HomeError, McpProxyError, UsageError

CANARY = "canary-e8a2"
ORIGIN = "https://api.example.com"
WISH = Wish("billing-api", [ORIGIN], "", "bearer", None, [], None)
SEED = b"\1" * 32


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("MCP_PROXY_HOME", str(tmp_path / "home"))
    return init_home(str(tmp_path / "home"))


@pytest.fixture
def keychain() -> MemoryKeychain:
    return MemoryKeychain()


@pytest.fixture
def store(home: Home, keychain: MemoryKeychain) -> CredentialStore:
    return CredentialStore(home, lambda _home_id: keychain)


def install(home: Home, name: str, url: str, auth: Auth | None) -> None:
    upstreams = {"api": UpstreamSpec("rest", url, auth, 20_000, ())}
    audit = AuditRules((), "deny")
    header = Header(name, 1, "T", "", 1, None, "UTC", (), upstreams, audit, ())
    key = TrustedKey(key_id(public_key(SEED)), "default", public_key(SEED), ("billing", "support"))
    write_file(trust_path(home), dump_trust_store(EMPTY._replace(keys={key.keyid: key})))
    install_profile(home, sign_payload(dump_lines(header, b"[]", []), SEED), 1.0)


def auth(kind: str = "bearer", name: str = "billing-api") -> Auth:
    return Auth(kind, name, "Authorization")


def everything_written(home: Home) -> bytes:
    folder = os.path.dirname(home.config)
    return b"".join(path.read_bytes() for path in Path(folder).rglob("*") if path.is_file())


def test_without_a_profile_the_installed_ones_that_fit_are_allowed(
    home: Home, store: CredentialStore
) -> None:
    install(home, "billing", f"{ORIGIN}/v1", auth())
    install(home, "support", ORIGIN, auth(name="other"))
    assert set_credential(WISH, CANARY, store).profiles == (("billing", "keys"),)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://evil.example", auth()),
        (f"{ORIGIN}:444", auth()),
        (ORIGIN, auth("basic")),
        (ORIGIN, None),
    ],
)
def test_s7_a_profile_that_does_not_fit_is_not_allowed_by_itself(
    home: Home, store: CredentialStore, url: str, asked: Auth | None
) -> None:
    install(home, "billing", url, asked)
    assert set_credential(WISH, CANARY, store).profiles == ()


def test_a_named_profile_is_allowed_and_no_other(home: Home, store: CredentialStore) -> None:
    install(home, "billing", ORIGIN, auth())
    binding = set_credential(WISH._replace(profiles=["later"]), CANARY, store)
    assert binding.profiles == (("later", "keys"),)


def test_an_installed_profile_that_is_no_longer_trusted_is_not_allowed(
    home: Home, store: CredentialStore
) -> None:
    install(home, "billing", ORIGIN, auth())
    write_file(trust_path(home), dump_trust_store(EMPTY))
    assert set_credential(WISH, CANARY, store).profiles == ()


def test_s1_every_change_is_logged_without_the_secret(home: Home, store: CredentialStore) -> None:
    set_credential(WISH, CANARY, store)
    allow_credential("billing-api", "support", store)
    remove_credential("billing-api", store)
    log = ledger_text(home).encode()
    for command in (b"credential set", b"credential allow", b"credential remove"):
        assert command in log
    assert ORIGIN.encode() in log
    assert CANARY.encode() not in log


def test_s1_a_change_that_cannot_be_logged_is_not_made(
    home: Home, store: CredentialStore, keychain: MemoryKeychain
) -> None:
    block_ledger(home)
    with pytest.raises(McpProxyError) as caught:
        set_credential(WISH, CANARY, store)
    assert caught.value.exit_code == 5
    assert keychain.items == {}
    assert store.references() == {}


def test_the_list_shows_bindings_and_never_a_secret(home: Home, store: CredentialStore) -> None:
    set_credential(WISH._replace(profiles=["billing"]), CANARY, store)
    set_credential(WISH._replace(name="ci", source="env:CI_TOKEN"), None, store)
    rows = list_credentials(store)
    assert [(row.name, row.store, row.problem) for row in rows] == [
        ("billing-api", "keychain", None),
        ("ci", "env:CI_TOKEN", None),
    ]
    assert CANARY not in repr(rows)


def test_a_locked_keychain_is_waited_for_once_by_the_list(
    store: CredentialStore, keychain: MemoryKeychain
) -> None:
    for name in ("a", "b", "c"):
        set_credential(WISH._replace(name=name), CANARY, store)
    keychain.locked = True
    keychain.reads = 0
    rows = list_credentials(store)
    assert [(row.binding, row.problem) for row in rows] == [
        (None, "Locked: the fake keychain.")
    ] * 3
    assert keychain.reads == 1


def test_a_missing_item_is_listed_as_missing(
    store: CredentialStore, keychain: MemoryKeychain
) -> None:
    for name in ("a", "b"):
        set_credential(WISH._replace(name=name), CANARY, store)
    del keychain.items["credential:a"]
    rows = list_credentials(store)
    assert rows[0].problem == "The keychain holds no credential a."
    assert rows[1].binding is not None


@pytest.mark.parametrize(
    "wish",
    [
        WISH._replace(name="Billing"),
        WISH._replace(name="../signing"),
        WISH._replace(name=""),
        WISH._replace(name="a" * 65),
        WISH._replace(origins=["http://api.example.com"]),
        WISH._replace(origins=[f"{ORIGIN}/v1"]),
        WISH._replace(kind="header"),
        WISH._replace(path="v1"),
        WISH._replace(profiles=["Not A Name"]),
        WISH._replace(source="cmd:op read"),
        WISH._replace(source=CANARY),
    ],
)
def test_a_wish_that_cannot_be_is_refused_before_anything_happens(
    home: Home, store: CredentialStore, wish: Wish
) -> None:
    before = everything_written(home)
    with pytest.raises(UsageError) as caught:
        set_credential(wish, CANARY, store)
    assert CANARY not in str(caught.value)
    assert everything_written(home) == before


@pytest.mark.parametrize("secret", ["", None, f"{CANARY}\n", f"{CANARY}\x1b[2J", f" {CANARY}"])
def test_a_secret_that_cannot_be_is_refused_without_quoting_it(
    store: CredentialStore, keychain: MemoryKeychain, secret: str | None
) -> None:
    with pytest.raises(UsageError) as caught:
        set_credential(WISH, secret, store)
    assert CANARY not in str(caught.value) + caught.value.next
    assert keychain.items == {}


def test_without_a_keychain_the_whole_command_for_a_variable_is_named(home: Home) -> None:
    def closed(_home_id: str) -> MemoryKeychain:
        raise CredentialError("MCPX-C02", "Locked.")

    wish = WISH._replace(path="/v1", kind="basic", profiles=["billing"])
    with pytest.raises(CredentialError) as caught:
        set_credential(wish, f"me:{CANARY}", CredentialStore(home, closed))
    assert caught.value.next == (
        f"mcp-proxy credential set billing-api --origin {ORIGIN} --path /v1 --kind basic "
        "--profile billing --from env:VAR, or mcp-proxy doctor"
    )


def test_the_variables_that_this_environment_lacks_are_named(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(home, "billing", ORIGIN, auth())
    set_credential(WISH._replace(source="env:BILLING_TOKEN"), None)
    profile = load_profile(home, "billing", 1.0)
    assert unset_variables(home, profile) == ["BILLING_TOKEN"]
    monkeypatch.setenv("BILLING_TOKEN", CANARY)
    assert unset_variables(home, profile) == []


def test_a_command_in_a_variable_s_place_lacks_no_variable(home: Home) -> None:
    install(home, "billing", ORIGIN, auth())
    set_credential(WISH._replace(source='cmd:["true"]'), None)
    assert unset_variables(home, load_profile(home, "billing", 1.0)) == []


def test_status_says_what_a_reference_lacks_here(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(home, "billing", ORIGIN, auth())
    set_credential(WISH._replace(source="env:BILLING_TOKEN"), None)
    (row,) = read_status("billing")
    assert (row.state, "BILLING_TOKEN, which is not set here" in row.why) == ("not set here", True)
    assert main(["status", "billing"]) == 4
    monkeypatch.setenv("BILLING_TOKEN", CANARY)
    assert [row.state for row in read_status("billing")] == ["ready"]
    set_credential(WISH._replace(source='cmd:["false"]'), None)
    assert [row.state for row in read_status("billing")] == ["not tried (cmd:)"]
    assert main(["status", "billing"]) == 0


@pytest.mark.parametrize("command", ["set", "rotate"])
def test_a_reference_is_tried_once_and_stored_even_where_it_fails(
    home: Home, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main(["credential", "set", "x", "--origin", ORIGIN, "--from", "env:UNSET_HERE"]) == 0
    assert "UNSET_HERE is not set here" in said(capsys)
    place = ["--origin", ORIGIN] if command == "set" else []
    assert main(["credential", command, "x", *place, "--from", 'cmd:["false"]']) == 0
    text = said(capsys)
    assert "gives no secret now" in text
    assert "has its new secret" not in text
    assert "false" in credential_store(home).references()["x"].source.text
    assert main(["credential", command, "x", *place, "--from", 'cmd:["echo","abcdef"]']) == 0
    text = said(capsys)
    assert "warning" not in text
    assert "abcdef" not in text.replace('"abcdef"', "")


def test_what_is_replaced_and_a_profile_that_is_not_installed_are_told(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["credential", "set", "x", "--from", 'cmd:["echo","abcdef"]', "--origin"]
    assert main([*words, ORIGIN]) == 0
    assert "It replaces" not in said(capsys)
    assert main([*words, "https://other.example"]) == 0
    assert f"which was of kind bearer, bound to {ORIGIN}." in said(capsys)
    install(home, "billing", ORIGIN, auth())
    assert main(["credential", "allow", "x", "--profile", "billing"]) == 0
    assert "not installed" not in said(capsys)
    assert main(["credential", "allow", "x", "--profile", "absent"]) == 0
    assert "The profile absent is not installed here" in said(capsys)


def test_the_variables_that_a_client_has_to_give_are_known(home: Home) -> None:
    install(home, "billing", ORIGIN, auth())
    profile = load_profile(home, "billing", 1.0)
    assert client_variables(home, profile) == []
    set_credential(WISH._replace(source="env:BILLING_TOKEN"), None)
    settings = read_settings(home)
    write_settings(home, settings._replace(vault=VaultSettings("env:WORDS")))
    assert client_variables(home, profile) == ["BILLING_TOKEN", "WORDS"]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_allow_and_remove_name_what_is_not_there(store: CredentialStore) -> None:
    with pytest.raises(CredentialError, match="no credential"):
        allow_credential("billing-api", "billing", store)
    with pytest.raises(CredentialError, match="no credential"):
        remove_credential("billing-api", store)
    with pytest.raises(UsageError):
        allow_credential("billing-api", "Not A Name", store)


def test_s10_without_a_home_nothing_is_stored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MCP_PROXY_HOME", str(tmp_path / "foreign"))
    with pytest.raises(HomeError):
        set_credential(WISH, CANARY)


def run(*arguments: str) -> int:
    """The commands as `mcp-proxy credential` runs them, in this process."""
    parser = argparse.ArgumentParser()
    credential.add_commands(parser.add_subparsers())
    options = parser.parse_args(["credential", *arguments])
    return int(options.run(options))


def test_a_reference_is_set_listed_allowed_and_removed_by_command(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("set", "ci", "--origin", ORIGIN, "--path", "/v1", "--from", "env:CI_TOKEN") == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "mcp-proxy credential allow ci --profile PROFILE" in said.err
    assert run("allow", "ci", "--profile", "billing") == 0
    assert "Allowed to use ci: billing." in capsys.readouterr().err
    assert run("list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "ci",
            "kind": "bearer",
            "store": "env:CI_TOKEN",
            "binding": {
                "kind": "bearer",
                "header": "Authorization",
                "origins": [ORIGIN],
                "path": "/v1",
                "profiles": [["billing", "keys"]],
            },
            "problem": None,
            "expires": None,
            "last_use": None,
        }
    ]
    assert run("list") == 0
    assert "billing" in capsys.readouterr().out
    assert run("remove", "ci") == 0
    assert run("list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_argv_has_no_place_for_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--secret", "--value", "--password", "--token"):
        with pytest.raises(SystemExit) as caught:
            run("set", "a", "--origin", ORIGIN, option, "x")
        assert caught.value.code == 2


def test_stdin_that_is_too_large_or_no_text_is_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for data in (b"\xff\xfe", b"x" * ((1 << 20) + 1), b"", b"\n", b"a\nb\n"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        with pytest.raises(UsageError):
            run("set", "a", "--origin", ORIGIN)


SCRIPT = (
    "import argparse, sys\n"
    "from mcp_proxy.cli import credential\n"
    "parser = argparse.ArgumentParser()\n"
    "credential.add_commands(parser.add_subparsers())\n"
    "options = parser.parse_args(['credential', *sys.argv[1:]])\n"
    "sys.exit(options.run(options))\n"
)


def test_an_empty_stdin_names_the_other_way(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    with pytest.raises(UsageError, match="stdin is empty") as refused:
        run("set", "a", "--origin", ORIGIN)
    assert "--from env:VARIABLE" in refused.value.next


@pytest.mark.keychain
@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_secret_from_stdin_is_in_the_real_keychain_and_nowhere_else(
    home: Home, ending: str
) -> None:
    install(home, "billing", ORIGIN, auth())
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "set", "billing-api", "--origin", ORIGIN],
        input=CANARY + ending,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "Allowed to use billing-api: billing." in done.stderr
    assert CANARY not in done.stderr
    assert CANARY.encode() not in everything_written(home)
    store = credential_store(home)
    assert store.read_item("billing-api").secret.reveal() == CANARY
    assert CANARY not in repr(list_credentials())
    remove_credential("billing-api")


def test_the_prompt_left_by_ctrl_d_stores_nothing_and_says_so(home: Home) -> None:
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    before = everything_written(home)
    process = subprocess.Popen(
        [sys.executable, "-m", "mcp_proxy", "credential", "set", "billing-api", "--origin", ORIGIN],
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    prompt = b""
    while not prompt.endswith(b"(not shown): "):
        prompt += os.read(process.stderr.fileno(), 1)
    os.write(master, b"\x04")
    _, err = process.communicate(timeout=60)
    os.close(slave)
    os.close(master)
    assert process.returncode == 2
    assert b"error: No secret was given." in err
    assert everything_written(home) == before


@pytest.mark.keychain
def test_the_prompt_does_not_echo(home: Home) -> None:
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "set", "billing-api", "--origin", ORIGIN],
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    prompt = b""
    while not prompt.endswith(b"(not shown): "):
        prompt += os.read(process.stderr.fileno(), 1)
    os.write(master, f"{CANARY}\n".encode())
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    echoed = select.select([master], [], [], 0)[0]
    shown = os.read(master, 4096) if echoed else b""
    os.close(slave)
    os.close(master)
    assert CANARY.encode() not in out + err + shown
    assert credential_store(home).read_item("billing-api").secret.reveal() == CANARY
    remove_credential("billing-api")
