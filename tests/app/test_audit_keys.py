"""The ledger's key: made once, told before it signs, found without asking anybody, never shown."""

import argparse
import base64
import json
import os
import threading
import time
from pathlib import Path

import pytest
from edges.fakes_keychain import MemoryKeychain

from mcp_proxy.app import asking, audit_keys, keychain_store, vault
from mcp_proxy.app.audit_keys import (
    KEY_ITEM,
    ensure_key,
    find_seed,
    find_signer,
    quiet_signer,
    read_public,
    signer_at_once,
    tell_again,
)
from mcp_proxy.cli import audit as cli
from mcp_proxy.core import passphrase as under
from mcp_proxy.core.signed_note import parse_key, verify_note
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.places import Home, init_home
from mcp_proxy.errors import AuditError, CredentialError, HomeError

WORDS = "canary-correct-horse"


@pytest.fixture(autouse=True)
def keychain(monkeypatch: pytest.MonkeyPatch) -> MemoryKeychain:
    made = MemoryKeychain()
    monkeypatch.setattr(keychain_store, "_open", lambda _home_id: made)
    monkeypatch.setattr(under, "COST", (1 << 10, 1))
    monkeypatch.setattr(asking, "_ASKERS", [])
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    monkeypatch.setenv("WORDS", WORDS)
    return made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("MCP_PROXY_HOME", str(tmp_path / "home"))
    return init_home(str(tmp_path / "home"))


def told(home: Home) -> list[dict[str, object]]:
    """The ledger's entries that name a key."""
    with open(ledger_path(home), "rb") as file:
        rows = [json.loads(line) for line in file]
    return [row for row in rows if row["kind"] == "key"]


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser.add_subparsers())
    options = parser.parse_args(["audit", *arguments])
    return int(options.run(options))


def test_it_is_made_once_and_told_in_the_ledger_by_its_own_signature(home: Home) -> None:
    made = ensure_key(home)
    assert ensure_key(home).verifier == made.verifier
    (entry,) = told(home)
    assert (entry["verifier"], entry["seal"]) == (made.verifier.line, made.seal)
    verified = verify_note(str(entry["note"]), (parse_key(made.verifier.line),))
    assert verified is not None
    assert verified[0].startswith(f"mcp-proxy-audit/{home.id}\n1\n")


def test_processes_that_need_it_at_once_make_one_key(home: Home, keychain: MemoryKeychain) -> None:
    keychain.gate.clear()
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(ensure_key(home).verifier)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    keychain.gate.set()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == len(told(home)) == 1


def test_what_is_public_of_it_can_be_read_without_the_keychain(
    home: Home, keychain: MemoryKeychain
) -> None:
    assert read_public(home) is None
    signer = ensure_key(home)
    keychain.locked = True
    assert read_public(home) == (signer.verifier.line, signer.seal)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"verifier":"x"}', "[" * 100_000])
def test_a_damaged_public_file_is_told_with_what_mends_it(home: Home, text: str) -> None:
    path = os.path.join(home.state, "audit-key.json")
    ensure_key(home)
    Path(path).write_text(text)
    with pytest.raises(HomeError, match=r"audit-key\.json is damaged") as caught:
        read_public(home)
    assert "mcp-proxy audit key" in caught.value.next


def test_a_locked_keychain_gives_none_and_is_not_asked(
    home: Home, keychain: MemoryKeychain
) -> None:
    ensure_key(home)
    reads = keychain.reads
    keychain.locked = True
    assert find_seed(home) is None
    assert find_signer(home) is None
    assert quiet_signer(home) is None
    assert keychain.reads == reads
    with pytest.raises(CredentialError):
        ensure_key(home)


def test_a_keychain_that_hangs_keeps_a_persons_answer_waiting_for_a_second_at_most(
    home: Home, keychain: MemoryKeychain
) -> None:
    key = ensure_key(home).verifier
    found = signer_at_once(home)
    assert found is not None
    assert found.verifier == key
    keychain.gate.clear()
    began = time.monotonic()
    assert signer_at_once(home) is None
    keychain.gate.set()
    assert time.monotonic() - began < 3  # a second is the aim


def test_after_a_ledger_was_replaced_the_new_one_names_the_key_too(
    home: Home, keychain: MemoryKeychain
) -> None:
    key = ensure_key(home).verifier
    os.unlink(ledger_path(home))
    tell_again(home)
    assert [row["verifier"] for row in told(home)] == [key.line]
    keychain.locked = True
    os.unlink(ledger_path(home))
    tell_again(home)
    assert read_public(home) is None
    assert not os.path.exists(ledger_path(home))
    keychain.locked = False
    assert quiet_signer(home) is not None
    assert [row["verifier"] for row in told(home)] == [key.line]


