"""`profile sign`: keys from the keychain or a variable, and nothing secret in what is said."""

import base64
import os

import pytest
from trust_samples import NOW_S, SEED, keys, payload, trusted

from mcp_proxy.app import signing, signing_keys
from mcp_proxy.core.signing import public_key
from mcp_proxy.core.trust import verify_arrival
from mcp_proxy.core.trust_store import format_key_line, parse_key_line
from mcp_proxy.edges.files import read_given, write_given
from mcp_proxy.edges.places import VARIABLE, init_home
from mcp_proxy.errors import CredentialError, ProfileError, UsageError

TEXT = base64.b64encode(SEED).decode()


class FakeKeychain:
    """A keychain in memory; `error` is raised by every call."""

    def __init__(self, error: CredentialError | None = None) -> None:
        self.items: dict[str, str] = {}
        self._error = error

    def get(self, name: str) -> str | None:
        self._enter()
        return self.items.get(name)

    def set(self, name: str, value: str) -> None:
        self._enter()
        self.items[name] = value

    def delete(self, name: str) -> None:
        self._enter()
        self.items.pop(name, None)

    def _enter(self) -> None:
        if self._error is not None:
            raise self._error


@pytest.fixture
def folder(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder with billing.payload.jsonl and a home beside it."""
    path = os.fspath(tmp_path)
    monkeypatch.setenv(VARIABLE, os.path.join(path, "home"))
    init_home(os.path.join(path, "home"))
    write_given(os.path.join(path, "billing.payload.jsonl"), payload())
    return path


def use(monkeypatch: pytest.MonkeyPatch, keychain: FakeKeychain) -> None:
    monkeypatch.setattr(signing_keys, "home_keychain", lambda _home: keychain)


def test_key_of_a_variable_signs(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING_KEY", TEXT)
    signed = signing.sign(os.path.join(folder, "billing.payload.jsonl"), None, "env:SIGNING_KEY")
    assert signed.path == os.path.join(folder, "billing.dsse.json")
    assert signed.key_line == format_key_line(public_key(SEED), "SIGNING_KEY")
    assert not signed.new_key
    assert TEXT not in repr(signed)
    arrival = verify_arrival(read_given(signed.path, 1 << 20), keys(), NOW_S)
    assert arrival.signed_by == (trusted().keyid,)


@pytest.mark.parametrize("value", ["", "secret-canary", base64.b64encode(b"short").decode()])
def test_variable_without_a_key_is_told_without_its_value(
    folder: str, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SIGNING_KEY", value)
    with pytest.raises(CredentialError) as caught:
        signing.sign(os.path.join(folder, "billing.payload.jsonl"), None, "env:SIGNING_KEY")
    assert caught.value.id == "MCPX-C01"
    assert not value or value not in f"{caught.value} {caught.value.next}"


def test_key_is_made_once_and_kept_in_the_keychain(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keychain = FakeKeychain()
    use(monkeypatch, keychain)
    source, out = os.path.join(folder, "billing.payload.jsonl"), os.path.join(folder, "out")
    first, second = (signing.sign(source, out, "team") for _ in range(2))
    assert (first.path, first.new_key, second.new_key) == (out, True, False)
    assert first.key_line == second.key_line
    assert parse_key_line(first.key_line).name == "team"
    assert list(keychain.items) == ["signing:team"]


def test_silent_keychain_points_to_the_variable(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, FakeKeychain(CredentialError("MCPX-C02", "Locked.")))
    with pytest.raises(CredentialError) as caught:
        signing.sign(os.path.join(folder, "billing.payload.jsonl"), None, "default")
    assert "billing.payload.jsonl --key env:VAR" in caught.value.next


def test_no_key_is_made_for_what_is_no_payload(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keychain = FakeKeychain()
    use(monkeypatch, keychain)
    path = os.path.join(folder, "rubbish.jsonl")
    write_given(path, b"rubbish")
    with pytest.raises(ProfileError):
        signing.sign(path, None, "default")
    assert keychain.items == {}
    assert not os.path.exists(os.path.join(folder, "rubbish.dsse.json"))


@pytest.mark.parametrize("key", ["", "a b", "env:", "env:1A", "../x", "a" * 65])
def test_names_that_are_no_keys_are_usage(folder: str, key: str) -> None:
    with pytest.raises(UsageError):
        signing.sign(os.path.join(folder, "billing.payload.jsonl"), None, key)
