"""Recipients' private keys: found where they were asked for, made only where that was said."""

import base64
import hashlib
import json
import os

import pytest

from mcp_proxy.app import keychain_store, recipient_keys
from mcp_proxy.app.recipient_keys import find_recipient_key
from mcp_proxy.cli.main import main
from mcp_proxy.core.recipient import parse_recipient, recipient_of
from mcp_proxy.edges.places import VARIABLE, Home, find_home, init_home
from mcp_proxy.errors import CredentialError, UsageError

PRIVATE = hashlib.sha256(b"a recipient").digest()
TEXT = base64.b64encode(PRIVATE).decode()


class FakeKeychain:
    """A keychain in memory."""

    def __init__(self) -> None:
        self.items = {"recipient:acme": TEXT}

    def get(self, name: str) -> str | None:
        return self.items.get(name)

    def set(self, name: str, value: str) -> None:
        self.items[name] = value


@pytest.fixture
def keychain(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> FakeKeychain:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    init_home(folder)
    made = FakeKeychain()
    monkeypatch.setattr(recipient_keys, "home_keychain", lambda _home: made)
    return made


def ledger() -> str:
    path = os.path.join(find_home().state, "ledger.jsonl")
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_the_line_is_printed_last_and_alone_on_stdout(
    keychain: FakeKeychain, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "recipient", "acme"]) == 0
    out, err = capsys.readouterr()
    assert parse_recipient(out) == recipient_of(PRIVATE, "acme")
    assert TEXT not in out + err
    assert main(["audit", "recipient", "acme", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "name": "acme",
        "id": recipient_of(PRIVATE, "acme").id,
        "line": out.strip(),
        "made": False,
    }


def test_a_key_is_made_only_where_that_was_said_and_the_ledger_tells_it(
    keychain: FakeKeychain, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "recipient", "acma"]) == 4
    assert "mcp-proxy audit recipient acma --new" in capsys.readouterr().err
    assert list(keychain.items) == ["recipient:acme"]
    assert main(["audit", "recipient", "acma", "--new"]) == 0
    recipient = parse_recipient(capsys.readouterr().out)
    private = keychain.items["recipient:acma"]
    assert recipient_of(base64.b64decode(private), "acma") == recipient
    told = ledger()
    assert '"what":"recipient key made"' in told
    assert recipient.id in told
    assert private not in told
    assert not find_recipient_key("acma", make=True).made


def test_a_key_may_come_by_a_variable(
    keychain: FakeKeychain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORG_KEY", TEXT + "\n")
    found = find_recipient_key("env:ORG_KEY")
    assert (found.private, found.recipient.name, found.made) == (PRIVATE, "ORG_KEY", False)
    assert TEXT not in repr(found)
    assert repr(PRIVATE) not in repr(found)


@pytest.mark.parametrize("text", ["", "canary", TEXT[:-4], TEXT * 2])
def test_what_holds_no_key_is_refused_without_quoting_it(
    keychain: FakeKeychain, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("ORG_KEY", text)
    keychain.items["recipient:bad"] = text
    for name in ("env:ORG_KEY", "bad"):
        with pytest.raises(CredentialError) as caught:
            find_recipient_key(name)
        assert caught.value.id == "MCPX-C01"
        assert "canary" not in caught.value.why


def test_a_new_key_is_advised_only_to_whoever_makes_one(
    keychain: FakeKeychain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORG_KEY", raising=False)
    for make in (False, True):
        with pytest.raises(CredentialError) as caught:
            find_recipient_key("env:ORG_KEY", make=make)
        assert ("openssl rand" in str(caught.value.next)) is make


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65, "env:", "env:A-B"])
def test_what_is_no_name_is_wrong_usage(keychain: FakeKeychain, name: str) -> None:
    with pytest.raises(UsageError):
        find_recipient_key(name, make=True)
    assert list(keychain.items) == ["recipient:acme"]


def test_a_key_from_before_there_was_a_vault_is_found_in_the_keychain(
    keychain: FakeKeychain, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = FakeKeychain()
    old.items["recipient:acme"] = base64.b64encode(b"o" * 32).decode()
    monkeypatch.setattr(recipient_keys, "store_name", lambda _home: "vault")
    monkeypatch.setattr(recipient_keys, "system_keychain", lambda _home: old)
    assert find_recipient_key("acme").private == PRIVATE
    keychain.items.clear()
    assert find_recipient_key("acme").private == b"o" * 32

    def locked(_home: Home) -> FakeKeychain:
        raise CredentialError("MCPX-C02", "Locked.")

    monkeypatch.setattr(recipient_keys, "system_keychain", locked)
    with pytest.raises(CredentialError) as caught:
        find_recipient_key("acme")
    assert "The vault has no recipient's key acme." in caught.value.why


@pytest.mark.parametrize("words", [("acme",), ("acme", "--new")])
def test_without_a_keychain_the_next_command_is_one_that_helps(
    tmp_path: os.PathLike[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    def refuse(_home_id: str) -> FakeKeychain:
        mend = "mcp-proxy vault init, or mcp-proxy credential set NAME --from env:VAR"
        raise CredentialError("MCPX-C02", "There is no keychain.", mend)

    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)
    init_home(folder)
    monkeypatch.setattr(keychain_store, "_open", refuse)
    assert main(["audit", "recipient", *words]) == 4
    said = capsys.readouterr().err
    assert "mcp-proxy vault init, or env:VAR in the place of the name" in said
    assert "credential set" not in said
    assert main(["audit", "key"]) == 4
    said = capsys.readouterr().err
    assert "next:  mcp-proxy vault init\n" in said