def test_a_key_that_the_ledger_does_not_name_signs_nothing(
    home: Home, keychain: MemoryKeychain
) -> None:
    keychain.items[KEY_ITEM] = base64.b64encode(os.urandom(32)).decode()
    assert find_seed(home) is not None
    assert find_signer(home) is None
    signer = quiet_signer(home)
    assert signer is not None
    assert [row["verifier"] for row in told(home)] == [signer.verifier.line]
    assert find_signer(home) is not None


def test_a_lost_key_is_replaced_by_a_person_alone(home: Home, keychain: MemoryKeychain) -> None:
    first = ensure_key(home)
    keychain.delete(KEY_ITEM)
    assert quiet_signer(home) is None
    os.unlink(os.path.join(home.state, "audit-key.json"))
    assert quiet_signer(home) is None, "the ledger tells of one still"
    assert len(told(home)) == 1
    second = ensure_key(home)
    assert second.verifier != first.verifier
    assert [row["verifier"] for row in told(home)] == [first.verifier.line, second.verifier.line]


@pytest.mark.parametrize("text", ["rubbish-canary", base64.b64encode(b"short").decode(), ""])
def test_an_item_that_is_no_key_is_named_and_not_quoted(
    home: Home, keychain: MemoryKeychain, text: str
) -> None:
    keychain.items[KEY_ITEM] = text
    assert find_seed(home) is None
    assert quiet_signer(home) is None
    with pytest.raises(CredentialError, match="audit:key") as caught:
        ensure_key(home)
    assert caught.value.id == "MCPX-C01"
    assert "canary" not in str(caught.value)
    assert keychain.items[KEY_ITEM] == text


def test_s20_no_key_is_made_where_the_ledger_cannot_tell_of_it(
    home: Home, keychain: MemoryKeychain
) -> None:
    Path(ledger_path(home)).write_bytes(b"rubbish\n")
    os.chmod(ledger_path(home), 0o600)
    with pytest.raises(AuditError):
        ensure_key(home)
    assert keychain.items == {}
    assert read_public(home) is None
    assert quiet_signer(home) is None


def test_a_keychain_that_keeps_nothing_is_told(
    home: Home, keychain: MemoryKeychain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keychain, "set", lambda _name, _value: None)
    with pytest.raises(CredentialError, match="has not kept"):
        ensure_key(home)
    assert not os.path.exists(ledger_path(home))


def test_without_a_session_bus_the_keychains_library_is_not_even_loaded(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.uname().sysname != "Linux":
        pytest.skip("the bus is Linux's")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    loaded: list[str] = []
    monkeypatch.setattr(keychain_store, "_open", loaded.append)
    assert find_seed(home) is None
    assert quiet_signer(home) is None
    assert loaded == []


def test_a_vault_takes_the_key_along_and_gives_it_where_nobody_is_asked(
    home: Home, keychain: MemoryKeychain, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ensure_key(home)
    made = vault.init("env:WORDS", lambda: WORDS)
    assert KEY_ITEM in made.taken
    keychain.locked = True
    signer = find_signer(home)
    assert signer is not None
    assert signer.verifier == before.verifier
    assert len(told(home)) == 1


def test_a_vault_whose_passphrase_is_typed_gives_none_to_whoever_may_not_ask(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask() -> str:
        asked.append("")
        return WORDS

    ensure_key(home)
    vault.init("", ask)
    keychain_store._key.cache_clear()
    asked.clear()
    monkeypatch.setattr(asking, "_ASKERS", [ask])
    assert find_seed(home) is None
    assert quiet_signer(home) is None
    assert asked == []
    ensure_key(home)
    assert asked == [""]


def test_a_home_that_was_never_made_has_none(tmp_path: Path) -> None:
    folders = [str(tmp_path / name) for name in ("config", "data", "state")]
    assert find_seed(Home("", *folders)) is None


def test_the_command_prints_the_line_that_verifies_and_nothing_else_on_stdout(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("key") == 0
    first = capsys.readouterr()
    assert "is made" in first.err
    assert run("key") == 0
    again = capsys.readouterr()
    assert first.out == again.out == ensure_key(home).verifier.line + "\n"
    assert "is made" not in again.err
    parse_key(first.out)
    assert run("key", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["verifier"] == first.out.strip()


def test_the_command_names_the_key_before_where_it_had_to_make_another(
    home: Home, keychain: MemoryKeychain, capsys: pytest.CaptureFixture[str]
) -> None:
    before = ensure_key(home).verifier.line
    keychain.delete(KEY_ITEM)
    assert run("key") == 0
    shown = capsys.readouterr()
    assert before in shown.err
    assert shown.out != before + "\n"


def test_s7_the_seed_is_in_the_keychain_and_in_no_file(
    home: Home, keychain: MemoryKeychain, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run("key")
    run("key", "--json")
    seed = audit_keys.find_seed(home)
    assert seed is not None
    shown = "".join(capsys.readouterr()).encode()
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 3
    forms = (seed, seed.hex().encode(), base64.b64encode(seed), base64.b64encode(seed)[:-2])
    for data in (shown, *files):
        assert not any(form in data for form in forms)
